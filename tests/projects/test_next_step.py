"""The one next step of an engagement: from writing the scope to the last payment."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from projects.models import Engagement, Milestone
from projects.queries.steps import next_step
from projects.services import change_orders, milestones, scope_drafts, scopes
from projects.services.engagements import set_engagement_status
from projects.services.milestones import InvoiceNumberMissingError
from tests.factories import projects as make
from tests.factories import scopes as stage


@pytest.fixture
def engagement(workspace):
    return make.make_engagement(workspace=workspace, title="Churn model", review_days=14)


def step(engagement, actor):
    fresh = Engagement.objects.select_related("client").get(pk=engagement.pk)
    rows = list(fresh.milestones.all())
    return next_step(actor, fresh, rows)


def bring(milestone, *statuses, by):
    for status in statuses:
        milestones.set_milestone_status(milestone=milestone, to=status, by=by)


def test_from_the_scope_to_its_signature(engagement, actor):
    assert (step(engagement, actor).action, step(engagement, actor).who) == ("Write the scope", "you")
    draft = stage.make_draft(actor=actor, engagement=engagement)
    assert "Finish version 1" in step(engagement, actor).text
    scopes.send_scope(scope=draft, by=actor)
    assert step(engagement, actor).who == "client"
    draft.refresh_from_db()
    stage.client_signs(draft, actor)
    found = step(engagement, actor)
    assert (found.action, found.url) == ("Countersign", reverse("projects:scope", args=[draft.pk]))
    scopes.countersign_scope(scope=draft, name="Alice", by=actor)
    assert Milestone.objects.order_by("position").first().title in step(engagement, actor).text


def test_a_request_is_answered_before_the_work_goes_on(actor):
    engagement = stage.make_signed(actor=actor).engagement
    order = change_orders.log_request(engagement=engagement, wish="Also the webshop", by=actor)
    assert "in or out of scope?" in step(engagement, actor).text
    change_orders.mark_request(order=order, fit="in", by=actor)
    assert "webshop" not in step(engagement, actor).text
    change_orders.mark_request(order=order, fit="out", by=actor)
    assert step(engagement, actor).action == "Price it"


def test_from_the_work_to_the_last_payment(engagement, actor):
    only = make.make_milestone(engagement=engagement, title="Model", due_on=timezone.localdate() + timedelta(days=9))
    set_engagement_status(engagement=engagement, to="active", by=actor)
    assert "“Model”" in step(engagement, actor).text
    bring(only, "in_progress", "submitted", by=actor)
    waiting = step(engagement, actor)
    last = timezone.localdate() + timedelta(days=14)
    assert (waiting.who, f"by {last:%-d %B}" in waiting.text) == ("client", True)
    bring(only, "changes_requested", by=actor)
    assert "asked for changes" in step(engagement, actor).text
    bring(only, "submitted", "accepted", by=actor)
    assert step(engagement, actor).url.endswith("#invoice")
    milestones.mark_invoiced(milestone=only, number="2026-17", by=actor)
    assert step(engagement, actor).who == "client"
    bring(only, "paid", by=actor)
    assert "complete the engagement" in step(engagement, actor).text
    set_engagement_status(engagement=engagement, to="on_hold", by=actor)
    assert "On hold" in step(engagement, actor).text
    set_engagement_status(engagement=engagement, to="completed", by=actor)
    assert step(engagement, actor) is None


def test_the_page_has_one_sentence_and_one_button(signed_in, engagement, actor):
    page = signed_in.get(reverse("projects:engagement", args=[engagement.pk])).content.decode()
    assert page.count('class="next-step"') == 1
    assert page.count("btn-primary") == 1
    scope_drafts.start_scope(engagement=engagement, by=actor)
    assert "Finish version 1" in signed_in.get(reverse("projects:engagement", args=[engagement.pk])).content.decode()


# --- an invoice that was written elsewhere ----------------------------------------------------------
@pytest.fixture
def accepted(engagement, actor):
    row = make.make_milestone(engagement=engagement, title="Model")
    set_engagement_status(engagement=engagement, to="active", by=actor)
    bring(row, "in_progress", "submitted", "accepted", by=actor)
    return row


def test_an_invoice_is_noted_with_number_and_day(signed_in, accepted):
    page = reverse("projects:milestone", args=[accepted.pk])
    assert 'id="invoice"' in signed_in.get(page).content.decode()
    address = reverse("projects:milestone-invoice", args=[accepted.pk])
    assert signed_in.post(address, {"number": "", "on": "2026-11-02"}).status_code == 422
    text = signed_in.post(address, {"number": "2026-17", "on": "2026-11-02"}, follow=True).content.decode()
    assert "2026-17" in text
    assert 'id="invoice"' not in text
    accepted.refresh_from_db()
    assert (accepted.status, accepted.invoice_number, str(accepted.invoiced_on)) == (
        "invoiced",
        "2026-17",
        "2026-11-02",
    )


def test_an_invoice_needs_a_number_and_an_accepted_milestone(accepted, actor):
    with pytest.raises(InvoiceNumberMissingError):
        milestones.mark_invoiced(milestone=accepted, number="  ", by=actor)
    milestones.mark_invoiced(milestone=accepted, number="1", by=actor)
    with pytest.raises(Exception, match="cannot become"):
        milestones.mark_invoiced(milestone=accepted, number="2", by=actor)


def test_the_dashboard_leads_to_the_invoice(signed_in, accepted):
    page = signed_in.get("/").content.decode()
    assert reverse("projects:milestone", args=[accepted.pk]) + "#invoice" in page
