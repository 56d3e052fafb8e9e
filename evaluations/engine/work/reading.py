"""Read an uploaded file into a typed table."""

import hashlib
from pathlib import Path
from typing import Any

from evaluations.engine.reading import ReadingError, ReadOptions, read_table
from projects.sandbox import Task, TaskError

BLOCK = 2**20


def run(task: Task) -> dict[str, Any]:
    """Write ``table.parquet`` and report what was found.

    Inputs: ``original``. Arguments: ``name`` (as the owner knows the file), ``options`` (see
    `ReadOptions`). Raises TaskError with the reader's code and words if the file is no table.
    """
    target = task.outputs / "table.parquet"
    name = str(task.arguments.get("name") or "table")
    try:
        options = ReadOptions.from_dict(task.arguments.get("options"))
    except ReadingError as error:
        raise TaskError(error.code, error.message) from error
    report = read_table(task.inputs["original"], target, name=name, options=options, progress=task.progress)
    if report["outcome"] == "reject":
        finding = report["findings"][0]
        raise TaskError(finding["code"], finding["message"])
    columns, rows = len(report["columns"]), report["rows"]
    task.log(f"Read {rows:,} rows and {columns:,} columns: {report['outcome']}.")
    return {"report": dict(report), "sha256": digest(target), "rows": rows, "columns": columns}


def digest(path: Path) -> str:
    """Reckon a file's SHA-256 block by block."""
    found = hashlib.sha256()
    with path.open("rb") as stream:
        while data := stream.read(BLOCK):
            found.update(data)
    return found.hexdigest()
