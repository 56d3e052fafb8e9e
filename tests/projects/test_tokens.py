"""Tokens for programs: shown once, scoped, limited in time, revoked at once."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from projects.access import Role
from projects.errors import NotPermittedError
from projects.models import ApiToken, AuditEntry, Membership
from projects.services import people, tokens
from projects.services.guards import TooManyTriesError
from tests.factories import projects as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def made(actor):
    return tokens.create_token(name="owner robot", scopes=["read", "write"], days=30, by=actor)


def test_a_token_acts_as_its_holder(actor, made):
    token, text = made
    found = tokens.authenticate_token(text, address="203.0.113.9", request_id="r1")
    assert (found.user, found.workspace, found.role, found.via) == (actor.user, actor.workspace, Role.OWNER, "token")
    assert (found.address, found.request_id, found.may_write) == ("203.0.113.9", "r1", True)
    assert text.startswith("fml_")
    assert token.prefix == text[:12]


def test_only_a_digest_is_kept(made):
    token, text = made
    token.refresh_from_db()
    assert not any(text[12:] in str(value) for value in vars(token).values())
    assert AuditEntry.objects.get(action="token.created").detail == {"scopes": ["read", "write"], "days": 30}


def test_a_read_token_changes_nothing(actor):
    _, text = tokens.create_token(name="reader", scopes=["read"], days=1, by=actor)
    found = tokens.authenticate_token(text)
    assert not found.may_write
    assert not found.owns
    with pytest.raises(NotPermittedError):
        found.must_write()


def test_a_token_can_do_no_more_than_its_holder(reviewer):
    _, text = tokens.create_token(name="reviewer", scopes=["read", "write"], days=1, by=reviewer)
    assert not tokens.authenticate_token(text).may_write


def test_a_token_ends_in_time(made):
    _, text = made
    with time_machine.travel(timezone.now() + timedelta(days=31)):
        assert tokens.authenticate_token(text) is None


def test_a_revoked_token_is_dead_at_once(actor, made):
    token, text = made
    tokens.revoke_token(token=token, by=actor)
    assert tokens.authenticate_token(text) is None
    assert AuditEntry.objects.filter(action="token.revoked").count() == 1


def test_a_token_dies_with_the_membership_and_with_the_account(workspace, actor):
    member = make.make_actor(workspace=workspace, role=Role.MEMBER)
    _, text = tokens.create_token(name="a", scopes=["read"], days=1, by=member)
    member.user.is_active = False
    member.user.save()
    assert tokens.authenticate_token(text) is None
    member.user.is_active = True
    member.user.save()
    assert tokens.authenticate_token(text)
    people.remove_member(membership=Membership.objects.get(user=member.user), by=actor)
    assert tokens.authenticate_token(text) is None
    make.make_membership(workspace=workspace, user=member.user, role=Role.MEMBER)  # back again: the token is not
    assert tokens.authenticate_token(text) is None


def test_last_use_is_noted_once_a_minute(made, django_assert_num_queries):
    token, text = made
    with time_machine.travel("2026-11-20T12:00:00Z", tick=False) as clock:
        tokens.authenticate_token(text)
        token.refresh_from_db()
        first = token.last_used_at
        clock.shift(timedelta(seconds=30))
        with django_assert_num_queries(2):  # no write among them
            tokens.authenticate_token(text)
        token.refresh_from_db()
        assert token.last_used_at == first
        clock.shift(timedelta(seconds=31))
        tokens.authenticate_token(text)
        token.refresh_from_db()
        assert token.last_used_at > first


def test_unknown_tokens_are_counted_by_address():
    for number in range(60):
        assert tokens.authenticate_token(f"fml_{number}", address="203.0.113.9") is None
    with pytest.raises(TooManyTriesError):
        tokens.authenticate_token("fml_x", address="203.0.113.9")
    assert tokens.authenticate_token("fml_x", address="203.0.113.10") is None


@pytest.mark.parametrize(
    ("scopes", "days", "error"),
    [
        ([], 1, tokens.TokenScopeError),
        (["write"], 1, tokens.TokenScopeError),
        (["read", "admin"], 1, tokens.TokenScopeError),
        (["read"], 0, tokens.TokenLifetimeError),
        (["read"], 366, tokens.TokenLifetimeError),
    ],
)
def test_what_a_token_cannot_be(actor, scopes, days, error):
    with pytest.raises(error):
        tokens.create_token(name="x", scopes=scopes, days=days, by=actor)
    assert not ApiToken.objects.exists()


def test_a_token_cannot_make_another(made):
    by = tokens.authenticate_token(made[1])
    with pytest.raises(NotPermittedError):
        tokens.create_token(name="x", scopes=["read"], days=1, by=by)


def test_members_see_and_revoke_their_own_only(workspace, actor, made, client):
    member = make.make_actor(workspace=workspace, role=Role.MEMBER)
    tokens.create_token(name="mine", scopes=["read"], days=1, by=member)
    client.force_login(member.user)
    page = client.get("/settings/tokens/").content.decode()
    assert "mine" in page
    assert "owner robot" not in page
    assert client.post(f"/settings/tokens/{made[0].pk}/revoke/").status_code == 404


# --- the page ------------------------------------------------------------------------------------
def test_making_a_token_asks_for_the_password_first_and_shows_it_once(signed_in):
    fields = {"name": "nightly", "access": "write", "days": "90"}
    answer = signed_in.post("/settings/tokens/", fields)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/reauthenticate/")
    assert not ApiToken.objects.exists()
    answer = signed_in.post(answer["Location"], {"password": "correct-horse-battery"})
    page = answer.content.decode()
    token = ApiToken.objects.get()
    assert token.scopes == ["read", "write"]
    text = page.split('data-copy="')[1].split('"')[0]
    assert tokens.authenticate_token(text)
    assert text not in signed_in.get("/settings/tokens/").content.decode()


def test_revoking_on_the_page(signed_in, made):
    assert signed_in.post(f"/settings/tokens/{made[0].pk}/revoke/").status_code == 302
    made[0].refresh_from_db()
    assert made[0].revoked_at


def test_a_stranger_cannot_revoke(client, stranger, made):
    client.force_login(stranger.user)
    assert client.post(f"/settings/tokens/{made[0].pk}/revoke/").status_code == 404
    made[0].refresh_from_db()
    assert made[0].revoked_at is None
