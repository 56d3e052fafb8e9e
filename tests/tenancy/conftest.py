"""Two worlds that must never touch: built once; each test is undone by its own savepoint."""

import logging

import pytest
from django.db import transaction
from django.test import Client as Browser

from projects import shares
from projects.access import Role
from projects.services.shares import exchange_token
from projects.services.tokens import create_token
from projects.views.shares import cookie_name
from tests.factories import projects as make
from tests.factories.registry import World
from tests.projects.shared_note import NOTE


class Cast:
    """Someone who knocks: a browser or a program of one world."""

    def __init__(self, name, *, user=None, token=None, cookies=()):
        self.name = name
        self.token = token
        self.browser = Browser(raise_request_exception=False)
        if user is not None:
            self.browser.force_login(user)
        for key, value in cookies:
            self.browser.cookies[key] = value

    @property
    def limited(self):
        """Whether the caster is refused changes before any row is looked for."""
        return self.name in {"reviewer", "member", "token-read"}

    def send(self, method, address, data=None):
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        options = {"headers": headers}
        if method not in {"GET", "HEAD", "OPTIONS"} and address.startswith("/api/"):
            options |= {"data": data or {}, "content_type": "application/json"}
        elif method == "POST":
            options |= {"data": data or {}}
        return getattr(self.browser, method.lower())(address, **options)


class Worlds:
    """Ours, theirs, and who tries to get from the one into the other."""

    def __init__(self):
        shares.register(NOTE)
        self.ours = World("Kanaria4Q8x").build_all()
        self.theirs = World("Zeisig7Tk2w").build_all()
        self.strangers = self._cast(self.theirs)
        self.insiders = self._cast(self.ours)

    def _cast(self, world):
        people = {"owner": world.owner}
        for role in (Role.MEMBER, Role.REVIEWER):
            people[role.value] = make.make_user(email=f"{role.value}@{world.canary.lower()}.example")
            make.make_membership(workspace=world.workspace, user=people[role.value], role=role)
        cast = [Cast(name, user=user) for name, user in people.items()]
        for name, scopes in (("token-read", ["read"]), ("token-write", ["read", "write"])):
            _, token = create_token(name=name, scopes=scopes, days=9, by=world.actor)
            cast.append(Cast(name, token=token))
        return {one.name: one for one in cast}

    def holder(self):
        """A client of their world who tries their link's secret on ours."""
        from projects.services.shares import create_share_link

        made = create_share_link(subject=self.theirs.row("projects.milestone"), purpose=NOTE, by=self.theirs.actor)
        secret = exchange_token(token=made.token).secret
        names = (cookie_name(made.link.pk), cookie_name(self.ours.row("projects.sharelink").pk))
        return Cast("holder", cookies=[(name, secret) for name in names])


@pytest.fixture(scope="package")
def worlds(django_db_setup, django_db_blocker):
    logging.disable(logging.CRITICAL)
    with django_db_blocker.unblock(), transaction.atomic():
        yield Worlds()
        transaction.set_rollback(True)
    shares.forget(NOTE.name)
    logging.disable(logging.NOTSET)
