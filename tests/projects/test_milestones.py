from datetime import date, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from projects.errors import IllegalTransitionError, NotPermittedError
from projects.forms.amounts import read_amount, typed_amount
from projects.forms.milestones import MilestoneForm
from projects.models import Milestone
from projects.models.audit import AuditEntry
from projects.queries.engagements import need_of
from projects.services import engagements, milestones
from projects.services.engagements import EngagementClosedError
from projects.services.milestones import Evidence, EvidenceMissingError, TermsFixedError
from tests.factories import projects as make
from tests.projects import page_rules

STATUSES = Milestone.Status.values
PATH_TO = {
    "planned": [],
    "in_progress": ["in_progress"],
    "submitted": ["in_progress", "submitted"],
    "changes_requested": ["in_progress", "submitted", "changes_requested"],
    "accepted": ["in_progress", "submitted", "accepted"],
    "invoiced": ["in_progress", "submitted", "accepted", "invoiced"],
    "paid": ["in_progress", "submitted", "accepted", "invoiced", "paid"],
    "cancelled": ["cancelled"],
}
HTMX = {"HX-Request": "true"}


@pytest.fixture
def engagement(workspace, actor):
    row = make.make_engagement(workspace=workspace, title="Churn model")
    return engagements.set_engagement_status(engagement=row, to="active", by=actor)


@pytest.fixture
def milestone(engagement):
    return make.make_milestone(engagement=engagement, title="Baseline", fee_minor=320000)


def bring_to(milestone, status, actor):
    for step in PATH_TO[status]:
        milestone = bring_on(milestone, step, actor)
    return milestone


def bring_on(milestone, to, actor):
    """One step; that of an invoice needs its number."""
    if (milestone.status, to) == ("accepted", "invoiced"):
        return milestones.mark_invoiced(milestone=milestone, number="2026-17", by=actor)
    return milestones.set_milestone_status(milestone=milestone, to=to, by=actor)


# --- services -----------------------------------------------------------------------------------
@pytest.mark.parametrize("start", STATUSES)
@pytest.mark.parametrize("wish", STATUSES)
def test_only_the_agreed_steps_are_possible(actor, milestone, start, wish):
    row = bring_to(milestone, start, actor)
    possible = wish == start or wish in Milestone.TRANSITIONS[start]
    if possible or (wish == "accepted" and start in ("invoiced", "paid")):  # accepting again changes nothing
        after = bring_on(row, wish, actor)
        assert after.status == (wish if possible else start)
    else:
        with pytest.raises(IllegalTransitionError, match="cannot become"):
            milestones.set_milestone_status(milestone=row, to=wish, by=actor)


@pytest.mark.parametrize("start", STATUSES)
@pytest.mark.parametrize("wish", STATUSES)
def test_the_database_itself_refuses_other_steps(actor, milestone, start, wish):
    row = bring_to(milestone, start, actor)
    moments = {"submitted_at": timezone.now()}
    if wish in Milestone.ACCEPTED_OR_LATER and start not in Milestone.ACCEPTED_OR_LATER:
        moments["accepted_at"] = timezone.now()
    change = Milestone.objects.filter(pk=row.pk)
    if wish == start or wish in Milestone.TRANSITIONS[start]:
        assert change.update(status=wish, **moments) == 1
    else:
        with pytest.raises(IntegrityError), transaction.atomic():
            change.update(status=wish, **moments)


@pytest.mark.parametrize("term", ["title", "promise", "criteria", "deliverables", "fee_minor", "accepted_at"])
def test_the_database_keeps_what_was_accepted(actor, milestone, term):
    bring_to(milestone, "accepted", actor)
    new = {"fee_minor": 1, "accepted_at": timezone.now()}.get(term, "changed")
    with pytest.raises(IntegrityError), transaction.atomic():
        Milestone.objects.filter(pk=milestone.pk).update(**{term: new})


def test_accepting_needs_the_evidence(actor, milestone):
    bring_to(milestone, "submitted", actor)
    with pytest.raises(EvidenceMissingError, match="still misses: recall"):
        milestones.accept_milestone(milestone=milestone, evidence=Evidence(missing=("recall",)), by=actor)
    milestone.refresh_from_db()
    assert milestone.status == "submitted"


def test_accepting_twice_keeps_the_first_moment(actor, milestone):
    bring_to(milestone, "submitted", actor)
    first = milestones.accept_milestone(milestone=milestone, evidence=Evidence(how="deemed"), by=actor)
    again = milestones.accept_milestone(milestone=milestone, evidence=Evidence(missing=("recall",)), by=actor)
    assert (again.accepted_at, again.accepted_how) == (first.accepted_at, "deemed")


def test_the_terms_of_an_accepted_milestone_do_not_change(actor, milestone):
    bring_to(milestone, "accepted", actor)
    with pytest.raises(TermsFixedError, match="what was accepted does not change"):
        milestones.update_milestone(milestone=milestone, by=actor, fee_minor=1)


def test_nothing_changes_in_a_cancelled_engagement(actor, milestone, engagement):
    engagements.set_engagement_status(engagement=engagement, to="cancelled", by=actor)
    for attempt in (
        lambda: milestones.create_milestone(engagement=engagement, by=actor, title="New"),
        lambda: milestones.update_milestone(milestone=milestone, by=actor, title="New"),
        lambda: milestones.set_milestone_status(milestone=milestone, to="in_progress", by=actor),
        lambda: milestones.move_milestone(milestone=milestone, by=actor, steps=1),
    ):
        with pytest.raises(EngagementClosedError):
            attempt()


def test_milestones_are_added_at_the_end_and_move(actor, engagement):
    a, b, c = (milestones.create_milestone(engagement=engagement, by=actor, title=name) for name in "ABC")

    def order():
        return "".join(engagement.milestones.values_list("title", flat=True))

    assert order() == "ABC"
    milestones.move_milestone(milestone=c, by=actor, steps=-1)
    assert order() == "ACB"
    milestones.move_milestone(milestone=a, by=actor, steps=-5)
    assert order() == "ACB"
    milestones.move_milestone(milestone=a, by=actor, steps=9)
    assert order() == "CBA"
    assert b.pk


def test_a_change_of_the_fee_keeps_the_old_one_in_the_trail(actor, milestone):
    milestones.update_milestone(milestone=milestone, by=actor, fee_minor=400000)
    assert AuditEntry.objects.visible_to(actor).first().detail == {"fields": ["fee_minor"], "fee_minor_before": 320000}


def test_a_reviewer_and_a_stranger_change_nothing(reviewer, stranger, milestone):
    with pytest.raises(NotPermittedError):
        milestones.set_milestone_status(milestone=milestone, to="accepted", by=reviewer)
    with pytest.raises(milestone.engagement.DoesNotExist):
        milestones.update_milestone(milestone=milestone, by=stranger, title="Mine")


# --- fee as typed -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("typed", "currency", "minor"),
    [
        ("4800", "EUR", 480000),
        ("4800.50", "EUR", 480050),
        ("4800,5", "EUR", 480050),
        ("4 800,50", "EUR", 480050),
        ("1,234,567.89", "EUR", 123456789),
        ("", "EUR", 0),
        ("4800", "JPY", 4800),
        ("1.2345", "CLF", 12345),
    ],
)
def test_a_fee_is_read_as_it_was_meant(typed, currency, minor):
    form = MilestoneForm({"title": "A", "fee": typed}, currency=currency)
    assert form.is_valid(), form.errors
    assert form.terms["fee_minor"] == minor


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("1,234", "two amounts"),
        ("1.234", "two amounts"),
        ("-5", "not an amount"),
        ("4800.5x", "not an amount"),
        ("9" * 20, "more than"),
    ],
)
def test_a_fee_that_is_unclear_is_refused(typed, says):
    form = MilestoneForm({"title": "A", "fee": typed}, currency="EUR")
    assert not form.is_valid()
    assert says in form.errors["fee"][0]


def test_a_currency_without_cents_takes_none():
    form = MilestoneForm({"title": "A", "fee": "4800.50"}, currency="JPY")
    assert "0 decimal places" in form.errors["fee"][0]


def test_the_form_shows_the_fee_it_would_save(milestone):
    form = MilestoneForm(instance=milestone, currency="EUR")
    assert form.initial["fee"] == "3200.00"


# --- what waits for whom ------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("status", "days", "words", "who"),
    [
        ("planned", -1, "is overdue", "you"),
        ("in_progress", 5, "is due soon", "you"),
        ("submitted", 5, "reviews", "client"),
        ("changes_requested", 5, "Changes requested", "you"),
        ("accepted", 5, "can be invoiced", "you"),
    ],
)
def test_it_says_whose_turn_it_is(actor, milestone, status, days, words, who):
    today = timezone.localdate()
    milestone.due_on = today + timedelta(days=days)
    milestone.save()
    need = need_of(bring_to(milestone, status, actor), today=today)
    assert words in need.text
    assert need.who == who


@pytest.mark.parametrize(("status", "days"), [("planned", 60), ("paid", -5), ("cancelled", -5)])
def test_it_keeps_quiet_when_nothing_is_to_be_done(actor, milestone, status, days):
    today = timezone.localdate()
    milestone.due_on = today + timedelta(days=days)
    milestone.save()
    assert need_of(bring_to(milestone, status, actor), today=today) is None


def test_silence_that_accepts_is_counted_down(actor, milestone, engagement):
    engagements.update_engagement(engagement=engagement, by=actor, review_days=10)
    row = bring_to(milestone, "submitted", actor)
    row.submitted_at = timezone.now() - timedelta(days=8)
    row.engagement.refresh_from_db()
    assert "Silence counts as acceptance in 2 days." in need_of(row, today=timezone.localdate()).why


# --- pages --------------------------------------------------------------------------------------
def test_a_milestone_is_added_in_place(signed_in, engagement):
    address = reverse("projects:milestone-new", args=[engagement.pk])
    form = signed_in.get(address, headers=HTMX)
    assert b"<html" not in form.content
    bad = signed_in.post(address, {"title": "", "fee": "1,234"}, headers=HTMX)
    assert bad.status_code == 422
    assert b'id="id_fee_error"' in bad.content
    good = signed_in.post(address, {"title": "Baseline", "fee": "1234", "due_on": "2026-12-01"}, headers=HTMX)
    assert (good.status_code, good["HX-Retarget"]) == (200, "#engagement")
    made = Milestone.objects.get()
    assert (made.fee_minor, made.due_on) == (123400, date(2026, 12, 1))
    assert f'id="milestone-{made.pk}"' in good.content.decode()


def test_without_htmx_the_same_links_work(signed_in, engagement, milestone):
    back = reverse("projects:engagement", args=[engagement.pk])
    edit = signed_in.post(reverse("projects:milestone-edit", args=[milestone.pk]), {"title": "New title", "fee": "10"})
    move = signed_in.post(reverse("projects:milestone-move", args=[milestone.pk]), {"way": "up"})
    assert edit["Location"] == move["Location"] == back
    milestone.refresh_from_db()
    assert (milestone.title, milestone.fee_minor) == ("New title", 1000)


def test_a_step_is_taken_in_the_page_with_its_reason(signed_in, actor, milestone):
    address = reverse("projects:milestone-status", args=[milestone.pk])
    bring_to(milestone, "submitted", actor)
    response = signed_in.post(address, {"to": "accepted", "reason": "by e-mail on Monday", "from": "page"}, follow=True)
    assert "accepted: by e-mail on Monday" in response.content.decode()
    refused = signed_in.post(address, {"to": "planned", "from": "page"}, follow=True)
    assert "cannot become planned" in refused.content.decode()


def test_nothing_is_invoiced_without_a_number(signed_in, actor, milestone):
    bring_to(milestone, "accepted", actor)
    address = reverse("projects:milestone-status", args=[milestone.pk])
    refused = signed_in.post(address, {"to": "invoiced", "from": "page"}, follow=True)
    assert "Type the invoice’s number" in refused.content.decode()
    milestone.refresh_from_db()
    assert milestone.status == "accepted"


@pytest.mark.parametrize("currency", ["EUR", "JPY", "KWD"])
@pytest.mark.parametrize("minor", [1, 500, 480_500, 480_505, 4_800_505, 10**12])
def test_an_amount_is_read_back_as_it_is_written(currency, minor):
    assert read_amount(typed_amount(minor, currency), currency) == minor
    assert read_amount(typed_amount(-minor, currency), currency, may_be_negative=True) == -minor


def test_an_accepted_milestone_offers_no_edit_and_refuses_one(signed_in, actor, milestone):
    bring_to(milestone, "accepted", actor)
    edit = reverse("projects:milestone-edit", args=[milestone.pk])
    assert edit not in page_rules.opens(signed_in, "projects:milestone", milestone.pk)
    response = signed_in.post(edit, {"title": "Cheaper", "fee": "1"})
    assert response.status_code == 422
    assert "what was accepted does not change" in response.content.decode()


def test_a_reviewer_sees_no_buttons(client, reviewer, milestone):
    client.force_login(reviewer.user)
    text = page_rules.opens(client, "projects:milestone", milestone.pk, contains=["Baseline", "3,200.00"])
    assert reverse("projects:milestone-status", args=[milestone.pk]) not in text
    assert (
        client.post(reverse("projects:milestone-status", args=[milestone.pk]), {"to": "in_progress"}).status_code == 403
    )


@pytest.mark.parametrize("name", ["milestone", "milestone-edit"])
def test_a_milestones_page_opens(signed_in, milestone, name):
    page_rules.opens(signed_in, f"projects:{name}", milestone.pk, contains=["Baseline"])


@pytest.mark.parametrize(
    ("name", "methods"),
    [
        ("milestone", "get post"),
        ("milestone-edit", "get put"),
        ("milestone-status", "post get"),
        ("milestone-move", "post get"),
    ],
)
def test_a_milestone_is_hidden_and_guarded(client, actor, stranger, milestone, name, methods):
    method, wrong = methods.split()
    client.force_login(actor.user)
    page_rules.refuses(client, wrong, f"projects:{name}", milestone.pk)
    page_rules.hides_from_strangers(client, stranger, f"projects:{name}", milestone.pk, method=method)
    page_rules.sends_to_sign_in(client, f"projects:{name}", milestone.pk, method=method)


def test_a_milestones_page_is_cheap(signed_in, milestone, django_assert_max_num_queries):
    with django_assert_max_num_queries(11):  # the parts of other apps included
        signed_in.get(reverse("projects:milestone", args=[milestone.pk]))
