"""Checks that compare whole rows: duplicates, contradictions, overlap between parts."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from evaluations.engine.findings.hashing import contains, group_exactly, hash_rows, number_groups, repeated, take_rows
from evaluations.engine.findings.table import AuditTable
from evaluations.engine.findings.values import Finding, make_finding

VERIFIED_AT_MOST = 500_000


def count_duplicates(parquet: Path, columns: list[str], hashes: Any = None) -> tuple[Any, Any]:
    """Find rows that repeat an earlier row exactly.

    Returns
    -------
    tuple of ndarray
        Positions of the rows that occur more than once, and a group number for each; the hits of the
        hash are compared cell by cell unless there are more than 500,000 of them.
    """
    hashes = hash_rows(parquet, columns) if hashes is None else hashes
    rows = repeated(hashes)
    if not len(rows):
        return rows, rows
    if len(rows) > VERIFIED_AT_MOST:
        return rows, number_groups(hashes[rows])
    groups = group_exactly([take_rows(parquet, columns, rows)])[0]
    several = np.bincount(groups)[groups] > 1
    return rows[several], groups[several]


def find_duplicates(table: AuditTable) -> list[Finding]:
    """Say how many rows repeat an earlier row in every column."""
    rows, groups = count_duplicates(table.path, table.schema.names)
    if not len(rows):
        return []
    extra = len(rows) - len(np.unique(groups))
    share = extra / table.rows
    pair = rows[groups == groups[0]][:2] + 1
    return [
        make_finding(
            "duplicate_rows",
            "high" if share > 0.05 else "medium",
            f"{extra:,} of {table.rows:,} rows ({100 * share:.2f} %) repeat an earlier row in every column; "
            f"for example rows {pair[0]:,} and {pair[1]:,} are equal.",
            "Remove the copies, or group them so that equal rows never stand on both sides of the split.",
            n=extra,
            rows=_copies(rows, groups),
        )
    ]


def _copies(rows: Any, groups: Any) -> Any:
    first = np.empty(int(groups.max()) + 1, np.int64)
    first[groups[::-1]] = np.arange(len(rows) - 1, -1, -1)  # of several the last one written stays: the first row
    later = np.ones(len(rows), bool)
    later[first] = False
    return rows[later]


def find_contradictions(table: AuditTable) -> list[Finding]:
    """Say how many rows have equal features but another target."""
    if not table.problem or table.problem == "regression" or not table.features:
        return []
    rows, groups = count_duplicates(table.path, table.features)
    if not len(rows):
        return []
    labels = take_rows(table.path, [str(table.target)], rows).column(0).combine_chunks()
    codes = group_exactly([pa.table({"label": labels})])[0]
    both = np.unique(np.column_stack([groups, codes]), axis=0)
    torn = np.bincount(both[:, 0], minlength=groups.max() + 1)[groups] > 1
    n = int(torn.sum())
    if not n:
        return []
    return [
        make_finding(
            "contradicting_labels",
            "medium" if n / table.rows > 0.01 else "low",
            f"{n:,} rows ({100 * n / table.rows:.2f} %) share all their features with a row of another "
            f"“{table.target}”; no model can get both right.",
            "Look at the example rows: fix wrong labels, or add the column that tells them apart.",
            columns=[str(table.target)],
            n=n,
            rows=rows[torn],
        )
    ]


def find_overlap(table: AuditTable) -> list[Finding]:
    """Say which rows stand in two parts, such as training and acceptance."""
    findings = []
    names = list(table.parts)
    for at, first in enumerate(names):
        for second in names[at + 1 :]:
            findings += _overlap(table, first, second)
    return findings


def _overlap(table: AuditTable, first: str, second: str) -> list[Finding]:
    one, two = table.parts[first], table.parts[second]
    shared, total = count_overlap(table.path, one, two)
    if not len(shared):
        return []
    share = len(shared) / max(total, 1)
    return [
        make_finding(
            "overlap_between_parts",
            "critical" if share > 0.01 else "high",
            f"{len(shared):,} of {total:,} rows of part “{second}” ({100 * share:.2f} %) stand in part "
            f"“{first}” too, equal in every column; a model may remember them.",
            "Take these rows out of one part, or split by groups of equal rows.",
            n=len(shared),
            rows=shared,
        )
    ]


def count_overlap(parquet: Path, one: Any, two: Any) -> tuple[Any, int]:
    """Find the rows of part ``two`` that occur in part ``one``.

    Parameters
    ----------
    parquet : Path
        The table that row positions refer to.
    one, two : Path or sequence of int
        Another table's file, or row positions of ``parquet``.

    Returns
    -------
    tuple of (ndarray, int)
        Positions of the shared rows (in the table that ``two`` lies in), and the rows of ``two``.
    """
    names = _common_names(parquet, one, two)
    path_one, rows_one, hash_one = _part(parquet, one, names)
    path_two, rows_two, hash_two = _part(parquet, two, names)
    hits = np.flatnonzero(contains(np.unique(hash_one), hash_two))
    if not len(hits) or len(hits) > VERIFIED_AT_MOST:
        return rows_two[hits], len(rows_two)
    back = np.flatnonzero(contains(np.unique(hash_two[hits]), hash_one))
    found_two = np.unique(rows_two[hits])
    left = take_rows(path_one, names, np.unique(rows_one[back]))
    right = take_rows(path_two, names, found_two)
    codes_one, codes_two = group_exactly([left, right.cast(left.schema)])
    return found_two[contains(np.unique(codes_one), codes_two)], len(rows_two)


def _common_names(parquet: Path, one: Any, two: Any) -> list[str]:
    paths = [p if isinstance(p, Path) else parquet for p in (one, two)]
    schemas = [AuditTable(p).schema for p in paths]
    other = {field.name: field.type for field in schemas[1]}
    return [f.name for f in schemas[0] if other.get(f.name) == f.type]


def _part(parquet: Path, part: Any, names: list[str]) -> tuple[Path, Any, Any]:
    path = part if isinstance(part, Path) else parquet
    hashes = hash_rows(path, names)
    if isinstance(part, Path):
        return path, np.arange(len(hashes)), hashes
    rows = np.sort(np.asarray(part, dtype=np.int64))
    return path, rows, hashes[rows]


def find_group_overlap(table: AuditTable) -> list[Finding]:
    """Say which groups (a customer, a patient) have rows in two parts."""
    inside = {n: p for n, p in table.parts.items() if not isinstance(p, Path)}
    if table.group not in table.columns or len(inside) < 2:
        return []
    cells = table.read(str(table.group))
    codes = group_exactly([pa.table({"group": _decoded(cells)})])[0]
    names = list(inside)
    findings = []
    for at, first in enumerate(names):
        for second in names[at + 1 :]:
            left = np.unique(codes[np.asarray(inside[first], np.int64)])
            rows = np.asarray(inside[second], np.int64)
            torn = contains(left, codes[rows])
            if torn.any():
                findings.append(_torn_groups(table, first, second, rows[torn], codes))
    return findings


def _decoded(cells: Any) -> Any:
    return cells.cast(cells.type.value_type) if pa.types.is_dictionary(cells.type) else cells


def _torn_groups(table: AuditTable, first: str, second: str, rows: Any, codes: Any) -> Finding:
    groups = len(np.unique(codes[rows]))
    return make_finding(
        "groups_in_two_parts",
        "high",
        f"{groups:,} values of “{table.group}” have rows in both “{first}” and “{second}” "
        f"({len(rows):,} rows); a model may know them already.",
        f"Split by “{table.group}”, so that each of its values stands on one side only.",
        columns=[str(table.group)],
        n=groups,
        rows=np.sort(rows),
    )
