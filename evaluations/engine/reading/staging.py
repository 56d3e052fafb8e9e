"""The careful way from records to a typed table: every cell staged as text, then converted.

Staging looks at every cell of the file, so that types, missing spellings and odd rows are known for
the whole file before the first row is written.
"""

import contextlib
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from evaluations.engine.reading.converting import arrow_type, convert
from evaluations.engine.reading.shapes import MISSING, ColumnShapes, Decision, add_cells, decide
from evaluations.engine.reading.values import Notes, Progress, ReadingError, ReadLimits, ReadOptions

BATCH_CELLS = 400_000
BATCH_BYTES = 32 * 2**20
ROW_GROUP_CELLS = 2_000_000
TAIL = 6
LINE = "\x00line"


@dataclass(slots=True)
class Staged:
    """A table as text on disk, with what its cells look like."""

    path: Path
    names: list[str]
    rows: int = 0
    shapes: list[ColumnShapes] = field(default_factory=list)
    tail: deque[tuple[int, list[str | None]]] = field(default_factory=lambda: deque(maxlen=TAIL))
    dropped: set[int] = field(default_factory=set)


def missing_for(name: str, options: ReadOptions) -> Any:
    """List the spellings that mean missing in a column."""
    usual = MISSING if options.missing is None else options.missing
    return pa.array([*usual, *options.extra_missing.get(name, ())], pa.string())


def batch_rows(columns: int) -> int:
    """Choose how many rows are handled at once."""
    return max(16, min(65_536, BATCH_CELLS // max(columns, 1)))


def write_options(schema: pa.Schema) -> dict[str, Any]:
    """Give the settings with which every typed table is written: words by dictionary, numbers plain.

    Least and greatest values stand beside all columns but words, where they cost much and nobody asks for them.
    """
    words = [field.name for field in schema if pa.types.is_string(field.type)]
    others = [field.name for field in schema if not pa.types.is_string(field.type)]
    fractions = {field.name for field in schema if pa.types.is_floating(field.type)}  # they hardly shrink
    return {
        "compression": {name: "lz4" if name in fractions else "zstd" for name in schema.names},
        "compression_level": {name: 1 for name in schema.names if name not in fractions},
        "use_dictionary": (words if others else True) or False,
        "write_statistics": (others if words else True) or False,
    }


class TableWriter:
    """Writes batches to Parquet in even row groups."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._path, self._schema = path, schema
        self._writer: Any = None
        self._waiting: list[Any] = []
        self._held = self._bytes = 0
        self.rows = 0

    def __enter__(self) -> "TableWriter":
        self._writer = pq.ParquetWriter(self._path, self._schema, **write_options(self._schema))
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        try:
            if kind is None:
                self._flush()
        finally:
            self._writer.close()
            if kind is not None:
                self._path.unlink(missing_ok=True)

    def write(self, batch: Any) -> None:
        """Take one batch; it is written with others as a row group."""
        self._waiting.append(batch)
        self._held += batch.num_rows
        self._bytes += batch.nbytes
        limit = max(256, ROW_GROUP_CELLS // max(len(self._schema), 1))
        if self._held >= limit or self._bytes > 2 * BATCH_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            table = pa.Table.from_batches(self._waiting, self._schema)
            self._writer.write_table(table, row_group_size=max(table.num_rows, 1))
            self.rows += table.num_rows
        self._waiting, self._held, self._bytes = [], 0, 0


def stage(
    batches: Iterable[list[tuple[int, list[str | None]]]],
    names: list[str],
    path: Path,
    options: ReadOptions,
    limits: ReadLimits,
) -> Staged:
    """Write records of even width as text, counting the shapes of every cell."""
    staged = Staged(path, names, shapes=[ColumnShapes() for _ in names])
    staged.tail = deque(maxlen=max(TAIL, min(options.footer_rows or 0, 10_000)))
    schema = pa.schema([pa.field(f"c{i}", pa.string()) for i in range(len(names))] + [(LINE, pa.int64())])
    spelled = [missing_for(name, options) for name in names]
    settings = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema, options=settings) as writer:
        for rows in _rebatch(batches, batch_rows(len(names)), limits):
            lines = pa.array([line for line, _ in rows], pa.int64())
            columns = [pa.array(cells, pa.string()) for cells in zip(*(c for _, c in rows), strict=True)]
            for shapes, cells, missing in zip(staged.shapes, columns, spelled, strict=True):
                add_cells(shapes, cells, lines, missing)
                _check_cell(shapes, limits)
            writer.write_batch(pa.record_batch([*columns, lines], schema=schema))
            staged.rows += len(rows)
            staged.tail.extend(rows[-(staged.tail.maxlen or TAIL) :])
            _check_rows(staged.rows, len(names), limits)
    return staged


def _rebatch(
    batches: Iterable[list[tuple[int, list[str | None]]]], size: int, limits: ReadLimits
) -> Iterator[list[tuple[int, list[str | None]]]]:
    waiting: list[tuple[int, list[str | None]]] = []
    for batch in batches:
        waiting.extend(batch)
        while len(waiting) >= size:
            yield waiting[:size]
            waiting = waiting[size:]
    if waiting:
        yield waiting


def _check_cell(shapes: ColumnShapes, limits: ReadLimits) -> None:
    if shapes.longest > limits.cell_bytes:
        raise ReadingError(
            "cell_too_large",
            f"A cell on line {shapes.longest_line} holds {shapes.longest / 2**20:.0f} MB; "
            f"at most {limits.cell_bytes / 2**20:.0f} MB are read.",
        )


def _check_rows(rows: int, columns: int, limits: ReadLimits) -> None:
    if rows > limits.rows or rows * columns > limits.cells:
        raise ReadingError(
            "too_many_cells", f"The table has more than {limits.cells:,} cells; split it or take a sample."
        )


def staged_batches(staged: Staged) -> Iterator[Any]:
    """Read the staged text back."""
    with pa.memory_map(str(staged.path)) as source, pa.ipc.open_file(source) as reader:
        for at in range(reader.num_record_batches):
            yield reader.get_batch(at)


def decide_types(staged: Staged, options: ReadOptions) -> tuple[list[Decision], str | None]:
    """Choose each column's type; one sure decimal comma settles the unsure columns of the file."""
    decimal = options.decimal
    first = [decide(shapes, decimal) for shapes in staged.shapes]
    if decimal is None:
        forms = {d.form for d in first}
        if "decimal_comma" in forms and "grouped_comma" not in forms:
            decimal = ","
        elif "grouped_comma" in forms and "decimal_comma" not in forms:
            decimal = "."
        first = [decide(shapes, decimal) for shapes in staged.shapes]
    chosen = [
        _override(name, decision, shapes, options)
        for name, decision, shapes in zip(staged.names, first, staged.shapes, strict=True)
    ]
    if decimal is None and any(d.type == "number" for d in chosen):
        decimal = "."
    return chosen, decimal


def _override(name: str, found: Decision, shapes: ColumnShapes, options: ReadOptions) -> Decision:
    kind = options.types.get(name)
    if kind is None:
        return found
    why = "chosen by a person"
    if kind in {"decimal_comma", "grouped_comma"}:
        return Decision("number", why, kind)
    if kind in {"day_first", "month_first"}:
        return Decision("timestamp" if shapes.timed else "date", why, kind)
    if kind in {"date", "timestamp"}:
        form = found.form if found.type in {"date", "timestamp"} else "iso"
        return Decision(kind, why, form)
    if kind in {"integer", "number"}:
        commas = "decimal_comma" if options.decimal == "," else "plain"
        return Decision(kind, why, found.form if found.type in {"integer", "number"} else commas)
    return Decision(kind, why)


def write_staged(
    staged: Staged,
    decisions: list[Decision],
    target: Path,
    options: ReadOptions,
    notes: Notes,
    progress: Progress,
) -> int:
    """Convert the staged text by the decisions and write the typed table; give its rows."""
    schema = pa.schema([(name, arrow_type(d)) for name, d in zip(staged.names, decisions, strict=True)])
    spelled = [missing_for(name, options) for name in staged.names]
    lost: dict[int, list[int]] = {}
    counts: dict[int, int] = {}
    done = 0
    with TableWriter(target, schema) as writer:
        for whole in staged_batches(staged):
            batch = _drop(whole, staged.dropped)
            columns = []
            lines = batch.column(len(staged.names))
            for at, (decision, missing) in enumerate(zip(decisions, spelled, strict=True)):
                typed, unfit = convert(batch.column(at), decision, missing)
                columns.append(typed)
                _count_lost(at, unfit, lines, lost, counts)
            writer.write(pa.record_batch(columns, schema=schema))
            done += batch.num_rows
            progress("Writing the table", done, staged.rows)
    for at, n in counts.items():
        _say_lost(staged.names[at], decisions[at], staged.shapes[at], n, lost[at], notes)
    return writer.rows


def _drop(batch: Any, dropped: set[int]) -> Any:
    if not dropped:
        return batch
    lines = batch.column(batch.num_columns - 1)
    found = pc.is_in(lines, value_set=pa.array(sorted(dropped), pa.int64()))
    return batch.filter(pc.invert(found)) if pc.any(found).as_py() else batch


def _count_lost(at: int, unfit: Any, lines: Any, lost: dict[int, list[int]], counts: dict[int, int]) -> None:
    n = pc.sum(unfit).as_py() or 0
    if n:
        counts[at] = counts.get(at, 0) + n
        seen = lost.setdefault(at, [])
        seen.extend(lines.filter(unfit).slice(0, 20).to_pylist()[: 20 - len(seen)])


def _say_lost(name: str, decision: Decision, shapes: ColumnShapes, n: int, lines: list[int], notes: Notes) -> None:
    what = "dates" if decision.type in {"date", "timestamp"} else f"a {decision.type}"
    shown = ", ".join(repr(_show(cell)) for cell in list(shapes.examples)[:3])
    shown = f" ({shown})" if shown else ""
    kept = shapes.n - n
    notes.add(
        "does_not_fit",
        "warning",
        f"Column “{name}” is read as {decision.type}: {kept:,} of {shapes.n:,} cells fit, {n:,} "
        f"{'does' if n == 1 else 'do'} not{shown} and became missing. First on line {lines[0]}. "
        f"If they are not {what}, set the column to text."
        if decision.type in {"date", "timestamp"}
        else f"Column “{name}” is {100 * kept / max(shapes.n, 1):.0f} % numeric: {n:,} of "
        f"{shapes.n:,} cells {'is' if n == 1 else 'are'} not a number{shown} and became missing. "
        f"First on line {lines[0]}. If they mean something, set the column to text.",
        columns=[name],
        lines=lines,
        n=n,
        choices=[{"label": "Read the column as text", "options": {"types": {name: "text"}}}],
    )


def _show(cell: str) -> str:
    return cell if len(cell) <= 40 else cell[:39] + "…"


@contextlib.contextmanager
def removed_afterwards(*paths: Path) -> Iterator[None]:
    """Remove files when the block ends, whatever happens in it."""
    try:
        yield
    finally:
        for path in paths:
            path.unlink(missing_ok=True)
