"""Reading JSON lines: one object on each line, its keys the columns."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evaluations.engine.reading.containers import Source
from evaluations.engine.reading.delimited import TableRead, finish, refuse_without_rows
from evaluations.engine.reading.encodings import find_encoding, text_blocks
from evaluations.engine.reading.lines import check_width
from evaluations.engine.reading.naming import name_columns
from evaluations.engine.reading.staging import removed_afterwards, stage
from evaluations.engine.reading.values import Notes, Progress, ReadingError, ReadLimits, ReadOptions

BAD_SHARE = 0.01


def read_json_lines(
    source: Source, target: Path, options: ReadOptions, limits: ReadLimits, notes: Notes, progress: Progress
) -> TableRead:
    """Read JSON lines in two passes: the keys first, then the values."""
    encoding = options.encoding or find_encoding(source.head(2**16)).name
    keys: dict[str, int] = {}
    objects = bad = 0
    for batch in _objects(source, encoding, limits, Notes(), progress, "Looking for columns"):
        for _, value in batch:
            if value is None:
                bad += 1
                continue
            objects += 1
            for key in value:
                keys.setdefault(key, len(keys))
        check_width(len(keys), limits)
    if not objects or bad > max(1, BAD_SHARE * objects):
        raise ReadingError(
            "not_json_lines",
            f'{bad:,} lines are not JSON objects; each line must be one object such as {{"age": 31, "city": "Rome"}}.',
        )
    names = name_columns(options.names or list(keys), len(keys), notes)
    staging = target.with_name(target.name + ".stage")
    with removed_afterwards(staging):
        rows = _rows(_objects(source, encoding, limits, notes, progress, "Reading the file"), keys, notes)
        staged = stage(rows, names, staging, options, limits)
        refuse_without_rows(staged.rows, names)
        result = finish(staged, target, options, notes, progress)
    result.encoding = encoding
    return result


def _objects(
    source: Source, encoding: str, limits: ReadLimits, notes: Notes, progress: Progress, phase: str
) -> Iterator[list[tuple[int, dict[str, Any] | None]]]:
    stream = source.open()
    number = 0
    try:
        for block in text_blocks(stream, encoding, notes, limits):
            batch = []
            lines = block.split("\n")
            if not lines[-1]:
                lines.pop()
            for line in lines:
                number += 1
                if line.strip():
                    batch.append((number, _parse(line, number, limits)))
            yield batch
            progress(phase, min(stream.position(), source.size), source.size)
    finally:
        stream.close()


def _parse(line: str, number: int, limits: ReadLimits) -> dict[str, Any] | None:
    if line.count("{") + line.count("[") > limits.json_depth and _depth(line) > limits.json_depth:
        raise ReadingError(
            "json_too_deep",
            f"Line {number} nests objects deeper than {limits.json_depth} levels; write flat objects.",
        )
    try:
        value = json.loads(line, parse_constant=_nothing)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _nothing(_: str) -> None:
    return None


def _depth(line: str) -> int:
    deepest = depth = 0
    for letter in line:
        if letter in "{[":
            depth += 1
            deepest = max(deepest, depth)
        elif letter in "}]":
            depth -= 1
    return deepest


def _rows(
    batches: Iterator[list[tuple[int, dict[str, Any] | None]]], keys: dict[str, int], notes: Notes
) -> Iterator[list[tuple[int, list[str | None]]]]:
    for batch in batches:
        rows: list[tuple[int, list[str | None]]] = []
        for line, value in batch:
            if value is None:
                notes.mark("bad_json_lines", line)
                continue
            cells: list[str | None] = [""] * len(keys)
            for key, cell in value.items():
                cells[keys[key]] = _text(cell, line, notes)
            rows.append((line, cells))
        if rows:
            yield rows


def _text(value: Any, line: int, notes: Notes) -> str:
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "replace").decode()
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    notes.mark("nested_values", line)
    return json.dumps(value, ensure_ascii=True)
