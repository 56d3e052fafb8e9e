"""What a change order does to a scope: amounts added to milestones or new ones, days added to those still open."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from projects.scoping.documents import PlannedMilestone, ScopeDocument, Statement
from projects.scoping.errors import ScopingError


@dataclass(frozen=True, slots=True)
class PriceLine:
    """One line of a change order: added to a planned milestone, or a milestone of its own."""

    id: str
    text: str
    amount_minor: int
    milestone: str = ""  # id of a planned milestone; empty makes a new one


def apply_change(
    document: ScopeDocument,
    *,
    key: str,
    what: str,
    lines: Sequence[PriceLine],
    days: int = 0,
    still_open: Collection[str],
) -> ScopeDocument:
    """Return the scope as it reads with a change in it.

    ``key`` begins the ids of what is new, ``still_open`` are the ids of the milestones that may still
    change. Raises ScopingError (``bad-change``) where a line takes from a milestone that is decided,
    takes more than it is worth, or is a credit without a milestone.
    """
    milestones = {milestone.id: milestone for milestone in document.milestones}
    for line in lines:
        if line.milestone:
            milestones[line.milestone] = _changed(milestones, line, still_open)
    for one in still_open:
        if days and one in milestones and milestones[one].due_on:
            milestones[one] = replace(milestones[one], due_on=_later(milestones[one].due_on, days))
    last = max((milestone.due_on for milestone in milestones.values()), default="")
    for line in lines:
        if not line.milestone:
            new = _new(line, key=key, due_on=last)
            if new.id in milestones:
                raise _bad(f"“{line.text}” has the id of another milestone. Price the change anew.")
            milestones[new.id] = new
    for before in document.milestones:
        if milestones[before.id].amount_minor < min(before.amount_minor, 0):
            raise _bad(f"This takes more off “{before.title}” than it costs. Lower the credit.")
    added = (*document.in_scope, Statement(key, what))
    return replace(document, milestones=tuple(milestones.values()), in_scope=added)


def _changed(
    milestones: Mapping[str, PlannedMilestone], line: PriceLine, still_open: Collection[str]
) -> PlannedMilestone:
    milestone = milestones.get(line.milestone)
    if milestone is None:
        known = ", ".join(one for one in milestones if one in still_open) or "none that is open"
        raise _bad(f"The scope has no milestone “{line.milestone}” for “{line.text}”. Use the id of one: {known}.")
    if milestone.id not in still_open:
        text = f"“{milestone.title}” is decided and its price no longer changes. "
        raise _bad(f"{text}Put “{line.text}” into a new milestone.")
    return replace(milestone, amount_minor=milestone.amount_minor + line.amount_minor)


def _new(line: PriceLine, *, key: str, due_on: str) -> PlannedMilestone:
    if line.amount_minor < 0:
        raise _bad(f"“{line.text}” gives money back. Say off which milestone it is taken.")
    return PlannedMilestone(f"{key}-{line.id}", line.text, due_on=due_on, amount_minor=line.amount_minor)


def _later(day: str, days: int) -> str:
    try:
        return (date.fromisoformat(day) + timedelta(days=days)).isoformat()
    except OverflowError:
        raise _bad(f"{days} days after {day} is no day of the calendar. Correct the days.") from None


def _bad(sentence: str) -> ScopingError:
    return ScopingError("bad-change", sentence)
