"""Reading CSV, TSV and other delimited text into a typed table."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.compute as pc

from evaluations.engine.reading.asides import totals, units
from evaluations.engine.reading.containers import Source
from evaluations.engine.reading.dialects import CONFLICT, Layout, find_layout
from evaluations.engine.reading.encodings import EncodingGuess, find_encoding, text_blocks
from evaluations.engine.reading.lines import Record, RecordReader, check_width
from evaluations.engine.reading.naming import name_columns
from evaluations.engine.reading.remarks import explain_decisions, explain_marks
from evaluations.engine.reading.shapes import ColumnShapes, Decision, add_cells
from evaluations.engine.reading.staging import (
    Staged,
    decide_types,
    missing_for,
    removed_afterwards,
    stage,
    staged_batches,
    write_staged,
)
from evaluations.engine.reading.swift import convert_regular
from evaluations.engine.reading.values import (
    Column,
    Notes,
    Progress,
    ReadingError,
    ReadLimits,
    ReadOptions,
)

SAMPLE_BYTES = 2**20
CONFLICT_STARTS = "<=>|"
MARKERS = ("<<<<<<<", "=======", ">>>>>>>")


@dataclass(slots=True)
class TableRead:
    """What reading made of a file, whatever its format."""

    rows: int
    columns: list[Column]
    encoding: str | None = None
    separator: str | None = None
    quote: str | None = None
    header_row: int | None = None
    decimal_mark: str | None = None
    sha256: str | None = None


def read_delimited(
    source: Source,
    target: Path,
    options: ReadOptions,
    limits: ReadLimits,
    notes: Notes,
    progress: Progress,
) -> TableRead:
    """Read delimited text: regular files fast in blocks, all others cell by cell."""
    guess, text = _sample(source, options, limits, notes)
    layout = find_layout(text, options, notes, limits)
    check_width(layout.width, limits)
    names = name_columns(options.names or layout.names, layout.width, notes)
    if source.size >= limits.swift_bytes or (source.packing != "none" and len(text) > SAMPLE_BYTES // 2):
        swift = convert_regular(
            source,
            target,
            layout,
            names,
            text,
            encoding=guess.name,
            options=options,
            limits=limits,
            notes=notes,
            progress=progress,
        )
        if swift is not None:
            return TableRead(
                swift.rows,
                swift.columns,
                guess.name,
                layout.dialect.separator,
                layout.dialect.quote or None,
                layout.header_row,
                swift.decimal_mark,
                swift.sha256,
            )
    return _read_carefully(
        source, target, layout, names, guess, options=options, limits=limits, notes=notes, progress=progress
    )


def _sample(source: Source, options: ReadOptions, limits: ReadLimits, notes: Notes) -> tuple[EncodingGuess, str]:
    size = SAMPLE_BYTES
    head = source.head(size)
    while len(head) == size and size < limits.line_bytes and _few_lines(head):
        size *= 8
        head = source.head(size)
    if not head.removeprefix(b"\xef\xbb\xbf").strip(b" \t\r\n\0"):
        raise ReadingError("empty", "The file is empty; upload a file with a header and rows.")
    guess = find_encoding(head)
    if options.encoding is not None:
        guess = EncodingGuess(options.encoding, "sure")
    if len(head) == size:
        head = head[: max(head.rfind(b"\n"), head.rfind(b"\r")) + 1] or head
    _say_encoding(guess, head, notes)
    try:
        text = "".join(text_blocks(io.BytesIO(head), guess.name, Notes(), limits))
    except ReadingError:
        if len(head) < size or guess.name.startswith("utf-8"):
            raise
        text = head.decode(guess.name, errors="ignore")
    if not text.strip("\ufeff \t\r\n\0"):
        raise ReadingError("empty", "The file is empty; upload a file with a header and rows.")
    return guess, text


def _few_lines(head: bytes) -> bool:
    return max(head.count(b"\n"), head.count(b"\r")) < 3


def _say_encoding(guess: EncodingGuess, head: bytes, notes: Notes) -> None:
    if guess.certainty == "sure":
        return
    choices = [
        {"label": name, "options": {"encoding": name}, "preview": _peek(head, name)}
        for name in (guess.name, *guess.others)
    ]
    if guess.certainty == "unsure":
        notes.ask(
            "encoding",
            f"The file does not say its encoding; it may be {guess.name}. Which of these reads right?",
            [c for c in choices if c["preview"] is not None],
        )
    elif guess.name != "utf-8":
        notes.add(
            "legacy_encoding",
            "warning",
            f"The file is not UTF-8; it is read as {guess.name}. Check the accents in the preview "
            "and choose another encoding if they are wrong.",
            choices=choices,
        )


def _peek(head: bytes, name: str) -> str | None:
    start = head[:4000]
    for cut in range(4):
        try:
            text = start[: len(start) - cut].decode(name)
        except UnicodeDecodeError:
            continue
        return "".join(c if c.isprintable() or c == "\n" else "·" for c in text)[:200]
    return None


def _read_carefully(
    source: Source,
    target: Path,
    layout: Layout,
    names: list[str],
    guess: EncodingGuess,
    *,
    options: ReadOptions,
    limits: ReadLimits,
    notes: Notes,
    progress: Progress,
) -> TableRead:
    stream = source.open()
    path = target.with_name(target.name + ".stage")
    try:
        blocks = text_blocks(stream, guess.name, notes, limits)
        reader = RecordReader(blocks, layout.dialect, notes, limits, width=layout.width)
        with removed_afterwards(path):
            batches = _even(reader, layout, names, options, limits, notes)
            seen = _report(batches, stream.position, source.size, progress)
            staged = stage(seen, names, path, options, limits)
            refuse_without_rows(staged.rows, names)
            if reader.line_ends_mixed():
                notes.add("mixed_line_ends", "warning", "Lines end in different ways (LF, CRLF, CR); all were read.")
            result = finish(staged, target, options, notes, progress, layout=layout)
    finally:
        stream.close()
    result.encoding, result.separator = guess.name, layout.dialect.separator
    result.quote, result.header_row = layout.dialect.quote or None, layout.header_row
    return result


def refuse_without_rows(rows: int, names: list[str]) -> None:
    """Refuse a table that has names but no rows."""
    if not rows:
        shown = ", ".join(names[:10]) + (" …" if len(names) > 10 else "")
        raise ReadingError(
            "no_rows",
            f"The file has {len(names)} column{'s' if len(names) != 1 else ''} ({shown}) but 0 rows; "
            "nothing can be trained or evaluated on it.",
        )


def finish(
    staged: Staged,
    target: Path,
    options: ReadOptions,
    notes: Notes,
    progress: Progress,
    layout: Layout | None = None,
) -> TableRead:
    """Decide the types of a staged table, write it, and say what was found."""
    dropped = units(staged, options, notes) | totals(staged, options, notes)
    if dropped:
        staged.dropped = dropped
        _recount(staged, options)
    refuse_without_rows(staged.rows - len(dropped), staged.names)
    decisions, decimal = decide_types(staged, options)
    explain_marks(notes, layout.width if layout else len(staged.names), options)
    explain_decisions(staged, decisions, options, notes)
    rows = write_staged(staged, decisions, target, options, notes, progress)
    return TableRead(rows, describe(staged.names, decisions), decimal_mark=decimal)


def describe(names: list[str], decisions: list[Decision]) -> list[Column]:
    """List the columns with their types and the reasons."""
    return [{"name": n, "type": d.type, "why": d.why} for n, d in zip(names, decisions, strict=True)]


def _report(
    batches: Iterator[list[Record]], position: object, size: int, progress: Progress
) -> Iterator[list[tuple[int, list[str | None]]]]:
    for batch in batches:
        yield batch  # type: ignore[misc] # a list of str is read as a list of str or None
        progress("Reading the file", min(position(), size), size)  # type: ignore[operator] # a method of the stream


def _even(
    reader: RecordReader,
    layout: Layout,
    names: list[str],
    options: ReadOptions,
    limits: ReadLimits,
    notes: Notes,
) -> Iterator[list[Record]]:
    """Make every record as wide as the table: short ones are filled, long ones noted."""
    width = len(names)
    head = [cell.strip() for cell in layout.names]
    name = head[0] if head else None
    conflict = Conflict(notes)
    for batch in reader.batches():
        rows: list[Record] = []
        for line, cells in batch:
            first = cells[0]
            if (
                len(cells) == width
                and first
                and first[0] not in CONFLICT_STARTS
                and first != name
                and line >= layout.first_line
                and not conflict.is_open
            ):
                rows.append((line, cells))  # nearly all rows come this way
            elif line >= layout.first_line:
                conflict.see(line, cells)
                if kept := _mend(line, cells, head, width, options=options, limits=limits, notes=notes):
                    rows.append((line, kept))
        if rows:
            yield rows


class Conflict:
    """Watches the two sides of a Git merge conflict for rows that stand in both."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._side = ""
        self._first: set[tuple[str, ...]] = set()

    @property
    def is_open(self) -> bool:
        """Whether the rows now read stand inside a conflict."""
        return self._side in MARKERS[:2]

    def see(self, line: int, cells: list[str]) -> None:
        """Look at one record."""
        start = cells[0][:7]
        if start in MARKERS and CONFLICT.match(cells[0]):
            self._side = start
            if start == MARKERS[0]:
                self._first.clear()
        elif self._side == MARKERS[0]:
            self._first.add(tuple(cells))
        elif self._side == MARKERS[1] and tuple(cells) in self._first:
            self._notes.mark("doubled_in_conflict", line)


def _why_useless(cells: list[str], head: list[str]) -> str | None:
    if CONFLICT.match(cells[0]):
        return "merge_conflict"
    if not any(cells):
        return "blank_rows"
    return "repeated_header" if [cell.strip() for cell in cells] == head else None


def _mend(
    line: int,
    cells: list[str],
    head: list[str],
    width: int,
    *,
    options: ReadOptions,
    limits: ReadLimits,
    notes: Notes,
) -> list[str] | None:
    if useless := _why_useless(cells, head):
        notes.mark(useless, line)
        return None
    if len(cells) > width and not any(cell.strip() for cell in cells[width:]):
        notes.mark("extra_separators", line)
        return cells[:width]
    if len(cells) > width:
        check_width(len(cells), limits)
        notes.mark("long_rows", line)
        return cells[:width] if options.long_rows == "cut" else None
    if len(cells) < width:
        notes.mark("short_rows", line)
        return cells + [""] * (width - len(cells))
    return cells


def _recount(staged: Staged, options: ReadOptions) -> None:
    spelled = [missing_for(name, options) for name in staged.names]
    staged.shapes = [ColumnShapes() for _ in staged.names]
    gone = sorted(staged.dropped)
    for batch in staged_batches(staged):
        lines = batch.column(len(staged.names))
        keep = batch.filter(pc.invert(pc.is_in(lines, value_set=_integers(gone))))
        for at, (shapes, missing) in enumerate(zip(staged.shapes, spelled, strict=True)):
            add_cells(shapes, keep.column(at), keep.column(len(staged.names)), missing)


def _integers(values: list[int]) -> object:
    return pc.cast(values, "int64")
