"""Saying in plain words what was odd about a file and its columns."""

from collections.abc import Mapping
from typing import Any

from evaluations.engine.reading.shapes import ColumnShapes, Decision
from evaluations.engine.reading.staging import Staged
from evaluations.engine.reading.values import Notes, ReadOptions, name_lines

LONG_CELL = 100_000

MARKS: dict[str, tuple[str, str]] = {
    "bad_json_lines": ("warning", "{n} lines are not JSON objects ({where}); they were left out."),
    "comment_lines": ("note", "{n} comment lines were left out ({where})."),
    "short_rows": (
        "warning",
        "{n} rows have too few cells ({where}); the cells that are not there are missing.",
    ),
    "long_rows": (
        "warning",
        (
            "{n} rows have more cells than the {width} columns ({where}); nobody can tell which cell is "
            "too many, so {what}."
        ),
    ),
    "extra_separators": ("note", "{n} rows end in spare separators ({where}); these were ignored."),
    "blank_rows": ("note", "{n} rows without any value were left out ({where})."),
    "repeated_header": ("warning", "The header is repeated among the rows ({where}); it was left out."),
    "merge_conflict": (
        "warning",
        (
            "Git merge-conflict markers stand in the data ({where}); these lines were left out. The rows "
            "between them may be there twice: resolve the conflict in the file."
        ),
    ),
    "doubled_in_conflict": (
        "warning",
        "{n} rows repeat a row of the other side of a merge conflict ({where}).",
    ),
    "unclosed_quote": (
        "warning",
        (
            "A quotation mark opens and never closes ({where}); it was read as a plain character, so that "
            "the rest of the file is not swallowed."
        ),
    ),
    "broken_quote": (
        "warning",
        "A quoted cell goes on after its closing quotation mark ({where}); it was read as it stands.",
    ),
    "backslash_escapes": (
        "warning",
        "Quotation marks are escaped by backslashes ({where}), as MySQL exports them; they were read so.",
    ),
    "mixed_encoding": (
        "warning",
        "{n} lines are in another encoding than the rest ({where}); these were read as cp1252. Check their accents.",
    ),
    "nul_bytes": ("warning", "{n} NUL bytes were removed ({where}); the file may be damaged."),
    "control_characters": (
        "warning",
        "{n} control characters stand in the data ({where}); they are kept and shown escaped.",
    ),
    "nested_values": (
        "warning",
        "{n} values are lists or objects ({where}); they are kept as JSON text.",
    ),
}


def explain_marks(notes: Notes, width: int, options: ReadOptions) -> None:
    """Turn what was counted by line into findings."""
    what = "the spare cells were cut off" if options.long_rows == "cut" else "the rows were left out"
    for code, n in notes.counts.items():
        severity, message = MARKS[code]
        lines = notes.lines.get(code, [])
        where = name_lines(lines, max(n, len(lines)) if code not in {"nul_bytes"} else len(lines))
        notes.add(code, severity, message.format(n=f"{n:,}", where=where, width=width, what=what), lines=lines, n=n)
    notes.counts.clear()


def explain_decisions(staged: Staged, decisions: list[Decision], options: ReadOptions, notes: Notes) -> None:
    """Say which columns are odd, and ask what only a person can know."""
    rows = list(zip(staged.names, decisions, staged.shapes, strict=True))
    for name, decision, shapes in rows:
        for oddity in decision.oddities:
            if explain := EXPLAIN.get(oddity):
                explain(name, shapes, notes)
        if decision.type == "text" and shapes.longest > LONG_CELL:
            _long_cell(name, shapes, notes)
    _together(rows, "decimal_comma", "Numbers are written with a decimal comma", notes)
    _together(rows, "grouped_comma", "Numbers are written with commas between thousands", notes)
    _empty(rows, notes)
    _spelled(rows, options, notes)


def _long_cell(name: str, shapes: ColumnShapes, notes: Notes) -> None:
    notes.add(
        "long_cell",
        "warning",
        f"A cell of column “{name}” on line {shapes.longest_line} holds {shapes.longest:,} bytes; "
        "it is kept whole and cut in previews.",
        columns=[name],
        lines=[shapes.longest_line],
    )


def _mixed_types(name: str, shapes: ColumnShapes, notes: Notes) -> None:
    share = 100 * (shapes.n - shapes.other) / shapes.n
    shown = ", ".join(repr(cell[:40]) for cell in list(shapes.examples)[:3])
    lines = sorted(line for found in shapes.examples.values() for line in found)[:20]
    notes.add(
        "mixed_types",
        "warning",
        f"Column “{name}” mixes numbers and words: {share:.0f} % of {shapes.n:,} cells are numbers, "
        f"others are not ({shown}, {name_lines(lines)}). It is read as text.",
        columns=[name],
        lines=lines,
        n=shapes.other,
        choices=[{"label": "Read as numbers, the rest as missing", "options": {"types": {name: "number"}}}],
    )


def _mixed_dates(name: str, shapes: ColumnShapes, notes: Notes) -> None:
    notes.add(
        "mixed_dates",
        "warning",
        f"Column “{name}” holds dates written in several ways; it is read as text.",
        columns=[name],
        choices=[
            {"label": "Day first", "options": {"types": {name: "day_first"}}},
            {"label": "Month first", "options": {"types": {name: "month_first"}}},
        ],
    )


def _mixed_decimals(name: str, shapes: ColumnShapes, notes: Notes) -> None:
    notes.add(
        "mixed_decimals",
        "warning",
        f"Column “{name}” mixes decimal commas and decimal points; it is read as text.",
        columns=[name],
    )


def _date_order(name: str, shapes: ColumnShapes, notes: Notes) -> None:
    notes.ask(
        "date_order",
        f"The dates of column “{name}” can be read day first or month first. Which is meant?",
        [
            {"label": "Day first (31/05/2024)", "options": {"types": {name: "day_first"}}},
            {"label": "Month first (05/31/2024)", "options": {"types": {name: "month_first"}}},
        ],
        columns=[name],
    )


def _unclear_comma(name: str, shapes: ColumnShapes, notes: Notes) -> None:
    notes.ask(
        "unclear_comma",
        f"In column “{name}” every number has one comma before three digits: 1,234 may mean 1234 or "
        "1.234. Which is meant? Until then it stays text.",
        [
            {"label": "Keep it as text", "options": {"types": {name: "text"}}},
            {"label": "Thousands: 1,234 is 1234", "options": {"types": {name: "grouped_comma"}}},
            {"label": "Decimals: 1,234 is 1.234", "options": {"types": {name: "decimal_comma"}}},
        ],
        columns=[name],
    )


EXPLAIN = {
    "mixed_types": _mixed_types,
    "mixed_dates": _mixed_dates,
    "mixed_decimals": _mixed_decimals,
    "date_order": _date_order,
    "unclear_comma": _unclear_comma,
}


def _together(rows: list[Any], oddity: str, sentence: str, notes: Notes) -> None:
    columns = [name for name, decision, _ in rows if oddity in decision.oddities]
    if columns:
        notes.add(
            oddity,
            "warning",
            f"{sentence} in {len(columns)} column{'s' if len(columns) > 1 else ''} "
            f"({', '.join(columns[:5])}); check them in the preview.",
            columns=columns[:50],
            choices=[{"label": "Read as text", "options": {"types": dict.fromkeys(columns[:50], "text")}}],
        )


def _empty(rows: list[Any], notes: Notes) -> None:
    columns = [name for name, decision, _ in rows if "empty" in decision.oddities]
    if columns:
        notes.add(
            "empty_columns",
            "note",
            f"{len(columns)} column{'s hold' if len(columns) > 1 else ' holds'} no value at all "
            f"({', '.join(columns[:5])}).",
            columns=columns[:50],
            n=len(columns),
        )


def _spelled(rows: list[Any], options: ReadOptions, notes: Notes) -> None:
    explain_all_spelled({name: shapes.spelled for name, _, shapes in rows if shapes.spelled}, notes)


def explain_all_spelled(found: Mapping[str, dict[str, int]], notes: Notes) -> None:
    """Say which spellings were taken for missing, column by column."""
    for name, spelled in list(found.items())[:50]:
        _explain_spelled(name, spelled, notes)


def _explain_spelled(name: str, spelled: dict[str, int], notes: Notes) -> None:
    blanks = sum(n for cell, n in spelled.items() if not cell.strip())
    words = {cell: n for cell, n in spelled.items() if cell.strip()}
    parts = [f"{blanks:,} blank cell{'s' if blanks > 1 else ''}"] if blanks else []
    parts += [f"“{cell}” ({n:,})" for cell, n in list(words.items())[:5]]
    notes.add(
        "missing_spelling",
        "warning",
        f"Column “{name}” spells missing values as {', '.join(parts)}; they are read as missing.",
        columns=[name],
        n=sum(spelled.values()),
    )
