"""Lines of a file that are about its table: units under the names, totals at the end."""

import re

from evaluations.engine.reading.staging import Staged, staged_batches
from evaluations.engine.reading.values import Notes, ReadOptions

TOTAL = re.compile(
    r"\s*(grand |sub)?-?(total|totals|sum|summe|gesamt|gesamtsumme|somme|totale|suma|average|mean)\s*:?\s*",
    re.IGNORECASE,
)


def units(staged: Staged, options: ReadOptions, notes: Notes) -> set[int]:
    """Find the line under the names that holds units instead of data."""
    if options.units_row is False or staged.rows < 3:
        return set()
    first = next(staged_batches(staged)).slice(0, 1).to_pylist()[0]
    *cells, line = first.values()
    pointed = [
        name
        for name, shapes in zip(staged.names, staged.shapes, strict=True)
        if shapes.other == 1 and shapes.n > 2 and list(shapes.examples.values()) == [[line]]
    ]
    words = [cell for cell in cells if cell]
    if not options.units_row and (not pointed or any(c.isdigit() for w in words for c in w[:1])):
        return set()
    if not options.units_row and len(pointed) * 2 < len(cells) and not all(_is_unit(w) for w in words):
        return set()
    shown = ", ".join(words[:6])
    share = 100 * (staged.rows - 1) / staged.rows
    notes.add(
        "units_row",
        "warning",
        f"Line {line} looks like units ({shown}), not like data: without it, column "
        f"“{pointed[0] if pointed else staged.names[0]}” is numeric ({share:.0f} % of the rows are). "
        "The line is left out.",
        lines=[line],
        columns=pointed,
        choices=[{"label": "It is data: keep it", "options": {"units_row": False}}],
    )
    return {line}


def _is_unit(word: str) -> bool:
    return bool(re.fullmatch(r"\s*[\[({].*[\])}]\s*|\s*[^\d\s]{1,6}\s*|-", word))


def totals(staged: Staged, options: ReadOptions, notes: Notes) -> set[int]:
    """Find rows of totals at the end, and ask whether to leave them out."""
    tail = list(staged.tail)
    if options.footer_rows is not None:
        return {line for line, _ in tail[len(tail) - min(options.footer_rows, len(tail)) :]}
    found = [
        (line, cells)
        for line, cells in tail[-3:]
        if any(cell and TOTAL.fullmatch(cell) for cell in cells[:3]) and _looks_total(cells, staged)
    ]
    if not found or found[-1][0] != tail[-1][0]:
        return set()
    lines = [line for line, _ in found]
    n = len(lines)
    shown = " ".join(cell for cell in found[-1][1] if cell)[:80]
    notes.ask(
        "total_row",
        f"The last row (line {lines[-1]}: “{shown}”) looks like a total, not like data; "
        "it must not be trained on. Leave it out?",
        [
            {"label": "Leave it out", "options": {"footer_rows": n}},
            {"label": "It is data: keep it", "options": {"footer_rows": 0}},
        ],
        lines=lines,
    )
    return set(lines)


def _looks_total(cells: list[str | None], staged: Staged) -> bool:
    return staged.rows >= 2 and any(c and any(d.isdigit() for d in c) for c in cells) and len(cells) > 1
