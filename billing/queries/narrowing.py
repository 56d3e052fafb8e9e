"""What is asked of spend, and the rows that answer it: monthly sums, or lines where there are only few."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db.models import Case, Count, DateField, F, Func, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Cast, Coalesce, StrIndex
from django.db.models.lookups import GreaterThan

from billing.models import BillImport, Charge, ItemSpend, MonthlySpend, SpendRule
from projects.access import Actor

UNALLOCATED, OVERHEAD = "unallocated", "overhead"
COLUMNS = {
    "provider": "provider",
    "service": "service",
    "service_category": "service_category",
    "account": "billing_account",
    "sub_account": "sub_account",
    "region": "region",
    "category": "category",
}
ITEM_COLUMNS = {"resource": "resource", "sku": "sku"}  # narrowed to, never grouped by
TITLES = {
    "provider": "Provider",
    "service": "Service",
    "service_category": "Kind of service",
    "account": "Account",
    "sub_account": "Sub-account",
    "region": "Region",
    "category": "Kind of charge",
    "engagement": "Engagement",
    "tag": "Tag",
}
BILLED = Coalesce(F("billed_nano"), F("effective_nano"), Value(0))
OF_SUMS: dict[str, Any] = {
    "billed": Sum("billed_nano"),
    "effective": Sum("effective_nano"),
    "credits": Sum("credits_nano"),
    "list": Sum("list_nano"),
    "lines": Sum("rows"),
}
AMOUNTS: dict[Any, dict[str, Any]] = {  # what each sort of row adds
    MonthlySpend: OF_SUMS,
    ItemSpend: OF_SUMS,
    Charge: {  # as billing.services.spend_sums adds them
        "billed": Sum(BILLED),
        "effective": Sum(Coalesce(F("effective_nano"), F("billed_nano"), Value(0))),
        "credits": Sum(Case(When(category="credit", then=BILLED), default=Coalesce(F("credits_nano"), Value(0)))),
        "list": Sum(Coalesce(F("list_cost_nano"), F("billed_nano"), F("effective_nano"), Value(0))),
        "lines": Count("pk"),
    },
}


class MonthOf(Func):
    """The first day of a date's month by SQLite itself; Django's TruncMonth calls Python for every row there."""

    function = "DATE"
    template = "%(function)s(%(expressions)s, 'start of month')"
    output_field = DateField()

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Write it as PostgreSQL does."""
        return self.as_sql(compiler, connection, template="DATE_TRUNC('month', %(expressions)s)::date", **context)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: which currency and months, grouped by what, narrowed to what.

    ``by`` is a key of TITLES other than tag, or ``tag:`` with a key. ``where`` narrows columns,
    engagement (an id, ``unallocated`` or ``overhead``) and tags (``tag:`` with a key).
    """

    by: str = "service"
    currency: str = ""
    basis: str = "billed"
    first: date | None = None
    last: date | None = None
    where: Mapping[str, str] = field(default_factory=dict)


def spend_rows(actor: Actor | None, question: Question) -> list[QuerySet[Any]]:
    """Give the sets of rows whose sums together answer; each row knows month, source, period_start and rule.

    A resource is in the sums of those files in which it has many lines; in the others its few lines are read.
    """
    if "resource" in question.where:
        sums = ItemSpend.objects.visible_to(actor).exclude(resource="")
        summed = sums.filter(resource=question.where["resource"]).values("source")
        others = BillImport.objects.visible_to(actor).exclude(pk__in=summed).order_by().values_list("pk", flat=True)
        found = [sums, _lines_by_month(actor).filter(source__in=list(others))]
    elif "sku" in question.where:
        found = [ItemSpend.objects.visible_to(actor)]
    else:
        found = [MonthlySpend.objects.visible_to(actor)]
    return [_asked(rows, actor, question) for rows in found]


def _asked(rows: QuerySet[Any], actor: Actor | None, question: Question) -> QuerySet[Any]:
    if question.currency:
        rows = rows.filter(currency=question.currency)
    if question.first:
        rows = rows.filter(month__gte=question.first)
    if question.last:
        rows = rows.filter(month__lte=question.last)
    return narrowed(rows, actor, question)


def amount_of(rows: QuerySet[Any], name: str) -> Any:
    """Give the sum of an amount over these rows."""
    return AMOUNTS[rows.model][name]


def narrowed(rows: QuerySet[Any], actor: Actor | None, question: Question) -> QuerySet[Any]:
    """Narrow sums or lines to the values that are asked for."""
    for name, value in question.where.items():
        rows = rows.filter(_condition(actor, name, value))
    return rows


def _lines_by_month(actor: Actor | None) -> QuerySet[Any]:
    """Give each line the month under which the sums count it."""
    used = Cast("usage_start", DateField())
    arrived = Cast("source__created_at", DateField())
    lines: QuerySet[Any] = Charge.objects.visible_to(actor)
    return lines.annotate(month=MonthOf(Coalesce("period_start", used, arrived)))


def _condition(actor: Actor | None, name: str, value: str) -> Q:
    column = (COLUMNS | ITEM_COLUMNS).get(name)
    if column:
        return Q(**{column: value})
    if name == "engagement":
        return _of_engagement(actor, value)
    # Tags are stored with ordered keys and no spaces, so one pair is one piece of text. LIKE would ignore its case on
    # SQLite, and the sum of a group would not be that of its lines.
    pair = f"{json.dumps(name.removeprefix('tag:'), ensure_ascii=False)}:"
    pair += json.dumps(value, ensure_ascii=False) if value else ""
    found = Q(GreaterThan(StrIndex("tags", Value(pair)), 0))
    return found if value else ~found


def _of_engagement(actor: Actor | None, value: str) -> Q:
    if value == UNALLOCATED:
        return Q(rule=None)
    rules = SpendRule.objects.visible_to(actor)
    if value == OVERHEAD:
        return Q(rule__in=list(rules.filter(parts__engagement=None).values_list("pk", flat=True)))
    return Q(rule__in=[rule.pk for rule in rules.prefetch_related("parts") if _bears(rule, value)])


def _bears(rule: SpendRule, engagement: str) -> bool:
    return any(str(part.engagement_id) == engagement for part in rule.parts.all())
