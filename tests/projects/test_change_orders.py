from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from projects.attention import needs_of
from projects.canonical import digest
from projects.errors import IllegalTransitionError, NotPermittedError
from projects.models import AuditEntry, ChangeOrder, Decision, Mail, Milestone
from projects.scope_pdf import scope_pdf
from projects.scoping.diff import diff_documents
from projects.scoping.documents import ScopeDocument
from projects.scoping.errors import ScopingError
from projects.scoping.markdown import render_markdown
from projects.scoping.payments import payment_plan
from projects.services import change_orders
from projects.services.change_orders import (
    BadPriceLineError,
    ChangeOrderExpiredError,
    ChangeOrderIncompleteError,
    InScopeError,
    NoSignedScopeError,
    NotInScopeError,
)
from projects.services.milestones import set_milestone_status
from tests.factories import projects as make
from tests.factories import scopes as stage


@pytest.fixture
def signed(actor):
    return stage.make_signed(actor=actor)


@pytest.fixture
def engagement(signed):
    return signed.engagement


def test_a_request_is_one_line_that_is_marked(engagement, actor):
    order = change_orders.log_request(engagement=engagement, wish=" Also\nthe webshop ", asked_by="Carla", by=actor)
    assert (order.wish, order.asked_on, order.state, order.number) == (
        "Also the webshop",
        timezone.localdate(),
        "requested",
        None,
    )
    change_orders.mark_request(order=order, fit="in", by=actor)
    with pytest.raises(InScopeError, match="costs nothing extra"):
        change_orders.price_order(order=order, what="x", why="y", lines=[], by=actor)
    change_orders.mark_request(order=order, fit="out", by=actor)
    assert ChangeOrder.objects.get().fit == "out"


def test_a_request_in_scope_is_done_by_someone_and_may_be_opened_again(engagement, actor):
    order = change_orders.log_request(engagement=engagement, wish="A spreadsheet", fit="in", by=actor)
    done = change_orders.finish_request(order=order, by=actor)
    assert (done.state, done.state_label, done.done_by) == ("done", "Done", actor.name)
    first = done.done_at
    assert change_orders.finish_request(order=order, by=actor).done_at == first
    assert not [need for need in needs_of(actor) if "A spreadsheet" in need.text]
    assert change_orders.finish_request(order=order, by=actor, done=False).state == "in"
    assert [need for need in needs_of(actor) if "A spreadsheet" in need.text]
    actions = list(AuditEntry.objects.filter(action__startswith="change.").values_list("action", flat=True))
    assert (actions.count("change.done"), actions.count("change.reopened")) == (1, 1)


def test_what_is_out_of_scope_or_withdrawn_is_never_done(engagement, actor):
    order = change_orders.log_request(engagement=engagement, wish="A webshop", fit="out", by=actor)
    with pytest.raises(NotInScopeError, match="not marked as in scope"):
        change_orders.finish_request(order=order, by=actor)
    change_orders.mark_request(order=order, fit="in", by=actor)
    change_orders.finish_request(order=order, by=actor)
    assert change_orders.mark_request(order=order, fit="out", by=actor).done_at is None
    with pytest.raises(IntegrityError), transaction.atomic():
        ChangeOrder.objects.filter(pk=order.pk).update(done_at=timezone.now(), done_by="Nobody")


def test_a_reviewer_logs_nothing(engagement, reviewer):
    with pytest.raises(NotPermittedError):
        change_orders.log_request(engagement=engagement, wish="x", by=reviewer)


def test_sending_takes_the_number_and_freezes_before_and_after(engagement, signed, actor):
    order = stage.make_sent_order(engagement, actor, amounts=(150000, -50000), milestones=("", "m2"), days=5)
    body = order.body
    assert (order.number, order.requested_minor, order.agreed_minor) == (1, 100000, None)
    assert order.digest == digest(body)
    assert (body["before"]["price_minor"], body["after"]["price_minor"]) == (1200000, 1300000)
    assert (body["before"]["ends_on"], body["after"]["ends_on"]) == ("2027-03-01", "2027-03-06")
    assert body["scope"] == {"number": 1, "sha256": signed.digest}
    row = ChangeOrder.objects.filter(pk=order.pk)
    for change in ({"lines": []}, {"what": "x"}, {"requested_minor": 1}, {"body": {}}, {"status": "priced"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            row.update(**change)


def test_approval_makes_the_next_version_and_moves_the_milestones(engagement, signed, actor):
    order = stage.make_sent_order(engagement, actor, amounts=(150000, -50000), milestones=("", "m2"), days=5)
    decision = stage.client_answers(order, actor)
    order.refresh_from_db()
    signed.refresh_from_db()
    fresh = order.result
    assert decision.document_digest == order.digest
    assert (order.status, order.requested_minor, order.agreed_minor) == ("approved", 100000, 100000)
    assert (signed.status, fresh.status, fresh.number) == ("superseded", "signed", 2)
    assert fresh.body["change"]["previous_sha256"] == signed.digest
    rows = Milestone.objects.filter(engagement=engagement)
    assert [(row.title, row.fee_minor, row.due_on) for row in rows] == [
        ("Data audit", 400000, date(2027, 1, 20)),
        ("Model", 750000, date(2027, 3, 6)),
        ("Line 1", 150000, date(2027, 3, 6)),
    ]
    assert diff_documents(signed.shown, fresh.shown).summary()["added"] == 2
    assert "approved" in Mail.objects.get(subject__contains="change order").subject


def test_what_was_agreed_may_differ_from_what_was_requested(engagement, actor):
    order = stage.make_sent_order(engagement, actor, amounts=(1200000,), days=0)
    key = order.lines[0]["id"]
    with pytest.raises(ChangeOrderIncompleteError, match="How the client approved"):
        change_orders.record_approval(order=order, reason=" ", by=actor)
    done = change_orders.record_approval(order=order, reason="By phone.", amounts={key: 720000}, by=actor)
    assert (done.requested_minor, done.agreed_minor) == (1200000, 720000)
    assert done.result.body["price_minor"] == 1200000 + 720000


def test_an_amount_is_agreed_for_a_line_that_is_there(engagement, actor):
    order = stage.make_sent_order(engagement, actor)
    with pytest.raises(BadPriceLineError, match="no line with this id"):
        change_orders.record_approval(order=order, reason="By phone.", amounts={"gone": 5}, by=actor)
    assert ChangeOrder.objects.get().status == "sent"


def test_two_lines_with_one_id_are_refused(engagement, actor):
    """One of them would be lost from the price that is agreed."""
    order = change_orders.log_request(engagement=engagement, wish="Two", by=actor)
    lines = [{"id": "a", "text": text, "amount_minor": 100} for text in "xy"]
    with pytest.raises(BadPriceLineError, match="Price line 2: Another line has its id"):
        change_orders.price_order(order=order, what="x", why="y", lines=lines, by=actor)


def test_declined_and_withdrawn_change_nothing(engagement, signed, actor):
    first, second = (stage.make_sent_order(engagement, actor) for _ in range(2))
    stage.client_answers(first, actor, Decision.Answer.DECLINED)
    change_orders.withdraw_order(order=second, by=actor)
    first.refresh_from_db()
    signed.refresh_from_db()
    assert (first.status, first.agreed_minor, signed.status) == ("declined", None, "signed")
    with pytest.raises(IllegalTransitionError, match="is withdrawn"):
        change_orders.record_approval(order=second, reason="By phone.", by=actor)


def test_after_its_last_day_nobody_approves_it(engagement, actor):
    order = stage.make_sent_order(engagement, actor)
    late = time_machine.travel(order.expires_on + timedelta(days=1))
    with late, pytest.raises(ChangeOrderExpiredError, match="Ask for a new one"):
        stage.client_answers(order, actor)
    assert not Decision.objects.filter(answer="approved").exists()


@pytest.mark.parametrize(("zone", "hours"), [("America/Los_Angeles", 30), ("Asia/Tokyo", 14)])
def test_its_last_day_ends_where_the_workspace_is(engagement, actor, zone, hours):
    """``hours`` after that day began in UTC it still lasts in the zone, three hours later no longer."""
    actor.workspace.time_zone = zone
    actor.workspace.save()
    orders = [stage.make_sent_order(engagement, actor) for _ in range(2)]
    start = datetime.combine(orders[0].expires_on, time(), UTC)
    visits = [stage.visit_of(order, "change-order", actor) for order in orders]
    approved = {"fields": stage.answer(Decision.Answer.APPROVED), "consent": "I agree."}
    with time_machine.travel(start + timedelta(hours=hours), tick=False):
        change_orders.answer_order(visit=visits[0], order=orders[0], **approved)
    with (
        time_machine.travel(start + timedelta(hours=hours + 3), tick=False),
        pytest.raises(ChangeOrderExpiredError),
    ):
        change_orders.answer_order(visit=visits[1], order=orders[1], **approved)


def test_a_change_moves_no_deposit(engagement, signed, actor):
    """30 % of 12,000.00 was due at signing, and taken off both milestones."""
    due = payment_plan(ScopeDocument.from_dict(signed.shown), signed.body)
    order = stage.make_sent_order(engagement, actor, amounts=(150000, -50000), milestones=("", "m2"))
    stage.client_answers(order, actor)
    for amounts in ((), (30000,)):  # and the next change not either
        if amounts:
            stage.client_answers(stage.make_sent_order(engagement, actor, amounts=amounts), actor)
        now = engagement.scopes.get(status="signed")
        document = ScopeDocument.from_dict(now.shown)
        plan = payment_plan(document, now.body)
        assert now.body["deposit_minor"] == plan[0].amount_minor == due[0].amount_minor == 360000
        assert plan[1] == replace(due[1], due_on=plan[1].due_on), "what was decided or invoiced is worth the same"
        assert sum(one.amount_minor for one in plan) == document.price_minor
        text = render_markdown(document, body=now.body)
        assert "Deposit at signing: 360000 EUR" in text


def test_a_milestone_below_its_deposit_is_credited_in_words(signed_in, engagement, signed, actor, monkeypatch):
    """30 % of 8,000.00 was paid at signing for what now costs 1,000.00."""
    stage.client_answers(stage.make_sent_order(engagement, actor, amounts=(-700000,), milestones=("m2",)), actor)
    now = engagement.scopes.get(status="signed")
    document = ScopeDocument.from_dict(now.shown)
    words = "credited when accepted: the deposit paid more than this milestone costs now"
    credited = [one.amount_minor for one in payment_plan(document, now.body) if one.when == words]
    assert credited == [-140000]
    assert f"- Model: -140000 EUR, {words}." in render_markdown(document, money="{} {}".format, body=now.body)
    assert words not in render_markdown(ScopeDocument.from_dict(signed.shown), body=signed.body)
    page = signed_in.get(reverse("projects:scope", args=[now.pk])).content.decode()
    assert words in page
    told = {}
    monkeypatch.setattr("projects.scope_pdf.set_paper", lambda name, data, decision: told.update(data))
    scope_pdf(now)
    assert [one["when"] for one in told["plan"]] == ["at signing", "when accepted", words]


def test_a_milestone_that_is_decided_no_longer_changes(engagement, actor):
    order = stage.make_sent_order(engagement, actor, milestones=("m1",))
    row = engagement.milestones.first()
    for step in ("in_progress", "submitted", "accepted"):
        set_milestone_status(milestone=row, to=step, by=actor)
    with pytest.raises(ScopingError, match="is decided"):
        stage.client_answers(order, actor)
    order.refresh_from_db()
    assert order.status == "sent"


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"what": ""}, "Say what changes"),
        ({"why": " "}, "Say why"),
        ({"expires_on": None}, "until when"),
        ({"expires_on": date(2020, 1, 1)}, "has passed"),
        ({"lines": [], "days": 0}, "neither costs nor takes"),
    ],
)
def test_what_the_client_must_know_is_asked_for(engagement, actor, fields, match):
    order = stage.make_priced(engagement, actor, **fields)
    with pytest.raises(ChangeOrderIncompleteError, match=match):
        change_orders.send_order(order=order, by=actor)


@pytest.mark.parametrize(
    ("amounts", "targets", "match"), [((-900000,), ("m2",), "more off"), ((-5,), (), "gives money")]
)
def test_a_credit_needs_a_milestone_that_is_worth_it(engagement, actor, amounts, targets, match):
    order = stage.make_priced(engagement, actor, amounts=amounts, milestones=targets)
    with pytest.raises(ScopingError, match=match):
        change_orders.send_order(order=order, by=actor)


@pytest.mark.parametrize("line", [{"text": "", "amount_minor": 5}, {"text": "x"}, {"text": "x", "amount_minor": True}])
def test_a_price_line_says_what_and_how_much(engagement, actor, line):
    with pytest.raises(BadPriceLineError, match="Price line 1"):
        stage.make_priced(engagement, actor, lines=[line])


def test_without_a_signed_scope_there_is_nothing_to_change(actor):
    engagement = make.make_engagement(workspace=actor.workspace)
    order = stage.make_priced(engagement, actor)
    with pytest.raises(NoSignedScopeError):
        change_orders.send_order(order=order, by=actor)


@pytest.mark.parametrize("wish", ["approved", "declined", "sent"])
def test_the_database_refuses_steps_that_cannot_follow(engagement, actor, wish):
    order = change_orders.log_request(engagement=engagement, wish="x", by=actor)
    with pytest.raises(IntegrityError), transaction.atomic():
        ChangeOrder.objects.filter(pk=order.pk).update(status=wish)
