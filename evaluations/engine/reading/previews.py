"""The first rows for a person's eyes, and spellings of missing values that may be meant."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from evaluations.engine.reading.shapes import MISSING_WORDS
from evaluations.engine.reading.values import Notes

ROWS, COLUMNS, CELL = 20, 200, 200
OFFERED_COLUMNS = 200
SENTINELS = tuple(s * v for v in (99, 999, 9999, 99999, 999999) for s in (1, -1))


def preview(path: Path) -> list[list[str | None]]:
    """Give the first rows as text, cells cut and control characters escaped."""
    with pq.ParquetFile(path) as file:
        names = file.schema_arrow.names[:COLUMNS]
        batch = next(file.iter_batches(batch_size=ROWS, columns=names), None)
    if batch is None:
        return []
    columns = [[show_cell(value) for value in column.to_pylist()] for column in batch.columns]
    return [list(row) for row in zip(*columns, strict=True)]


def show_cell(value: Any) -> str | None:
    """Put a cell into safe, short text; None if it is missing."""
    if value is None:
        return None
    text = value if isinstance(value, str) else str(value)
    cut = text[:CELL] + ("…" if len(text) > CELL else "")
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in cut)


def offer_missing(path: Path, notes: Notes) -> None:
    """Point at spellings that may mean missing; nothing is changed until a person says so."""
    with pq.ParquetFile(path) as file:
        for at, field in enumerate(file.schema_arrow):
            if at == OFFERED_COLUMNS:
                break
            spelled: list[str] = []
            if pa.types.is_string(field.type):
                spelled = _words(file.read_row_group(0, columns=[field.name]).column(0))
            elif _ends_in_sentinel(file.metadata.row_group(0).column(at).statistics):
                spelled = _sentinels(file.read_row_group(0, columns=[field.name]).column(0))
            if spelled:
                _offer(file, field.name, spelled, notes)


def _ends_in_sentinel(known: Any) -> bool:
    """Tell from the statistics beside the numbers whether a look at all of them can find anything."""
    return known is not None and known.has_min_max and (known.min in SENTINELS or known.max in SENTINELS)


def _words(column: Any) -> list[str]:
    few = pc.unique(column.filter(pc.less_equal(pc.binary_length(column), 16)))
    if len(few) > 2_000:
        few = few.slice(0, 2_000)
    return [word for word in few.to_pylist() if word and word.strip().lower() in MISSING_WORDS]


def _sentinels(column: Any) -> list[str]:
    values = column.drop_null().to_numpy()
    if len(values) < 20:
        return []
    found = []
    for end, sign in ((values.max(), 1), (values.min(), -1)):
        if end not in SENTINELS or sign * end < 0:
            continue
        others = values[values != end]
        if len(others) and np.abs(others).max() <= abs(end) / 2 and (values == end).mean() >= 0.005:
            found.append(str(int(end)))
    return found


def _offer(file: Any, name: str, spelled: list[str], notes: Notes) -> None:
    n = rows = 0
    for batch in file.iter_batches(columns=[name]):
        column = batch.column(0)
        wanted = pc.cast(pa.array(spelled), column.type)
        n += pc.sum(pc.is_in(column, value_set=wanted)).as_py() or 0
        rows += len(column)
    shown = ", ".join(f"“{word}”" for word in spelled)
    notes.add(
        "possible_missing",
        "note",
        f"Column “{name}” holds {shown} in {n:,} of {rows:,} rows; if that means missing, say so. Nothing was changed.",
        columns=[name],
        n=n,
        choices=[
            {"label": f"Read {shown} as missing", "options": {"extra_missing": {name: spelled}}},
        ],
    )
