"""Two worlds that must never touch: built once; each test is undone by its own savepoint."""

import logging

import pytest
from django.db import transaction
from django.test import Client as Browser

from projects import shares
from projects.access import Role
from projects.services.tokens import create_token
from projects.views.shares import cookie_name
from tests.factories import projects as make
from tests.factories.registry import World
from tests.projects.shared_note import NOTE
from tests.tenancy.proofs import let_guest_in, proofs_of


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
        self.guests = {world: let_guest_in(world) for world in (self.ours, self.theirs)}
        for world in (self.ours, self.theirs):
            world.proofs = proofs_of(world)
        self.strangers = self._cast(self.theirs)
        self.insiders = self._cast(self.ours) | {"guest": Cast("guest", cookies=[self.guests[self.ours]])}

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
        name, secret = self.guests[self.theirs]
        ours = (self.ours.guest_link.pk, self.ours.row("projects.sharelink").pk)
        return Cast("holder", cookies=[(one, secret) for one in (name, *map(cookie_name, ours))])


@pytest.fixture(scope="package")
def worlds(django_db_setup, django_db_blocker):
    logging.disable(logging.CRITICAL)
    with django_db_blocker.unblock(), transaction.atomic():
        yield Worlds()
        transaction.set_rollback(True)
    shares.forget(NOTE.name)
    logging.disable(logging.NOTSET)
