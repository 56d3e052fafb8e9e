"""Parts that apps above add to pages of the ground, which so never learns of them; a part may know what is next."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from projects.access import Actor


@dataclass(frozen=True, slots=True)
class Other:
    """Another way than the next step: into which status its button brings the row, at which address."""

    action: str
    url: str
    to: str


@dataclass(frozen=True, slots=True)
class Step:
    """What is next, in one sentence, with the button that leads there and whose turn it is."""

    text: str
    action: str = ""
    url: str = ""
    who: str = "you"  # or "client", or "machine"
    posts: bool = False  # the button does it at once; else it leads to where it is done
    question: str = ""  # asked before it is done
    other: Other | None = None  # as right as the step, only rarer


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage on the way of a row: behind, now, or still to come; with the page where it is to be seen."""

    label: str
    state: str = "ahead"  # or "done", or "now"
    url: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A template with its values, found there under the name ``part``; the next step and the way, where known."""

    template: str
    values: dict[str, Any]
    step: Step | None = None
    way: tuple[Stage, ...] = ()


Builder = Callable[[Actor, Any], Part | None]


@dataclass(frozen=True, slots=True)
class _Entry:
    order: int
    build: Builder
    leads: bool


_entries: dict[tuple[str, str], dict[str, _Entry]] = {}


def register_part(
    *, page: str, name: str, build: Builder, place: str = "main", order: int = 50, leads: bool = False
) -> None:
    """Add a part to a page ("client", "engagement", "milestone"), in its "main" or "side" column, by order.

    An engagement has a "first" place, too, straight below its milestones. A part that ``leads`` is
    asked for the next step of its row from other pages, too.
    """
    _entries.setdefault((page, place), {})[name] = _Entry(order, build, leads)


def parts_for(page: str, place: str, actor: Actor, row: Any) -> list[Part]:
    """Build the parts of a page's column; a part that has nothing to say is left out."""
    return [part for entry in _sorted(page, place) if (part := entry.build(actor, row)) is not None]


def step_of(page: str, actor: Actor, row: Any) -> Step | None:
    """Ask the leading parts of a row's page for its next step; the first that knows one is believed."""
    built = (entry.build(actor, row) for entry in _sorted(page, "main") if entry.leads)
    return next((part.step for part in built if part is not None and part.step is not None), None)


def _sorted(page: str, place: str) -> list[_Entry]:
    return sorted(_entries.get((page, place), {}).values(), key=lambda entry: entry.order)
