"""What needs somebody now: every app says it for its rows, the dashboard sorts it by harm."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime

from projects.access import Actor

# How much harm waiting does; the dashboard shows the highest first.
FAILED, INCONCLUSIVE, OVERDUE, SILENT, OVER_BUDGET, DUE, TO_DO = 70, 60, 50, 40, 35, 30, 10


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that waits: what, why it matters, where to go, for whom it waits."""

    text: str
    why: str
    url: str
    action: str
    harm: int = TO_DO
    icon: str = "circle-dot"
    tone: str = "plain"  # "bad", "unsure" or "accent" where colour means something
    who: str = "you"  # or "client"
    at: date | datetime | None = None


Source = Callable[[Actor], Iterable[Need]]

_sources: dict[str, Source] = {}


def register_needs(name: str, source: Source) -> None:
    """Add a source of needs."""
    _sources[name] = source


def needs_of(actor: Actor, known: Iterable[Need] = ()) -> list[Need]:
    """List everything that waits in the actor's workspace, the most harmful first; ``known`` was found before."""
    needs = [*known, *(need for source in _sources.values() for need in source(actor))]
    return sorted(needs, key=lambda need: (-need.harm, str(need.at or "9")))
