"""Take a file in: read it into a typed table, profile every column, and look for what is wrong."""

import json
from typing import Any

from evaluations.engine.work import profiling, reading
from projects.sandbox import Task, TaskError

UNREADABLE = "unreadable-file"


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
    return {"findings": found["findings"]}


def _profiled(task: Task, table: str, question: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    names = {column["name"] for column in known["report"]["columns"]}
    asked = {key: value for key, value in question.items() if key not in profiling.NAMES or value in names}
    inner = _inner(task, task.outputs / table, asked)
    found = profiling.run(inner)
    profile = json.loads((task.outputs / found["profile"]).read_text(encoding="utf-8"))
    return {"profile": profile, "findings": found["findings"]}


def _inner(task: Task, table: Any, question: dict[str, Any]) -> Task:
    return Task(arguments=question, inputs={"table": table}, outputs=task.outputs, seed=task.seed, tell=task.tell)
