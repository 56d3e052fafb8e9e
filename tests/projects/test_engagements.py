from datetime import date

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from projects.errors import IllegalTransitionError, NotPermittedError
from projects.models import Client, Engagement
from projects.models.audit import AuditEntry
from projects.queries.engagements import engagements_of, money_in_sight
from projects.queries.ledgers import ledger_of_engagement
from projects.services import engagements, milestones
from projects.services.engagements import (
    CurrencyFixedError,
    EngagementClosedError,
    EngagementDatesError,
    UnknownCurrencyError,
)
from tests.factories import projects as make
from tests.projects import page_rules

STATUSES = Engagement.Status.values
PATH_TO = {  # how to bring a draft into each status
    "draft": [],
    "active": ["active"],
    "on_hold": ["active", "on_hold"],
    "completed": ["active", "completed"],
    "cancelled": ["cancelled"],
    "archived": ["cancelled", "archived"],
}


@pytest.fixture
def acme(workspace):
    return make.make_client(workspace=workspace, name="Acme")


@pytest.fixture
def engagement(acme):
    return make.make_engagement(client=acme, title="Churn model")


def bring_to(engagement, status, actor):
    for step in PATH_TO[status]:
        engagement = engagements.set_engagement_status(engagement=engagement, to=step, by=actor)
    return engagement


# --- services -----------------------------------------------------------------------------------
def test_an_engagement_starts_as_a_draft_in_the_workspaces_currency(actor, acme):
    made = engagements.create_engagement(client=acme, by=actor, title="Churn")
    assert (made.status, made.currency) == ("draft", actor.workspace.currency)


def test_an_engagement_for_someone_elses_client_is_refused(stranger, acme):
    with pytest.raises(Client.DoesNotExist):
        engagements.create_engagement(client=acme, by=stranger, title="Churn")


@pytest.mark.parametrize("start", STATUSES)
@pytest.mark.parametrize("wish", STATUSES)
def test_only_the_agreed_steps_are_possible(actor, engagement, start, wish):
    row = bring_to(engagement, start, actor)
    if wish == start or wish in Engagement.TRANSITIONS[start]:
        assert engagements.set_engagement_status(engagement=row, to=wish, by=actor).status == wish
    else:
        with pytest.raises(IllegalTransitionError, match="cannot become"):
            engagements.set_engagement_status(engagement=row, to=wish, by=actor)


@pytest.mark.parametrize("start", STATUSES)
@pytest.mark.parametrize("wish", STATUSES)
def test_the_database_itself_refuses_other_steps(actor, engagement, start, wish):
    row = bring_to(engagement, start, actor)
    change = Engagement.objects.filter(pk=row.pk)
    if wish == start or wish in Engagement.TRANSITIONS[start]:
        assert change.update(status=wish) == 1
    else:
        with pytest.raises(IntegrityError), transaction.atomic():
            change.update(status=wish)


def test_the_trail_keeps_the_step_and_the_reason(actor, engagement):
    bring_to(engagement, "active", actor)
    engagements.set_engagement_status(engagement=engagement, to="on_hold", by=actor, reason="Waiting for data ")
    newest = AuditEntry.objects.visible_to(actor).first()
    assert newest.action == "engagement.on_hold"
    assert newest.detail == {"from": "active", "reason": "Waiting for data"}


def test_the_currency_stays_once_there_are_fees(actor, engagement):
    engagements.update_engagement(engagement=engagement, by=actor, currency="USD")
    make.make_milestone(engagement=engagement, fee_minor=100)
    with pytest.raises(CurrencyFixedError, match="has amounts in USD"):
        engagements.update_engagement(engagement=engagement, by=actor, currency="EUR")


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"currency": "EURO"}, UnknownCurrencyError),
        ({"starts_on": date(2026, 2, 1), "ends_on": date(2026, 1, 1)}, EngagementDatesError),
    ],
)
def test_what_cannot_be_is_refused(actor, engagement, fields, error):
    with pytest.raises(error):
        engagements.update_engagement(engagement=engagement, by=actor, **fields)


def test_an_archived_engagement_rests(actor, engagement):
    bring_to(engagement, "archived", actor)
    with pytest.raises(EngagementClosedError):
        engagements.update_engagement(engagement=engagement, by=actor, title="New")


def test_a_reviewer_changes_nothing(reviewer, engagement):
    with pytest.raises(NotPermittedError):
        engagements.set_engagement_status(engagement=engagement, to="active", by=reviewer)


# --- money --------------------------------------------------------------------------------------
def test_the_ledger_adds_up(actor, engagement):
    bring_to(engagement, "active", actor)
    rows = [make.make_milestone(engagement=engagement, fee_minor=fee) for fee in (100, 250, 400, 999)]
    for row, steps in zip(rows, (4, 3, 2, 0), strict=True):
        for to in ("in_progress", "submitted", "accepted")[:steps]:
            milestones.set_milestone_status(milestone=row, to=to, by=actor)
    milestones.mark_invoiced(milestone=rows[0], number="1", by=actor)
    milestones.set_milestone_status(milestone=rows[0], to="paid", by=actor)
    milestones.set_milestone_status(milestone=rows[3], to="cancelled", by=actor)
    ledger = ledger_of_engagement(engagement)
    assert {
        name: ledger[name] for name in ("original", "changes", "revised", "accepted", "invoiced", "paid", "balance")
    } == {
        "original": 750,
        "changes": 0,
        "revised": 750,
        "accepted": 350,
        "invoiced": 100,
        "paid": 100,
        "balance": 650,
    }
    (seen,) = engagements_of(actor)
    assert (seen.fee, seen.promised, seen.kept) == (750, 3, 2)
    (sums,) = money_in_sight(actor)
    assert (sums["unbilled"], sums["outstanding"], sums["open"], sums["paid"]) == (250, 0, 400, 100)


# --- pages --------------------------------------------------------------------------------------
def test_the_list_filters_by_status_text_and_order(signed_in, actor, engagement, acme):
    make.make_engagement(client=make.make_client(workspace=actor.workspace, name="Borealis"), title="Forecast")
    archived = make.make_engagement(client=acme, title="Long ago")
    bring_to(archived, "archived", actor)
    address = reverse("projects:engagement-list")

    def titles(**query):
        return [row.title for row in signed_in.get(address, query).context["page"]]

    assert set(titles()) == {"Churn model", "Forecast"}
    assert titles(q="boreal") == ["Forecast"]
    assert titles(status="archived") == ["Long ago"]
    assert titles(status="nonsense", sort="title") == ["Churn model", "Forecast"]
    assert titles(sort="-title") == ["Forecast", "Churn model"]


def test_an_engagement_is_made_in_the_page(signed_in, acme):
    form = {"client": acme.pk, "title": "Churn", "billing": "milestone", "currency": "eur"}
    response = signed_in.post(reverse("projects:engagement-new"), form)
    made = Engagement.objects.get()
    assert response["Location"] == reverse("projects:engagement", args=[made.pk])
    assert (made.client, made.currency) == (acme, "EUR")


def test_someone_elses_client_cannot_even_be_named(signed_in, stranger):
    theirs = make.make_client(workspace=stranger.workspace, name="Theirs")
    form = {"client": theirs.pk, "title": "Churn", "billing": "milestone", "currency": "EUR"}
    response = signed_in.post(reverse("projects:engagement-new"), form)
    assert response.status_code == 422
    assert not Engagement.objects.exists()


def test_wrong_dates_and_currencies_come_back_beside_their_field(signed_in, engagement):
    form = {
        "title": "Churn",
        "billing": "milestone",
        "currency": "XXX",
        "starts_on": "2026-02-01",
        "ends_on": "2026-01-01",
    }
    response = signed_in.post(reverse("projects:engagement-edit", args=[engagement.pk]), form)
    assert response.status_code == 422
    text = response.content.decode()
    assert 'id="id_ends_on_error"' in text
    assert 'id="id_currency_error"' in text


def test_without_a_client_the_page_offers_one(signed_in, workspace):
    page_rules.opens(signed_in, "projects:engagement-new", contains=["First a client", reverse("projects:client-new")])


def test_the_page_shows_where_the_contract_stands(signed_in, actor, engagement):
    bring_to(engagement, "active", actor)
    milestone = make.make_milestone(engagement=engagement, title="Baseline", fee_minor=123456, due_on=date(2020, 1, 1))
    text = page_rules.opens(
        signed_in,
        "projects:engagement",
        engagement.pk,
        contains=["Baseline", "1,234.56", "is overdue", "Engagement is active"],
    )
    assert reverse("projects:milestone", args=[milestone.pk]) in text


def test_completing_lies_in_the_menu_while_there_is_a_next_step(signed_in, actor, engagement):
    bring_to(engagement, "active", actor)
    milestone = make.make_milestone(engagement=engagement)
    page = signed_in.get(reverse("projects:engagement", args=[engagement.pk])).content.decode()
    assert page.index('value="completed"') < page.index("</details>", page.index("more-menu"))
    milestone.delete()
    page = signed_in.get(reverse("projects:engagement", args=[engagement.pk])).content.decode()
    assert "Waiting for" not in page


@pytest.mark.parametrize("status", ["completed", "cancelled", "archived"])
def test_what_is_over_offers_no_beginning(signed_in, actor, engagement, status):
    milestone = make.make_milestone(engagement=engagement)
    begin = reverse("projects:scope-start", args=[engagement.pk])
    assert begin in page_rules.opens(signed_in, "projects:engagement", engagement.pk)
    bring_to(engagement, status, actor)
    assert begin not in page_rules.opens(signed_in, "projects:engagement", engagement.pk)
    shown = page_rules.opens(signed_in, "projects:milestone", milestone.pk)
    assert ('class="next-step"' in shown) == (status == "completed")  # which may be made active again


def test_a_step_is_taken_in_the_page_and_an_impossible_one_is_explained(signed_in, engagement):
    make.make_milestone(engagement=engagement)
    address = reverse("projects:engagement-status", args=[engagement.pk])
    signed_in.post(address, {"to": "active"})
    engagement.refresh_from_db()
    assert engagement.status == "active"
    told = signed_in.post(address, {"to": "archived"}, follow=True).content.decode()
    assert "cannot become archived" in told


PAGES = ["engagement", "engagement-edit", "milestone-new"]


@pytest.mark.parametrize("name", PAGES)
def test_an_engagements_page_opens(signed_in, engagement, name):
    page_rules.opens(signed_in, f"projects:{name}", engagement.pk)


@pytest.mark.parametrize("name", [*PAGES, "engagement-status"])
def test_an_engagement_is_hidden_from_strangers_and_the_signed_out(client, stranger, engagement, name):
    method = "post" if name == "engagement-status" else "get"
    page_rules.hides_from_strangers(client, stranger, f"projects:{name}", engagement.pk, method=method)
    page_rules.sends_to_sign_in(client, f"projects:{name}", engagement.pk, method=method)


@pytest.mark.parametrize(
    ("name", "method"),
    [("engagement", "post"), ("engagement-edit", "put"), ("milestone-new", "delete"), ("engagement-status", "get")],
)
def test_an_engagements_page_refuses_the_wrong_method(signed_in, engagement, name, method):
    page_rules.refuses(signed_in, method, f"projects:{name}", engagement.pk)


def test_the_list_and_the_form_ask_to_sign_in_and_refuse_the_wrong_method(signed_in, client):
    page_rules.refuses(signed_in, "post", "projects:engagement-list")
    page_rules.refuses(signed_in, "put", "projects:engagement-new")
    page_rules.sends_to_sign_in(client, "projects:engagement-list")
    page_rules.sends_to_sign_in(client, "projects:engagement-new")


def test_nobody_sees_engagements_of_others(client, stranger, engagement):
    client.force_login(stranger.user)
    assert "Churn model" not in client.get(reverse("projects:engagement-list")).content.decode()


# --- cost ---------------------------------------------------------------------------------------
def test_the_list_is_cheap(signed_in, acme, django_assert_max_num_queries):
    for _ in range(10):
        make.make_milestone(engagement=make.make_engagement(client=acme))
    with django_assert_max_num_queries(5):
        signed_in.get(reverse("projects:engagement-list"))


def test_the_page_costs_the_same_for_many_milestones(signed_in, actor, engagement, django_assert_max_num_queries):
    bring_to(engagement, "active", actor)
    for _ in range(12):
        make.make_milestone(engagement=engagement)
    with django_assert_max_num_queries(13):  # the parts of other apps included
        signed_in.get(reverse("projects:engagement", args=[engagement.pk]))
