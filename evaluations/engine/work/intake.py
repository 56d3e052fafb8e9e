"""Take a file in: read it into a typed table, profile every column, and look for what is wrong."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from evaluations.engine.reading.previews import show_cell
from evaluations.engine.work import profiling, reading
from projects.sandbox import Task, TaskError

UNREADABLE = "unreadable-file"
EXAMPLE_ROWS, EXAMPLE_COLUMNS, EXAMPLE_CELL, ILLUSTRATED = 5, 8, 80, 40


def run(task: Task) -> dict[str, Any]:
    """Write ``table.parquet`` and return how it was read, its figures and its findings.

    Inputs: ``original``. Arguments: ``name``, ``options`` and ``question`` (what is to be predicted, if known).
    A file that asks something is not profiled yet: its table may still change.
    """
    try:
        found = reading.run(task)
    except TaskError as error:
        raise TaskError(UNREADABLE, error.message) from error
    if found["report"]["outcome"] == "ask":
        return found | {"profile": None, "findings": []}
    return found | _profiled(task, "table.parquet", task.arguments.get("question") or {}, known=found)


def audit(task: Task) -> dict[str, Any]:
    """Profile and audit a table that has been read, given what is to be predicted.

    Inputs: ``table``. Arguments: ``question``.
    """
    inner = _inner(task, task.inputs["table"], task.arguments["question"])
    found = profiling.run(inner)
    return {"findings": illustrate(found["findings"], task.inputs["table"])}


def _profiled(task: Task, table: str, question: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    names = {column["name"] for column in known["report"]["columns"]}
    asked = {key: value for key, value in question.items() if key not in profiling.NAMES or value in names}
    inner = _inner(task, task.outputs / table, asked)
    found = profiling.run(inner)
    profile = json.loads((task.outputs / found["profile"]).read_text(encoding="utf-8"))
    return {"profile": profile, "findings": illustrate(found["findings"], task.outputs / table)}


def illustrate(findings: list[dict[str, Any]], table: Path) -> list[dict[str, Any]]:
    """Lay the rows that show a finding beside it: a few rows, the named columns first.

    Parameters
    ----------
    findings : list of dict
        As the audit gives them; ``rows`` are numbers from 1.
    table : Path
        The table that was audited.
    """
    with pq.ParquetFile(table) as file:
        names = file.schema_arrow.names
        shown = [_with_rows(finding, file, names) for finding in findings[:ILLUSTRATED]]
    return [*shown, *findings[ILLUSTRATED:]]


def _with_rows(finding: dict[str, Any], file: pq.ParquetFile, names: list[str]) -> dict[str, Any]:
    wanted = [row - 1 for row in finding["rows"][:EXAMPLE_ROWS]]
    if not wanted:
        return finding
    known = [name for name in finding["columns"] if name in names]
    columns = [*known, *(name for name in names if name not in known)][:EXAMPLE_COLUMNS]
    cells = _take(file, columns, wanted)
    rows = [{"row": row + 1, "cells": cells[row]} for row in wanted if row in cells]
    return finding | {"examples": {"columns": columns, "rows": rows}}


def _take(file: pq.ParquetFile, columns: list[str], wanted: list[int]) -> dict[int, list[str | None]]:
    """Read some rows, opening only the row groups that hold them."""
    taken: dict[int, list[str | None]] = {}
    start = 0
    for group in range(file.metadata.num_row_groups):
        size = file.metadata.row_group(group).num_rows
        inside = [row for row in wanted if start <= row < start + size]
        if inside:
            part = file.read_row_group(group, columns=columns).select(columns)
            picked = part.take(pa.array([row - start for row in inside]))
            values = zip(*(column.to_pylist() for column in picked.columns), strict=True)
            for row, cells in zip(inside, values, strict=True):
                taken[row] = [_cut(show_cell(cell)) for cell in cells]
        start += size
    return taken


def _cut(text: str | None) -> str | None:
    return text if text is None or len(text) <= EXAMPLE_CELL else text[: EXAMPLE_CELL - 1] + "…"


def _inner(task: Task, table: Any, question: dict[str, Any]) -> Task:
    return Task(arguments=question, inputs={"table": table}, outputs=task.outputs, seed=task.seed, tell=task.tell)
