"""Open a bill and read it in batches: in blocks of columns where it is regular, else row by row.

Both ways give the same batches to the same readers. Whatever makes a file irregular, an error among it, has it
read from its start row by row, so that no cell and no message ever depends on the way.
"""

import csv
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TypeVar

from billing.bills.batches import Batch, Rows
from billing.bills.blocks import IrregularError, open_blocks
from billing.bills.columns import Layout
from billing.bills.errors import BillError
from billing.bills.formats import Reading, find_layout, not_text
from billing.bills.lines import ChargeLine
from billing.bills.sources import open_text

BATCH = 512  # rows; about 2 MB of a wide bill, which fits the cache
MOST_BLANK = 10_000
Result = TypeVar("Result")


@dataclass(slots=True)
class Bill:
    """An open bill; ``skipped`` counts the rows left out, by reason, while it is read."""

    layout: Layout
    batches: Iterator[Batch]
    done: Callable[[], float]  # the share of the file's bytes that are read
    skipped: Counter[str] = field(default_factory=Counter)


def read_bill(path: Path, reading: Reading | None, take: Callable[[Bill], Result]) -> Result:
    """Let ``take`` read a bill of any known format, or of any through a mapping; it may have to begin anew.

    Raises
    ------
    BillError
        If the file is no bill that can be read; it says why, where, and what to do.
    """
    reading = reading or Reading()
    above, delimiter, layout = find_layout(path, reading)
    if above == 0 and layout.skip is None:
        try:
            with open_blocks(path, reading.limits, delimiter, layout) as (batches, share):
                return take(Bill(layout, batches, share))
        except (IrregularError, BillError):
            pass  # from the start, row by row
    return read_by_rows(path, reading, above, delimiter, layout, take)


def read_by_rows(
    path: Path, reading: Reading, above: int, delimiter: str, layout: Layout, take: Callable[[Bill], Result]
) -> Result:
    """Read a bill with Python's csv module."""
    with ExitStack() as stack:
        text, share = stack.enter_context(open_text(path, reading.limits))
        rows = csv.reader(text, delimiter=delimiter, strict=True)
        skipped: Counter[str] = Counter()
        by_rows = _ByRows(layout, rows, lambda: rows.line_num, skipped)
        by_rows.next_rows(above + 1)
        return take(Bill(layout, by_rows.batches(), share, skipped))


@dataclass(slots=True)
class _ByRows:
    """The rows of a bill, one after the other, checked and put together to batches."""

    layout: Layout
    rows: Iterator[list[str]]
    line: Callable[[], int]
    skipped: Counter[str]

    def batches(self) -> Iterator[Batch]:
        """Yield all rows in batches; every row is a charge, equal rows are all kept."""
        done = 0
        while True:
            before = self.line()
            raw = self.next_rows(BATCH)
            if not raw:
                return
            batch = self._shape(raw, before, done)
            done += batch.count
            if batch.count:
                yield batch

    def next_rows(self, count: int) -> list[list[str]]:
        """Read some rows; what is broken is named by its line."""
        try:
            return list(islice(self.rows, count))
        except csv.Error as error:
            message = f"The CSV is broken here ({error}). A quote may be missing above."
            raise BillError("broken-csv", message, line=self.line()) from error
        except UnicodeError as error:
            raise not_text() from error

    def _shape(self, raw: list[list[str]], before: int, done: int) -> Batch:
        """Check the rows' widths and find the line on which each begins."""
        width, skip = len(self.layout.header), self.layout.skip
        simple = self.line() - before == len(raw)
        lines: Sequence[int] = range(before + 1, before + 1 + len(raw))
        if not simple:
            lines = _line_numbers(raw, before)
        if skip is None and set(map(len, raw)) == {width} and all(any(map(str.strip, row)) for row in raw):
            return Batch(self.layout, Rows(raw), len(raw), done + 1, lines)
        kept, numbers = [], []
        for row, line in zip(raw, lines, strict=True):
            whole = self._fit(row, width, line)
            reason = skip(whole) if whole and skip else None
            if reason:
                self.skipped[reason] += 1
            elif whole:
                kept.append(whole)
                numbers.append(line)
        return Batch(self.layout, Rows(kept), len(kept), done + 1, numbers)

    def _fit(self, row: list[str], width: int, line: int) -> list[str]:
        """Return a row of the header's width; an empty line is no row, nor is one of empty cells."""
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


def read_lines(path: Path, reading: Reading | None = None) -> Iterator[ChargeLine]:
    """Yield every charge of a bill as the same value, whatever its format; the whole bill is held for it."""
    yield from read_bill(path, reading, lambda bill: [line for batch in bill.batches for line in batch.charge_lines()])
