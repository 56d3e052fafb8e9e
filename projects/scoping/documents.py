"""The scope document: what is agreed, as plain values that can be checked, frozen and rendered.

Every part of a list has a stable ``id``, so that two versions can be compared. A document may be
incomplete while it is a draft; :meth:`ScopeDocument.missing` says what keeps it from being sent.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from typing import Any, ClassVar, TypeVar

from projects.scoping.errors import ScopingError

MOST_ITEMS = 500
MOST_TEXT = 20_000  # characters
PERCENT = 100
BLANK = re.compile(r"\[[a-z][a-z ]{0,30}\]")  # what a starting point leaves open


@dataclass(frozen=True, slots=True)
class Statement:
    """One sentence of a list: an objective, something in or out of scope, a deliverable."""

    id: str
    text: str
    needs: ClassVar[tuple[str, ...]] = ("text",)


@dataclass(frozen=True, slots=True)
class Assumption:
    """What is taken for granted, how it is checked, and what happens if it is false."""

    id: str
    text: str
    check: str = ""
    if_false: str = ""
    needs: ClassVar[tuple[str, ...]] = ("text", "check", "if_false")


@dataclass(frozen=True, slots=True)
class PlannedMilestone:
    """A promise with a date and a price in minor units, paid when it is accepted."""

    id: str
    title: str
    goal: str = ""
    due_on: str = ""  # ISO date, or empty while it is open
    amount_minor: int = 0
    needs: ClassVar[tuple[str, ...]] = ("title", "due_on")


@dataclass(frozen=True, slots=True)
class AcceptanceClause:
    """How a milestone is judged: the sentence, and the protocol (its digest) and rows behind it."""

    id: str
    text: str
    milestone: str = ""  # id of a planned milestone, or empty for the whole contract
    kind: str = ""
    protocol: str = ""
    rows: int = 0
    needs: ClassVar[tuple[str, ...]] = ("text",)


@dataclass(frozen=True, slots=True)
class Gap:
    """What keeps a document from being sent, and where it is filled: a part of an item, a section, or the title."""

    text: str
    section: str = ""
    item: str = ""
    part: str = ""

    @property
    def anchor(self) -> str:
        """Name the place in the editor."""
        return "-".join(filter(None, ("fill", self.section or "title", self.item, self.part)))


Part = TypeVar("Part", Statement, Assumption, PlannedMilestone, AcceptanceClause)
# section -> (heading, type of its items, must it have items before it is sent)
SECTIONS: dict[str, tuple[str, type[Any], bool]] = {
    "objectives": ("Objectives", Statement, True),
    "in_scope": ("In scope", Statement, True),
    "out_of_scope": ("Out of scope", Statement, True),
    "assumptions": ("Assumptions", Assumption, True),
    "deliverables": ("Deliverables", Statement, True),
    "milestones": ("Milestones", PlannedMilestone, True),
    "acceptance": ("Acceptance", AcceptanceClause, True),
}
PART_WORDS = {"due_on": "due date"}  # where a part's own name is no word
SIMPLE = ("title", "currency", "review_days", "deposit_percent")


@dataclass(frozen=True, slots=True)
class ScopeDocument:
    """A statement of work.

    ``deposit_percent`` of the price is due at signing; the rest falls to the milestones by their
    amounts. Silence for ``review_days`` days counts as acceptance.
    """

    title: str = ""
    currency: str = "EUR"
    objectives: tuple[Statement, ...] = ()
    in_scope: tuple[Statement, ...] = ()
    out_of_scope: tuple[Statement, ...] = ()
    assumptions: tuple[Assumption, ...] = ()
    deliverables: tuple[Statement, ...] = ()
    milestones: tuple[PlannedMilestone, ...] = ()
    acceptance: tuple[AcceptanceClause, ...] = ()
    review_days: int = 10
    deposit_percent: int = 0
    notes: str = field(default="")

    @property
    def price_minor(self) -> int:
        """The sum of the milestones' amounts."""
        return sum(milestone.amount_minor for milestone in self.milestones)

    @property
    def deposit_minor(self) -> int:
        """The deposit, rounded half up to the minor unit."""
        return (self.price_minor * self.deposit_percent * 2 + PERCENT) // (2 * PERCENT)

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> "ScopeDocument":
        """Read a document from plain values; ScopingError names the field that is wrong."""
        if not isinstance(saved, Mapping):
            raise _bad("", "A scope is an object of sections.")
        unknown = sorted(set(saved) - {each.name for each in fields(cls)})
        if unknown:
            raise _bad(unknown[0], "There is no such section. Remove it.")
        values: dict[str, Any] = {
            name: _items(saved.get(name, []), name, kind) for name, (_, kind, _needed) in SECTIONS.items()
        }
        for name, default in (("title", ""), ("currency", "EUR"), ("notes", "")):
            values[name] = _text(saved.get(name, default), name)
        values["review_days"] = _number(saved.get("review_days", 10), "review_days", 1, 365)
        values["deposit_percent"] = _number(saved.get("deposit_percent", 0), "deposit_percent", 0, PERCENT)
        document = cls(**values)
        _check_links(document)
        return document

    def to_dict(self) -> dict[str, Any]:
        """Return the document as plain JSON values, ready to be frozen."""
        plain: dict[str, Any] = {name: getattr(self, name) for name in (*SIMPLE, "notes")}
        for name, (_, kind, _needed) in SECTIONS.items():
            parts = [each.name for each in fields(kind)]
            items = getattr(self, name)
            plain[name] = [{part: getattr(item, part) for part in parts} for item in items]
        return plain

    def missing(self) -> list[str]:
        """Say what keeps the document from being sent, in the order of its sections."""
        return [gap.text for gap in self.gaps()]

    def gaps(self) -> list[Gap]:
        """List what keeps the document from being sent, each with its place."""
        found = [] if self.title.strip() else [Gap("Give the scope a title.")]
        found += [Gap(f"The title: fill in {blanks}.") for blanks in _blanks_in(self.title)]
        for name, (heading, _kind, needed) in SECTIONS.items():
            items = getattr(self, name)
            if needed and not items:
                found.append(Gap(f"“{heading}” is empty.", name))
            for number, item in enumerate(items, start=1):
                found += [Gap(f"“{heading}” {number}{what}", name, item.id, part) for what, part in _gaps_in(item)]
            if name == "milestones" and items and self.price_minor <= 0:
                found.append(Gap("The milestones have no price.", name, items[0].id, "amount_minor"))
        return found


def _gaps_in(item: Any) -> Iterator[tuple[str, str]]:
    """Say what an item lacks, and in which of its parts."""
    if empty := [part for part in item.needs if not getattr(item, part).strip()]:
        yield f" has no {', '.join(PART_WORDS.get(part, part.replace('_', ' ')) for part in empty)}.", empty[0]
    for each in fields(item):
        for blanks in _blanks_in(getattr(item, each.name)):
            yield f": fill in {blanks}.", each.name
    if isinstance(item, AcceptanceClause) and item.protocol and item.rows <= 0:
        yield " names a protocol but no number of rows.", "rows"


def _blanks_in(text: Any) -> list[str]:
    """Name the blanks of a text in one piece, if it has any."""
    blanks = list(dict.fromkeys(BLANK.findall(text))) if isinstance(text, str) else []
    return [" and ".join(filter(None, (", ".join(blanks[:-1]), blanks[-1])))] if blanks else []


def _items(saved: Any, name: str, kind: type[Part]) -> tuple[Part, ...]:
    """Read a section's items."""
    if not isinstance(saved, list):
        raise _bad(name, "This section must be a list.")
    if len(saved) > MOST_ITEMS:
        raise _bad(name, f"At most {MOST_ITEMS} items fit here.")
    items = tuple(_item(each, f"{name}[{index}]", kind) for index, each in enumerate(saved))
    seen: set[str] = set()
    for index, item in enumerate(items):
        if item.id in seen:
            raise _bad(f"{name}[{index}].id", f"The id “{item.id}” is used twice.")
        seen.add(item.id)
    return items


def _item(saved: Any, place: str, kind: type[Part]) -> Part:
    """Read one item by the types of its fields."""
    if not isinstance(saved, Mapping):
        raise _bad(place, "An item must be an object.")
    known = {each.name: each for each in fields(kind)}
    unknown = sorted(set(saved) - set(known))
    if unknown:
        raise _bad(f"{place}.{unknown[0]}", "There is no such field. Remove it.")
    values: dict[str, Any] = {}
    for name, each in known.items():
        where = f"{place}.{name}"
        if each.type is int or each.type == "int":
            # A milestone may give money back, so its amount may be negative.
            least = -(10**15) if name == "amount_minor" else 0
            values[name] = _number(saved.get(name, 0), where, least, 10**15)
        else:
            values[name] = _text(saved.get(name, ""), where)
    if not values["id"].strip():
        raise _bad(f"{place}.id", "Every item needs an id that stays the same.")
    if values.get("due_on"):
        _date(values["due_on"], f"{place}.due_on")
    return kind(**values)


def _check_links(document: ScopeDocument) -> None:
    """Refuse a clause that judges a milestone which is not there."""
    known = {milestone.id for milestone in document.milestones} | {""}
    for index, clause in enumerate(document.acceptance):
        if clause.milestone not in known:
            where = f"acceptance[{index}].milestone"
            raise _bad(where, f"There is no milestone “{clause.milestone}”.")


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str):
        raise _bad(place, "This must be a text.")
    if len(value) > MOST_TEXT or "\0" in value:
        raise _bad(place, f"This must be a text of at most {MOST_TEXT} characters.")
    return value


def _number(value: Any, place: str, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise _bad(place, f"This must be a whole number from {least} to {most}.")
    return value


def _date(value: str, place: str) -> None:
    try:
        date.fromisoformat(value)
    except ValueError:
        raise _bad(place, f"“{value}” is no date. Write it like 2026-11-20.") from None


def _bad(place: str, sentence: str) -> ScopingError:
    return ScopingError("bad-scope", sentence, field=place)
