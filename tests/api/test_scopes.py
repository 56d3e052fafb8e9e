"""Scopes and change orders through the API, from the first draft to the ledger."""

from datetime import date, timedelta
from urllib.parse import urlsplit

import pytest
import time_machine
from django.utils import timezone

from projects.models import ChangeOrder, ScopeVersion
from tests.factories import projects as make
from tests.factories import scopes as stage

ROOT = "/api/v1/"
JSON = {"content_type": "application/json"}


@pytest.fixture
def engagement(workspace):
    return make.make_engagement(workspace=workspace, title="Churn model")


def test_a_scope_is_written_sent_and_countersigned(signed_in, engagement, actor):
    made = signed_in.post(
        f"{ROOT}scopes/", {"engagement": str(engagement.pk), "document": stage.document(), "rate_minor": 9500}, **JSON
    )
    assert made.status_code == 201, made.json()
    address = f"{ROOT}scopes/{made.json()['id']}/"
    wrong = signed_in.patch(address, {"document": {"title": 5}}, **JSON)
    assert (wrong.status_code, wrong.json()["code"]) == (400, "bad-scope")
    changed = signed_in.patch(address, {"document": stage.document(title="Churn, at last")}, **JSON)
    assert changed.json()["document"]["title"] == "Churn, at last"

    sent = signed_in.post(f"{address}send/", {"name": "Carla"}, **JSON).json()
    assert sent["status"] == "sent"
    assert "/s/shr_" in sent["address"]
    assert signed_in.patch(address, {"document": stage.document()}, **JSON).json()["code"] == "scope-frozen"
    early = signed_in.post(f"{address}countersign/", {"name": "Alice"}, **JSON)
    assert (early.status_code, early.json()["code"]) == (409, "scope-not-signed")
    stage.client_signs(ScopeVersion.objects.get(), actor)
    done = signed_in.post(f"{address}countersign/", {"name": "Alice"}, **JSON).json()
    assert done["status"] == "signed"
    assert signed_in.get(f"{ROOT}milestones/", {"engagement": str(engagement.pk)}).json()["count"] == 2


def test_a_starting_point_that_is_none_is_named(signed_in, engagement):
    answer = signed_in.post(f"{ROOT}scopes/", {"engagement": str(engagement.pk), "starter": "magic"}, **JSON)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-scope")
    assert not ScopeVersion.objects.exists()


def test_a_change_order_moves_the_ledger(signed_in, actor, engagement):
    stage.make_signed(actor=actor, engagement=engagement)
    made = signed_in.post(f"{ROOT}change-orders/", {"engagement": str(engagement.pk), "wish": "The webshop"}, **JSON)
    assert (made.status_code, made.json()["asked_on"]) == (201, timezone.localdate().isoformat())
    address = f"{ROOT}change-orders/{made.json()['id']}/"
    signed_in.post(f"{address}mark/", {"fit": "out"}, **JSON)
    terms = {
        "what": "A second source",
        "why": "One was agreed",
        "lines": [
            {"text": "Source", "amount_minor": 150000},
            {"text": "Less", "amount_minor": -5000, "milestone": "m1"},
        ],
        "days": 3,
        "expires_on": (timezone.localdate() + timedelta(days=9)).isoformat(),
    }
    assert signed_in.post(f"{address}price/", terms, **JSON).json()["status"] == "priced"
    sent = signed_in.post(f"{address}send/", {}, **JSON).json()
    assert (sent["requested_minor"], sent["agreed_minor"], sent["number"]) == (145000, None, 1)
    ledger = signed_in.get(f"{ROOT}engagements/{engagement.pk}/ledger/").json()
    assert (ledger["pending"], ledger["revised"]) == (145000, 1200000)
    agreed = {ChangeOrder.objects.get().lines[0]["id"]: 100000}
    done = signed_in.post(f"{address}record-approval/", {"reason": "By phone.", "amounts": agreed}, **JSON).json()
    assert (done["requested_minor"], done["agreed_minor"], done["state"]) == (145000, 95000, "approved")
    again = signed_in.post(f"{address}withdraw/", {}, **JSON)
    assert (again.status_code, again.json()["code"]) == (409, "illegal-transition")
    ledger = signed_in.get(f"{ROOT}engagements/{engagement.pk}/ledger/").json()
    assert (ledger["pending"], ledger["revised"], ledger["creep"]) == (0, 1295000, "7.9")


def test_a_change_moves_no_deposit_in_the_api_either(signed_in, actor, engagement):
    stage.make_signed(actor=actor, engagement=engagement)
    stage.client_answers(stage.make_sent_order(engagement, actor), actor)
    now = ScopeVersion.objects.get(status="signed")
    check = signed_in.get(f"{ROOT}scopes/{now.pk}/check/").json()
    deposit, *rest = check["payment_plan"]
    assert check["deposit_minor"] == deposit["amount_minor"] == now.body["deposit_minor"] == 360000
    assert sum(part["amount_minor"] for part in rest) == check["price_minor"] - 360000


def test_a_revision_through_the_api(signed_in, actor, engagement):
    sent = stage.make_sent(actor=actor, engagement=engagement)
    fresh = signed_in.post(f"{ROOT}scopes/{sent.pk}/revise/", **JSON).json()
    assert (fresh["status"], fresh["number"]) == ("draft", 2)


def test_a_passcode_holds_as_it_was_given(signed_in, client, actor, engagement):
    scope = stage.make_draft(actor=actor, engagement=engagement)
    sent = signed_in.post(f"{ROOT}scopes/{scope.pk}/send/", {"passcode": " blue door "}, **JSON)
    door = urlsplit(sent.json()["address"]).path
    assert client.post(door, {"passcode": "blue door"}).status_code == 422
    assert client.post(door, {"passcode": " blue door "}).status_code == 302


def test_a_stranger_finds_neither(client, stranger, actor, engagement):
    scope = stage.make_draft(actor=actor, engagement=engagement)
    order = stage.make_priced(engagement, actor)
    client.force_login(stranger.user)
    assert client.get(f"{ROOT}scopes/{scope.pk}/").status_code == 404
    assert client.post(f"{ROOT}scopes/{scope.pk}/send/", {}, **JSON).status_code == 404
    assert client.get(f"{ROOT}change-orders/{order.pk}/").status_code == 404
    assert client.get(f"{ROOT}change-orders/").json()["count"] == 0


def test_days_are_the_workspaces_and_moments_are_in_utc(program, client, actor, workspace):
    """At 23:30 in UTC the next day has begun in Berlin, and what was valid until yesterday has expired."""
    workspace.time_zone = "Europe/Berlin"
    workspace.save()
    with time_machine.travel("2026-11-20T22:30:00Z", tick=False) as clock:
        order = stage.make_sent_order(stage.make_signed(actor=actor).engagement, actor, expires_on=date(2026, 11, 20))
        assert program.get(f"change-orders/{order.pk}/").json()["state"] == "sent"
        clock.move_to("2026-11-20T23:30:00Z")
        client.force_login(actor.user)
        by_browser = client.get(f"/api/v1/change-orders/{order.pk}/").json()
        by_token = program.get(f"change-orders/{order.pk}/").json()
    assert by_token == by_browser
    assert (by_token["state"], by_token["sent_at"]) == ("expired", "2026-11-20T22:30:00Z")
