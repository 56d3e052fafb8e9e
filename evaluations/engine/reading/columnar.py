"""Reading Parquet without believing what it declares about its own size."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from evaluations.engine.reading.delimited import TableRead, refuse_without_rows
from evaluations.engine.reading.lines import check_width
from evaluations.engine.reading.naming import name_columns
from evaluations.engine.reading.pages import unpacked_sizes
from evaluations.engine.reading.staging import TableWriter
from evaluations.engine.reading.values import (
    Column,
    Notes,
    Progress,
    ReadingError,
    ReadLimits,
    ReadOptions,
)

SLICE_BYTES = 16 * 2**20
MOST_WORDS = 128 * 2**20  # bytes of encoded values, and of words held at once, that no ratio is asked of
MOST_GROWN = 2 * 2**30  # likewise of the table written out
MOST_PAGES = 2_000_000
MOST_GROWTH = 1_000  # times the file: tables of mostly equal values stay below, 47 kB of made-up words reach 400,000
THRIFT_LIMIT = 64 * 2**20
BROKEN = (pa.ArrowException, OSError, ValueError, OverflowError, NotImplementedError)


def read_parquet(
    path: Path, target: Path, options: ReadOptions, limits: ReadLimits, notes: Notes, progress: Progress
) -> TableRead:
    """Copy a Parquet file batch by batch into one of plain types.

    Raises
    ------
    ReadingError
        If the file is damaged, holds nested or unknown types, or expands beyond the limits.
    """
    with _opened(path) as file:
        schema = _checked_schema(file, limits)
        _check_pages(path, file, limits)
        plain = [_plain(field) for field in schema]
        names = name_columns(options.names or schema.names, len(schema), notes)
        stored = pa.schema([(name, kind) for name, (kind, _) in zip(names, plain, strict=True)])
        declared = file.metadata.num_rows
        refuse_without_rows(declared, names)
        total = 0
        try:
            with TableWriter(target, stored) as writer:
                for batch in _batches(file, schema, limits):
                    writer.write(_convert(batch, stored))
                    total += batch.num_rows
                    progress("Reading the file", min(total, declared), declared)
        except BROKEN as error:
            raise broken() from error
    refuse_without_rows(writer.rows, names)
    columns: list[Column] = [
        {"name": name, "type": _name(kind), "why": why} for name, (kind, why) in zip(names, plain, strict=True)
    ]
    return TableRead(writer.rows, columns)


def broken() -> ReadingError:
    """Say that a Parquet file cannot be read."""
    return ReadingError("broken_parquet", "The Parquet file is damaged or cut off; write it again.")


def _opened(path: Path) -> Any:
    try:
        first = pq.ParquetFile(path, thrift_string_size_limit=THRIFT_LIMIT, memory_map=False)
        texts = [
            column.path
            for column in (first.schema.column(i) for i in range(len(first.schema.names)))
            if column.physical_type == "BYTE_ARRAY" and column.path == column.name
        ]
        first.close()
        return pq.ParquetFile(path, read_dictionary=texts, thrift_string_size_limit=THRIFT_LIMIT, pre_buffer=False)
    except BROKEN as error:
        raise broken() from error


def _checked_schema(file: Any, limits: ReadLimits) -> pa.Schema:
    try:
        schema, rows = file.schema_arrow, file.metadata.num_rows
    except BROKEN as error:
        raise broken() from error
    check_width(len(schema), limits)
    if not len(schema):
        raise ReadingError("no_columns", "The Parquet file has no columns.")
    if rows < 0 or rows > limits.rows or rows * len(schema) > limits.cells:
        raise ReadingError(
            "too_many_cells",
            f"The table says it has {rows:,} rows and {len(schema):,} columns; at most "
            f"{limits.cells:,} cells are read. Split it or take a sample.",
        )
    return schema


def limits_for(size: int, limits: ReadLimits) -> ReadLimits:
    """Tighten the limits to what a Parquet file that came as ``size`` bytes may grow to."""
    return replace(
        limits,
        inflated_bytes=min(limits.inflated_bytes, max(MOST_GROWN, MOST_GROWTH * size)),
        held_bytes=min(limits.held_bytes, max(MOST_WORDS, MOST_GROWTH * size)),
    )


def _check_pages(path: Path, file: Any, limits: ReadLimits) -> None:
    """Refuse what would unpack beyond reason before anything is unpacked."""
    total = 0
    for number, size in enumerate(unpacked_sizes(path, file.metadata)):
        total += size
        if total > limits.held_bytes:
            raise _grows_too_much(limits.held_bytes)
        if number > MOST_PAGES:
            raise ReadingError("too_many_pages", "The Parquet file is cut into millions of pages; write it again.")


def _grows_too_much(most: int) -> ReadingError:
    return ReadingError(
        "inflates_too_much",
        f"The table unpacks to more than {most / 2**20:,.0f} MB, far more than its file promises. "
        "Leave out columns that repeat the same long text, or split the table by rows.",
    )


def _plain(field: Any) -> tuple[Any, str]:
    kind = field.type
    if isinstance(kind, pa.BaseExtensionType):
        raise _unreadable(field)
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_decimal(kind):
        return pa.float64(), "a decimal in the file, kept to about 16 digits"
    found = _match(kind)
    if found is None:
        raise _unreadable(field)
    return found, f"stored as {kind} in the file"


def _match(kind: Any) -> Any:
    types = pa.types
    if types.is_timestamp(kind):
        return pa.timestamp("us", "UTC") if kind.tz else pa.timestamp("us")
    tests = (
        (types.is_boolean, pa.bool_()),
        (types.is_uint64, pa.float64()),
        (types.is_integer, pa.int64()),
        (types.is_floating, pa.float64()),
        (types.is_date, pa.date32()),
        (types.is_string, pa.string()),
        (types.is_large_string, pa.string()),
        (types.is_string_view, pa.string()),
        (types.is_binary, pa.string()),
        (types.is_large_binary, pa.string()),
        (types.is_null, pa.string()),
        (types.is_time, pa.string()),
    )
    return next((plain for test, plain in tests if test(kind)), None)


def _unreadable(field: Any) -> ReadingError:
    return ReadingError(
        "unreadable_type",
        f"Column “{field.name[:80]}” has the type {str(field.type)[:80]}, which is no plain value; "
        "leave it out or flatten it before you upload the table.",
    )


def _batches(file: Any, schema: pa.Schema, limits: ReadLimits) -> Iterator[Any]:
    size = max(64, min(16_384, 400_000 // len(schema)))
    seen = rows = 0
    for batch in file.iter_batches(batch_size=size, use_threads=False):
        batch.validate(full=True)
        rows += batch.num_rows
        if rows > limits.rows or rows * len(schema) > limits.cells:
            raise ReadingError("too_many_cells", "The table holds more cells than may be read; split it.")
        size_now = expanded_bytes(batch, limits)
        seen += size_now
        if seen > limits.inflated_bytes:
            raise _grows_too_much(limits.inflated_bytes)
        pieces = max(1, -(-size_now // SLICE_BYTES))
        step = max(1, -(-batch.num_rows // pieces))
        for start in range(0, batch.num_rows, step):
            yield batch.slice(start, step)


def expanded_bytes(batch: Any, limits: ReadLimits) -> int:
    """Reckon how large a batch is with its dictionaries written out, before writing them out."""
    total = held = 0
    for column in batch.columns:
        if not pa.types.is_dictionary(column.type):
            total += column.nbytes
            continue
        words = column.dictionary
        held += words.nbytes
        if held > limits.held_bytes:
            raise _grows_too_much(limits.held_bytes)
        if pa.types.is_string(words.type) or pa.types.is_binary(words.type):
            lengths = pc.fill_null(pc.binary_length(words), 0).to_numpy(zero_copy_only=False)
        else:
            lengths = np.full(len(words), 8)
        if len(lengths) and int(lengths.max()) > limits.cell_bytes:
            raise ReadingError(
                "cell_too_large",
                f"A cell holds more than {limits.cell_bytes / 2**20:.0f} MB; shorten it.",
            )
        used = column.indices.drop_null().to_numpy(zero_copy_only=False)
        total += int(lengths[used].sum()) + 4 * len(column)
    return total


def _convert(batch: Any, stored: pa.Schema) -> Any:
    return pa.record_batch(
        [_cast(column, field.type) for column, field in zip(batch.columns, stored, strict=True)],
        schema=stored,
    )


def _cast(column: Any, kind: Any) -> Any:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_timestamp(column.type):
        return pc.cast(column, kind, safe=False)
    if pa.types.is_uint64(column.type) or pa.types.is_decimal(column.type):
        return pc.cast(column, kind, safe=False)
    if pa.types.is_date64(column.type):
        return pc.cast(column, kind, safe=False)
    return _without_odd(pc.cast(column, kind))


def _without_odd(column: Any) -> Any:
    """Make NaN and infinity missing, and take NUL bytes out of text."""
    if pa.types.is_floating(column.type):
        return pc.if_else(pc.is_finite(column), column, pa.scalar(None, column.type))
    if pa.types.is_string(column.type):
        if pc.any(pc.match_substring(column, "\0"), min_count=0).as_py():
            column = pc.replace_substring(column, pattern="\0", replacement="")
        return pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)
    return column


def _name(kind: Any) -> str:
    names = {
        pa.int64(): "integer",
        pa.float64(): "number",
        pa.bool_(): "boolean",
        pa.date32(): "date",
        pa.string(): "text",
    }
    return names.get(kind, "timestamp")
