"""The job that reads a bill: previews it and writes its lines for a fast import.

``lines.csv`` is UTF-8 with a header, one row per charge in the order of :data:`LINE_COLUMNS`,
after the constants that the job asked for. PostgreSQL takes it by ``COPY … (FORMAT csv, HEADER,
FORCE_NOT_NULL (…TEXT_COLUMNS))``, SQLite by ``csv.reader`` and ``executemany``: an empty cell of
:data:`NULL_COLUMNS` is NULL, any other is an empty text.
"""

import csv
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import IO, Any

from billing.bills.amounts import plain_text, to_nanos
from billing.bills.columns import Batch, Memory
from billing.bills.errors import BillError
from billing.bills.lines import AMOUNTS, FIELDS, NULLABLE
from billing.bills.mapped import ColumnMapping
from billing.bills.preview import PreviewCounter
from billing.bills.reading import Bill, Reading, open_bill
from billing.bills.tags import write_tags
from projects.sandbox import Task, TaskError

LINES_FILE = "lines.csv"
STORED = (*AMOUNTS, "credits")
# One column per field; every amount has its integer of 1e-9 units beside it.
LINE_COLUMNS: tuple[str, ...] = ("row", *FIELDS, *(f"{name}_nano" for name in STORED))
NULL_COLUMNS = frozenset({*NULLABLE, *(f"{name}_nano" for name in STORED)})
TEXT_COLUMNS: tuple[str, ...] = tuple(name for name in LINE_COLUMNS if name not in NULL_COLUMNS and name != "row")


def run(task: Task) -> dict[str, Any]:
    """Read the bill ``task.inputs["bill"]``; return its preview and write ``lines.csv``.

    ``task.arguments``: ``mapping`` (a saved ColumnMapping as a dict, or nothing), ``currency``,
    ``basis`` (``actual`` or ``amortised``), ``constants`` (column to text, put before every
    line, such as the key of the import) and ``write`` (False for a preview alone). The result is
    ``BillPreview.to_dict()``; its amounts are texts.
    """
    try:
        reading = reading_from(task.arguments)
        with open_bill(task.inputs["bill"], reading) as bill:
            return _read(task, bill)
    except BillError as error:
        raise TaskError(error.code, str(error)) from error


def reading_from(arguments: Mapping[str, Any]) -> Reading:
    """Turn a job's arguments into how to read the bill."""
    saved = arguments.get("mapping")
    return Reading(
        mapping=ColumnMapping.from_dict(saved) if saved else None,
        currency=arguments.get("currency") or None,
        basis=arguments.get("basis") or "actual",
    )


def _read(task: Task, bill: Bill) -> dict[str, Any]:
    """Preview the bill and write its lines in one reading."""
    counter = PreviewCounter(bill.layout)
    if not task.arguments.get("write", True):
        for batch in bill.batches():
            counter.look(batch)
            _tell(task, counter, bill)
        return counter.result(bill.skipped).to_dict()
    with (task.outputs / LINES_FILE).open("w", encoding="utf-8", newline="") as stream:
        lines = LineWriter(stream, task.arguments.get("constants") or {})
        for batch in bill.batches():
            counter.look(batch)
            lines.write(batch)
            _tell(task, counter, bill)
    return counter.result(bill.skipped).to_dict()


def _tell(task: Task, counter: PreviewCounter, bill: Bill) -> None:
    """Say how much of the file is read."""
    task.progress("Reading", bill.done(), 1.0)


class LineWriter:
    """Writes batches as the rows of ``lines.csv``."""

    def __init__(self, stream: IO[str], constants: Mapping[str, str]) -> None:
        self.writer = csv.writer(stream, lineterminator="\n")
        self.constants = list(constants.values())
        self.texts = _Texts()
        self.writer.writerow([*constants, *LINE_COLUMNS])

    def write(self, batch: Batch) -> None:
        """Write one batch."""
        count = len(batch.rows)
        columns: list[Sequence[Any]] = [[value] * count for value in self.constants]
        columns.append(range(batch.first_row, batch.first_row + count))
        columns += [self._column(batch, name) for name in FIELDS]
        for name in STORED:
            values = batch.column(name)
            columns.append([None if value is None else to_nanos(value) for value in values])
        self.writer.writerows(zip(*columns, strict=True))

    def _column(self, batch: Batch, name: str) -> Sequence[Any]:
        """Bring one field to texts."""
        values = batch.column(name)
        if name in {*STORED, "quantity"}:
            return [None if value is None else plain_text(value) for value in values]
        if name in NULLABLE:
            return [self.texts.moments[value] for value in values]
        return [self.texts.of_tags(value) for value in values] if name == "tags" else values


class _Texts:
    """Remembers how moments and tags are written."""

    def __init__(self) -> None:
        self.moments = Memory(_moment_text)
        self.tags: dict[int, tuple[dict[str, str], str]] = {}

    def of_tags(self, tags: dict[str, str]) -> str:
        """Write tags; the same object is written once (it is kept alive, so its id stays its own)."""
        found = self.tags.get(id(tags))
        if found is None:
            if len(self.tags) > 20_000:  # noqa: PLR2004 # bounds the memory
                self.tags.clear()
            found = self.tags[id(tags)] = (tags, write_tags(tags))
        return found[1]


def _moment_text(value: date | datetime | None) -> str | None:
    """Write a date, or a moment in UTC."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return value.isoformat() if value else None
