"""The one way in which lines of bills reach the database: the driver's fastest, for each of the two."""

import csv
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from uuid import UUID

from django.db import connection

from billing.bills.lines import LINE_COLUMNS, NULL_COLUMNS
from billing.models import Charge

BLOCK = 1 << 20  # bytes handed to COPY at a time
ROWS = 2_000  # rows of one executemany
KEYS, MOMENTS = {"source_id", "rule_id"}, {"usage_start", "usage_end"}
COLUMNS = ("source_id", *LINE_COLUMNS)


def write_charges(lines: Path, *, source_id: UUID) -> None:
    """Write all rows of a ``lines.csv`` whose first column is the id of their import, which has none yet.

    Call it inside the transaction that makes the rows count. Raises ValueError if a row names another import: the
    child that wrote the file has read what a stranger sent.
    """
    written = _copy(lines) if connection.vendor == "postgresql" else _insert(lines)
    if Charge.objects.filter(source_id=source_id).count() != written:
        raise ValueError("The lines are not all of the import that is stored.")


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(connection.ops.quote_name(name) for name in names)


def _copy(lines: Path) -> int:
    """Stream the file into PostgreSQL as it is; give the number of rows."""
    table = connection.ops.quote_name(Charge._meta.db_table)
    form = f"FORMAT csv, HEADER, FORCE_NULL ({_quoted(name for name in COLUMNS if name in NULL_COLUMNS)})"
    order = f"COPY {table} ({_quoted(COLUMNS)}) FROM STDIN ({form})"
    with connection.cursor() as cursor:
        with cursor.copy(order) as copy, lines.open("rb") as stream:
            while block := stream.read(BLOCK):
                copy.write(block)
        return int(cursor.rowcount)


def _insert(lines: Path) -> int:
    """Hand the rows to SQLite in bundles; give their number."""
    order, written = insert_order(), 0
    connection.ensure_connection()
    with lines.open(encoding="utf-8", newline="") as stream:
        rows = csv.reader(stream)
        next(rows)
        while bundle := list(islice(rows, ROWS)):
            connection.connection.executemany(order, bundle)
            written += len(bundle)
    return written


def insert_order() -> str:
    """Write the INSERT that turns a row's texts into what Django itself would have stored in SQLite."""
    table = connection.ops.quote_name(Charge._meta.db_table)
    values = ", ".join(map(_value, COLUMNS))
    return f"INSERT INTO {table} ({_quoted(COLUMNS)}) VALUES ({values})"  # noqa: S608  # our own names


def _value(name: str) -> str:
    """Write one column's value: ids without hyphens, moments without their zone, which is UTC."""
    value = "?"
    if name in KEYS:
        value = "replace(?, '-', '')"
    elif name in MOMENTS:
        value = "substr(?, 1, 19)"
    return f"NULLIF({value}, '')" if name in NULL_COLUMNS else value
