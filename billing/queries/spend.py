"""Where the money went: months by any dimension, down to the line."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Max, Min, Sum
from django.utils import timezone

from billing.bills.amounts import from_nanos
from billing.forecast import MonthForecast, forecast_month
from billing.models import Bill, DailySpend, MonthlySpend
from billing.money import share_out
from billing.queries.budgets import LATE
from billing.queries.narrowing import COLUMNS, OVERHEAD, UNALLOCATED, Question, amount_of, spend_rows
from billing.queries.rules import rules_of
from projects.access import Actor

OTHER = "other"
SERIES = 7  # named parts of a month's bar; the rest is one more
MONTHS = 12
FORECAST_HISTORY = 120  # days
ZERO = Decimal(0)


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
    """The answer: three figures, the groups by size with unallocated money first, and the months.

    Lines that several engagements share count in the rows of each group, and once in all.
    """

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


def explore(actor: Actor | None, question: Question) -> Exploration:
    """Answer a question from the monthly sums."""
    known = currencies_of(actor)
    currency = _currency(actor, question, [row[0] for row in known])
    first, last = _span(question, [row for row in known if row[0] == currency])
    asked = Question(question.by, currency, question.basis, first, last, question.where)
    groups: dict[str, Group] = {}
    unallocated, unallocated_rows, lines = 0, 0, 0
    names = _names(actor) if asked.by == "engagement" else {}
    splits = _splits(actor, asked) if asked.by == "engagement" or "engagement" in asked.where else {}
    for month, value, rule, nanos, credits_, listed, rows in _sums(actor, asked):
        lines += rows
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
        rows=lines,
    )


def _currency(actor: Actor | None, question: Question, known: list[str]) -> str:
    """Take the currency that is asked for, else the first in which anything fits."""
    if question.currency in known or not known:
        return question.currency if known else ""
    if len(known) > 1 and question.where:
        everywhere = spend_rows(actor, replace(question, currency=""))
        fits = {code for rows in everywhere for code in rows.order_by().values_list("currency", flat=True).distinct()}
        return next((currency for currency in known if currency in fits), known[0])
    return known[0]


def _span(question: Question, known: list[tuple[str, date, date]]) -> tuple[date | None, date | None]:
    """Take the asked months, else the last twelve that hold anything."""
    if question.first or question.last or not known:
        return question.first, question.last
    last = known[0][2]
    count = last.year * 12 + last.month - MONTHS
    return date(count // 12, count % 12 + 1, 1), last


def _sums(actor: Actor | None, asked: Question) -> Iterator[tuple[Any, ...]]:
    """Read (month, value, rule, net, credits, list, rows) in nano-units."""
    column = "tags" if asked.by.startswith("tag:") else COLUMNS.get(asked.by)
    wanted = ["month", *([column] if column else []), "rule"]
    for rows in spend_rows(actor, asked):
        net, kept, listed, lines = (amount_of(rows, name) for name in (asked.basis, "credits", "list", "lines"))
        sums = rows.order_by().values_list(*wanted)
        for row in sums.annotate(net_sum=net, kept_sum=kept, listed_sum=listed, line_count=lines):
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


def current_forecast(actor: Actor | None, currency: str) -> MonthForecast | None:
    """Forecast the month of the newest lines, unless they are too old to say anything about now."""
    forecast = forecast_of(actor, currency)
    recent = (timezone.now().date() - LATE).replace(day=1)
    return forecast if forecast and forecast.month >= recent else None


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
