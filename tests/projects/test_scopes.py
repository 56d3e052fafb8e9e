import re
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from projects.canonical import digest
from projects.errors import NotPermittedError
from projects.models import Decision, Mail, Milestone, ScopeVersion
from projects.models.audit import AuditEntry
from projects.queries.scopes import estimate_of, findings_of, scope_of
from projects.scoping.documents import ScopeDocument
from projects.scoping.errors import ScopingError
from projects.scoping.payments import payment_plan
from projects.scoping.starters import starters
from projects.services import audit, scope_drafts, scopes
from projects.services.decisions import AlreadyAnsweredError, evidence_holds
from projects.services.engagements import (
    CurrencyFixedError,
    EngagementClosedError,
    set_engagement_status,
    update_engagement,
)
from projects.services.scope_drafts import ScopeExistsError, ScopeFrozenError, UnknownItemError
from projects.services.scopes import NotSignedYetError, ScopeIncompleteError, ScopeNotSentError
from tests.factories import projects as make
from tests.factories import scopes as stage


@pytest.fixture
def engagement(workspace):
    return make.make_engagement(workspace=workspace, title="Churn model")


@pytest.fixture
def draft(engagement, actor):
    return stage.make_draft(actor=actor, engagement=engagement)


def texts(scope, section):
    scope.refresh_from_db()
    return [item.get("text") or item.get("title") for item in scope.document[section]]


# --- the draft ----------------------------------------------------------------------------------
@pytest.mark.parametrize("starter", [one.key for one in starters()])
def test_every_starting_point_makes_a_draft_whose_blanks_are_found(engagement, actor, starter):
    scope = scope_drafts.start_scope(engagement=engagement, by=actor, starter=starter)
    assert (scope.number, scope.status, scope.document["title"]) == (1, "draft", "Churn model")
    assert any("fill in [" in gap.text for gap in findings_of(scope))
    with pytest.raises(ScopeIncompleteError, match="cannot be sent yet"):
        scopes.send_scope(scope=scope, by=actor)


def test_milestones_that_exist_come_along(engagement, actor):
    row = make.make_milestone(engagement=engagement, title="Data audit", fee_minor=120000)
    scope = scope_drafts.start_scope(engagement=engagement, by=actor, starter="classification")
    assert [one["title"] for one in scope.document["milestones"]] == ["Data audit"]
    assert list(scope.links.values()) == [str(row.pk)]


def test_an_engagement_has_one_scope_at_a_time(draft, engagement, actor):
    with pytest.raises(ScopeExistsError, match="version 1, draft"):
        scope_drafts.start_scope(engagement=engagement, by=actor)
    with pytest.raises(IntegrityError), transaction.atomic():
        ScopeVersion.objects.create(engagement=engagement, number=2)


def test_items_are_added_changed_moved_and_removed(draft, actor):
    key = scope_drafts.add_item(scope=draft, section="in_scope", by=actor)
    scope_drafts.set_item(scope=draft, section="in_scope", item=key, text="A model card", by=actor)
    scope_drafts.move_item(scope=draft, section="in_scope", item=key, steps=-1, by=actor)
    assert texts(draft, "in_scope") == ["Audit of the data", "A model card", "Three rounds of modelling"]
    scope_drafts.remove_item(scope=draft, section="in_scope", item="i1", by=actor)
    assert texts(draft, "in_scope") == ["A model card", "Three rounds of modelling"]


def test_each_change_can_be_taken_back_and_a_run_of_strokes_is_one(draft, actor):
    before = ScopeVersion.objects.get(pk=draft.pk).document
    for text in ("A", "Au", "Audit of everything"):
        scope_drafts.set_item(scope=draft, section="in_scope", item="i1", text=text, by=actor)
    scope_drafts.remove_item(scope=draft, section="milestones", item="m2", by=actor)
    draft.refresh_from_db()
    assert draft.document["acceptance"][0]["milestone"] == ""
    assert scope_drafts.undo(scope=draft, by=actor) == "Deleted “Model”"
    assert scope_drafts.undo(scope=draft, by=actor) == "Changed an item"
    draft.refresh_from_db()
    assert draft.document == before


def test_terms_that_were_changed_in_one_run_are_taken_back_together(draft, actor):
    before = ScopeVersion.objects.get(pk=draft.pk).document
    scope_drafts.set_terms(scope=draft, title="Another", by=actor)
    scope_drafts.set_terms(scope=draft, deposit_percent=50, by=actor)
    scope_drafts.undo(scope=draft, by=actor)
    draft.refresh_from_db()
    assert draft.document == before


def test_the_currency_of_amounts_in_a_draft_stays(engagement, actor):
    scope = scope_drafts.start_scope(engagement=engagement, by=actor)
    scope_drafts.set_rate(scope=scope, rate_minor=9500, by=actor)
    update_engagement(engagement=engagement, currency="JPY", by=actor)
    scope.refresh_from_db()
    assert (scope.document["currency"], scope.rate_minor) == ("JPY", None)
    key = scope_drafts.add_item(scope=scope, section="milestones", title="Model", amount_minor=100, by=actor)
    with pytest.raises(CurrencyFixedError, match="amounts in JPY"):
        update_engagement(engagement=engagement, currency="EUR", by=actor)
    scope_drafts.remove_item(scope=scope, section="milestones", item=key, by=actor)
    update_engagement(engagement=engagement, currency="EUR", by=actor)
    assert scope_drafts.undo(scope=scope, by=actor) == "", "amounts of another currency do not come back"


def entries(scope, action):
    """What the trail says, oldest first."""
    return list(AuditEntry.objects.filter(target_id=str(scope.pk), action=action).order_by("sequence"))


def test_the_trail_says_once_a_sitting_who_edits_a_draft_and_nothing_of_what_is_written(engagement, actor, monkeypatch):
    scope = scope_drafts.start_scope(engagement=engagement, by=actor)
    away = replace(actor, address="203.0.113.7")
    key = scope_drafts.add_item(scope=scope, section="in_scope", by=actor)
    for text in ("A secret", "A secret plan"):
        scope_drafts.set_item(scope=scope, section="in_scope", item=key, text=text, by=actor)
    scope_drafts.set_terms(scope=scope, title="Theirs", by=away)
    scope_drafts.undo(scope=scope, by=away)
    assert [(one.actor_id, one.address, one.detail) for one in entries(scope, "scope.edited")] == [
        (actor.user.pk, "", {}),
        (actor.user.pk, "203.0.113.7", {}),
    ]
    monkeypatch.setattr(audit, "SITTING", timedelta(0))
    scope_drafts.undo(scope=scope, by=actor)
    assert len(entries(scope, "scope.edited")) == 3


def test_the_trail_says_what_an_hour_cost_and_costs(draft, actor):
    for rate in (9500, 9500, 12000):
        scope_drafts.set_rate(scope=draft, rate_minor=rate, by=actor)
    said = [one.detail for one in entries(draft, "scope.rate_changed")]
    assert said == [{"from": None, "to": 9500}, {"from": 9500, "to": 12000}]


def test_the_currency_of_what_was_sent_stays(draft, engagement, actor):
    sent = scopes.send_scope(scope=draft, by=actor)
    with pytest.raises(CurrencyFixedError):
        update_engagement(engagement=engagement, currency="USD", by=actor)
    fresh = scopes.revise_scope(scope=sent, by=actor)
    with pytest.raises(CurrencyFixedError):
        update_engagement(engagement=engagement, currency="USD", by=actor)
    assert fresh.document["currency"] == engagement.currency


@pytest.mark.parametrize(
    ("section", "fields", "match"),
    [
        ("milestones", {"due_on": "tomorrow"}, "is no date"),
        ("acceptance", {"milestone": "nowhere"}, "no milestone"),
        ("work", {"low": "many"}, "no number of hours"),
        ("work", {"high": "-3"}, "above zero"),
        ("work", {"high": "1,000"}, "could mean two numbers"),
        ("work", {"high": "1.500"}, "could mean two numbers"),
        ("work", {"high": "1e9"}, "more than 100,000 hours"),
        ("work", {"high": "NaN"}, "no number of hours"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_lost(draft, actor, section, fields, match):
    before = ScopeVersion.objects.get(pk=draft.pk)
    items = before.work if section == "work" else before.document[section]
    if not items:
        scope_drafts.add_item(scope=draft, section=section, by=actor)
        before = ScopeVersion.objects.get(pk=draft.pk)
        items = before.work
    with pytest.raises(ScopingError, match=match):
        scope_drafts.set_item(scope=draft, section=section, item=items[0]["id"], by=actor, **fields)
    after = ScopeVersion.objects.get(pk=draft.pk)
    assert (after.document, after.work) == (before.document, before.work)


@pytest.mark.parametrize(
    ("typed", "kept"), [("1000", "1000"), ("1,5", "1.5"), ("0.50", "0.5"), ("12.125", "12.125"), ("1e3", "1000")]
)
def test_hours_are_read_as_they_are_written_and_read_again_the_same(draft, actor, typed, kept):
    key = scope_drafts.add_item(scope=draft, section="work", by=actor)
    for high in (typed, kept):
        scope_drafts.set_item(scope=draft, section="work", item=key, by=actor, high=high)
        assert ScopeVersion.objects.get(pk=draft.pk).work[-1]["high"] == kept


def test_an_item_that_is_gone_says_so(draft, actor):
    with pytest.raises(UnknownItemError):
        scope_drafts.set_item(scope=draft, section="in_scope", item="gone", text="x", by=actor)
    with pytest.raises(UnknownItemError):
        scope_drafts.add_item(scope=draft, section="nowhere", by=actor)


def test_a_reviewer_changes_nothing(draft, reviewer):
    with pytest.raises(NotPermittedError):
        scope_drafts.set_terms(scope=draft, title="Mine", by=reviewer)


def test_the_estimate_shows_the_gap_and_the_chance_of_loss(draft, actor):
    work = [{"id": f"w{n}", "title": f"Work {n}", "low": "8", "likely": "12", "high": "40"} for n in range(6)]
    scope_drafts.replace_draft(scope=draft, work=work, by=actor)
    scope_drafts.set_rate(scope=draft, rate_minor=9500, by=actor)
    draft.refresh_from_db()
    found = estimate_of(draft)
    assert found.sum_likely == 72
    assert found.hours.p50 < found.hours.p80 < found.hours.p95
    assert found.gap == found.hours.p80 - 72 > 0
    assert 0 < found.chance_of_loss < 1
    assert estimate_of(draft) == found


def test_the_payment_plan_sums_up_to_the_price():
    milestones = [{"id": f"m{n}", "title": f"M{n}", "amount_minor": amount} for n, amount in enumerate((3333, 1, 6667))]
    document = ScopeDocument.from_dict({"milestones": milestones, "deposit_percent": 33})
    plan = payment_plan(document)
    assert sum(one.amount_minor for one in plan) == document.price_minor == 10001
    assert plan[0].amount_minor == document.deposit_minor


# --- sent, signed, countersigned -----------------------------------------------------------------
def test_sending_freezes_the_version_and_the_database_keeps_it(draft, actor):
    sent = scopes.send_scope(scope=draft, by=actor)
    assert sent.status == "sent"
    assert sent.digest == digest(sent.body)
    with pytest.raises(ScopeFrozenError, match="Revise it"):
        scope_drafts.set_terms(scope=draft, title="Other", by=actor)
    row = ScopeVersion.objects.filter(pk=sent.pk)
    for change in ({"body": {"x": 1}}, {"document": {}}, {"digest": "0" * 64}, {"number": 9}, {"status": "draft"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            row.update(**change)


@pytest.mark.parametrize("wish", ["signed", "superseded"])
def test_a_draft_cannot_become_what_follows_later(draft, wish):
    with pytest.raises(IntegrityError), transaction.atomic():
        ScopeVersion.objects.filter(pk=draft.pk).update(
            status=wish, body={}, digest="0" * 64, sent_at=timezone.now(), signed_at=timezone.now()
        )


def test_sending_mails_a_link_and_shows_it_once(draft, actor):
    sent = scopes.send_scope_to_client(scope=draft, by=actor, name="Carla", email=stage.EMAIL)
    letter = Mail.objects.get(to=stage.EMAIL)
    assert sent.address in letter.body
    assert "12,000.00 EUR" in letter.body
    assert sent.link.purpose == "scope"


def test_the_client_signs_with_evidence_and_the_freelancer_countersigns(draft, engagement, actor):
    sent = scopes.send_scope(scope=draft, by=actor)
    with pytest.raises(NotSignedYetError, match="has not signed version 1"):
        scopes.countersign_scope(scope=sent, name="Alice", by=actor)
    decision = stage.client_signs(sent, actor)
    assert decision.document_digest == sent.digest
    assert evidence_holds(decision)
    with pytest.raises(AlreadyAnsweredError):
        stage.client_signs(sent, actor)

    signed = scopes.countersign_scope(scope=sent, name="Alice  Example", by=actor)
    engagement.refresh_from_db()
    assert (signed.status, signed.number, signed.countersigned_name) == ("signed", 1, "Alice Example")
    assert (engagement.status, engagement.review_days) == ("active", 10)
    rows = list(Milestone.objects.filter(engagement=engagement))
    assert [(row.title, row.fee_minor, str(row.due_on)) for row in rows] == [
        ("Data audit", 400000, "2027-01-15"),
        ("Model", 800000, "2027-03-01"),
    ]
    assert rows[1].criteria == "Recall is at least 0.80 on sealed rows"
    entry = AuditEntry.objects.get(action="scope.signed")
    assert entry.detail["sha256"] == signed.digest
    assert "signed by both sides" in Mail.objects.get(to=stage.EMAIL).subject


def test_nobody_signs_in_an_engagement_that_is_over(draft, engagement, actor, client):
    sent = scopes.send_scope_to_client(scope=draft, by=actor)
    room = client.post(urlsplit(sent.address).path).headers["Location"]
    assert "I sign this scope" in client.get(room).content.decode()
    set_engagement_status(engagement=engagement, to="cancelled", by=actor, reason="No budget.")
    assert "I sign this scope" not in client.get(room).content.decode()
    signature = {"answer": "signed", "name": "Carla", "email": stage.EMAIL, "agreed": "on"}
    assert client.post(f"{room}answer/", signature).status_code == 422
    assert not Decision.objects.exists()


def test_milestones_that_were_there_are_brought_in_line_not_doubled(engagement, actor):
    row = make.make_milestone(engagement=engagement, title="Data audit", fee_minor=1)
    scope = scope_drafts.start_scope(engagement=engagement, by=actor)
    key = scope.document["milestones"][0]["id"]
    planned = [{"id": key, "title": "Data audit, in depth", "due_on": "2027-02-01", "amount_minor": 500000}]
    scope_drafts.replace_draft(scope=scope, document=stage.document(milestones=planned, acceptance=[
        {"id": "c1", "text": "A report that the client reads"}
    ]), by=actor)  # fmt: skip
    scope.refresh_from_db()
    sent = scopes.send_scope(scope=scope, by=actor)
    stage.client_signs(sent, actor)
    scopes.countersign_scope(scope=sent, name="Alice", by=actor)
    row.refresh_from_db()
    assert (row.title, row.fee_minor) == ("Data audit, in depth", 500000)
    assert engagement.milestones.count() == 1


def test_who_asks_for_changes_gets_a_new_version(draft, engagement, actor):
    sent = scopes.send_scope(scope=draft, by=actor)
    visit = stage.visit_of(sent, "scope", actor)
    fields = stage.answer(Decision.Answer.CHANGES_REQUESTED, message="Drop the deposit.")
    scopes.answer_scope(visit=visit, scope=sent, fields=fields, consent="I agree.")
    with pytest.raises(NotSignedYetError):
        scopes.countersign_scope(scope=sent, name="Alice", by=actor)
    fresh = scopes.revise_scope(scope=sent, by=actor)
    sent.refresh_from_db()
    assert (sent.status, fresh.status, fresh.number) == ("superseded", "draft", 2)
    assert fresh.document == sent.document
    with pytest.raises(ScopeNotSentError, match="superseded"):
        scopes.answer_scope(visit=visit, scope=sent, fields=stage.answer("signed"), consent="I agree.")
    assert scope_of(engagement) == fresh


def test_a_signed_scope_is_not_revised(actor):
    signed = stage.make_signed(actor=actor)
    with pytest.raises(ScopeFrozenError, match="change order"):
        scopes.revise_scope(scope=signed, by=actor)
    with pytest.raises(ScopeExistsError, match="change order"):
        scope_drafts.start_scope(engagement=signed.engagement, by=actor)


def test_a_cancelled_engagement_sends_no_scope(draft, engagement, actor):
    set_engagement_status(engagement=engagement, to="cancelled", by=actor)
    with pytest.raises(EngagementClosedError):
        scopes.send_scope(scope=draft, by=actor)


def test_the_trail_names_no_client(actor):
    stage.make_signed(actor=actor)
    details = " ".join(AuditEntry.objects.values_list("detail_json", flat=True))
    assert not re.search(r"carla|@", details, re.IGNORECASE)


@pytest.mark.parametrize("ids", [["1", 1], ["a", " a "], ["x" * 200, "x" * 201]])
def test_two_work_items_under_one_id_are_refused_however_it_is_written(engagement, actor, ids):
    draft = scope_drafts.start_scope(engagement=engagement, by=actor)
    with pytest.raises(ScopingError, match="used twice"):
        scope_drafts.replace_draft(scope=draft, work=[{"id": one, "title": "Join"} for one in ids], by=actor)
