"""People: the first owner, roles, leaving, settings pages, second factors."""

import threading
import time

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.contrib.auth.hashers import make_password
from django.db import connection
from django.urls import reverse

from projects.access import Role
from projects.errors import NotPermittedError
from projects.models import AuditEntry, Membership, User, Workspace
from projects.services import people
from projects.services.mail import send_due_mail
from tests.factories import projects as make

pytestmark = pytest.mark.django_db
PASSWORD = "correct-horse-battery"
FIRST = {
    "name": "Olga Owner",
    "email": "Olga@Example.com",
    "password": "four-unrelated-words-here",
    "workspace_name": "Olga ML",
    "currency": "CHF",
    "time_zone": "Europe/Zurich",
}


# --- the first run -------------------------------------------------------------------------------
def test_the_first_visitor_makes_owner_and_workspace(client):
    assert client.get("/", follow=True).redirect_chain[-1][0] == "/welcome/"
    assert client.post("/welcome/", FIRST).status_code == 302
    workspace = Workspace.objects.get()
    assert (workspace.name, workspace.currency, workspace.time_zone) == ("Olga ML", "CHF", "Europe/Zurich")
    assert Membership.objects.get().role == Role.OWNER
    assert client.get("/").status_code == 200
    assert User.objects.get().email == "olga@example.com"
    assert not User.objects.get().is_staff


def test_who_just_chose_a_password_is_not_asked_for_it_again(client):
    client.post("/welcome/", FIRST)
    for page in ("/accounts/2fa/totp/activate/", "/accounts/2fa/webauthn/add/"):
        assert client.get(page).status_code == 200, page
    with time_machine.travel(time.time() + 3600):
        assert client.get("/accounts/2fa/totp/activate/").status_code == 302


def test_the_door_closes_behind_the_first(client, alice):
    assert client.get("/welcome/").status_code == 302
    assert client.post("/welcome/", FIRST).status_code == 302
    assert User.objects.count() == 1
    assert "By invitation only" in client.get("/accounts/signup/").content.decode()
    client.post("/accounts/signup/", {"email": "x@example.com", "password1": FIRST["password"]})
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [("password", "short"), ("password", "password1234"), ("email", "nobody"), ("currency", "XYZ"), ("time_zone", "X")],
)
def test_the_first_run_refuses_what_cannot_be(client, field, value):
    answer = client.post("/welcome/", {**FIRST, field: value})
    assert answer.status_code == 422
    assert not User.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_first_owners_at_once_one_wins(settings):
    if connection.vendor == "sqlite":
        pytest.skip("the tests' SQLite lives in memory and lets in one writer at a time; PostgreSQL shows it")
    outcomes = []
    start = threading.Barrier(4)

    def come(number):
        start.wait()
        try:
            people.set_up(**{**FIRST, "email": f"first{number}@example.com"})
            outcomes.append("in")
        except people.AlreadySetUpError:
            outcomes.append("late")
        finally:
            connection.close()

    rivals = [threading.Thread(target=come, args=[number]) for number in range(4)]
    [rival.start() for rival in rivals]
    [rival.join() for rival in rivals]
    assert sorted(outcomes) == ["in", "late", "late", "late"]
    assert Workspace.objects.count() == 1


def test_without_a_workspace_a_page_says_what_to_do(client, workspace):
    client.force_login(make.make_user(email="lost@example.com"))
    page = client.get("/", follow=True)
    assert page.status_code == 200
    assert "belong to no workspace" in page.content.decode()


# --- roles ---------------------------------------------------------------------------------------
def test_an_owner_changes_roles(actor, reviewer):
    membership = Membership.objects.get(user=reviewer.user)
    people.change_role(membership=membership, role=Role.MEMBER, by=actor)
    membership.refresh_from_db()
    assert membership.role == Role.MEMBER
    assert AuditEntry.objects.get(action="member.role-changed").detail == {"from": "reviewer", "to": "member"}


@pytest.mark.parametrize("role", [Role.MEMBER, Role.REVIEWER])
def test_others_change_nobody(workspace, actor, role):
    by = make.make_actor(workspace=workspace, role=role)
    mine = Membership.objects.get(user=by.user)
    with pytest.raises(NotPermittedError):
        people.change_role(membership=mine, role=Role.OWNER, by=by)
    with pytest.raises(NotPermittedError):
        people.remove_member(membership=Membership.objects.get(user=actor.user), by=by)
    with pytest.raises(NotPermittedError):
        people.change_workspace(name="Mine", currency="EUR", time_zone="UTC", by=by)


def test_the_last_owner_stays(actor, reviewer):
    mine = Membership.objects.get(user=actor.user)
    with pytest.raises(people.LastOwnerError):
        people.remove_member(membership=mine, by=actor)
    with pytest.raises(people.LastOwnerError):
        people.change_role(membership=mine, role=Role.MEMBER, by=actor)
    people.change_role(membership=Membership.objects.get(user=reviewer.user), role=Role.OWNER, by=actor)
    people.remove_member(membership=mine, by=actor)
    assert not Membership.objects.filter(user=actor.user).exists()


def test_everyone_may_leave(reviewer, client):
    client.force_login(reviewer.user)
    mine = Membership.objects.get(user=reviewer.user)
    assert client.post(reverse("projects:settings-member-remove", args=[mine.pk])).status_code == 302
    assert not Membership.objects.filter(pk=mine.pk).exists()


def test_a_stranger_s_row_is_not_found(actor, stranger):
    theirs = Membership.objects.get(user=stranger.user)
    with pytest.raises(Membership.DoesNotExist):
        people.change_role(membership=theirs, role=Role.REVIEWER, by=actor)


# --- pages ---------------------------------------------------------------------------------------
PAGES = ["settings", "settings-people", "settings-tokens", "settings-security", "settings-appearance", "settings-audit"]


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("who", ["actor", "reviewer"])
def test_settings_pages_show(client, request, name, who, actor):
    client.force_login(request.getfixturevalue(who).user)
    answer = client.get(reverse(f"projects:{name}"))
    assert answer.status_code == 200
    assert answer.content.decode().count("<h1") == 1
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize("name", PAGES)
def test_signed_out_people_are_sent_to_sign_in(client, name, alice):
    answer = client.get(reverse(f"projects:{name}"))
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/?next=/settings/")


@pytest.mark.parametrize("name", PAGES)
def test_wrong_methods_are_refused(signed_in, name):
    assert signed_in.delete(reverse(f"projects:{name}")).status_code == 405


@pytest.mark.parametrize("name", ["settings-member-role", "settings-member-remove"])
def test_rows_of_strangers_are_not_found(signed_in, stranger, name):
    theirs = Membership.objects.get(user=stranger.user)
    address = reverse(f"projects:{name}", args=[theirs.pk])
    assert signed_in.post(address, {"role": "reviewer"}).status_code == 404
    assert signed_in.get(address).status_code == 405
    theirs.refresh_from_db()
    assert theirs.role == Role.OWNER


def test_pages_stay_cheap(signed_in, workspace, django_assert_max_num_queries):
    for _ in range(12):
        make.make_membership(workspace=workspace, role=Role.MEMBER)
    signed_in.get("/settings/people/")
    with django_assert_max_num_queries(8):
        signed_in.get("/settings/people/")


def test_changing_the_workspace(signed_in, workspace):
    fields = {"name": "New name", "currency": "USD", "time_zone": "Asia/Tokyo"}
    assert signed_in.post("/settings/", fields).status_code == 302
    workspace.refresh_from_db()
    assert (workspace.name, workspace.currency, workspace.time_zone) == ("New name", "USD", "Asia/Tokyo")
    assert AuditEntry.objects.get(action="workspace.changed").detail["to"] == fields
    assert signed_in.post("/settings/", {**fields, "name": ""}).status_code == 422


def test_only_owners_change_the_workspace(client, reviewer):
    client.force_login(reviewer.user)
    assert client.post("/settings/", {"name": "Mine", "currency": "EUR", "time_zone": "UTC"}).status_code == 403


def test_a_reviewer_chooses_the_own_theme(client, reviewer):
    client.force_login(reviewer.user)
    assert client.post("/settings/appearance/", {"name": "Rita R.", "theme": "dark"}).status_code == 302
    reviewer.user.refresh_from_db()
    assert (reviewer.user.name, reviewer.user.theme) == ("Rita R.", "dark")


def test_a_new_name_is_in_the_trail_of_every_workspace_that_knew_the_old_one(client, reviewer, actor):
    other = make.make_membership(user=reviewer.user, role=Role.MEMBER).workspace
    client.force_login(reviewer.user)
    for name in ("Alice", "Alice", "rita@example.com"):  # as the owner is called; again; and as an address
        assert client.post("/settings/appearance/", {"name": name, "theme": "dark"}).status_code == 302
    for workspace in (actor.workspace, other):
        renamed = AuditEntry.objects.filter(workspace=workspace, action="person.renamed").order_by("sequence")
        assert [(entry.actor_name, entry.detail) for entry in renamed] == [
            ("Rita", {"from": "Rita", "to": "Alice"}),
            ("Alice", {"from": "Alice", "to": "person"}),
        ]
        assert {entry.actor_id for entry in renamed} == {reviewer.user.pk}


# --- signing in ----------------------------------------------------------------------------------
def test_signing_in_and_out_is_in_the_trail(client, alice):
    client.post("/accounts/login/", {"login": "alice@example.com", "password": "wrong"}, REMOTE_ADDR="203.0.113.9")
    told = {"login": "alice@example.com", "password": PASSWORD}
    page = client.post("/accounts/login/", told, REMOTE_ADDR="203.0.113.9", follow=True).content.decode()
    assert "Successfully" not in page  # that one is signed in is plain to see
    client.post("/accounts/logout/")
    entries = AuditEntry.objects.order_by("sequence")
    assert [entry.action for entry in entries] == ["sign-in.failed", "sign-in.done", "sign-out.done"]
    assert entries[0].address == entries[1].address == "203.0.113.9"
    assert entries[1].detail == {"by": ["password"]}
    assert "alice@example.com" not in str(entries.values())


SEED = "JBSWY3DPEHPK3PXP"


def activate(user):
    return totp.TOTP.activate(user, SEED)


def code(secret=SEED):
    return totp.format_hotp_value(totp.hotp_value(secret, int(time.time()) // 30))


def test_a_second_factor_is_asked_for_and_its_code_works_once(client, alice):
    activate(alice)
    fields = {"login": "alice@example.com", "password": PASSWORD}
    answer = client.post("/accounts/login/", fields)
    assert answer["Location"].startswith("/accounts/2fa/authenticate/")
    assert client.get("/settings/").status_code == 302
    now = code()
    assert client.post("/accounts/2fa/authenticate/", {"code": now}).status_code == 302
    assert client.get("/settings/").status_code == 200
    assert AuditEntry.objects.get(action="sign-in.done").detail == {"by": ["password", "totp"]}
    client.post("/accounts/logout/")
    client.post("/accounts/login/", fields)
    assert client.post("/accounts/2fa/authenticate/", {"code": now}).status_code == 200  # used: refused


@pytest.mark.parametrize("written", ["{0}{1}", " {0}{1} ", "{0} {1}", "{0}-{1}"])
def test_a_used_code_stays_used_however_it_is_written(client, alice, written):
    activate(alice)
    fields = {"login": "alice@example.com", "password": PASSWORD}
    with time_machine.travel(1_800_000_000) as clock:
        now = code()
        client.post("/accounts/login/", fields)
        assert client.post("/accounts/2fa/authenticate/", {"code": now}).status_code == 302
        client.post("/accounts/logout/")
        clock.shift(40)  # seconds: an app shows another code by now, and this one is right for 20 more
        client.post("/accounts/login/", fields)
        answer = client.post("/accounts/2fa/authenticate/", {"code": written.format(now[:3], now[3:])})
        assert "used already" in answer.content.decode()


def test_a_new_password_by_letter_does_not_skip_the_second_factor(client, alice, mailoutbox):
    people.EmailAddress.objects.create(user=alice, email=alice.email, verified=True, primary=True)
    activate(alice)
    client.post("/accounts/password/reset/", {"email": "alice@example.com"})
    send_due_mail()
    link = next(word for word in mailoutbox[0].body.split() if "/password/reset/key/" in word)
    form = client.get(link.partition("://")[2].partition("/")[2].join(["/", ""]), follow=True)
    address = form.redirect_chain[-1][0]
    client.post(address, {"password1": "another-good-password", "password2": "another-good-password"})
    client.post("/accounts/login/", {"login": "alice@example.com", "password": "another-good-password"})
    assert client.get("/settings/").status_code == 302
    assert AuditEntry.objects.filter(action="password.changed").exists()


def test_a_letter_leads_to_the_own_site_whatever_the_host(client, alice, settings, mailoutbox):
    people.EmailAddress.objects.create(user=alice, email=alice.email, verified=True, primary=True)
    settings.SITE_URL = "https://ml.example.com"
    client.post("/accounts/password/reset/", {"email": "alice@example.com"}, HTTP_HOST="localhost")
    send_due_mail()
    assert "https://ml.example.com/accounts/password/reset/key/" in mailoutbox[0].body
    assert "localhost" not in mailoutbox[0].body


def test_a_letter_for_an_unknown_address_answers_the_same(client, alice):
    known = client.post("/accounts/password/reset/", {"email": "alice@example.com"})
    unknown = client.post("/accounts/password/reset/", {"email": "nobody@example.com"})
    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])


@pytest.mark.parametrize(
    ("method", "address", "fields"),
    [
        ("get", "/accounts/2fa/webauthn/add/", {}),
        ("get", "/accounts/2fa/totp/deactivate/", {}),
        ("get", "/accounts/2fa/recovery-codes/generate/", {}),
        ("post", "/accounts/email/", {"email": "new@example.com", "action_add": ""}),
        ("post", "/settings/tokens/", {"name": "x", "access": "read", "days": "30"}),
    ],
)
def test_changes_of_access_ask_again_who_it_is(signed_in, alice, method, address, fields):
    activate(alice)
    answer = getattr(signed_in, method)(address, fields)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/reauthenticate/")


@pytest.mark.django_db(transaction=True)  # allauth tells of it after the commit
def test_setting_up_an_app_is_in_the_trail(signed_in, alice):
    signed_in.post("/accounts/reauthenticate/?next=/accounts/2fa/totp/activate/", {"password": PASSWORD})
    signed_in.get("/accounts/2fa/totp/activate/")
    secret = signed_in.session["mfa.totp.secret"]
    assert signed_in.post("/accounts/2fa/totp/activate/", {"code": code(secret)}).status_code == 302
    assert Authenticator.objects.filter(user=alice, type="totp").exists()
    assert AuditEntry.objects.get(action="second-factor.added", detail_json__contains="app").actor_id == alice.pk


def test_passwords_are_hashed_with_argon2(settings):
    settings.PASSWORD_HASHERS = settings.PASSWORD_HASHERS[1:]  # as in production; the tests put a quick one in front
    assert make_password("x").startswith("argon2$argon2id")


# --- the admin -----------------------------------------------------------------------------------
def test_the_admin_has_no_door_of_its_own(client, alice):
    answer = client.get("/admin/login/?next=/admin/")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/?next=")
    client.post("/admin/login/", {"username": "alice@example.com", "password": PASSWORD})
    assert "_auth_user_id" not in client.session


def test_the_admin_is_for_staff(signed_in, alice):
    assert signed_in.get("/admin/").status_code in {302, 403}
    assert signed_in.get("/admin/login/").status_code == 403


def test_staff_look_and_change_little(client, actor):
    boss = User.objects.create_superuser("boss@example.com", PASSWORD)
    client.force_login(boss)
    assert client.get("/admin/projects/workspace/").status_code == 200
    assert client.get("/admin/projects/auditentry/").status_code == 200
    assert client.get("/admin/projects/auditentry/add/").status_code == 403
    assert client.get("/admin/password_change/")["Location"] == "/accounts/password/change/"
    assert client.post(f"/admin/projects/workspace/{actor.workspace.pk}/change/", {"name": "x"}).status_code == 403
    answer = client.post(f"/admin/projects/user/{actor.user.pk}/change/", {"is_staff": "", "is_superuser": ""})
    assert answer.status_code == 302
    actor.user.refresh_from_db()
    assert not actor.user.is_active
    assert AuditEntry.objects.get(action="admin.changed").detail["row"] == str(actor.user.pk)
