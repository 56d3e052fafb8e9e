"""The job that reads a bill: previews it and writes its lines for a fast import.

``lines.csv`` is UTF-8 with a header, one row per charge in the order of :data:`LINE_COLUMNS`, after the constants
that the job asked for. Its last column is the key of the rule that takes the charge. PostgreSQL takes the file by
``COPY … (FORMAT csv, HEADER, FORCE_NULL (…NULL_COLUMNS))``, SQLite by ``csv.reader`` and ``executemany``: an empty
cell of :data:`NULL_COLUMNS` is NULL, any other is an empty text.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from billing.allocation import Allocator, Condition, Part, Rule
from billing.bills.batches import Batch
from billing.bills.coded import Coded, integers
from billing.bills.columns import Memory
from billing.bills.errors import BillError
from billing.bills.formats import Reading
from billing.bills.lines import DECIMALS, FIELDS, LINE_COLUMNS, LINES_FILE, NULLABLE, STORED
from billing.bills.mapped import ColumnMapping
from billing.bills.preview import PreviewCounter
from billing.bills.reading import Bill, read_bill
from billing.bills.tags import write_tags
from projects.sandbox import Task, TaskError


def run(task: Task) -> dict[str, Any]:
    """Read the bill ``task.inputs["bill"]``; return its preview and write ``lines.csv``.

    ``task.arguments``: ``mapping`` (a saved ColumnMapping as a dict, or nothing), ``currency``,
    ``basis`` (``actual`` or ``amortised``), ``constants`` (column to text, put before every
    line, such as the key of the import), ``rules`` (each its ``key`` and ``conditions``, the first that matches takes
    a charge) and ``write`` (False for a preview alone). The result is
    ``BillPreview.to_dict()``, whose amounts are texts, and beside written lines the ``rules``.
    """
    try:
        reading = reading_from(task.arguments)
        return read_bill(task.inputs["bill"], reading, lambda bill: _read(task, bill))
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
        for batch in bill.batches:
            counter.look(batch)
            _tell(task, bill)
        return counter.result(bill.skipped).to_dict()
    rules = task.arguments.get("rules") or []
    with (task.outputs / LINES_FILE).open("wb") as stream:
        lines = LineWriter(stream, task.arguments.get("constants") or {}, rules)
        for batch in bill.batches:
            counter.look(batch)
            lines.write(batch)
            _tell(task, bill)
    return counter.result(bill.skipped).to_dict() | {"rules": rules}


def _tell(task: Task, bill: Bill) -> None:
    """Say how much of the file is read."""
    task.progress("Reading", bill.done(), 1.0)


class LineWriter:
    """Writes batches as the rows of ``lines.csv``."""

    def __init__(self, stream: IO[bytes], constants: Mapping[str, str], rules: Sequence[Mapping[str, Any]]) -> None:
        self.stream = stream
        self.constants = list(constants.values())
        self.names = [*constants, *LINE_COLUMNS]
        self.chooser = _Chooser(rules)
        self.tags: dict[int, tuple[dict[str, str], str]] = {}
        self.moments = Memory(_moment_text)
        stream.write(",".join(self.names).encode() + b"\n")

    def write(self, batch: Batch) -> None:
        """Write one batch."""
        columns = [Coded.same(value, batch.count).texts() for value in self.constants]
        columns.append(integers(np.arange(batch.first_row, batch.first_row + batch.count)))
        for name in ("resource", "sku"):
            batch.must_fit(name)
        columns += [self._column(batch, name) for name in FIELDS]
        columns += [batch.column(name).nanos() for name in STORED]
        columns.append(self.chooser(batch).texts())
        table = pa.RecordBatch.from_arrays(columns, names=self.names)
        pacsv.write_csv(table, self.stream, pacsv.WriteOptions(include_header=False))

    def _column(self, batch: Batch, name: str) -> pa.StringArray:
        """Bring one field to texts."""
        values = batch.column(name)
        if name in DECIMALS:
            return values.texts
        if name in NULLABLE:
            return values.texts(self.moments.__getitem__)
        return values.texts(write_tags) if name == "tags" else values.texts()


class _Chooser:
    """Finds the rules of charges; those that agree in what the rules look at are decided once."""

    def __init__(self, rules: Sequence[Mapping[str, Any]]) -> None:
        self.keys = [rule["key"] for rule in rules]
        conditions = [tuple(map(Condition.from_dict, rule["conditions"])) for rule in rules]
        self.allocator = Allocator([Rule("", "", found, (Part(""),)) for found in conditions])
        self.known = Memory(self._choose)

    def __call__(self, batch: Batch) -> Coded:
        """Return the key of each row's rule, or an empty text."""
        columns = [self._facts(batch, name) for name in self.allocator.fields]
        if columns:
            return batch.together(columns).map(self.known.__getitem__)
        return batch.same(self._choose(()))

    @staticmethod
    def _facts(batch: Batch, name: str) -> Coded:
        found: Coded = batch.column(name)
        return found.map(write_tags) if name == "tags" else found

    def _choose(self, facts: tuple[Any, ...]) -> str:
        chosen = self.allocator.choose(facts)
        return "" if chosen is None else self.keys[chosen]


def _moment_text(value: date | datetime | None) -> str:
    """Write a date, or a moment in UTC as both databases take it."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S+00")
    return value.isoformat() if value else ""
