"""The swift way for large regular files: pyarrow converts block after block with the found types.

Whatever is irregular makes it step back, so that the careful way reads the whole file instead: no
cell is ever read differently because a file is large.
"""

import hashlib
import queue
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from evaluations.engine.reading.containers import Source
from evaluations.engine.reading.converting import arrow_type
from evaluations.engine.reading.dialects import Layout
from evaluations.engine.reading.lines import RecordReader
from evaluations.engine.reading.remarks import explain_spelled
from evaluations.engine.reading.shapes import ColumnShapes, Decision, add_cells, decide
from evaluations.engine.reading.staging import TableWriter, missing_for
from evaluations.engine.reading.values import (
    Column,
    Notes,
    Progress,
    ReadLimits,
    ReadOptions,
)

BLOCK = 8 * 2**20
PARSE_BLOCK = 2 * 2**20
LEARN_CHARACTERS = 2**18
SAMPLE_ROWS = 2_000
CODE = r"^\s*[+-]?\d+\s*$"
RETRIES = 4
AHEAD = 3  # tables that may wait to be written
SIMPLE = {"", "plain", "iso", "zone"}
CODECS = {"utf-8", "utf-8-sig"}
LF, CR, TAB, ZERO, NINE, QUOTE, LETTER_X, DELETE = 10, 13, 9, 48, 57, 34, 120, 127


class IrregularError(Exception):
    """Something in the file asks for the careful way."""


class WidenError(Exception):
    """A block holds cells that the chosen types cannot hold; the wider shapes are known now."""


@dataclass(slots=True)
class Swift:
    """What the swift way made."""

    rows: int
    columns: list[Column]
    decimal_mark: str | None
    sha256: str | None


@dataclass(slots=True)
class _Plan:
    layout: Layout
    names: list[str]
    options: ReadOptions
    limits: ReadLimits
    shapes: list[ColumnShapes]
    decisions: list[Decision] = field(default_factory=list)
    separator: int = 44
    missing: list[Any] = field(default_factory=list)
    spelled: dict[str, dict[str, int]] = field(default_factory=dict)
    codes: set[int] = field(default_factory=set)  # columns that are text only for their leading zeros or length

    def decide(self) -> None:
        """Choose types from the shapes seen so far; step back if one is not simple."""
        self.decisions = [decide(s, self.options.decimal) for s in self.shapes]
        self.codes = {
            at for at, d in enumerate(self.decisions) if d.type == "text" and self.shapes[at].total("zeros", "long")
        }
        for at, decision in enumerate(self.decisions):
            if set(decision.oddities) - {"empty"} or decision.form not in SIMPLE:
                raise IrregularError(self.names[at])


def convert_regular(
    source: Source,
    target: Path,
    layout: Layout,
    names: list[str],
    sample: str,
    *,
    encoding: str,
    options: ReadOptions,
    limits: ReadLimits,
    notes: Notes,
    progress: Progress,
) -> Swift | None:
    """Convert a regular file in blocks; None if it is irregular anywhere."""
    if not _may_be_swift(layout, encoding, options, notes):
        return None
    plan = _Plan(layout, names, options, limits, [ColumnShapes() for _ in names])
    plan.separator = ord(layout.dialect.separator or ",")
    plan.missing = [missing_for(name, options) for name in names]
    try:
        _learn_sample(plan, sample[:LEARN_CHARACTERS])
        for _ in range(RETRIES):
            plan.decide()
            plan.spelled.clear()
            try:
                return _convert(source, target, plan, notes, progress)
            except WidenError:
                continue
    except IrregularError:
        return None
    return None


def _may_be_swift(layout: Layout, encoding: str, options: ReadOptions, notes: Notes) -> bool:
    dialect = layout.dialect
    asked = {q["code"] for q in notes.questions}
    return (
        encoding in CODECS
        and dialect.separator is not None
        and ord(dialect.separator) < 128
        and dialect.quote in {"", '"'}
        and not (dialect.escape or dialect.comment or dialect.starts or layout.preamble)
        and not layout.nameless_first
        and asked <= {"no_header"}
        and not (options.types or options.extra_missing or options.missing or options.decimal)
        and not (options.skip_rows or options.footer_rows or options.units_row)
    )


def _learn_sample(plan: _Plan, sample: str) -> None:
    notes = Notes()
    width = len(plan.names)
    whole = _whole_lines(sample)
    while plan.layout.dialect.quote and whole.count('"') % 2:
        whole = _whole_lines(whole[:-1])
    reader = RecordReader([whole], plan.layout.dialect, notes, plan.limits, width=width)
    rows = [r for r in reader if r[0] >= plan.layout.first_line][:SAMPLE_ROWS]
    if not rows or notes.counts or any(len(cells) != width or not any(cells) for _, cells in rows):
        raise IrregularError
    lines = pa.array([line for line, _ in rows], pa.int64())
    for shapes, cells, missing in zip(plan.shapes, zip(*(c for _, c in rows), strict=True), plan.missing, strict=True):
        add_cells(shapes, pa.array(cells, pa.string()), lines, missing)


def _whole_lines(text: str) -> str:
    return text[: max(text.rfind("\n"), text.rfind("\r")) + 1]


def _convert(source: Source, target: Path, plan: _Plan, notes: Notes, progress: Progress) -> Swift:
    schema = pa.schema([(n, arrow_type(d)) for n, d in zip(plan.names, plan.decisions, strict=True)])
    digest = _Digest() if source.packing == "none" else None
    stream = source.open()
    rows = 0
    tail: Any = None
    try:
        with TableWriter(target, schema) as writer, ThreadPoolExecutor(1) as pool:
            pending: deque[Future[None]] = deque()
            for block in _blocks(stream.read, plan, digest):
                table = _parse(block, plan, schema)
                rows += table.num_rows
                tail = table.slice(max(table.num_rows - 3, 0)) if table.num_rows else tail
                if len(pending) >= AHEAD:
                    pending.popleft().result()
                pending.append(pool.submit(_write, writer, table))
                progress("Reading the file", min(stream.position(), source.size), source.size)
            for written in pending:
                written.result()
            _check_tail(tail)
    finally:
        stream.close()
        sha = digest.finish() if digest else None
    for name, spelled in plan.spelled.items():
        explain_spelled(name, spelled, notes)
    decimal = "." if any(d.type == "number" for d in plan.decisions) else None
    columns: list[Column] = [
        {"name": n, "type": d.type, "why": d.why} for n, d in zip(plan.names, plan.decisions, strict=True)
    ]
    return Swift(rows, columns, decimal, sha)


def _write(writer: TableWriter, table: Any) -> None:
    for batch in table.to_batches():
        writer.write(batch)


class _Digest:
    """SHA-256 of the bytes as they pass, reckoned beside the reading."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._queue: queue.Queue[bytes | None] = queue.Queue(2)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while (data := self._queue.get()) is not None:
            self._hash.update(data)

    def add(self, data: bytes) -> None:
        """Take the next bytes."""
        self._queue.put(data)

    def finish(self) -> str:
        """Wait for the last bytes and give the digest."""
        self._queue.put(None)
        self._thread.join()
        return self._hash.hexdigest()


def _blocks(read: Any, plan: _Plan, digest: _Digest | None) -> Iterator[bytes]:
    """Cut the bytes into blocks of whole records, after the header."""
    skip = plan.layout.first_line - 1
    rest = b""
    first = True
    end_mark: bytes | None = None
    while data := read(BLOCK):
        if digest:
            digest.add(data)
        data = rest + data
        if first:
            data = data.removeprefix(b"\xef\xbb\xbf")
            end_mark = b"\n" if b"\n" in data else b"\r"
            data = _skip_lines(data, skip, end_mark)
            first = False
        at = _record_end(data, end_mark or b"\n", plan)
        if len(data) - at > plan.limits.line_bytes:
            raise IrregularError
        if at:
            yield data[:at]
        rest = data[at:]
    if rest:
        yield rest


def _skip_lines(data: bytes, lines: int, end_mark: bytes) -> bytes:
    at = 0
    for _ in range(lines):
        at = data.find(end_mark, at) + 1
        if not at:
            raise IrregularError
    if b'"' in data[:at] and data.count(b'"', 0, at) % 2:
        raise IrregularError
    return data[at:]


def _record_end(data: bytes, end_mark: bytes, plan: _Plan) -> int:
    if plan.layout.dialect.quote and b'"' in data:
        at = len(data)
        for _ in range(2_000):
            at = data.rfind(end_mark, 0, at)
            if at < 0:
                return 0
            if data.count(b'"', 0, at) % 2 == 0:
                return at + 1
        raise IrregularError
    return data.rfind(end_mark, 0, len(data) - (end_mark == b"\r")) + 1


def _parse(block: bytes, plan: _Plan, schema: pa.Schema) -> Any:
    data = np.frombuffer(block, np.uint8)
    if block.startswith(b"\xef\xbb\xbf"):
        raise IrregularError  # pyarrow would take it for a byte order mark and drop it
    breaks = _check_bytes(block, data)
    quoted = bool(plan.layout.dialect.quote) and b'"' in block
    if quoted:
        _check_quotes(block, plan)
    integers = [n for n, d in zip(plan.names, plan.decisions, strict=True) if d.type == "integer"]
    if integers and _may_lose_zeros(data, plan.separator):
        _check_zeros(block, plan, integers, quoted=quoted)
    try:
        table = _read(block, plan, schema, quoted=quoted)
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        _learn_block(block, plan, quoted=quoted)
        raise WidenError from error
    _check_rows(table, block, breaks, quoted=quoted)
    return _check_values(table, plan)


def _check_bytes(block: bytes, data: Any) -> int:
    low = int(np.count_nonzero(data < 32)) + int(np.count_nonzero(data == DELETE))
    lf = int(np.count_nonzero(data == LF))
    cr = int(np.count_nonzero(data == CR)) if b"\r" in block else 0
    tabs = int(np.count_nonzero(data == TAB)) if low > lf + cr else 0
    if low != lf + cr + tabs:
        raise IrregularError
    if cr and lf and (cr != lf or block.count(b"\r\n") != cr):
        raise IrregularError
    return lf or cr


def _check_quotes(block: bytes, plan: _Plan) -> None:
    """Step back unless every quote opens a cell, closes one, or is doubled."""
    data = np.frombuffer(b"\n" + block + b"\n", np.uint8)
    at = np.flatnonzero(data == QUOTE)
    before, after = data[at - 1], data[at + 1]
    edge_before = (before == plan.separator) | (before == LF) | (before == CR) | (before == QUOTE)
    edge_after = (after == plan.separator) | (after == LF) | (after == CR) | (after == QUOTE)
    opens = np.arange(len(at)) % 2 == 0
    if len(at) % 2 or not bool(np.where(opens, edge_before, edge_after).all()):
        raise IrregularError


def _may_lose_zeros(data: Any, separator: int) -> bool:
    """Tell whether some cell begins with 0 and goes on with a digit or an x."""
    for start in (0, 1):  # pairs of bytes are compared at once, at even and at odd places
        pairs = data[start : start + (len(data) - start) // 2 * 2].view("<u2")
        for before in (separator, LF, QUOTE):
            at = np.flatnonzero(pairs == before + 256 * ZERO) * 2 + start + 2
            following = data[at[at < len(data)]]
            if bool((((following >= ZERO) & (following <= NINE)) | ((following | 32) == LETTER_X)).any()):
                return True
    return False


def _check_zeros(block: bytes, plan: _Plan, integers: list[str], *, quoted: bool) -> None:
    schema = pa.schema([(name, pa.string()) for name in plan.names])
    table = _read(block, plan, schema, quoted=quoted, only=integers)
    for column in table.columns:
        if pc.any(pc.match_substring_regex(column, pattern="^ *[+-]?0[0-9xX]")).as_py():
            raise IrregularError


def _read(block: bytes, plan: _Plan, schema: pa.Schema, *, quoted: bool, only: list[str] | None = None) -> Any:
    # Two-letter words would make more cells missing than the careful way: only "" is missing here.
    spans = quoted and _spans_lines(block)
    return pacsv.read_csv(
        pa.BufferReader(block),
        read_options=pacsv.ReadOptions(
            column_names=plan.names, block_size=len(block) + 1 if spans else PARSE_BLOCK, use_threads=True
        ),
        parse_options=pacsv.ParseOptions(
            delimiter=plan.layout.dialect.separator,
            quote_char='"' if plan.layout.dialect.quote else False,
            double_quote=bool(plan.layout.dialect.quote),
            newlines_in_values=spans,
            ignore_empty_lines=True,
        ),
        convert_options=pacsv.ConvertOptions(
            column_types=schema,
            include_columns=only or [],
            null_values=[""],
            true_values=["true", "True", "TRUE"],
            false_values=["false", "False", "FALSE"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    )


def _spans_lines(block: bytes) -> bool:
    """Tell whether some line end stands inside quotes."""
    data = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero((data == LF) | (data == CR))
    quotes = np.flatnonzero(data == QUOTE)
    return bool((np.searchsorted(quotes, ends) % 2).any())


def _learn_block(block: bytes, plan: _Plan, *, quoted: bool) -> None:
    """Look at the cells of a block that did not fit, and step back unless wider types will do."""
    strings = pa.schema([(name, pa.string()) for name in plan.names])
    try:
        table = _read(block, plan, strings, quoted=quoted).combine_chunks()
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise IrregularError from error
    before = [(d.type, d.form) for d in plan.decisions]
    lines = pa.array(np.arange(table.num_rows), pa.int64())
    for at, shapes in enumerate(plan.shapes):
        cells = table.column(at)
        for chunk in cells.chunks if hasattr(cells, "chunks") else [cells]:
            add_cells(shapes, chunk, lines.slice(0, len(chunk)), plan.missing[at])
    plan.decide()
    if before == [(d.type, d.form) for d in plan.decisions]:
        raise IrregularError


def _check_rows(table: Any, block: bytes, breaks: int, *, quoted: bool) -> None:
    lines = breaks + (not block.endswith((b"\n", b"\r")))
    if table.num_rows != lines and not (quoted and _spans_lines(block)):
        raise IrregularError
    if table.num_rows and all(column.null_count for column in table.columns):
        gone = table.column(0).is_null()
        for column in table.columns[1:]:
            gone = pc.and_(gone, column.is_null())
        if pc.any(gone).as_py():
            raise IrregularError


def _check_values(table: Any, plan: _Plan) -> Any:
    columns = []
    for at, (column, decision) in enumerate(zip(table.columns, plan.decisions, strict=True)):
        if decision.type == "number" and not pc.all(pc.is_finite(column), min_count=0).as_py():
            raise IrregularError
        checked = column
        if decision.type == "text":
            checked = _null_spelled(column, at, plan)
            if at in plan.codes and not pc.all(pc.match_substring_regex(checked, CODE), min_count=0).as_py():
                raise IrregularError
            if "empty" in decision.oddities and checked.null_count < len(checked):
                raise IrregularError
        columns.append(checked)
    return pa.Table.from_arrays(columns, schema=table.schema)


def _null_spelled(column: Any, at: int, plan: _Plan) -> Any:
    found = pc.is_in(column, value_set=plan.missing[at])
    if not pc.any(found, min_count=0).as_py():
        return column
    spelled = plan.spelled.setdefault(plan.names[at], {})
    for row in pc.value_counts(column.filter(found)).to_pylist():
        spelled[row["values"]] = spelled.get(row["values"], 0) + row["counts"]
    return pc.if_else(found, pa.scalar(None, pa.string()), column)


def _check_tail(tail: Any) -> None:
    """Step back if the last rows may hold a total, which has to be asked about."""
    if tail is None:
        raise IrregularError
    for column in tail.columns[:3]:
        for cell in column.to_pylist():
            if isinstance(cell, str) and cell[:12].strip().lower().startswith(
                ("total", "sum", "grand", "gesamt", "somme", "subtotal", "average", "mean")
            ):
                raise IrregularError
