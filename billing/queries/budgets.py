"""How far budgets are used, and where the month will end."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import timezone

from billing.forecast import MonthForecast, forecast_month
from billing.models import Budget, BudgetAlert
from billing.money import Money
from billing.queries.costs import ZERO, Outlay
from projects.access import Actor
from projects.attention import OVER_BUDGET, Need
from projects.models.people import Workspace
from projects.prepared import Prepared

HISTORY = timedelta(days=120)
FULL, NEAR = 100, 80  # per cent
LATE = timedelta(days=45)  # a forecast of data older than this says nothing about now


@dataclass(frozen=True, slots=True)
class BudgetState:
    """A budget with what is used of it and what is expected."""

    budget: Budget
    month: str  # 2026-11 for a monthly budget
    actual: Decimal
    expected: Decimal | None
    low: Decimal | None = None
    high: Decimal | None = None
    uncounted: tuple[tuple[str, Decimal], ...] = ()  # what was spent in other currencies

    @property
    def percent(self) -> int:
        """How much of it is used."""
        return int(self.actual * 100 / self.budget.amount)

    @property
    def expected_percent(self) -> int | None:
        """How much of it will be used at the month's end."""
        return None if self.expected is None else int(self.expected * 100 / self.budget.amount)

    @property
    def left(self) -> Decimal:
        """What is left of it; below zero when it is exceeded."""
        return self.budget.amount - self.actual

    @property
    def tone(self) -> str:
        """Which colour it means."""
        if self.percent >= FULL:
            return "bad"
        return "unsure" if self.percent >= NEAR or (self.expected_percent or 0) >= FULL else "good"


def budgets_of(actor: Actor | None) -> QuerySet[Budget]:
    """List the budgets."""
    found: QuerySet[Budget] = Budget.objects.visible_to(actor)
    return found.select_related("engagement__client__workspace", "milestone").order_by("engagement__title", "pk")


@Prepared
def budgets_for_engagement(engagement: UUID) -> QuerySet[Budget]:
    """List the budgets of an engagement as a whole."""
    found: QuerySet[Budget] = Budget.objects.filter(engagement=engagement, milestone=None)
    return found


@Prepared
def budgets_for_milestone(milestone: UUID) -> QuerySet[Budget]:
    """List the budgets of a milestone."""
    found: QuerySet[Budget] = Budget.objects.filter(milestone=milestone)
    return found


def budgets_in(workspace: Workspace) -> QuerySet[Budget]:
    """List the budgets of a workspace whose engagements still run."""
    found: QuerySet[Budget] = Budget.objects.in_workspace(workspace)
    running = found.exclude(engagement__status__in=["cancelled", "archived"])
    return running.select_related("engagement__client__workspace", "milestone")


def state_of(budget: Budget, *, today: date, outlay: Outlay | None = None) -> BudgetState:
    """Say how far a budget is used today, and how far it will be at the end of the month.

    ``outlay`` is what its engagement or milestone has cost, where a page has read it already.
    """
    outlay = outlay or Outlay(budget.engagement, budget.milestone)
    daily = outlay.by_day(budget.currency)
    forecasts = _forecasts(outlay, budget.currency, today)
    is_monthly = budget.span == Budget.Span.MONTH
    since = today.replace(day=1) if is_monthly else None
    actual = _spent(daily, since, today)
    rest = actual - sum((forecast.actual for forecast in forecasts), ZERO)
    others = {currency: _spent(outlay.by_day(currency), since, today) for currency in outlay.currencies}
    return BudgetState(
        budget,
        f"{today:%Y-%m}" if is_monthly else "",
        actual,
        expected=_sum(rest, [forecast.expected for forecast in forecasts]),
        low=_sum(rest, [forecast.low for forecast in forecasts]),
        high=_sum(rest, [forecast.high for forecast in forecasts]),
        uncounted=tuple((code, cost) for code, cost in sorted(others.items()) if cost and code != budget.currency),
    )


def _forecasts(outlay: Outlay, currency: str, today: date) -> list[MonthForecast]:
    """Forecast the month of what was spent lately; nothing where this month's bill is not in.

    Bills come days later and machine time is booked at once: put together, days without a bill would look free.
    """
    cloud, compute = outlay.cloud_by_day(currency), outlay.compute_by_day(currency)
    billed, booked = (
        max((day for day in days if today - LATE <= day <= today), default=None) for days in (cloud, compute)
    )
    if billed is not None and (billed.year, billed.month) != (today.year, today.month):
        return []
    found = [] if billed is None else [forecast_month(cloud, through=billed)]
    return found if booked is None else [*found, forecast_month(compute, through=today)]


def _sum(rest: Decimal, amounts: list[Decimal] | list[Decimal | None]) -> Decimal | None:
    """Add up what is known of every part; None if one is not, or if there is none."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known, rest) if known and len(known) == len(amounts) else None


def _spent(daily: Mapping[date, Decimal], since: date | None, today: date) -> Decimal:
    """Add up the days of the month so far, or all of them."""
    return sum((cost for day, cost in daily.items() if since is None or since <= day <= today), ZERO)


@Prepared
def _alerts(actor: Actor, month: str) -> QuerySet[BudgetAlert]:
    alerts: QuerySet[BudgetAlert] = BudgetAlert.objects.visible_to(actor).filter(Q(month="") | Q(month=month))
    running = alerts.filter(threshold__gte=NEAR).exclude(budget__engagement__status__in=["cancelled", "archived"])
    return running.select_related("budget__engagement", "budget__milestone").order_by("threshold")


def budget_needs(actor: Actor) -> Iterator[Need]:
    """Say which budgets are nearly or wholly used up, each by the worst that was told."""
    month = f"{timezone.now():%Y-%m}"
    worst: dict[UUID, BudgetAlert] = {}
    for alert in _alerts(actor, month):
        known = worst.get(alert.budget_id)
        if known is None or alert.basis == "actual" or known.basis != "actual":
            worst[alert.budget_id] = alert
    for told in worst.values():
        budget = told.budget
        what = budget.milestone or budget.engagement
        over = told.threshold >= FULL and told.basis == "actual"
        used = "was used" if told.basis == "actual" else "is expected"
        yield Need(
            text=f"“{what}” {'is over' if over else 'nears'} its budget",
            why=f"{Money.rounded(told.amount, budget.currency)} of {budget.money} {used}.",
            url=reverse("billing:budget-list"),
            action="Look",
            harm=OVER_BUDGET if over else OVER_BUDGET - 5,
            icon="coins",
            tone="bad" if over else "unsure",
            at=told.created_at,
        )
