"""Who bears what: rules, shares that add up, machine time of jobs, budgets and their alerts."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core.management import call_command
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing import dispatch
from billing.allocation import Condition, RuleError
from billing.models import BudgetAlert, Charge, ComputeEntry, SpendRule
from billing.queries.budgets import budget_needs, state_of
from billing.queries.compute import purpose_of
from billing.queries.costs import engagement_cost, milestone_cost
from billing.queries.lines import every_line, find_lines
from billing.queries.narrowing import Question
from billing.queries.rules import preview_rule
from billing.queries.spend import explore, forecast_of
from billing.services import budgets, compute, rates
from billing.services.rules import Target
from projects.models import Mail
from tests.factories import billing as make
from tests.factories import projects as ground
from tests.factories.jobs import make_job, work_off

pytestmark = pytest.mark.django_db

TODAY = datetime(2026, 10, 20, 12, tzinfo=UTC)
TAGGED = [{"field": "tag", "key": "client", "word": "equals", "value": "acme"}]
ALL_COMPUTE = [{"field": "service", "word": "equals", "value": "compute engine"}]


# --- rules --------------------------------------------------------------------------------------
def test_the_first_rule_wins_and_the_order_can_change(actor, october, engagement):
    first = make.make_rule(actor, name="Tagged", conditions=TAGGED, engagement=engagement)
    second = make.make_rule(actor, name="All compute", conditions=ALL_COMPUTE)
    assert set(Charge.objects.values_list("rule", flat=True)) == {first.pk, None}
    dispatch.move_rule(rule=second, by=actor, steps=-1)
    assert set(Charge.objects.values_list("rule", flat=True)) == {second.pk, None}
    dispatch.delete_rule(rule=second, by=actor)
    assert set(Charge.objects.values_list("rule", flat=True)) == {first.pk, None}


def test_a_preview_says_what_moves_and_changes_nothing(actor, october, engagement):
    make.make_rule(actor, name="Tagged", conditions=TAGGED, engagement=engagement)
    everything = preview_rule(actor.workspace, conditions=[])
    assert (everything.matched_rows, everything.moved_rows) == (1, 1)
    assert everything.movements[0].amount == Decimal("-0.25")
    narrower = preview_rule(
        actor.workspace, conditions=[Condition("resource", "equals", "vm-2")], rule=SpendRule.objects.get()
    )
    assert [(move.before, move.after, move.rows) for move in narrower.movements] == [("Tagged", "", 2)]
    assert Charge.objects.filter(rule=None).count() == 1


def test_new_bills_follow_the_rules_as_they_arrive(actor, october, engagement, tmp_path):
    make.make_rule(actor, conditions=[{"field": "resource", "word": "prefix", "value": "vm-9"}], engagement=engagement)
    line = make.focus_line("4", day="2026-11-02", month="2026-11-01", until="2026-12-01", resource="vm-91")
    make.store(actor, make.focus_bill(line), tmp_path=tmp_path)
    assert engagement_cost(engagement).in_currency("USD").cloud == 4


def test_many_lines_are_allocated_by_a_job(actor, october, engagement, monkeypatch):
    monkeypatch.setattr("billing.dispatch.AT_ONCE", 2)
    make.make_rule(actor, conditions=TAGGED, engagement=engagement)
    assert not Charge.objects.exclude(rule=None).exists()
    work_off(dispatch.follow_rules(by=actor))
    assert Charge.objects.exclude(rule=None).count() == 2


@pytest.mark.parametrize("percents", [("50", "49.99"), ("100", "0.01"), ("33.333", "66.667")])
def test_shares_that_are_not_whole_are_refused(actor, engagement, percents):
    targets = [Target(engagement, None, Decimal(percent)) for percent in percents]
    with pytest.raises(RuleError):
        make.make_rule(actor, targets=targets)
    assert not SpendRule.objects.exists()


shares = st.lists(st.integers(1, 5000), min_size=1, max_size=4).filter(lambda parts: sum(parts) < 10_000)
costs = st.lists(st.decimals(-1000, 1000, places=7), min_size=1, max_size=8)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(parts=shares, amounts=costs)
def test_splits_add_up_to_the_last_unit(actor, engagement, tmp_path, parts, amounts):
    with transaction.atomic():
        check_split(actor, engagement, tmp_path, parts, amounts)
        transaction.set_rollback(True)


def check_split(actor, engagement, tmp_path, parts, amounts):
    lines = [make.focus_line(f"{amount:f}", day=f"2026-10-0{i + 1}") for i, amount in enumerate(amounts)]
    make.store(actor, make.focus_bill(*lines), tmp_path=tmp_path)
    others = [ground.make_milestone(engagement=engagement) for _ in parts]
    rest = Decimal(10_000 - sum(parts)).scaleb(-2)
    targets = [Target(engagement, row, Decimal(part).scaleb(-2)) for row, part in zip(others, parts, strict=True)]
    make.make_rule(actor, targets=[*targets, Target(None, None, rest)])
    total = sum(amounts, Decimal(0))
    found = explore(actor, Question(by="engagement"))
    assert sum((group.net for group in found.groups), Decimal(0)) == total == found.net
    own = next((group.net for group in found.groups if group.key == "overhead"), Decimal(0))
    theirs = engagement_cost(engagement).in_currency("USD").cloud
    apart = sum((milestone_cost(row).in_currency("USD").cloud for row in others), Decimal(0))
    assert apart == theirs
    assert abs(theirs + own - total) < Decimal("0.0000001"), "a day's shares and a month's differ by nano-units"


def test_the_explorer_groups_narrows_and_splits(actor, october, engagement):
    found = explore(actor, Question(by="tag:env"))
    assert {group.name: group.net for group in found.groups} == {"prod": Decimal(3), "": Decimal("-0.25")}
    assert (found.gross, found.credits, found.net) == (Decimal(3), Decimal("-0.25"), Decimal("2.75"))
    make.make_rule(
        actor, conditions=TAGGED, targets=[Target(engagement, None, Decimal(25)), Target(percent=Decimal(75))]
    )
    mine = explore(actor, Question(by="service", where={"engagement": str(engagement.pk)}))
    assert (mine.net, mine.rows) == (Decimal("0.75"), 2)
    assert explore(actor, Question(where={"service": "Credits"})).net == Decimal("-0.25")


def test_a_line_that_is_split_is_one_line(actor, october, engagement):
    make.make_rule(actor, targets=[Target(engagement, None, Decimal(50)), Target(percent=Decimal(50))])
    assert explore(actor, Question(by="engagement")).rows == 3


def test_tags_are_told_apart_by_case_in_groups_and_when_narrowed(actor, tmp_path):
    lines = [make.focus_line("10", tags='{"client":"Acme"}'), make.focus_line("1", tags='{"client":"acme"}')]
    make.store(actor, make.focus_bill(*lines, make.focus_line("100", tags='{"Client":"acme"}')), tmp_path=tmp_path)
    for group in explore(actor, Question(by="tag:client")).groups:
        where = {"tag:client": group.key}
        assert explore(actor, Question(where=where)).net == group.net
        assert find_lines(actor, Question(where=where)).total == group.rows


WITHOUT_PERIOD = """BilledCost,BillingCurrency,BillingAccountId,ChargePeriodStart,ChargeCategory,ServiceName
1,USD,a,2026-09-30T23:00:00Z,Usage,S
2,USD,a,2026-10-01T00:00:00Z,Usage,S
4,USD,a,,Usage,S
"""


@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles", "Asia/Tokyo"])
def test_lines_without_a_period_are_each_listed_once_in_every_zone(actor, tmp_path, zone):
    with time_machine.travel(TODAY + timedelta(days=60), tick=False), timezone.override(ZoneInfo(zone)):
        make.store(actor, WITHOUT_PERIOD, tmp_path=tmp_path)
        question = Question(currency="USD")
        assert [line.row for line in every_line(actor, question)] == [1, 2, 3]
        assert [line.row for line in find_lines(actor, question).some(start=0, size=9)] == [3, 2, 1]
        months = explore(actor, question).groups[0].by_month
    assert months == {date(2026, 9, 1): 1, date(2026, 10, 1): 2, date(2026, 12, 1): 4}


def test_the_month_is_forecast_from_its_days(actor, tmp_path):
    lines = [make.focus_line("2", day=f"2026-10-{day:02}") for day in range(1, 21)]
    make.store(actor, make.focus_bill(*lines), tmp_path=tmp_path)
    with time_machine.travel(TODAY, tick=False):
        found = forecast_of(actor, "USD")
    assert (found.actual, found.expected, found.through) == (40, 62, date(2026, 10, 20))


# --- machine time ---------------------------------------------------------------------------------
def test_every_job_books_its_time_once_to_what_it_was_for(actor, milestone):
    rates.save_rate(by=actor, kind="cpu-hour", price=Decimal(3600), currency="EUR", valid_from=date(2026, 1, 1))
    job = work_off(make_job(by=actor, arguments={"a": 1, "b": 2}, subject=milestone))
    assert job.state == "done", job.error_message
    entry = ComputeEntry.objects.get()
    assert (entry.source, entry.milestone, entry.engagement) == (f"job:{job.pk}", milestone, milestone.engagement)
    assert entry.amount == Decimal(entry.cpu_ms).scaleb(-3)
    again = compute.book_job(job)
    assert (again.pk, ComputeEntry.objects.count()) == (entry.pk, 1)
    assert milestone_cost(milestone).in_currency("EUR").compute == entry.amount


def test_a_correction_by_hand_outlives_the_next_booking(actor, milestone):
    started = datetime(2026, 10, 5, tzinfo=UTC)
    fields = {"source": "job:x", "kind": "train", "started": started}
    entry = compute.record_compute(actor.workspace, cpu_seconds=10, **fields)
    assert (entry.milestone, entry.cost) == (None, "")
    assert "Add one" in entry.problem
    compute.correct_compute(entry=entry, by=actor, milestone=milestone)
    entry = compute.record_compute(actor.workspace, cpu_seconds=20, **fields)
    assert (entry.milestone, entry.cpu_ms, ComputeEntry.objects.count()) == (milestone, 20_000, 1)
    rates.save_rate(by=actor, kind="cpu-hour", price=Decimal(180), currency="EUR", valid_from=date(2026, 1, 1))
    entry.refresh_from_db()
    assert (entry.amount, entry.problem) == (Decimal(1), "")


def test_a_job_never_books_to_another_workspace(actor, stranger):
    theirs = ground.make_milestone(workspace=stranger.workspace)
    assert purpose_of(make_job(by=actor, subject=theirs)) == (None, None)


# --- budgets --------------------------------------------------------------------------------------
@pytest.fixture
def spent(actor, engagement, tmp_path):
    """60 USD in twenty days of October, three a day, for the engagement; today is the twentieth."""
    with time_machine.travel(TODAY, tick=False):
        lines = [make.focus_line("3", day=f"2026-10-{day:02}") for day in range(1, 21)]
        make.store(actor, make.focus_bill(*lines), tmp_path=tmp_path)
        make.make_rule(actor, engagement=engagement)
        yield


def test_alerts_are_told_once_each_in_page_and_mail(actor, engagement, spent):
    budget = make.make_budget(actor, engagement=engagement, amount_minor=9_000)
    told = set(budget.alerts.values_list("basis", "threshold"))
    assert told == {("actual", 50), ("forecast", 80), ("forecast", 100)}
    letter = Mail.objects.get()
    assert letter.to == actor.user.email
    assert letter.subject == "50 % of the budget of “Churn model” is reached"
    assert "60.00 USD of its budget of 90.00 USD (66 %)" in letter.body
    assert "93.00 USD" in letter.body
    assert [need.text for need in budget_needs(actor)] == ["“Churn model” nears its budget"]
    assert budgets.check_budgets(workspace=actor.workspace) == []
    assert Mail.objects.count() == 1

    budgets.save_budget(by=actor, budget=budget, amount_minor=6_000)
    assert BudgetAlert.objects.filter(basis="actual", threshold=100).exists()
    assert [need.text for need in budget_needs(actor)] == ["“Churn model” is over its budget"]
    assert Mail.objects.count() == 2


def test_a_budget_counts_machine_time_its_currency_and_its_months(actor, engagement, milestone, spent):
    rates.save_rate(by=actor, kind="cpu-hour", price=Decimal(7), currency="USD", valid_from=date(2026, 1, 1))
    make.make_compute(actor, milestone=milestone, started_at=TODAY - timedelta(hours=2), ended_at=TODAY)
    september = TODAY - timedelta(days=45)
    make.make_compute(actor, milestone=milestone, started_at=september, ended_at=september + timedelta(hours=1))
    today = TODAY.date()
    total = make.make_budget(actor, engagement=engagement, amount_minor=100_000)
    monthly = make.make_budget(actor, engagement=engagement, amount_minor=100_000, span="month")
    narrow = make.make_budget(actor, engagement=engagement, milestone=milestone, amount_minor=100_000)
    euros = make.make_budget(actor, engagement=engagement, amount_minor=100_000, currency="EUR")
    used = [state_of(budget, today=today).actual for budget in (total, monthly, narrow, euros)]
    assert used == [74, 67, 14, 0]


def test_what_a_budget_does_not_count_is_said_with_its_sum(actor, engagement, milestone, spent, client):
    rates.save_rate(by=actor, kind="cpu-hour", price=Decimal("7.25"), currency="EUR", valid_from=date(2026, 1, 1))
    make.make_compute(actor, milestone=milestone, started_at=TODAY - timedelta(hours=2), ended_at=TODAY)
    before = TODAY - timedelta(days=45)
    make.make_compute(actor, milestone=milestone, started_at=before, ended_at=before + timedelta(hours=1))
    budget = make.make_budget(actor, engagement=engagement, amount_minor=9_000)
    monthly = make.make_budget(actor, engagement=engagement, amount_minor=9_000, span="month")
    today = TODAY.date()
    assert state_of(budget, today=today).uncounted == (("EUR", Decimal("14.50")),)
    assert state_of(monthly, today=today).uncounted == (("EUR", Decimal("7.25")),)
    assert all("Not counted, as it is in another currency" in letter.body for letter in Mail.objects.all())
    client.force_login(actor.user)
    page = client.get(reverse("billing:budget-list")).content.decode()
    assert "Not counted, as it is in another currency" in page
    assert "14.50" in page
    told = {row["id"]: row["uncounted"] for row in client.get("/api/v1/budgets/").json()["results"]}
    assert told == {str(budget.pk): {"EUR": "14.500000000"}, str(monthly.pk): {"EUR": "7.250000000"}}


def test_machine_time_after_the_last_bill_does_not_make_the_cloud_look_free(actor, engagement, tmp_path):
    with time_machine.travel(TODAY, tick=False):
        lines = [make.focus_line("3", day=f"2026-10-{day:02}") for day in range(1, 11)]
        make.store(actor, make.focus_bill(*lines), tmp_path=tmp_path)
        make.make_rule(actor, engagement=engagement)
        budget = make.make_budget(actor, engagement=engagement, amount_minor=9_000)
        assert state_of(budget, today=TODAY.date()).expected == 93
        rates.save_rate(by=actor, kind="cpu-hour", price=Decimal(1), currency="USD", valid_from=date(2026, 1, 1))
        make.make_compute(actor, engagement=engagement, started_at=TODAY - timedelta(hours=2), ended_at=TODAY)
        state = state_of(budget, today=TODAY.date())
        assert (state.actual, state.expected) == (31, 93 + 1 + 11)
    with time_machine.travel(TODAY + timedelta(days=13), tick=False):  # the bill of November is not in
        make.make_compute(actor, engagement=engagement)
        assert state_of(budget, today=date(2026, 11, 2)).expected is None


def test_a_rate_that_comes_later_lets_budgets_follow(actor, engagement):
    budget = make.make_budget(actor, engagement=engagement, currency="EUR")
    make.make_compute(actor, engagement=engagement)
    assert not budget.alerts.exists()
    rates.save_rate(by=actor, kind="cpu-hour", price=Decimal(99), currency="EUR", valid_from=date(2026, 1, 1))
    assert set(budget.alerts.values_list("basis", "threshold")) == {("actual", 50), ("actual", 80)}


def test_amounts_are_told_with_the_places_of_their_currency(actor, engagement, tmp_path):
    with time_machine.travel(TODAY, tick=False):
        lines = [make.focus_line("9100", currency="JPY"), make.focus_line("1.2344", currency="KWD")]
        make.store(actor, make.focus_bill(*lines), tmp_path=tmp_path)
        make.make_rule(actor, engagement=engagement)
        make.make_budget(actor, engagement=engagement, amount_minor=9_100, currency="JPY")
        assert [need.why for need in budget_needs(actor)] == ["9,100 JPY of 9,100 JPY was used."]
    assert "another currency: 1.234 KWD." in Mail.objects.get().body


def test_the_daily_look_finds_what_no_change_brings_up(actor, engagement, spent):
    budget = make.make_budget(actor, engagement=engagement, amount_minor=9_000)
    budget.alerts.all().delete()
    job = work_off(dispatch.start_job(kind="billing.check_budgets", workspace=None, by=None))
    assert job.result == {"alerts": 3}


def test_migrations_are_complete(capsys):
    call_command("makemigrations", "billing", check=True, dry_run=True)
