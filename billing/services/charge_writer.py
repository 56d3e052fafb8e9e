"""The one way in which lines of bills reach the database: the driver's fastest, for each of the two."""

import csv
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from uuid import UUID

from django.db import connection

from billing.bills.work import LINE_COLUMNS, NULL_COLUMNS, TEXT_COLUMNS
from billing.models import Charge

BLOCK = 1 << 20  # bytes handed to COPY at a time
ROWS = 2_000  # rows of one executemany
MOMENTS = ("usage_start", "usage_end")
COLUMNS = ("source_id", *LINE_COLUMNS)


def write_charges(lines: Path, *, source_id: UUID) -> None:
    """Write all rows of a ``lines.csv`` whose first column is the id of their import.

    Call it inside the transaction that makes them count.
    """
    if connection.vendor == "postgresql":
        _copy(lines)
    else:
        _insert(lines, source_id)


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(connection.ops.quote_name(name) for name in names)


def _copy(lines: Path) -> None:
    """Stream the file as it is into PostgreSQL."""
    table = connection.ops.quote_name(Charge._meta.db_table)
    form = f"FORMAT csv, HEADER, FORCE_NOT_NULL ({_quoted(TEXT_COLUMNS)})"
    order = f"COPY {table} ({_quoted(COLUMNS)}) FROM STDIN ({form})"
    with connection.cursor() as cursor, lines.open("rb") as stream, cursor.copy(order) as copy:
        while block := stream.read(BLOCK):
            copy.write(block)


def _insert(lines: Path, source_id: UUID) -> None:
    """Hand the rows to SQLite in bundles; ``source_id`` takes the form in which Django keeps it there."""
    table = connection.ops.quote_name(Charge._meta.db_table)
    marks = ", ".join("?" for _ in COLUMNS)
    order = f"INSERT INTO {table} ({_quoted(COLUMNS)}) VALUES ({marks})"  # noqa: S608  # our own names
    connection.ensure_connection()
    with lines.open(encoding="utf-8", newline="") as stream:
        rows = csv.reader(stream)
        next(rows)
        ready = _as_sqlite(rows, source_id.hex)
        while bundle := list(islice(ready, ROWS)):
            connection.connection.executemany(order, bundle)


def _as_sqlite(rows: Iterable[list[str]], key: str) -> Iterator[list[str | None]]:
    """Turn texts into what Django itself would have stored."""
    nulls = [index for index, name in enumerate(COLUMNS) if name in NULL_COLUMNS]
    moments = [COLUMNS.index(name) for name in MOMENTS]
    for row in rows:
        ready: list[str | None] = list(row)
        ready[0] = key
        for index in nulls:
            if not ready[index]:
                ready[index] = None
        for index in moments:
            text = ready[index]
            if text:
                ready[index] = f"{text[:10]} {text[11:19]}"
        yield ready
