"""Invitations: the only way in after the first owner; once, in time, for one address."""

import threading
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from projects.access import Role
from projects.errors import NotPermittedError
from projects.models import AuditEntry, Invitation, Mail, Membership, User
from projects.services import invitations, people
from tests.factories import projects as make

pytestmark = pytest.mark.django_db
PASSWORD = "four-unrelated-words-here"


@pytest.fixture
def invited(actor):
    return invitations.invite(email="Nora@example.com", role=Role.MEMBER, by=actor)


def link(token):
    return f"/invitations/{token}/"


def test_a_new_person_comes_in(client, workspace, invited):
    assert "Join Alice ML" in client.get(link(invited[1])).content.decode()
    answer = client.post(link(invited[1]), {"name": "Nora", "password": PASSWORD})
    assert answer.status_code == 302
    membership = Membership.objects.get(user__email="nora@example.com")
    assert (membership.workspace, membership.role) == (workspace, Role.MEMBER)
    assert client.get("/settings/").status_code == 200
    assert client.get("/accounts/2fa/totp/activate/").status_code == 200  # the password was chosen just now
    assert "nora@example.com" not in str(AuditEntry.objects.filter(target_label__contains="nora").values())


def test_it_works_once(client, invited):
    client.post(link(invited[1]), {"name": "Nora", "password": PASSWORD})
    client.logout()
    assert client.get(link(invited[1])).status_code == 404
    with pytest.raises(invitations.InvitationOverError):
        invitations.accept(token=invited[1], name="Nora", password=PASSWORD)


def test_someone_with_an_account_joins_with_it(client, workspace, invited):
    nora = make.make_user(email="nora@example.com", name="Nora")
    assert "Sign in" in client.get(link(invited[1])).content.decode()
    client.force_login(nora)
    assert client.post(link(invited[1])).status_code == 302
    assert nora.memberships.get().workspace == workspace
    assert client.session["workspace"] == str(workspace.pk)


def test_an_account_is_not_taken_over(client, invited):
    nora = make.make_user(email="nora@example.com", name="Nora")
    assert client.post(link(invited[1]), {"name": "Eve", "password": PASSWORD}).status_code == 422
    nora.refresh_from_db()
    assert nora.check_password("correct-horse-battery")
    assert not nora.memberships.exists()


def test_it_is_bound_to_its_address(client, stranger, invited):
    client.force_login(stranger.user)
    assert "You are signed in as mallory@example.com" in client.get(link(invited[1])).content.decode()
    assert client.post(link(invited[1])).status_code == 422
    assert stranger.user.memberships.count() == 1


@pytest.mark.parametrize("end", ["removed", "demoted"])
def test_who_is_an_owner_no_longer_has_left_no_door_open(workspace, actor, end):
    other = make.make_actor(workspace=workspace, role=Role.OWNER)
    token = invitations.invite(email="again@example.com", role=Role.OWNER, by=other)[1]
    kept = invitations.invite(email="nora@example.com", role=Role.MEMBER, by=actor)[1]
    membership = Membership.objects.get(user=other.user)
    if end == "removed":
        people.remove_member(membership=membership, by=actor)
    else:
        people.change_role(membership=membership, role=Role.MEMBER, by=actor)
    with pytest.raises(invitations.InvitationOverError):
        invitations.accept(token=token, name="Again", password=PASSWORD)
    assert AuditEntry.objects.filter(action="invitation.withdrawn", actor_id=actor.user.pk).exists()
    assert invitations.find_invitation(kept)


def test_an_account_that_is_switched_off_has_left_no_door_open(workspace):
    other = make.make_actor(workspace=workspace, role=Role.OWNER)
    token = invitations.invite(email="again@example.com", role=Role.OWNER, by=other)[1]
    other.user.is_active = False
    other.user.save()
    with pytest.raises(invitations.InvitationOverError):
        invitations.accept(token=token, name="Again", password=PASSWORD)


@pytest.mark.parametrize("end", ["old", "withdrawn", "replaced", "wrong"])
def test_all_dead_links_look_alike(client, actor, invited, end):
    invitation, token = invited
    moment = timezone.now()
    if end == "old":
        moment += timedelta(days=8)
    elif end == "withdrawn":
        invitations.withdraw(invitation=invitation, by=actor)
    elif end == "replaced":
        invitations.invite(email="nora@example.com", role=Role.OWNER, by=actor)
    else:
        token = "x" * len(token)
    with time_machine.travel(moment):
        answer = client.get(link(token))
    assert answer.status_code == 404
    assert "no longer works" in answer.content.decode()


def test_the_token_is_hashed_at_rest(invited):
    invitation, token = invited
    assert token not in str(Invitation.objects.filter(pk=invitation.pk).values())


def test_a_weak_password_is_refused(client, invited):
    answer = client.post(link(invited[1]), {"name": "Nora", "password": "nora@example.com"})
    assert answer.status_code == 422
    assert not User.objects.filter(email="nora@example.com").exists()


def test_the_page_keeps_its_address_to_itself(client, invited):
    answer = client.get(link(invited[1]))
    assert answer["Referrer-Policy"] == "no-referrer"
    assert "no-store" in answer["Cache-Control"]
    assert "noindex" in answer["X-Robots-Tag"]


@pytest.mark.parametrize("role", [Role.MEMBER, Role.REVIEWER])
def test_only_owners_invite(workspace, client, role):
    by = make.make_actor(workspace=workspace, role=role)
    with pytest.raises(NotPermittedError):
        invitations.invite(email="x@example.com", role=Role.OWNER, by=by)
    client.force_login(by.user)
    assert client.post("/settings/people/", {"email": "x@example.com", "role": "owner"}).status_code == 403
    assert not Invitation.objects.exists()


def test_a_member_is_not_invited_again(actor, signed_in):
    answer = signed_in.post("/settings/people/", {"email": "ALICE@example.com", "role": "member"})
    assert answer.status_code == 422
    assert "in the workspace already" in answer.content.decode()


def test_the_link_is_shown_once(signed_in):
    answer = signed_in.post("/settings/people/", {"email": "nora@example.com", "role": "reviewer"})
    assert answer.status_code == 201
    address = answer.content.decode().split('data-copy="')[1].split('"')[0]
    token = address.rstrip("/").rpartition("/")[2]
    assert invitations.find_invitation(token).role == Role.REVIEWER
    assert token not in signed_in.get("/settings/people/").content.decode()


def test_the_invited_get_a_letter_with_the_link(actor, invited):
    letter = Mail.objects.get()
    assert (letter.to, letter.workspace) == ("nora@example.com", actor.workspace)
    assert f"/invitations/{invited[1]}/" in letter.body
    assert "Alice invites you to Alice ML as member" in letter.body


def test_nobody_is_flooded_with_letters(actor, signed_in):
    for _ in range(5):
        invitations.invite(email="nora@example.com", role=Role.MEMBER, by=actor)
    answer = signed_in.post("/settings/people/", {"email": "nora@example.com", "role": "member"})
    assert answer.status_code == 422
    assert "Too many tries" in answer.content.decode()
    assert Mail.objects.count() == 5


@pytest.mark.parametrize(("backend", "told"), [("smtp", "gets a letter"), ("filebased", "send this link yourself")])
def test_the_page_says_how_the_link_travels(signed_in, settings, backend, told):
    settings.EMAIL_BACKEND = f"django.core.mail.backends.{backend}.EmailBackend"
    page = signed_in.post("/settings/people/", {"email": "nora@example.com", "role": "member"}).content.decode()
    assert told in page
    assert ("/invitations/inv_" in page) == (backend == "filebased")  # else who invites could come in as the invited
    assert "/invitations/inv_" in Mail.objects.get().body


def test_a_stranger_withdraws_nothing(client, stranger, invited):
    client.force_login(stranger.user)
    assert client.post(f"/settings/invitations/{invited[0].pk}/withdraw/").status_code == 404
    assert invitations.find_invitation(invited[1])


@pytest.mark.django_db(transaction=True)
def test_of_two_at_the_same_moment_one_comes_in(actor, invited):
    if connection.vendor == "sqlite":
        pytest.skip("the tests' SQLite lives in memory and lets in one writer at a time; PostgreSQL shows it")
    outcomes = []
    start = threading.Barrier(2)

    def come():
        start.wait()
        try:
            invitations.accept(token=invited[1], name="Nora", password=PASSWORD)
            outcomes.append("in")
        except (invitations.InvitationOverError, invitations.AccountExistsError):
            outcomes.append("late")
        finally:
            connection.close()

    both = [threading.Thread(target=come) for _ in range(2)]
    [one.start() for one in both]
    [one.join() for one in both]
    assert sorted(outcomes) == ["in", "late"]
    assert User.objects.filter(email="nora@example.com").count() == 1
