"""Hashing whole rows, so that equal rows are found by sorting numbers; hits are then verified."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

STEP = np.uint64(0x9E3779B97F4A7C15)
MIX = np.uint64(0xBF58476D1CE4E5B9)
MISSING = np.uint64(0xD6E8FEB86659FD93)
BITS = np.uint64(32)
BLOCK = 262_144


def hash_rows(parquet: Path, columns: list[str]) -> Any:
    """Hash each row over some columns.

    Parameters
    ----------
    parquet : Path
        A typed table.
    columns : list of str
        The columns to look at, in an order that both tables of a comparison share.

    Returns
    -------
    ndarray of uint64, shape (n_rows,)
        Equal rows have equal hashes; unequal rows nearly always differ, so verify hits.
    """
    with pq.ParquetFile(parquet) as plain:
        schema, rows = plain.schema_arrow, plain.metadata.num_rows
        texts = [c for c in columns if pa.types.is_string(schema.field(c).type)]
    hashes = np.zeros(rows, np.uint64)
    step = max(1, 16_000_000 // max(rows, 1))
    with pq.ParquetFile(parquet, read_dictionary=texts) as file:
        for start in range(0, len(columns), step):
            names = columns[start : start + step]
            table = file.read(columns=names, use_threads=False)
            for name in names:
                _mix_column(hashes, table.column(name))
    return hashes


def _mix_column(hashes: Any, column: Any) -> None:
    at = 0
    for chunk in column.chunks:
        for start in range(0, len(chunk), BLOCK):  # blocks that stay in the cache
            cells = hash_cells(chunk.slice(start, BLOCK))
            part = hashes[at : at + len(cells)]
            part *= STEP
            part += cells
            part ^= part >> BITS
            part *= MIX
            at += len(cells)


def hash_cells(cells: Any) -> Any:
    """Hash the cells of one Arrow array: numbers by their bits, text by its words."""
    if pa.types.is_dictionary(cells.type):
        words = cells.dictionary.to_numpy(zero_copy_only=False)
        known = pd.util.hash_array(words, categorize=False) if len(words) else np.zeros(1, np.uint64)
        codes = pc.fill_null(cells.indices, 0).to_numpy(zero_copy_only=False)
        bits = known[codes]
    elif pa.types.is_boolean(cells.type):
        bits = pc.cast(pc.fill_null(cells, fill_value=False), pa.uint64()).to_numpy(zero_copy_only=False)
    elif pa.types.is_date32(cells.type):
        bits = _fixed(pc.cast(cells, pa.int32()).cast(pa.int64()))
    elif pa.types.is_timestamp(cells.type):
        bits = _fixed(pc.cast(cells, pa.int64()))
    elif pa.types.is_floating(cells.type):
        values = pc.fill_null(cells, 0.0).to_numpy(zero_copy_only=False) + 0.0  # -0.0 becomes 0.0
        bits = values.view(np.uint64)
    else:
        bits = _fixed(cells)
    if cells.null_count:
        gone = cells.is_null().to_numpy(zero_copy_only=False)
        bits = np.where(gone, MISSING, bits)
    return bits


def _fixed(cells: Any) -> Any:
    return pc.fill_null(cells, 0).to_numpy(zero_copy_only=False).view(np.uint64)


def take_rows(parquet: Path, columns: list[str], rows: Any) -> Any:
    """Read some rows as a table, group by group, so that few rows need little memory.

    Parameters
    ----------
    parquet : Path
        A typed table.
    columns : list of str
        The columns to read.
    rows : ndarray of int
        Row positions in rising order.
    """
    tables = []
    with pq.ParquetFile(parquet) as file:
        start = 0
        for group in range(file.metadata.num_row_groups):
            size = file.metadata.row_group(group).num_rows
            low, high = np.searchsorted(rows, [start, start + size])
            if high > low:
                part = file.read_row_group(group, columns=columns, use_threads=False)
                tables.append(part.take(pa.array(rows[low:high] - start)))
            start += size
        schema = pa.schema([file.schema_arrow.field(c) for c in columns])
    return pa.concat_tables(tables) if tables else schema.empty_table()


def repeated(hashes: Any) -> Any:
    """Find the rows whose hash occurs more than once, in rising order."""
    ordered = np.sort(hashes)
    again = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    return np.flatnonzero(contains(again, hashes)) if len(again) else np.empty(0, np.int64)


def number_groups(hashes: Any) -> Any:
    """Give equal hashes equal numbers, from 0 without gaps; needs less memory than an inverse of unique values."""
    return np.searchsorted(np.unique(hashes), hashes)


def contains(ordered: Any, values: Any) -> Any:
    """Tell which values occur in an ordered array without repeats."""
    if not len(ordered):
        return np.zeros(len(values), bool)
    at = np.searchsorted(ordered, values)
    at[at == len(ordered)] = 0
    found: Any = ordered[at] == values
    return found


def group_exactly(tables: list[Any]) -> list[Any]:
    """Give the distinct rows of tables numbers: equal rows get equal numbers, exactly.

    Parameters
    ----------
    tables : list of pyarrow.Table
        Tables of the same columns.

    Returns
    -------
    list of ndarray of int64
        One array per table.
    """
    whole = pa.concat_tables([t.replace_schema_metadata(None) for t in tables])
    codes = np.zeros(whole.num_rows, np.int64)
    for column in whole.columns:
        encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
        if isinstance(encoded, pa.ChunkedArray):
            encoded = encoded.unify_dictionaries()
            parts = np.concatenate([c.indices.to_numpy(zero_copy_only=False) for c in encoded.chunks])
        else:
            parts = encoded.indices.to_numpy(zero_copy_only=False)
        joined = codes * (int(parts.max(initial=0)) + 1) + parts
        codes = np.unique(joined, return_inverse=True)[1]
    return list(np.split(codes, np.cumsum([t.num_rows for t in tables])[:-1]))
