"""What a milestone or an engagement has cost in machine time and in the cloud."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date
from decimal import Decimal
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import TruncDate

from billing.bills.amounts import from_nanos
from billing.models import ComputeEntry, DailySpend, SpendRule, SpendRulePart
from billing.money import share_out
from projects.models import Engagement, Milestone
from projects.prepared import Prepared

ZERO = Decimal(0)
MS_PER_HOUR = 3_600_000


@dataclass(frozen=True, slots=True)
class CurrencyCost:
    """Costs in one currency; ``cloud`` is what providers billed, ``compute`` machine time at own rates."""

    currency: str
    compute: Decimal = ZERO
    cloud: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        """Both together."""
        return self.compute + self.cloud


@dataclass(frozen=True, slots=True)
class CostSummary:
    """The costs by currency, the time behind them, and how much time has no price yet."""

    costs: tuple[CurrencyCost, ...]
    cpu_hours: Decimal
    gpu_hours: Decimal
    bookings: int
    unpriced: int

    @property
    def is_empty(self) -> bool:
        """Whether nothing was used."""
        return not self.costs and not self.bookings

    def in_currency(self, currency: str) -> CurrencyCost:
        """Return the costs in one currency."""
        return next((cost for cost in self.costs if cost.currency == currency), CurrencyCost(currency))

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as plain JSON values; amounts are texts."""
        return {
            "costs": [
                {
                    "currency": cost.currency,
                    "compute": f"{cost.compute:f}",
                    "cloud": f"{cost.cloud:f}",
                    "total": f"{cost.total:f}",
                }
                for cost in self.costs
            ],
            "cpu_hours": f"{self.cpu_hours:f}",
            "gpu_hours": f"{self.gpu_hours:f}",
            "bookings": self.bookings,
            "unpriced": self.unpriced,
        }


@dataclass(frozen=True, slots=True)
class MachineDay:
    """The machine time that was booked on one day in one currency; without a currency no rate was valid."""

    day: date
    currency: str
    nanos: int | None
    cpu_ms: int
    gpu_ms: int
    bookings: int
    unpriced: int


class Outlay:
    """What an engagement, or one of its milestones, has cost: read once for all that is summed from it."""

    def __init__(self, engagement: Engagement, milestone: Milestone | None = None) -> None:
        self.engagement = engagement
        self.milestone = milestone

    @cached_property
    def compute(self) -> list[MachineDay]:
        """The booked machine time by day."""
        if self.milestone is not None:
            return [MachineDay(*row) for row in _machine_days(self.milestone.pk, of="milestone")]
        return [MachineDay(*row) for row in _machine_days(self.engagement.pk, of="engagement")]

    @cached_property
    def cloud(self) -> list[tuple[date, str, Decimal]]:
        """The cloud spend by day and currency; splits add up exactly each day."""
        rules = self._rules()
        if not rules:
            return []
        found: dict[tuple[date, str], int] = defaultdict(int)
        borne = {rule: _borne(parts, self._targets) for rule, parts in rules.items()}
        for day, currency, rule, nanos in _cloud_days(self.engagement.pk):
            if rule in borne:
                found[day, currency] += _share(nanos, *borne[rule])
        return [(day, currency, from_nanos(nanos)) for (day, currency), nanos in sorted(found.items())]

    @property
    def currencies(self) -> set[str]:
        """The currencies in which anything was spent."""
        return {row.currency for row in self.compute if row.currency} | {currency for _, currency, _ in self.cloud}

    def by_day(self, currency: str) -> dict[date, Decimal]:
        """Add up machine time and cloud spend by day, in one currency."""
        cloud, found = self.cloud_by_day(currency), self.compute_by_day(currency)
        return found | {day: found.get(day, ZERO) + amount for day, amount in cloud.items()}

    def cloud_by_day(self, currency: str) -> dict[date, Decimal]:
        """Name the cloud spend of each day, in one currency."""
        return {day: amount for day, of, amount in self.cloud if of == currency}

    def compute_by_day(self, currency: str) -> dict[date, Decimal]:
        """Name what machine time cost on each day, in one currency."""
        return {row.day: from_nanos(row.nanos or 0) for row in self.compute if row.currency == currency}

    @property
    def summary(self) -> CostSummary:
        """The costs by currency and the time behind them."""
        compute: dict[str, Decimal] = defaultdict(Decimal)
        for row in self.compute:
            if row.currency:
                compute[row.currency] += from_nanos(row.nanos or 0)
        cloud: dict[str, Decimal] = defaultdict(Decimal)
        for _, currency, amount in self.cloud:
            cloud[currency] += amount
        return CostSummary(
            costs=tuple(
                CurrencyCost(currency, compute[currency], cloud[currency]) for currency in sorted({*compute, *cloud})
            ),
            cpu_hours=_hours(sum(row.cpu_ms for row in self.compute)),
            gpu_hours=_hours(sum(row.gpu_ms for row in self.compute)),
            bookings=sum(row.bookings for row in self.compute),
            unpriced=sum(row.unpriced for row in self.compute),
        )

    @cached_property
    def _targets(self) -> set[str]:
        if self.milestone is not None:
            return {f"milestone:{self.milestone.pk}"}
        theirs = self.engagement.milestones.all()
        return {f"engagement:{self.engagement.pk}", *(f"milestone:{row.pk}" for row in theirs)}

    def _rules(self) -> dict[UUID, list[SpendRulePart]]:
        """Read every rule that lets the engagement bear something, with all who share in it."""
        found: dict[UUID, list[SpendRulePart]] = defaultdict(list)
        for part in _rule_parts(self.engagement.pk):
            found[part.rule_id].append(part)
        return found


@Prepared
def _machine_days(row: UUID, *, of: str) -> QuerySet[Any, tuple[Any, ...]]:
    sums = ComputeEntry.objects.filter(**{of: row}).order_by()
    days: QuerySet[Any, Any] = sums.values_list(TruncDate("started_at", tzinfo=UTC), "currency").annotate(
        nanos=Sum("cost_nano"),
        cpu=Sum("cpu_ms"),
        gpu=Sum("gpu_ms"),
        bookings=Count("pk"),
        unpriced=Count("pk", filter=Q(cost_nano=None)),
    )
    return days


@Prepared
def _rule_parts(engagement: UUID) -> QuerySet[SpendRulePart]:
    found: QuerySet[SpendRulePart] = SpendRulePart.objects.filter(rule__in=_borne_by(engagement))
    return found.order_by("position", "pk")


def _borne_by(engagement: UUID) -> QuerySet[SpendRule, Any]:
    return SpendRule.objects.filter(parts__engagement=engagement).order_by().values("pk")


@Prepared
def _cloud_days(engagement: UUID) -> QuerySet[Any, tuple[Any, ...]]:
    sums = DailySpend.objects.filter(rule__in=_borne_by(engagement)).order_by().values_list("day", "currency", "rule")
    days: QuerySet[Any, Any] = sums.annotate(nanos=Sum("billed_nano"))
    return days


def milestone_cost(milestone: Milestone) -> CostSummary:
    """Sum what a milestone has cost."""
    return Outlay(milestone.engagement, milestone).summary


def engagement_cost(engagement: Engagement) -> CostSummary:
    """Sum what an engagement has cost with all its milestones."""
    return Outlay(engagement).summary


def _borne(parts: list[SpendRulePart], targets: set[str]) -> tuple[list[int], list[bool]]:
    """Name the shares of a rule, and which of them the targets bear."""
    return [part.share for part in parts], [part.target in targets for part in parts]


def _share(nanos: int, shares: list[int], borne: list[bool]) -> int:
    if all(borne):
        return nanos
    return sum(part for part, mine in zip(share_out(nanos, shares), borne, strict=True) if mine) if any(borne) else 0


def _hours(milliseconds: int) -> Decimal:
    return (Decimal(milliseconds) / MS_PER_HOUR).quantize(Decimal("0.0001"))
