"""Which rules there are, what a change of them would move, and why a line is where it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Count, QuerySet, Sum
from django.db.models.functions import Coalesce

from billing.allocation import Allocator, Condition, Part, Reason, Rule
from billing.bills.amounts import from_nanos
from billing.kind_names import ALLOCATE
from billing.models import Charge, ItemSpend, MonthlySpend, SpendRule
from projects.access import Actor
from projects.models import Job
from projects.models.people import Workspace

SUMMED_FIELDS = {
    *("provider", "billing_account", "sub_account", "service", "service_category"),
    *("category", "region", "tags", "currency"),
}
PREVIEW_KEY = "preview"


@dataclass(frozen=True, slots=True)
class Movement:
    """Lines and money that a change of rules moves, in one currency; an empty name is unallocated."""

    before: str
    after: str
    currency: str
    rows: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class RulePreview:
    """What a rule, as it is typed, would hold and move."""

    matched_rows: int
    matched: dict[str, Decimal]
    movements: tuple[Movement, ...]

    @property
    def moved_rows(self) -> int:
        """How many lines change their place."""
        return sum(move.rows for move in self.movements)

    def to_dict(self) -> dict[str, Any]:
        """Return the preview as plain JSON values."""
        return {
            "matched_rows": self.matched_rows,
            "matched": {currency: f"{amount:f}" for currency, amount in self.matched.items()},
            "moved_rows": self.moved_rows,
            "movements": [
                {
                    "before": move.before,
                    "after": move.after,
                    "currency": move.currency,
                    "rows": move.rows,
                    "amount": f"{move.amount:f}",
                }
                for move in self.movements
            ],
        }


def rules_of(actor: Actor | None) -> QuerySet[SpendRule]:
    """List the rules in their order."""
    found: QuerySet[SpendRule] = SpendRule.objects.visible_to(actor)
    return found.prefetch_related("parts__engagement", "parts__milestone")


def allocating(actor: Actor | None) -> Job | None:
    """Find the job by which the lines will have followed the rules; None when they have."""
    found: Job | None = Job.objects.visible_to(actor).open().filter(kind=ALLOCATE).order_by("-created_at").first()
    return found


def rules_in(workspace: Workspace) -> list[SpendRule]:
    """List the rules of a workspace in their order, without those that lost a share."""
    found = SpendRule.objects.in_workspace(workspace)
    return [row for row in found.prefetch_related("parts__engagement", "parts__milestone") if row.is_whole]


def preview_rule(
    workspace: Workspace, *, conditions: Sequence[Condition], rule: SpendRule | None = None, name: str = ""
) -> RulePreview:
    """Say what a rule would move: a new one after the others, or the given one with other conditions."""
    rows = rules_in(workspace)
    typed = Rule(PREVIEW_KEY, name or "this rule", tuple(conditions), (Part("preview"),))
    after = [typed if rule and row.pk == rule.pk else row.as_rule() for row in rows]
    if rule is None:
        after.append(typed)
    old, new = Allocator([row.as_rule() for row in rows]), Allocator(after)
    movements: dict[tuple[str, str, str], list[Any]] = {}
    matched: dict[str, Decimal] = {}
    matched_rows = 0
    for currency, count, nanos, facts in _groups(workspace, (*new.fields, *old.fields)):
        before, chosen = old.choose(old.facts(facts)), new.choose(new.facts(facts))
        amount = from_nanos(nanos)
        if chosen is not None and after[chosen] is typed:
            matched_rows += count
            matched[currency] = matched.get(currency, Decimal(0)) + amount
        if before == chosen:  # a new rule stands last, so places mean the same rules
            continue
        names = ("" if before is None else rows[before].name, "" if chosen is None else after[chosen].name)
        entry = movements.setdefault((*names, currency), [0, Decimal(0)])
        entry[0] += count
        entry[1] += amount
    moves = [Movement(*key, rows=count, amount=amount) for key, (count, amount) in movements.items()]
    return RulePreview(matched_rows, matched, tuple(sorted(moves, key=lambda move: -abs(move.amount))))


def _groups(workspace: Workspace, fields: Sequence[str]) -> list[tuple[str, int, int, dict[str, Any]]]:
    """Add up what the rules cannot tell apart, from the sums where they know enough."""
    if set(fields) <= {*SUMMED_FIELDS, "sku"}:
        table: Any = ItemSpend if "sku" in fields else MonthlySpend
        rows: Any = table.objects.in_workspace(workspace)
        sums: dict[str, Any] = {"count": Sum("rows"), "nanos": Sum("billed_nano")}
    else:
        rows = Charge.objects.filter(source__workspace=workspace)
        sums = {"count": Count("pk"), "nanos": Sum(Coalesce("billed_nano", "effective_nano", 0))}
    wanted = list(dict.fromkeys(("currency", *fields)))
    found = rows.order_by().values_list(*wanted).annotate(**sums)
    return [(row[0], row[-2], row[-1] or 0, dict(zip(wanted, row, strict=False))) for row in found.iterator(5000)]


def reasons_for(charge: Charge, workspace: Workspace) -> list[Reason]:
    """Say rule by rule why a line is where it is."""
    allocator = Allocator([row.as_rule() for row in rules_in(workspace)])
    return allocator.explain(allocator.facts(charge))
