"""What changed between two scope documents, readable: items added, removed, changed and moved."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

WORDS = re.compile(r"\s+|\w+|[^\w\s]")
LONGEST = 1_500  # words; longer texts are shown whole, old and new


@dataclass(frozen=True, slots=True)
class Piece:
    """Some words of a text: ``same``, ``added`` or ``removed``."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field of an item, or of the document, that reads differently."""

    field: str
    before: Any
    after: Any
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class ItemChange:
    """What happened to one item: ``added``, ``removed``, ``changed`` and, apart, ``moved``.

    Places count from 1; the place is None where the item does not exist.
    """

    section: str
    id: str
    kind: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    fields: tuple[FieldChange, ...] = ()
    place_before: int | None = None
    place_after: int | None = None
    moved: bool = False


@dataclass(frozen=True, slots=True)
class ScopeDiff:
    """All changes between two documents, in the order of the later one."""

    fields: tuple[FieldChange, ...]
    items: tuple[ItemChange, ...]

    def __bool__(self) -> bool:
        return bool(self.fields or self.items)

    def summary(self) -> dict[str, int]:
        """Count the changes by kind."""
        kinds = ("added", "removed", "changed", "moved")
        counts = {kind: sum(item.kind == kind for item in self.items) for kind in kinds}
        counts["moved"] = sum(item.moved for item in self.items)
        counts["changed"] += len(self.fields)
        return counts


def diff_documents(before: Mapping[str, Any], after: Mapping[str, Any]) -> ScopeDiff:
    """Compare two documents: plain dicts whose lists hold items with stable ids."""
    names = dict.fromkeys((*after, *before))
    simple: list[FieldChange] = []
    items: list[ItemChange] = []
    for name in names:
        old, new = before.get(name), after.get(name)
        if _is_section(old) or _is_section(new):
            items += _diff_section(name, old or [], new or [])
        elif old != new:
            simple.append(_field_change(name, old, new))
    return ScopeDiff(tuple(simple), tuple(items))


def _is_section(value: Any) -> bool:
    """Say whether a value is a list of items with ids."""
    return isinstance(value, list) and all(isinstance(i, Mapping) and "id" in i for i in value)


def _diff_section(
    name: str, old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]
) -> Iterator[ItemChange]:
    """Compare two lists of items."""
    was = {item["id"]: (place, item) for place, item in enumerate(old, start=1)}
    now = {item["id"]: (place, item) for place, item in enumerate(new, start=1)}
    moved = _moved([key for key in was if key in now], [key for key in now if key in was])
    for key, (place, item) in now.items():
        if key not in was:
            yield ItemChange(name, key, "added", None, item, place_after=place)
            continue
        place_before, before = was[key]
        changes = tuple(_item_fields(before, item))
        if changes or key in moved:
            kind = "changed" if changes else "moved"
            yield ItemChange(
                name, key, kind, before, item, changes, place_before, place, key in moved
            )  # fmt: skip
    for key, (place, item) in was.items():
        if key not in now:
            yield ItemChange(name, key, "removed", item, None, place_before=place)


def _moved(old: list[Any], new: list[Any]) -> set[Any]:
    """Return the fewest items whose moving turns one order into the other."""
    place = {key: index for index, key in enumerate(new)}
    sequence = [place[key] for key in old]
    stays = _longest_rising(sequence)
    return {key for key, index in zip(old, sequence, strict=True) if index not in stays}


def _longest_rising(sequence: list[int]) -> set[int]:
    """Return the values of a longest rising subsequence."""
    best: list[list[int]] = []
    for value in sequence:
        fitting = [(len(run), run) for run in best if run[-1] < value]
        longest = max(fitting)[1] if fitting else []
        best.append([*longest, value])
    return set(max((len(run), run) for run in best)[1]) if best else set()


def _item_fields(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[FieldChange]:
    """Compare two forms of one item."""
    for name in dict.fromkeys((*old, *new)):
        if old.get(name) != new.get(name):
            yield _field_change(name, old.get(name), new.get(name))


def _field_change(name: str, old: Any, new: Any) -> FieldChange:
    """Compare two values word by word if both are texts, else whole."""
    if isinstance(old, str) and isinstance(new, str):
        return FieldChange(name, old, new, diff_words(old, new))
    pieces = [Piece("removed", str(old))] if old is not None else []
    pieces += [Piece("added", str(new))] if new is not None else []
    return FieldChange(name, old, new, tuple(pieces))


def diff_words(old: str, new: str) -> tuple[Piece, ...]:
    """Compare two texts word by word.

    The same and removed pieces together are the old text, the same and added ones the new.
    """
    a, b = WORDS.findall(old), WORDS.findall(new)
    if len(a) > LONGEST or len(b) > LONGEST:
        return Piece("removed", old), Piece("added", new)
    pieces = []
    for kind, i1, i2, j1, j2 in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if kind == "equal":
            pieces.append(Piece("same", "".join(a[i1:i2])))
            continue
        if i2 > i1:
            pieces.append(Piece("removed", "".join(a[i1:i2])))
        if j2 > j1:
            pieces.append(Piece("added", "".join(b[j1:j2])))
    return tuple(pieces)
