"""The swift way for large regular files: pyarrow converts block after block with the found types.

Whatever is irregular makes it step back, so that the careful way reads the whole file instead: no
cell is ever read differently because a file is large.
"""

import hashlib
import queue
import threading
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from evaluations.engine.reading.blocks import (
    IrregularError,
    Parsed,
    Plan,
    WidenError,
    learn_block,
    parse_block,
)
from evaluations.engine.reading.containers import Source
from evaluations.engine.reading.converting import arrow_type
from evaluations.engine.reading.dialects import Layout
from evaluations.engine.reading.lines import RecordReader
from evaluations.engine.reading.remarks import explain_all_spelled
from evaluations.engine.reading.shapes import ColumnShapes, add_cells
from evaluations.engine.reading.staging import TableWriter, missing_for
from evaluations.engine.reading.values import (
    Column,
    Notes,
    Progress,
    ReadLimits,
    ReadOptions,
)

BLOCK = 8 * 2**20
LEARN_CHARACTERS = 2**18
SAMPLE_ROWS = 2_000
RETRIES = 4
PARSERS = 2  # blocks that are parsed at once; pyarrow shares its own threads among them
AHEAD = 2  # tables that may wait to be written
CODECS = {"utf-8", "utf-8-sig"}


@dataclass(slots=True)
class Swift:
    """What the swift way made."""

    rows: int
    columns: list[Column]
    decimal_mark: str | None
    sha256: str | None


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
    plan = Plan(layout, names, options, limits, [ColumnShapes() for _ in names])
    plan.separator = ord(layout.dialect.separator or ",")
    plan.missing = [missing_for(name, options) for name in names]
    try:
        _learn_sample(plan, sample[:LEARN_CHARACTERS])
        for _ in range(RETRIES):
            plan.decide()
            try:
                return _convert(source, target, plan, notes, progress)
            except WidenError as error:
                learn_block(error.block, plan)
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


def _learn_sample(plan: Plan, sample: str) -> None:
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


def _convert(source: Source, target: Path, plan: Plan, notes: Notes, progress: Progress) -> Swift:
    schema = pa.schema([(n, arrow_type(d)) for n, d in zip(plan.names, plan.decisions, strict=True)])
    digest = _Digest() if source.packing == "none" else None
    stream = source.open()
    made = _Made()
    try:
        with (
            TableWriter(target, schema) as writer,
            ThreadPoolExecutor(1) as pool,
            ThreadPoolExecutor(PARSERS) as parsers,
        ):
            parsing: deque[Future[Parsed]] = deque()
            pending: deque[Future[None]] = deque()
            for block in _blocks(stream.read, plan, digest):
                if len(parsing) == PARSERS:
                    _hand_on(made.take(parsing.popleft().result()), writer, pool, pending)
                parsing.append(parsers.submit(parse_block, block, plan, schema))
                progress("Reading the file", min(stream.position(), source.size), source.size)
            for parsed in parsing:
                _hand_on(made.take(parsed.result()), writer, pool, pending)
            for written in pending:
                written.result()
            _check_tail(made.tail)
    finally:
        stream.close()
        sha = digest.finish() if digest else None
    explain_all_spelled({name: made.spelled[name] for name in plan.names if name in made.spelled}, notes)
    decimal = "." if any(d.type == "number" for d in plan.decisions) else None
    columns: list[Column] = [
        {"name": n, "type": d.type, "why": d.why} for n, d in zip(plan.names, plan.decisions, strict=True)
    ]
    return Swift(made.rows, columns, decimal, sha)


@dataclass(slots=True)
class _Made:
    """What the blocks so far came to."""

    rows: int = 0
    tail: Any = None
    spelled: dict[str, Counter[str]] = field(default_factory=dict)

    def take(self, parsed: Parsed) -> Any:
        """Count a block in; give its table."""
        table = parsed.table
        self.rows += table.num_rows
        self.tail = table.slice(max(table.num_rows - 3, 0)) if table.num_rows else self.tail
        for name, counts in parsed.spelled.items():
            self.spelled.setdefault(name, Counter()).update(counts)
        return table


def _hand_on(table: Any, writer: TableWriter, pool: ThreadPoolExecutor, pending: deque[Future[None]]) -> None:
    if len(pending) >= AHEAD:
        pending.popleft().result()
    pending.append(pool.submit(_write, writer, table))


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


def _blocks(read: Any, plan: Plan, digest: _Digest | None) -> Iterator[bytes]:
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


def _record_end(data: bytes, end_mark: bytes, plan: Plan) -> int:
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
