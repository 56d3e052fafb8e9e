"""The lines behind the sums: some of them for a page, all of them for a file."""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from itertools import islice
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from billing.bills.dates import next_month
from billing.bills.export import write_csv, write_focus
from billing.bills.lines import FIELDS, ChargeLine
from billing.models import Charge
from billing.queries.narrowing import Question, amount_of, narrowed, spend_rows
from projects.access import Actor

FORMATS = {"csv": write_csv, "focus": write_focus}
BUNDLE = 500  # lines of an export written at once


@dataclass(frozen=True, slots=True)
class FoundLines:
    """The lines that fit, as the sums know them: how many stand in which part of which file."""

    actor: Actor | None
    question: Question
    parts: tuple[tuple[date, Any, date | None, int], ...]  # month, source, period_start, lines; the latest first

    @property
    def total(self) -> int:
        """Count them."""
        return sum(lines for *_, lines in self.parts)

    def some(self, *, start: int, size: int) -> list[Charge]:
        """Read some of them, the latest month first."""
        found: list[Charge] = []
        for month, source, period_start, lines in self.parts:
            if start >= lines:
                start -= lines
                continue
            rows = _lines_in(self.actor, self.question, source, period_start, month)
            found += _read(_keys(rows, start, min(start + size - len(found), lines), lines))
            start = 0
            if len(found) >= size:
                break
        return found


def _keys(rows: QuerySet[Charge], start: int, stop: int, lines: int) -> list[int]:
    """Read the keys of some of so many lines, counted from the nearer end."""
    if start + stop <= lines:
        return list(rows.values_list("pk", flat=True)[start:stop])
    return list(rows.reverse().values_list("pk", flat=True)[lines - stop : lines - start])[::-1]


def _read(keys: list[int]) -> list[Charge]:
    """Read lines by their keys and keep the order: to sort keys is far cheaper than to sort wide lines.

    A newer file may replace lines between the two queries; those are left out.
    """
    found = Charge.objects.select_related("rule", "source").in_bulk(keys)
    return [found[key] for key in keys if key in found]


def find_lines(actor: Actor | None, question: Question) -> FoundLines:
    """Find where the lines stand that fit."""
    return FoundLines(actor, question, tuple(_parts(actor, question, latest_first=True)))


def every_line(actor: Actor | None, question: Question) -> Iterator[Charge]:
    """Yield all lines that fit, without ever holding many."""
    for month, source, period_start, _ in _parts(actor, question, latest_first=False):
        rows = _lines_in(actor, question, source, period_start, month)
        yield from rows.order_by("usage_start", "row").iterator(2_000)


def written(actor: Actor | None, question: Question, form: str) -> Iterator[str]:
    """Yield all lines that fit as the text of a file, as they are read from the database."""
    lines = map(as_line, every_line(actor, question))
    bundle, first = list(islice(lines, BUNDLE)), True
    while first or bundle:
        out = io.StringIO()
        FORMATS[form](out, bundle)
        yield out.getvalue() if first else out.getvalue().partition("\r\n")[2]
        bundle, first = list(islice(lines, BUNDLE)), False


def as_line(charge: Charge) -> ChargeLine:
    """Return a stored line as the value that exports write."""
    numbers = ("quantity", "billed", "effective", "list_cost", "contracted", "credits")
    values = {name: getattr(charge, name) for name in FIELDS}
    values |= {name: None if values[name] is None else Decimal(values[name]) for name in numbers}
    values["tags"] = json.loads(charge.tags) if charge.tags else {}
    return ChargeLine(row=charge.row, **values)


def _parts(actor: Actor | None, question: Question, *, latest_first: bool) -> list[tuple[date, UUID, date | None, int]]:
    """List the parts of files in which lines stand, with how many: (month, source, period_start, lines)."""
    found: list[tuple[date, UUID, date | None, int]] = []
    for rows in spend_rows(actor, question):
        parts = rows.order_by().values_list("month", "source", "period_start")
        found += parts.annotate(count=amount_of(rows, "lines"))
    found.sort(key=lambda part: (part[1], part[2] or part[0]))
    return sorted(found, key=lambda part: part[0], reverse=latest_first)


def _lines_in(
    actor: Actor | None, question: Question, source: Any, period_start: date | None, month: date
) -> QuerySet[Charge]:
    rows: QuerySet[Charge] = Charge.objects.visible_to(actor).filter(source=source, period_start=period_start)
    if period_start is None:  # then the use says the month, or else the day on which the file arrived, both in UTC
        start = datetime.combine(month, time(), UTC)
        end = datetime.combine(next_month(month), time(), UTC)
        arrived = Q(usage_start=None, source__created_at__gte=start, source__created_at__lt=end)
        rows = rows.filter(Q(usage_start__gte=start, usage_start__lt=end) | arrived)
    if question.currency:
        rows = rows.filter(currency=question.currency)
    return narrowed(rows, actor, question).order_by("-usage_start", "row")
