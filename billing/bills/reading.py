"""Open a bill, find its header and its format, and read it in batches of rows."""

import csv
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO

from billing.bills import aws, azure, focus, gcp, mapped
from billing.bills.columns import Batch, Layout
from billing.bills.errors import BillError
from billing.bills.lines import ChargeLine
from billing.bills.mapped import ColumnMapping
from billing.bills.sources import Limits, open_text

BATCH = 512  # rows; about 2 MB of a wide bill, which fits the cache
MOST_BLANK = 10_000
SEARCHED = 40  # rows in which the header must stand
DELIMITERS = (",", ";", "\t", "|")
BLANKS = " \t\r\n,;|"
DETECTORS: tuple[tuple[str, Callable[[Sequence[str]], bool]], ...] = (
    ("focus", focus.detect),
    ("aws-cur", aws.detect),
    ("gcp-export", gcp.detect_export),
    ("gcp-table", gcp.detect_table),
    ("azure", azure.detect),
    ("gcp-items", gcp.detect_items),
)
KNOWN = "FOCUS, AWS CUR, an Azure cost export or a Google Cloud export"


@dataclass(frozen=True, slots=True)
class Reading:
    """How a bill is to be read, beyond what its header says.

    ``currency`` helps a bill that names none; ``basis`` says whether an Azure export, which has
    one cost only, is ``actual`` or ``amortised``.
    """

    mapping: ColumnMapping | None = None
    currency: str | None = None
    basis: str = "actual"
    limits: Limits = field(default_factory=Limits)


def detect(header: Sequence[str]) -> str | None:
    """Name the format that a header is of; None if it is of none that we know."""
    return next((name for name, is_ours in DETECTORS if is_ours(header)), None)


@dataclass(slots=True)
class Bill:
    """An open bill; ``skipped`` counts the rows left out, by reason, while it is read."""

    layout: Layout
    rows: Iterator[list[str]]
    line: Callable[[], int]
    done: Callable[[], float]  # the share of the file's bytes that are read
    skipped: Counter[str] = field(default_factory=Counter)

    def batches(self) -> Iterator[Batch]:
        """Yield all rows in batches; every row is a charge, equal rows are all kept."""
        done = 0
        while True:
            before = self.line()
            raw = self._next_rows()
            if not raw:
                return
            batch = self._shape(raw, before, done)
            done += len(batch.rows)
            if batch.rows:
                yield batch

    def charge_lines(self) -> Iterator[ChargeLine]:
        """Yield all charges, one at a time."""
        for batch in self.batches():
            yield from batch.charge_lines()

    def _next_rows(self) -> list[list[str]]:
        try:
            return list(islice(self.rows, BATCH))
        except csv.Error as error:
            message = f"The CSV is broken here ({error}). A quote may be missing above."
            raise BillError("broken-csv", message, line=self.line()) from error
        except UnicodeError as error:
            raise _not_text() from error

    def _shape(self, raw: list[list[str]], before: int, done: int) -> Batch:
        """Check the rows' widths and find the line on which each begins."""
        width, skip = len(self.layout.header), self.layout.skip
        simple = self.line() - before == len(raw)
        lines: Sequence[int] = range(before + 1, before + 1 + len(raw))
        if not simple:
            lines = _line_numbers(raw, before)
        if skip is None and set(map(len, raw)) == {width}:
            return Batch(self.layout, raw, done + 1, lines)
        kept, numbers = [], []
        for row, line in zip(raw, lines, strict=True):
            whole = self._fit(row, width, line)
            reason = skip(whole) if whole and skip else None
            if reason:
                self.skipped[reason] += 1
            elif whole:
                kept.append(whole)
                numbers.append(line)
        return Batch(self.layout, kept, done + 1, numbers)

    def _fit(self, row: list[str], width: int, line: int) -> list[str]:
        """Return a row of the header's width; an empty line is no row."""
        if not any(cell.strip() for cell in row):
            return self._blank(line)
        if len(row) > width and not any(row[width:]):
            return row[:width]
        if len(row) < width and self.layout.grown:
            return row + [""] * (width - len(row))
        if len(row) != width:
            message = (
                f"this row has {len(row)} cells, the header has {width}. "
                "A quote or a separator may be missing; correct the file and upload it again."
            )
            raise BillError("ragged-row", message, line=line)
        return row

    def _blank(self, line: int) -> list[str]:
        """Leave out a row without content; a file of such rows is no bill."""
        self.skipped["blank"] += 1
        if self.skipped["blank"] > MOST_BLANK:
            message = f"more than {MOST_BLANK} rows are empty. Remove them and upload it again."
            raise BillError("broken-csv", message, line=line)
        return []


def _line_numbers(raw: list[list[str]], before: int) -> list[int]:
    """Count the line breaks inside quoted cells to place every row."""
    numbers, line = [], before + 1
    for row in raw:
        numbers.append(line)
        line += 1 + sum(cell.count("\n") for cell in row if "\n" in cell)
    return numbers


@contextmanager
def open_bill(path: Path, reading: Reading | None = None) -> Iterator[Bill]:
    """Open a bill of any known format, or of any format through a mapping.

    Raises
    ------
    BillError
        If the file is no bill that can be read; it says why, where, and what to do.
    """
    reading = reading or Reading()
    with ExitStack() as stack:
        above, delimiter, layout = _find_layout(path, reading)
        text, share = stack.enter_context(open_text(path, reading.limits))
        rows = csv.reader(text, delimiter=delimiter, strict=True)
        for _ in range(above + 1):
            next(rows)
        yield Bill(layout, rows, lambda: rows.line_num, share)


def _find_layout(path: Path, reading: Reading) -> tuple[int, str, Layout]:
    """Look for a header that a format knows: (rows above it, separator, layout)."""
    delimiters: tuple[str, ...] = DELIMITERS
    if reading.mapping and reading.mapping.delimiter:
        delimiters = (reading.mapping.delimiter,)
    empty = True
    for delimiter in delimiters:
        with open_text(path, reading.limits) as (text, _):
            head = _head(text, delimiter)
        empty = empty and not any(cell.strip(BLANKS) for row in head for cell in row)
        for above, row in enumerate(head):
            layout = _layout(row, head[:above], reading)
            if layout:
                _check_header(row, reading.limits)
                return above, delimiter, layout
    if empty:
        raise BillError("empty-bill", "The file is empty. Download the bill again.")
    if reading.mapping:
        first = sorted(reading.mapping.wanted())
        message = f"No row of the file has all mapped columns ({', '.join(first)}). Change the map."
        raise BillError("missing-column", message)
    message = f"The header is not that of {KNOWN}. Map its columns once, then upload it again."
    raise BillError("unknown-format", message)


def _head(text: IO[str], delimiter: str) -> list[list[str]]:
    """Read the first rows; what is broken further down is found when it is read."""
    rows: list[list[str]] = []
    try:
        for row in islice(csv.reader(text, delimiter=delimiter), SEARCHED):
            rows.append(row)
    except csv.Error:
        return rows
    except UnicodeError as error:
        raise _not_text() from error
    return rows


def _layout(header: list[str], above: Sequence[Sequence[str]], reading: Reading) -> Layout | None:
    """Return what the header's format makes of it."""
    if reading.mapping:
        known = mapped.detect(header, reading.mapping)
        return mapped.layout(header, reading.mapping) if known else None
    makers: dict[str, Callable[[], Layout]] = {
        "focus": lambda: focus.layout(header),
        "aws-cur": lambda: aws.layout(header),
        "azure": lambda: azure.layout(header, basis=reading.basis),
        "gcp-export": lambda: gcp.layout_export(header),
        "gcp-table": lambda: gcp.layout_table(header, above),
        "gcp-items": lambda: gcp.layout_items(header, currency=reading.currency),
    }
    name = detect(header)
    return makers[name]() if name else None


def _check_header(header: list[str], limits: Limits) -> None:
    """Refuse a header that is too wide."""
    if len(header) > limits.columns:
        message = f"The header has {len(header)} columns; {limits.columns} are the most."
        raise BillError("too-many-columns", message)


def _not_text() -> BillError:
    """Say that the bytes are not text."""
    message = "The file is not text in UTF-8 or UTF-16. Save it as “CSV UTF-8” and upload it again."
    return BillError("not-text", message)


def read_lines(path: Path, reading: Reading | None = None) -> Iterator[ChargeLine]:
    """Yield every charge of a bill as the same value, whatever its format."""
    with open_bill(path, reading) as bill:
        yield from bill.charge_lines()
