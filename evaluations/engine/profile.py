"""The profile of a table: what each column holds, in figures that name the rows they rest on.

Columns are read a few at a time, so memory grows with the rows of one column, not with the table.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

Progress = Callable[[str, float, float], None]

ROWS_AT_MOST = 20_000_000  # beyond, row groups are taken evenly and every figure says its n
CELLS_AT_ONCE = 4_000_000
CORRELATED = 40
CORRELATION_CELLS = 10_000_000
BINS, TOP, CUT = 24, 10, 80
MANY_COLUMNS = 500  # beyond, a column's part of the profile is shorter
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
SCALES = {"date": 86_400_000_000, "timestamp": 1}  # microseconds in one stored unit
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _no_progress(phase: str, done: float, total: float) -> None:
    return None


def profile_table(parquet: Path, progress: Progress = _no_progress) -> dict[str, Any]:
    """Describe every column of a typed table.

    Parameters
    ----------
    parquet : Path
        A table as the reading engine writes it.
    progress : callable
        Called with a phase, what is done and the total.

    Returns
    -------
    dict
        Plain values for JSON: ``rows``, ``rows_read`` (fewer only for very large tables),
        ``columns`` (one dict each with type, n, missing, distinct and, by type, quantiles, histogram,
        top values, lengths) and ``correlation`` (Pearson, pairwise complete, at most 40 columns).
    """
    with pq.ParquetFile(parquet) as file:
        schema, rows = file.schema_arrow, file.metadata.num_rows
        groups = _choose_groups(file)
        sizes = [file.metadata.row_group(g).num_rows for g in groups]
    seen = sum(sizes)
    bins, top = (BINS, TOP) if len(schema) <= MANY_COLUMNS else (10, 3)
    columns: list[dict[str, Any]] = []
    pairs = _Pairs(schema, seen)
    for names, table in _read(parquet, schema, groups, seen):
        for name in names:
            column = table.column(name)
            columns.append(profile_column(name, column, bins=bins, top=top))
            pairs.add(name, column)
        progress("Profiling columns", len(columns), len(schema))
    return {
        "rows": rows,
        "rows_read": seen,
        "column_count": len(schema),
        "columns": columns,
        "correlation": pairs.matrix(),
    }


def _choose_groups(file: Any) -> list[int]:
    count, rows = file.metadata.num_row_groups, file.metadata.num_rows
    if rows <= ROWS_AT_MOST:
        return list(range(count))
    keep = max(1, int(count * ROWS_AT_MOST / rows))
    return sorted(set(np.linspace(0, count - 1, keep).astype(int).tolist()))


def _read(parquet: Path, schema: pa.Schema, groups: list[int], rows: int) -> Iterator[tuple[list[str], Any]]:
    texts = [field.name for field in schema if pa.types.is_string(field.type)]
    step = max(1, CELLS_AT_ONCE // max(rows, 1))
    with pq.ParquetFile(parquet, read_dictionary=texts) as file:
        for start in range(0, len(schema), step):
            names = schema.names[start : start + step]
            yield names, file.read_row_groups(groups, columns=names, use_threads=False)


def profile_column(name: str, column: Any, *, bins: int = BINS, top: int = TOP) -> dict[str, Any]:
    """Describe one column.

    Parameters
    ----------
    name : str
        The column's name.
    column : pyarrow.ChunkedArray
        Its cells; text as a dictionary or plain.
    bins, top : int
        How many bars the histogram and how many values the list of frequent ones have at most.
    """
    kind = kind_of(column.type)
    part: dict[str, Any] = {
        "name": name,
        "type": kind,
        "n": len(column) - column.null_count,
        "missing": column.null_count,
        "missing_share": column.null_count / len(column) if len(column) else 0.0,
    }
    if part["n"] == 0:
        return part | {"distinct": 0}
    if kind == "text":
        return part | _describe_text(column, top)
    if kind == "boolean":
        return part | _describe_boolean(column)
    values = numbers_of(column)
    if kind in SCALES:
        return part | _describe_times(values, kind, bins)
    return part | _describe_numbers(values, bins, top, whole=kind == "integer")


def kind_of(stored: Any) -> str:
    """Name a column's type by what it is stored as."""
    if pa.types.is_dictionary(stored) or pa.types.is_string(stored):
        return "text"
    if pa.types.is_boolean(stored):
        return "boolean"
    if pa.types.is_date(stored):
        return "date"
    if pa.types.is_timestamp(stored):
        return "timestamp"
    return "integer" if pa.types.is_integer(stored) else "number"


def numbers_of(column: Any) -> Any:
    """Give the cells that are there as a NumPy array; dates as whole units since 1970."""
    if pa.types.is_date(column.type):
        column = pc.cast(column, pa.int32())
    elif pa.types.is_timestamp(column.type):
        column = pc.cast(column, pa.int64())
    present = column.drop_null() if column.null_count else column
    return np.concatenate([c.to_numpy(zero_copy_only=False) for c in present.chunks] or [np.empty(0)])


def _describe_numbers(values: Any, bins: int, top: int, *, whole: bool) -> dict[str, Any]:
    ordered = np.sort(values)
    edges, counts = _histogram(ordered, bins, whole=whole)
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    return {
        "distinct": len(starts),
        "min": _plain(ordered[0]),
        "max": _plain(ordered[-1]),
        "mean": float(values.mean(dtype=np.float64)),
        "sd": float(values.std(ddof=1, dtype=np.float64)) if len(values) > 1 else None,
        "zeros": int(np.searchsorted(ordered, 0, "right") - np.searchsorted(ordered, 0, "left")),
        "negative": int(np.searchsorted(ordered, 0, "left")),
        "quantiles": {str(q): _plain(v) for q, v in zip(QUANTILES, _quantiles(ordered), strict=True)},
        "histogram": {"edges": edges, "counts": counts},
        "top": _frequent(ordered, starts, top),
    }


def _quantiles(ordered: Any) -> list[float]:
    at = np.array(QUANTILES) * (len(ordered) - 1)
    low = np.floor(at).astype(int)
    high = np.minimum(low + 1, len(ordered) - 1)
    below, above = ordered[low].astype(float), ordered[high].astype(float)
    return list(below + (above - below) * (at - low))


def _histogram(ordered: Any, bins: int, *, whole: bool) -> tuple[list[float], list[int]]:
    low, high = float(ordered[0]), float(ordered[-1])
    if low == high:
        return [low, high], [len(ordered)]
    if whole and high - low < bins:
        edges = np.arange(low, high + 2) - 0.5
    else:
        edges = low + (high - low) * (np.arange(bins + 1) / bins)
        edges[-1] = high
    inner = np.searchsorted(ordered, edges[1:-1], "left")
    counts = np.diff(np.concatenate([[0], inner, [len(ordered)]]))
    return [float(e) for e in edges], [int(c) for c in counts]


def _frequent(ordered: Any, starts: Any, top: int) -> list[dict[str, Any]]:
    counts = np.diff(np.append(starts, len(ordered)))
    chosen = np.argpartition(-counts, top - 1)[:top] if len(counts) > top else np.arange(len(counts))
    chosen = chosen[np.lexsort((chosen, -counts[chosen]))]
    if not len(chosen) or (counts[chosen[0]] == 1 and len(counts) > top):
        return []
    return [{"value": _plain(ordered[starts[i]]), "n": int(counts[i])} for i in chosen]


def _plain(value: Any) -> int | float:
    return value.item() if hasattr(value, "item") else value


def _describe_times(values: Any, kind: str, bins: int) -> dict[str, Any]:
    ordered = np.sort(values)
    edges, counts = _histogram(ordered, bins, whole=kind == "date")
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    return {
        "distinct": len(starts),
        "min": show_time(ordered[0], kind),
        "max": show_time(ordered[-1], kind),
        "quantiles": {str(q): show_time(v, kind) for q, v in zip(QUANTILES, _quantiles(ordered), strict=True)},
        "histogram": {"edges": [show_time(e, kind) for e in edges], "counts": counts},
    }


def show_time(value: float, kind: str) -> str:
    """Write a stored date or time in ISO form; times outside the calendar as a number."""
    try:
        moment = EPOCH + timedelta(microseconds=float(value) * SCALES[kind])
    except OverflowError:
        return str(value)
    return moment.date().isoformat() if kind == "date" else moment.isoformat(timespec="seconds")[:19]


def _describe_boolean(column: Any) -> dict[str, Any]:
    true = int(pc.sum(column).as_py() or 0)
    false = len(column) - column.null_count - true
    counts = [{"value": True, "n": true}, {"value": False, "n": false}]
    shown = sorted((c for c in counts if c["n"]), key=lambda c: -c["n"])
    return {"distinct": len(shown), "top": shown, "mean": true / max(true + false, 1)}


def count_words(column: Any) -> tuple[Any, Any]:
    """Count how often each text occurs: the texts as an Arrow array, the counts as a NumPy array."""
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    column = column.unify_dictionaries()
    words = next((chunk.dictionary for chunk in column.chunks), pa.array([], pa.string()))
    counts = np.zeros(len(words), np.int64)
    for chunk in column.chunks:
        counts += np.bincount(chunk.indices.drop_null().to_numpy(zero_copy_only=False), minlength=len(words))
    if (counts == 0).any():
        keep = counts > 0
        words, counts = words.filter(pa.array(keep)), counts[keep]
    return words, counts


def _describe_text(column: Any, top: int) -> dict[str, Any]:
    words, counts = count_words(column)
    lengths = pc.utf8_length(words).to_numpy(zero_copy_only=False)
    total = int(counts.sum())
    order = np.argsort(lengths, kind="stable")
    middle = lengths[order][np.searchsorted(np.cumsum(counts[order]), total / 2)]
    return {
        "distinct": len(words),
        "top": _frequent_words(words, counts, top),
        "length": {
            "min": int(lengths.min()),
            "median": int(middle),
            "mean": float((lengths * counts).sum() / total),
            "max": int(lengths.max()),
        },
    }


def _frequent_words(words: Any, counts: Any, top: int) -> list[dict[str, Any]]:
    chosen = np.argpartition(-counts, top - 1)[:top] if len(counts) > top else np.arange(len(counts))
    found = [{"value": _cut(words[int(i)].as_py()), "n": int(counts[i])} for i in chosen]
    return sorted(found, key=lambda row: (-row["n"], row["value"]))


def _cut(text: str) -> str:
    short = text if len(text) <= CUT else text[: CUT - 1] + "…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in short)


class _Pairs:
    """Gathers the numeric columns for the correlation matrix, thinned evenly if they are long."""

    def __init__(self, schema: pa.Schema, rows: int) -> None:
        kinds = [(field.name, kind_of(field.type)) for field in schema]
        self._names = [name for name, kind in kinds if kind in {"integer", "number", "boolean"}][:CORRELATED]
        self._wanted = set(self._names)
        cells = rows * len(self._names)
        self._step = max(1, -(-cells // CORRELATION_CELLS))
        self._columns: list[Any] = []

    def add(self, name: str, column: Any) -> None:
        """Keep a column if it is one of those to correlate."""
        if name not in self._wanted or len(self._names) < 2:
            return
        values = pc.cast(column, pa.float64(), safe=False).to_numpy()
        self._columns.append(values[:: self._step])

    def matrix(self) -> dict[str, Any]:
        """Reckon Pearson correlations over the rows where both cells are there."""
        if len(self._columns) < 2:
            return {"columns": [], "values": [], "n": []}
        data = np.stack(self._columns)
        there = np.isfinite(data)
        centre = np.where(there, data, 0.0).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
        data = np.where(there, data - centre[:, None], 0.0)
        values, n = _pearson(data, there)
        return {
            "columns": self._names,
            "values": [[_rounded(v) for v in row] for row in values],
            "n": [[int(v) for v in row] for row in n],
        }


def _pearson(data: Any, there: Any) -> tuple[Any, Any]:
    """Correlate centred rows; where ``there`` is false the data is 0."""
    if there.all():
        n = np.full((len(data), len(data)), data.shape[1])
        product = data @ data.T
        spread = np.sqrt(np.diag(product))
        with np.errstate(invalid="ignore", divide="ignore"):
            return product / np.outer(spread, spread), n
    mask = there.astype(np.float64)
    n = mask @ mask.T
    with np.errstate(invalid="ignore", divide="ignore"):
        first = data @ mask.T
        cov = data @ data.T - first * first.T / n
        square = (data**2) @ mask.T
        variance = square - first**2 / n
        return cov / np.sqrt(variance * variance.T), n


def _rounded(value: float) -> float | None:
    return round(float(np.clip(value, -1, 1)), 6) if np.isfinite(value) else None
