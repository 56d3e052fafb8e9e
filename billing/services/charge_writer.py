"""The one way in which lines of bills reach the database: the driver's fastest, for each of the two."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from itertools import islice
from pathlib import Path
from uuid import UUID

from django.db import connection

from billing.allocation import Allocator
from billing.bills.work import LINE_COLUMNS, NULL_COLUMNS, TEXT_COLUMNS
from billing.models import Charge, SpendRule

BLOCK = 1 << 20  # bytes handed to COPY at a time
ROWS = 2_000  # rows of one executemany
MOST_KNOWN = 100_000  # decisions that are remembered
MOMENTS = ("usage_start", "usage_end")
COLUMNS = ("source_id", *LINE_COLUMNS)


def write_charges(lines: Path, *, source_id: UUID, rules: Sequence[SpendRule] = ()) -> None:
    """Write all rows of a ``lines.csv`` whose first column is the id of their import, each with its rule.

    Call it inside the transaction that makes the rows count.
    """
    if connection.vendor == "postgresql":
        _copy(lines, rules)
    else:
        _insert(lines, source_id, rules)


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(connection.ops.quote_name(name) for name in names)


def _copy(lines: Path, rules: Sequence[SpendRule]) -> None:
    """Stream the file into PostgreSQL: as it is, or with the rule behind each row."""
    table = connection.ops.quote_name(Charge._meta.db_table)
    form = f"FORMAT csv, HEADER, FORCE_NOT_NULL ({_quoted(TEXT_COLUMNS)})"
    columns = (*COLUMNS, "rule_id") if rules else COLUMNS
    order = f"COPY {table} ({_quoted(columns)}) FROM STDIN ({form})"
    with connection.cursor() as cursor, cursor.copy(order) as copy:
        for block in _with_rules(lines, _Chooser(rules)) if rules else _blocks(lines):
            copy.write(block)


def _blocks(lines: Path) -> Iterator[bytes]:
    with lines.open("rb") as stream:
        while block := stream.read(BLOCK):
            yield block


def _with_rules(lines: Path, rule_of: "_Chooser") -> Iterator[str]:
    """Yield the file in bundles of rows, each row with its rule."""
    with lines.open(encoding="utf-8", newline="") as stream:
        rows = csv.reader(stream)
        yield ",".join([*next(rows), "rule_id"]) + "\n"
        while bundle := list(islice(rows, ROWS)):
            text = StringIO()
            csv.writer(text, lineterminator="\n").writerows([*row, rule_of(row)] for row in bundle)
            yield text.getvalue()


def _insert(lines: Path, source_id: UUID, rules: Sequence[SpendRule]) -> None:
    """Hand the rows to SQLite in bundles; ids take the form in which Django keeps them there."""
    table = connection.ops.quote_name(Charge._meta.db_table)
    marks = ", ".join("?" for _ in range(len(COLUMNS) + 1))
    order = f"INSERT INTO {table} ({_quoted((*COLUMNS, 'rule_id'))}) VALUES ({marks})"  # noqa: S608  # our own names
    connection.ensure_connection()
    with lines.open(encoding="utf-8", newline="") as stream:
        rows = csv.reader(stream)
        next(rows)
        ready = _as_sqlite(rows, source_id.hex, _Chooser(rules))
        while bundle := list(islice(ready, ROWS)):
            connection.connection.executemany(order, bundle)


class _Chooser:
    """Finds the rule of a row of texts; rows that agree in what the rules look at are decided once."""

    def __init__(self, rules: Sequence[SpendRule]) -> None:
        self.allocator = Allocator([rule.as_rule() for rule in rules])
        self.keys: list[str] = [rule.pk.hex for rule in rules]
        self.places = [COLUMNS.index(name) for name in self.allocator.fields]
        self.known: dict[tuple[str, ...], str | None] = {}

    def __call__(self, row: Sequence[str]) -> str | None:
        """Return the rule's key, or None."""
        if not self.keys:
            return None
        facts = tuple([row[place] for place in self.places])
        if facts not in self.known:
            if len(self.known) > MOST_KNOWN:
                self.known.clear()
            chosen = self.allocator.choose(facts)
            self.known[facts] = None if chosen is None else self.keys[chosen]
        return self.known[facts]


def _as_sqlite(rows: Iterable[list[str]], key: str, rule_of: _Chooser) -> Iterator[list[str | None]]:
    """Turn texts into what Django itself would have stored."""
    nulls = [index for index, name in enumerate(COLUMNS) if name in NULL_COLUMNS]
    moments = [COLUMNS.index(name) for name in MOMENTS]
    for row in rows:
        ready: list[str | None] = [*row, rule_of(row)]
        ready[0] = key
        for index in nulls:
            if not ready[index]:
                ready[index] = None
        for index in moments:
            text = ready[index]
            if text:
                ready[index] = f"{text[:10]} {text[11:19]}"
        yield ready
