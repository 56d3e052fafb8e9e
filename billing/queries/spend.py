"""Where the money went: months by any dimension, down to the line."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Count, Max, Min, Q, QuerySet, Sum
from django.utils import timezone

from billing.bills.amounts import from_nanos
from billing.bills.lines import FIELDS, ChargeLine
from billing.forecast import MonthForecast, forecast_month
from billing.models import Bill, Charge, DailySpend, MonthlySpend, SpendRule
from billing.money import share_out
from billing.queries.rules import rules_of
from projects.access import Actor

UNALLOCATED, OVERHEAD, OTHER, NONE = "unallocated", "overhead", "other", ""
COLUMNS = {
    "provider": "provider",
    "service": "service",
    "service_category": "service_category",
    "account": "billing_account",
    "sub_account": "sub_account",
    "region": "region",
    "category": "category",
}
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
SERIES = 7  # named parts of a month's bar; the rest is one more
MONTHS = 12
FORECAST_HISTORY = 120  # days
ZERO = Decimal(0)


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


@dataclass(slots=True)
class Group:
    """One value of the dimension with its sums."""

    key: str
    name: str
    by_month: dict[date, Decimal] = field(default_factory=dict)
    net: Decimal = ZERO
    credits: Decimal = ZERO
    list_cost: Decimal = ZERO
    rows: int = 0

    @property
    def gross(self) -> Decimal:
        """What would have been billed without credits."""
        return self.net - self.credits


@dataclass(frozen=True, slots=True)
class Exploration:
    """The answer: three figures, the groups by size with unallocated money first, and the months."""

    question: Question
    currency: str
    currencies: tuple[str, ...]
    months: tuple[date, ...]
    groups: tuple[Group, ...]
    gross: Decimal
    credits: Decimal
    net: Decimal
    unallocated: Decimal
    unallocated_rows: int
    rows: int

    @property
    def is_empty(self) -> bool:
        """Whether nothing is stored that fits."""
        return not self.rows

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as plain JSON values; amounts are texts."""
        return {
            "by": self.question.by,
            "basis": self.question.basis,
            "currency": self.currency,
            "currencies": list(self.currencies),
            "months": [month.isoformat() for month in self.months],
            "gross": f"{self.gross:f}",
            "credits": f"{self.credits:f}",
            "net": f"{self.net:f}",
            "unallocated": f"{self.unallocated:f}",
            "rows": self.rows,
            "groups": [
                {
                    "key": group.key,
                    "name": group.name,
                    "gross": f"{group.gross:f}",
                    "credits": f"{group.credits:f}",
                    "net": f"{group.net:f}",
                    "rows": group.rows,
                    "months": {month.isoformat(): f"{cost:f}" for month, cost in sorted(group.by_month.items())},
                }
                for group in self.groups
            ],
        }


def currencies_of(actor: Actor | None) -> list[tuple[str, date, date]]:
    """List the currencies with their first and last month, the one with most lines first."""
    bills = Bill.objects.visible_to(actor).order_by()
    if bills.filter(period_start=None).exists():  # their months are known from their lines alone
        rows: Any = MonthlySpend.objects.visible_to(actor).order_by().values_list("currency")
        found = rows.annotate(lines=Sum("rows"), first=Min("month"), last=Max("month"))
    else:
        rows = bills.values_list("currency")
        found = rows.annotate(lines=Sum("rows"), first=Min("period_start"), last=Max("period_start"))
    ordered = sorted(found, key=lambda row: (-row[1], row[0]))
    return [(currency, first.replace(day=1), last.replace(day=1)) for currency, _, first, last in ordered]


def spend_rows(actor: Actor | None, question: Question) -> QuerySet[MonthlySpend]:
    """Narrow the monthly sums to what is asked."""
    rows: QuerySet[MonthlySpend] = MonthlySpend.objects.visible_to(actor)
    if question.currency:
        rows = rows.filter(currency=question.currency)
    if question.first:
        rows = rows.filter(month__gte=question.first)
    if question.last:
        rows = rows.filter(month__lte=question.last)
    for name, value in question.where.items():
        rows = rows.filter(_condition(actor, name, value))
    return rows


def _condition(actor: Actor | None, name: str, value: str) -> Q:
    if name in COLUMNS:
        return Q(**{COLUMNS[name]: value})
    if name == "engagement":
        return _of_engagement(actor, value)
    # Tags are stored with ordered keys and no spaces, so one pair is one piece of text.
    key = name.removeprefix("tag:")
    if not value:
        return ~Q(tags__contains=f"{json.dumps(key, ensure_ascii=False)}:")
    pair = f"{json.dumps(key, ensure_ascii=False)}:{json.dumps(value, ensure_ascii=False)}"
    return Q(tags__contains=pair)


def _of_engagement(actor: Actor | None, value: str) -> Q:
    if value == UNALLOCATED:
        return Q(rule=None)
    rules = SpendRule.objects.visible_to(actor)
    if value == OVERHEAD:
        return Q(rule__in=list(rules.filter(parts__engagement=None).values_list("pk", flat=True)))
    return Q(rule__in=[rule.pk for rule in rules.prefetch_related("parts") if _bears(rule, value)])


def _bears(rule: SpendRule, engagement: str) -> bool:
    return any(str(part.engagement_id) == engagement for part in rule.parts.all())


def explore(actor: Actor | None, question: Question) -> Exploration:
    """Answer a question from the monthly sums."""
    known = currencies_of(actor)
    currency = question.currency if question.currency in [row[0] for row in known] else (known[0][0] if known else "")
    first, last = _span(question, [row for row in known if row[0] == currency])
    asked = Question(question.by, currency, question.basis, first, last, question.where)
    groups: dict[str, Group] = {}
    unallocated, unallocated_rows = 0, 0
    names = _names(actor) if asked.by == "engagement" else {}
    splits = _splits(actor, asked) if asked.by == "engagement" or "engagement" in asked.where else {}
    for month, value, rule, nanos, credits_, listed, rows in _sums(actor, asked):
        if rule is None:
            unallocated, unallocated_rows = unallocated + nanos, unallocated_rows + rows
        for key, part in _keys(asked, value, rule, splits):
            group = groups.setdefault(key, Group(key, names.get(key, key)))
            mine, my_credits, my_list = (_portion(amount, part) for amount in (nanos, credits_, listed))
            group.by_month[month] = group.by_month.get(month, ZERO) + from_nanos(mine)
            group.net += from_nanos(mine)
            group.credits += from_nanos(my_credits)
            group.list_cost += from_nanos(my_list)
            group.rows += rows
    ordered = sorted(groups.values(), key=lambda group: (group.key != UNALLOCATED, -abs(group.net), group.name))
    net = sum((group.net for group in ordered), ZERO)
    kept = sum((group.credits for group in ordered), ZERO)
    return Exploration(
        question=asked,
        currency=currency,
        currencies=tuple(row[0] for row in known),
        months=tuple(sorted({month for group in ordered for month in group.by_month})),
        groups=tuple(ordered),
        gross=net - kept,
        credits=kept,
        net=net,
        unallocated=from_nanos(unallocated),
        unallocated_rows=unallocated_rows,
        rows=sum(group.rows for group in ordered),
    )


def _span(question: Question, known: list[tuple[str, date, date]]) -> tuple[date | None, date | None]:
    """Take the asked months, else the last twelve that hold anything."""
    if question.first or question.last or not known:
        return question.first, question.last
    last = known[0][2]
    count = last.year * 12 + last.month - MONTHS
    return date(count // 12, count % 12 + 1, 1), last


def _sums(actor: Actor | None, asked: Question) -> Iterator[tuple[Any, ...]]:
    """Read (month, value, rule, net, credits, list, rows) in nano-units."""
    nano = "effective_nano" if asked.basis == "effective" else "billed_nano"
    column = "tags" if asked.by.startswith("tag:") else COLUMNS.get(asked.by)
    wanted = ["month", *([column] if column else []), "rule"]
    rows = spend_rows(actor, asked).order_by().values_list(*wanted)
    sums = rows.annotate(net=Sum(nano), kept=Sum("credits_nano"), listed=Sum("list_nano"), lines=Sum("rows"))
    for row in sums:
        month, value, rule = row[0], row[1] if column else "", row[-5]
        yield month, value, rule, *row[-4:]


Split = tuple[tuple[str, ...], tuple[int, ...], frozenset[str]]


def _splits(actor: Actor | None, asked: Question) -> dict[Any, Split]:
    """Name for every rule who bears which share, and who of them is asked about."""
    wanted = asked.where.get("engagement", "")
    found = {}
    for rule in rules_of(actor):
        parts = list(rule.parts.all())
        keys = tuple(str(part.engagement_id) if part.engagement_id else OVERHEAD for part in parts)
        asked_for = frozenset({wanted}) if wanted else frozenset(keys)
        found[rule.pk] = (keys, tuple(part.share for part in parts), asked_for)
    return found


Portion = tuple[tuple[int, ...], frozenset[int]] | None


def _keys(asked: Question, value: str, rule: Any, splits: Mapping[Any, Split]) -> Iterator[tuple[str, Portion]]:
    """Say under which groups a sum counts, and with which of its shares."""
    key = _tag_value(value, asked.by[4:]) if asked.by.startswith("tag:") else value
    if rule is None or rule not in splits:
        yield (UNALLOCATED if asked.by == "engagement" else key), None
        return
    keys, shares, wanted = splits[rule]
    if asked.by != "engagement":
        yield key, (shares, frozenset(i for i, name in enumerate(keys) if name in wanted))
        return
    for name in dict.fromkeys(keys):
        if name in wanted:
            yield name, (shares, frozenset(i for i, other in enumerate(keys) if other == name))


def _portion(nanos: int, part: Portion) -> int:
    """Take the shares of a sum; they add up to it exactly."""
    if part is None:
        return nanos
    shares, mine = part
    if len(mine) == len(shares):
        return nanos
    return sum(share for i, share in enumerate(share_out(nanos, shares)) if i in mine)


def _tag_value(tags: str, key: str) -> str:
    return str(json.loads(tags).get(key, "")) if tags else ""


def _names(actor: Actor | None) -> dict[str, str]:
    found = {UNALLOCATED: "Unallocated", OVERHEAD: "Own overhead"}
    for rule in rules_of(actor):
        for part in rule.parts.all():
            if part.engagement is not None:
                found[str(part.engagement_id)] = part.engagement.title
    return found


def tag_keys_of(actor: Actor | None, currency: str, month: date) -> list[str]:
    """List the keys of tags in one month, the most used first."""
    rows = MonthlySpend.objects.visible_to(actor).filter(currency=currency, month=month).exclude(tags__in=["", "{}"])
    counts: dict[str, int] = {}
    for tags, lines in rows.order_by().values_list("tags").annotate(lines=Sum("rows")):
        for key in json.loads(tags):
            counts[key] = counts.get(key, 0) + lines
    return sorted(counts, key=lambda key: (-counts[key], key))


def forecast_of(actor: Actor | None, currency: str) -> MonthForecast | None:
    """Forecast the month of the last stored day of use; None while nothing is stored."""
    rows = DailySpend.objects.visible_to(actor).filter(currency=currency)
    last = rows.filter(day__lte=timezone.now().date()).aggregate(last=Max("day"))["last"]
    if last is None:
        return None
    since = date.fromordinal(last.toordinal() - FORECAST_HISTORY)
    recent = rows.filter(day__gt=since, day__lte=last).order_by().values_list("day")
    daily = {day: from_nanos(nanos) for day, nanos in recent.annotate(nanos=Sum("billed_nano"))}
    return forecast_month(daily, through=last)


# --- lines ----------------------------------------------------------------------------------------
def count_lines(actor: Actor | None, question: Question) -> int:
    """Count the lines that fit, from the sums."""
    return int(spend_rows(actor, question).aggregate(lines=Sum("rows"))["lines"] or 0)


def lines_page(actor: Actor | None, question: Question, *, start: int, size: int) -> list[Charge]:
    """Return some lines that fit, the latest month first; the sums say in which parts of files they stand."""
    parts = (
        spend_rows(actor, question)
        .order_by("-month", "source", "period_start")
        .values_list("month", "source", "period_start")
        .annotate(lines=Sum("rows"))
    )
    found: list[Charge] = []
    for month, source, period_start, lines in parts:
        if start >= lines:
            start -= lines
            continue
        rows = _lines_in(actor, question, source, period_start, month).select_related("rule", "source")
        found += rows[start : start + size - len(found)]
        start = 0
        if len(found) >= size:
            break
    return found


def every_line(actor: Actor | None, question: Question) -> Iterator[Charge]:
    """Yield all lines that fit, without ever holding many."""
    parts = spend_rows(actor, question).order_by("month", "source", "period_start")
    for month, source, period_start, _ in parts.values_list("month", "source", "period_start").annotate(n=Count("pk")):
        rows = _lines_in(actor, question, source, period_start, month)
        yield from rows.order_by("usage_start", "row").iterator(2_000)


def _lines_in(
    actor: Actor | None, question: Question, source: Any, period_start: date | None, month: date
) -> QuerySet[Charge]:
    rows: QuerySet[Charge] = Charge.objects.visible_to(actor).filter(source=source, period_start=period_start)
    if period_start is None:
        rows = rows.filter(Q(usage_start__year=month.year, usage_start__month=month.month) | Q(usage_start=None))
    if question.currency:
        rows = rows.filter(currency=question.currency)
    for name, value in question.where.items():
        rows = rows.filter(_condition(actor, name, value))
    return rows.order_by("-usage_start", "row")


def as_line(charge: Charge) -> ChargeLine:
    """Return a stored line as the value that exports write."""
    numbers = ("quantity", "billed", "effective", "list_cost", "contracted", "credits")
    values = {name: getattr(charge, name) for name in FIELDS}
    values |= {name: None if values[name] is None else Decimal(values[name]) for name in numbers}
    values["tags"] = json.loads(charge.tags) if charge.tags else {}
    return ChargeLine(row=charge.row, **values)
