"""A workspace may demand a second factor: its owner goes first, the others are led to it before anything else."""

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.urls import reverse

from projects.access import Role
from projects.errors import NotPermittedError
from projects.models import AuditEntry, Workspace
from projects.services import people
from projects.services.tokens import create_token
from tests.factories import projects as make

pytestmark = pytest.mark.django_db
PASSWORD = "correct-horse-battery"


def protect(user):
    TOTP.activate(user, "JBSWY3DPEHPK3PXP")


@pytest.fixture
def member(workspace):
    return make.make_actor(workspace=workspace, role=Role.MEMBER, user=make.make_user(email="mia@example.com"))


@pytest.fixture
def demanded(actor):
    protect(actor.user)
    return people.demand_second_factor(demanded=True, by=actor)


def test_an_owner_without_one_demands_nothing_of_others(actor):
    with pytest.raises(people.OwnFactorMissingError):
        people.demand_second_factor(demanded=True, by=actor)
    assert not Workspace.objects.get().second_factor_required


def test_only_an_owner_in_person_demands_it(actor, member, reviewer):
    protect(member.user)
    by_token = make.make_actor(workspace=actor.workspace, via="token")
    for by in (member, reviewer, by_token):
        with pytest.raises(NotPermittedError):
            people.demand_second_factor(demanded=True, by=by)


def test_the_page_asks_again_who_it_is_and_then_demands_it(signed_in, actor):
    assert "disabled" in signed_in.get("/settings/security/").content.decode()
    protect(actor.user)
    address = reverse("projects:settings-second-factor")
    asked = signed_in.post(address, {"demanded": "yes"})
    assert asked["Location"].startswith("/accounts/reauthenticate/")
    signed_in.post(asked["Location"], {"password": PASSWORD})
    assert Workspace.objects.get().second_factor_required
    assert AuditEntry.objects.get(action="workspace.second-factor").detail == {"demanded": True}
    make.make_membership(workspace=actor.workspace)
    assert "1 of 2 people have one" in signed_in.get("/settings/security/").content.decode()
    signed_in.post(address, {"demanded": "no"})
    assert not Workspace.objects.get().second_factor_required


@pytest.mark.parametrize("who", ["member", "reviewer"])
def test_others_do_not_reach_the_switch(client, request, who):
    client.force_login(request.getfixturevalue(who).user)
    assert client.post(reverse("projects:settings-second-factor"), {"demanded": "yes"}).status_code == 403
    assert client.get(reverse("projects:settings-second-factor")).status_code == 405


@pytest.mark.parametrize("address", ["/", "/clients/", "/settings/", "/jobs/", "/data/", "/spend/"])
def test_who_has_none_is_led_to_it_before_anything_else(client, demanded, member, address):
    client.force_login(member.user)
    assert client.get(address)["Location"] == "/second-factor/"
    shown = client.get("/second-factor/").content.decode()
    assert "/accounts/2fa/webauthn/add/" in shown
    protect(member.user)
    assert client.get(address).status_code == 200
    assert client.get("/second-factor/")["Location"] == "/"


def test_changes_are_refused_too(client, demanded, member):
    client.force_login(member.user)
    assert client.post("/clients/new/", {"name": "Sneaky"})["Location"] == "/second-factor/"
    answer = client.post("/api/v1/clients/", {"name": "Sneaky"}, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (403, "second-factor-required")
    assert client.get("/api/v1/clients/").status_code == 403


def test_the_way_of_setting_one_up_is_open(client, demanded, member):
    client.force_login(member.user)
    answer = client.get("/accounts/2fa/totp/activate/", follow=True)
    assert answer.redirect_chain[-1][0].startswith("/accounts/reauthenticate/")
    assert client.get("/accounts/logout/").status_code == 200


def test_the_operator_s_admin_is_no_way_round_it(client, demanded, member):
    member.user.is_staff = member.user.is_superuser = True
    member.user.save()
    client.force_login(member.user)
    for address in ("/admin/", "/admin/projects/user/", "/admin/projects/auditentry/"):
        assert client.get(address, follow=True).redirect_chain[-1][0] == "/second-factor/"
    other = make.make_membership(user=member.user, role=Role.MEMBER).workspace
    client.post("/workspace/", {"workspace": other.pk})
    assert client.get("/admin/projects/user/").status_code == 302
    protect(member.user)
    assert client.get("/admin/projects/user/").status_code == 200


def test_another_workspace_stays_open(client, demanded, member):
    other = make.make_membership(user=member.user, role=Role.MEMBER).workspace
    client.force_login(member.user)
    client.post("/workspace/", {"workspace": str(demanded.pk)})
    assert str(other.pk) in client.get("/second-factor/").content.decode()
    client.post("/workspace/", {"workspace": str(other.pk)})
    assert client.get("/").status_code == 200


def test_tokens_go_on(client, demanded, member):
    token = create_token(name="ci", scopes=["read"], days=9, by=member)[1]
    assert client.get("/api/v1/clients/", headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_signed_out_people_are_sent_to_sign_in(client, actor):
    assert client.get("/second-factor/")["Location"].startswith("/accounts/login/")
    assert client.post("/second-factor/").status_code == 405
