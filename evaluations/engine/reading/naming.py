"""Giving every column a name that is filled, clean and its own."""

import re
from collections.abc import Sequence

from evaluations.engine.reading.values import Notes

LONGEST = 200
UNCLEAN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060\ufeff]+")


def name_columns(found: Sequence[str], width: int, notes: Notes) -> list[str]:
    """Clean the names of a header: blank ones are made up, doubled ones numbered.

    Parameters
    ----------
    found : sequence of str
        The names as read; may be shorter than the table is wide.
    width : int
        How many columns the table has.
    notes : Notes
        Gets a finding for what was changed.
    """
    cleaned = [UNCLEAN.sub(" ", name).strip()[:LONGEST] for name in found][:width]
    cleaned += [""] * (width - len(cleaned))
    unnamed = [at for at, name in enumerate(cleaned, 1) if not name]
    names: list[str] = []
    taken = set(cleaned)
    used: set[str] = set()
    counters: dict[str, int] = {}
    doubled: list[str] = []
    for at, name in enumerate(cleaned, 1):
        made = f"column_{at}"
        chosen = name or (made if made not in taken else _free(made, taken, used, counters))
        if chosen in used:
            doubled.append(chosen)
            chosen = _free(chosen, taken, used, counters)
        used.add(chosen)
        names.append(chosen)
    if unnamed and found:
        shown = ", ".join(str(at) for at in unnamed[:5])
        notes.add(
            "unnamed_columns",
            "note",
            f"{len(unnamed)} column{'s have' if len(unnamed) > 1 else ' has'} no name (number {shown}); "
            "a name was made up.",
            columns=[names[at - 1] for at in unnamed[:20]],
            n=len(unnamed),
        )
    if doubled:
        notes.add(
            "doubled_names",
            "warning",
            f"Column names occur more than once ({', '.join(doubled[:5])}); later ones got a number.",
            columns=doubled[:20],
            n=len(doubled),
        )
    return names


def _free(name: str, taken: set[str], used: set[str], counters: dict[str, int]) -> str:
    number = counters.get(name, 2)
    while f"{name}_{number}" in taken or f"{name}_{number}" in used:
        number += 1
    counters[name] = number + 1
    return f"{name}_{number}"
