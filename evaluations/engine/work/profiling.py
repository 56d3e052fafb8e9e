"""Profile a typed table and audit it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from evaluations.engine.findings import audit_table
from evaluations.engine.profile import profile_table
from projects.sandbox import Task, TaskError

PART = "part:"
NAMES = ("target", "group")
ASKED = ("target", "group", "positive", "task")


def run(task: Task) -> dict[str, Any]:
    """Write ``profile.json`` and list the findings, most harmful first.

    Inputs: ``table`` (Parquet as the reader writes it); ``part:<name>`` for other tables to look for
    overlap with. Arguments, all optional: ``target``, ``positive``, ``task``, ``time``, ``group``,
    ``parts`` (part name to row positions from 0).
    """
    table = task.inputs["table"]
    asked = {name: task.arguments.get(name) or None for name in ASKED}
    _must_have_columns(table, {name: task.arguments.get(name) or None for name in NAMES})
    profile = profile_table(table, task.progress)
    findings = audit_table(table, **asked, parts=_parts(task), profile=profile, progress=task.progress, seed=task.seed)
    text = json.dumps(profile, ensure_ascii=False, allow_nan=False)
    (task.outputs / "profile.json").write_text(text, encoding="utf-8")
    task.log(f"Profiled {profile['column_count']:,} columns. Findings: {len(findings)}.")
    return {"profile": "profile.json", "findings": findings, "rows": profile["rows"]}


def _must_have_columns(table: Path, asked: Mapping[str, str | None]) -> None:
    names = set(pq.read_schema(table).names)
    for role, name in asked.items():
        if name is not None and name not in names:
            raise TaskError("unknown_column", f"The table has no column “{name}” to use as {role}; choose another.")


def _parts(task: Task) -> dict[str, Sequence[int] | Path]:
    parts: dict[str, Sequence[int] | Path] = {"this table": task.inputs["table"]}
    others = {name.removeprefix(PART): path for name, path in task.inputs.items() if name.startswith(PART)}
    rows = dict(task.arguments.get("parts") or {})
    if others:
        return parts | others | rows
    return rows
