"""Reading one sheet of an XLSX workbook, after its real size was counted."""

import re
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import python_calamine

from evaluations.engine.reading.containers import BROKEN, inflate_member, zip_names
from evaluations.engine.reading.delimited import TableRead, finish, refuse_without_rows
from evaluations.engine.reading.dialects import Layout, Trial, find_structure
from evaluations.engine.reading.lines import Dialect, Record, check_width
from evaluations.engine.reading.naming import name_columns
from evaluations.engine.reading.staging import removed_afterwards, stage
from evaluations.engine.reading.values import Notes, Progress, ReadingError, ReadLimits, ReadOptions

PLACE = re.compile(rb"""[\s:]r\s*=\s*(?:"([^"]{0,40})|'([^']{0,40}))""")  # of a cell (B7) or a row (7)
CORNER = re.compile(rb"([A-Za-z]*)(\d+)")
LONGEST = 40  # bytes of a place; a longer one was cut, so it tells nothing
OVERLAP = 128  # bytes kept, so that no place is cut in two
SPARSE = 50  # a sheet may span this many times the cells it holds
BATCH = 2_000


def read_sheet(
    path: Path, target: Path, options: ReadOptions, limits: ReadLimits, notes: Notes, progress: Progress
) -> TableRead:
    """Read a sheet; which one is asked if several hold cells."""
    progress("Checking the workbook", 0, 1)
    check_workbook(path, limits)
    rows = _choose_sheet(path, options, notes)
    layout = _layout(rows, options, notes)
    check_width(layout.width, limits)
    names = name_columns(options.names or layout.names, layout.width, notes)
    staging = target.with_name(target.name + ".stage")
    with removed_afterwards(staging):
        batches = _batches(rows, layout, notes, progress)
        staged = stage(batches, names, staging, options, limits)
        refuse_without_rows(staged.rows, names)
        result = finish(staged, target, options, notes, progress, layout=layout)
    result.header_row = layout.header_row
    return result


class _Bounds:
    """The farthest row and column that a part's XML names, and how many places it names."""

    def __init__(self) -> None:
        self._rest = b""
        self.places = self.rows = self.columns = 0

    def __call__(self, data: bytes) -> None:
        data = self._rest + data
        for double, single in PLACE.findall(data):
            value = (double or single).strip()
            match = CORNER.fullmatch(value)
            if match and len(value) < LONGEST:
                self.places += 1
                self.rows = max(self.rows, int(match.group(2)))
                self.columns = max(self.columns, _column_number(match.group(1).upper()))
            elif match or b"&" in value:
                raise ReadingError("broken_workbook", "The workbook is written in a way no program does; save it anew.")
        self._rest = data[-OVERLAP:]


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def check_workbook(path: Path, limits: ReadLimits) -> None:
    """Refuse a workbook that is encrypted, damaged, or larger inside than a table may be.

    The bytes are counted while they are inflated, and the cells are found in the XML itself, because
    a few bytes can name a cell in the last row and column and make a parser reserve all between.
    """
    names = zip_names(path, limits)
    if not any(name.startswith("xl/") for name in names):
        raise ReadingError("not_a_table", "This Office file is no XLSX workbook; save the table as XLSX.")
    left = limits.sheet_bytes
    try:
        with zipfile.ZipFile(path) as archive:
            for name in names:
                bounds = _Bounds()  # of every part: the workbook may call any of them a sheet
                left -= inflate_member(archive, name, left, bounds)
                _check_bounds(bounds, limits)
    except BROKEN as error:
        raise ReadingError("broken_archive", "The workbook is damaged or encrypted; save it again.") from error


def _check_bounds(bounds: _Bounds, limits: ReadLimits) -> None:
    area = bounds.rows * max(bounds.columns, 1)
    if area > limits.sheet_cells or area > 1_000_000 + SPARSE * max(bounds.places, 1):
        raise ReadingError(
            "sheet_too_large",
            f"The sheet spans {bounds.rows:,} rows and {bounds.columns:,} columns; "
            "remove stray cells far outside the table, or save it as CSV.",
        )


def _choose_sheet(path: Path, options: ReadOptions, notes: Notes) -> list[list[Any]]:
    try:
        with python_calamine.CalamineWorkbook.from_path(path) as book:
            names = list(book.sheet_names)
            if options.sheet is not None and options.sheet not in names:
                raise ReadingError("sheet_unknown", f"The workbook has no sheet “{options.sheet}”.")
            if options.sheet is not None:
                return list(book.get_sheet_by_name(options.sheet).to_python())
            filled = [(n, rows) for n in names[:50] if (rows := book.get_sheet_by_name(n).to_python())]
    except (python_calamine.CalamineError, ValueError, OSError) as error:
        raise ReadingError("broken_workbook", "The workbook cannot be read; save it again as XLSX.") from error
    if not filled:
        raise ReadingError("empty", "The workbook has no filled sheet; upload one with a header and rows.")
    if len(filled) > 1:
        notes.ask(
            "sheet",
            f"The workbook has {len(filled)} filled sheets. Which one holds the table?",
            [{"label": name, "options": {"sheet": name}} for name, _ in filled],
        )
    return filled[0][1]


def _layout(rows: list[list[Any]], options: ReadOptions, notes: Notes) -> Layout:
    width = max((len(row) for row in rows[:500]), default=0)
    if not width:
        raise ReadingError("empty", "The sheet is empty; upload one with a header and rows.")
    records: list[Record] = []
    for line, row in enumerate(rows[:500], 1):
        cells = [_text(value) for value in row]
        filled = sum(map(bool, cells))
        if filled:
            records.append((line, cells[:1] if filled == 1 and width > 2 and line < 30 else cells))
    trial = Trial(Dialect(None), width, 1.0, records, 0, 0, 0, [])
    return find_structure(trial, options, notes, 0)


def _batches(
    rows: list[list[Any]], layout: Layout, notes: Notes, progress: Progress
) -> Iterator[list[tuple[int, list[str | None]]]]:
    width = layout.width
    for start in range(layout.first_line - 1, len(rows), BATCH):
        batch: list[tuple[int, list[str | None]]] = []
        for line, row in enumerate(rows[start : start + BATCH], start + 1):
            cells: list[str | None] = [_text(value) for value in row]
            if any(cells):
                batch.append((line, (cells + [""] * (width - len(cells)))[:width]))
            else:
                notes.mark("blank_rows", line)
        if batch:
            yield batch
        progress("Reading the sheet", min(start + BATCH, len(rows)), len(rows))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, date | time | timedelta):
        return str(value)
    return "" if value is None else repr(value)
