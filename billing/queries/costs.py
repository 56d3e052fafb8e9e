"""What a milestone or an engagement has cost in machine time and in the cloud."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum

from billing.bills.amounts import from_nanos
from billing.models import ComputeEntry, DailySpend, SpendRule
from billing.money import share_out
from projects.models import Engagement, Milestone

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


def milestone_cost(milestone: Milestone, *, since: date | None = None) -> CostSummary:
    """Sum what a milestone has cost, from a day on if one is given."""
    entries = ComputeEntry.objects.filter(milestone=milestone)
    return _summary(entries, _cloud_of(milestone.engagement, {f"milestone:{milestone.pk}"}, since), since)


def engagement_cost(engagement: Engagement, *, since: date | None = None) -> CostSummary:
    """Sum what an engagement has cost with all its milestones, from a day on if one is given."""
    entries = ComputeEntry.objects.filter(engagement=engagement)
    return _summary(entries, _cloud_of(engagement, None, since), since)


def targets_of(engagement: Engagement, milestone: Milestone | None = None) -> set[str]:
    """Name whose shares of a rule belong to an engagement, or to one of its milestones."""
    if milestone is not None:
        return {f"milestone:{milestone.pk}"}
    theirs = Milestone.objects.filter(engagement=engagement).values_list("pk", flat=True)
    return {f"engagement:{engagement.pk}", *(f"milestone:{pk}" for pk in theirs)}


def _cloud_of(engagement: Engagement, targets: set[str] | None, since: date | None) -> dict[str, Decimal]:
    wanted = targets if targets is not None else targets_of(engagement)
    found: dict[str, Decimal] = {}
    for _, currency, amount in daily_shares(engagement, wanted, since=since):
        found[currency] = found.get(currency, ZERO) + amount
    return found


def daily_shares(
    engagement: Engagement, targets: set[str], *, since: date | None = None
) -> list[tuple[date, str, Decimal]]:
    """Return the cloud spend of some targets by day and currency; splits add up exactly each day."""
    rules = {
        rule.pk: rule
        for rule in SpendRule.objects.filter(parts__engagement=engagement).distinct().prefetch_related("parts")
    }
    if not rules:
        return []
    rows = DailySpend.objects.filter(rule__in=rules)
    if since is not None:
        rows = rows.filter(day__gte=since)
    sums = rows.order_by().values_list("day", "currency", "rule").annotate(nanos=Sum("billed_nano"))
    found: dict[tuple[date, str], int] = {}
    for day, currency, rule, nanos in sums:
        part = _share(rules[rule], targets, nanos)
        found[day, currency] = found.get((day, currency), 0) + part
    return [(day, currency, from_nanos(nanos)) for (day, currency), nanos in sorted(found.items())]


def _share(rule: SpendRule, targets: set[str], nanos: int) -> int:
    parts = list(rule.parts.all())
    shares = share_out(nanos, [part.share for part in parts])
    return sum(share for part, share in zip(parts, shares, strict=True) if part.target in targets)


def _summary(entries: QuerySet[ComputeEntry], cloud: dict[str, Decimal], since: date | None) -> CostSummary:
    if since is not None:
        entries = entries.filter(started_at__date__gte=since)
    compute = {
        currency: from_nanos(nanos or 0)
        for currency, nanos in entries.exclude(currency="")
        .order_by()
        .values_list("currency")
        .annotate(nanos=Sum("cost_nano"))
    }
    facts = entries.aggregate(
        cpu=Sum("cpu_ms"), gpu=Sum("gpu_ms"), bookings=Count("pk"), unpriced=Count("pk", filter=Q(cost_nano=None))
    )
    return CostSummary(
        costs=tuple(
            CurrencyCost(currency, compute.get(currency, ZERO), cloud.get(currency, ZERO))
            for currency in sorted({*compute, *cloud})
        ),
        cpu_hours=_hours(facts["cpu"]),
        gpu_hours=_hours(facts["gpu"]),
        bookings=facts["bookings"],
        unpriced=facts["unpriced"],
    )


def _hours(milliseconds: int | None) -> Decimal:
    return (Decimal(milliseconds or 0) / MS_PER_HOUR).quantize(Decimal("0.0001"))


def daily_compute(entries: Iterable[tuple[date, str, int]]) -> dict[tuple[date, str], Decimal]:
    """Add up priced machine time by day and currency."""
    found: dict[tuple[date, str], Decimal] = {}
    for day, currency, nanos in entries:
        found[day, currency] = found.get((day, currency), ZERO) + from_nanos(nanos)
    return found
