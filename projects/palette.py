"""What the palette finds: sources of rows and common actions, registered by any app in its ready()."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from projects.access import Actor

PER_SOURCE = 6


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the palette: a row to open, or an action.

    ``post`` makes it a form that is sent to ``url`` instead of a link. ``words`` are further
    words that find it.
    """

    label: str
    url: str
    what: str = ""
    icon: str = "arrow-right"
    words: str = ""
    post: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Entries under one heading."""

    title: str
    entries: list[Entry] = field(default_factory=list)


Source = Callable[[Actor, str, int], Iterable[Entry]]

_sources: dict[str, Source] = {}
_actions: dict[str, Source] = {}


def register_source(title: str, source: Source) -> None:
    """Add a source of rows: it gets the actor, the words and how many entries are wanted at most."""
    _sources[title] = source


def register_actions(name: str, actions: Source) -> None:
    """Add actions; they are narrowed by words here, so the source may give all of them."""
    _actions[name] = actions


def find(actor: Actor, words: str) -> list[Group]:
    """Find rows by name in every source, and the actions that fit."""
    words = words.strip()
    groups = (
        [Group(title, list(source(actor, words, PER_SOURCE))) for title, source in _sources.items()] if words else []
    )
    actions = [
        entry for source in _actions.values() for entry in source(actor, words, PER_SOURCE) if fits(entry, words)
    ]
    groups.append(Group("Do", actions))
    return [group for group in groups if group.entries]


def fits(entry: Entry, words: str) -> bool:
    """Whether every word of the search begins a word of the entry."""
    known = f"{entry.label} {entry.what} {entry.words}".casefold().split()
    return all(any(name.startswith(word) for name in known) for word in words.casefold().split())
