"""What can be shown to a client by link: one purpose a kind of document, registered by its storey.

A storey registers in its ``AppConfig.ready``::

    shares.register(Purpose(
        name="report",                                  # in addresses and in the row
        title="Report",                                 # for people
        model="evaluations.report",                     # whose rows can be shared, one purpose a model
        page="report",                                  # the address of a row's own page, by its name
        room="freelance_ml.reports.shared.ReportRoom",  # what the client sees, and how it is sent and answered
    ))

The room is a ``projects.views.rooms.Room``: it says what is the document's own, and the ground does the rest.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from projects.access import Actor
    from projects.models import ShareLink, ShareSession
    from projects.views.rooms import Room


@dataclass(frozen=True, slots=True)
class Purpose:
    """A kind of document that can be shared, and the room that shows it."""

    name: str
    title: str
    model: str
    page: str
    room: str

    def load_room(self) -> "Room":
        """Make the room; its class is imported late, as it lives on an upper storey."""
        module, _, name = self.room.rpartition(".")
        room: Room = getattr(import_module(module), name)()
        return room


@dataclass(frozen=True, slots=True)
class Visit:
    """A browser that came in through a link: which, in which session, and as whom it acts."""

    link: "ShareLink"
    session: "ShareSession"
    actor: "Actor"
    agent: str = ""


_purposes: dict[str, Purpose] = {}


def register(purpose: Purpose) -> None:
    """Make a kind of document known; the same registration twice is harmless."""
    known = _purposes.setdefault(purpose.name, purpose)
    if known != purpose:
        message = f"The share purpose {purpose.name!r} is already taken by {known.room}."
        raise ValueError(message)


def forget(name: str) -> None:
    """Remove a purpose; for tests."""
    _purposes.pop(name, None)


def purpose_named(name: str) -> Purpose | None:
    """Find a purpose; None if nothing registered it."""
    return _purposes.get(name)


def every_purpose() -> list[Purpose]:
    """List what can be shared."""
    return list(_purposes.values())


def purpose_of(subject: Any) -> Purpose:
    """Find the purpose of a row that can be shared."""
    return next(purpose for purpose in _purposes.values() if purpose.model == subject._meta.label_lower)


def label_of(subject: Any) -> str:
    """Name a row across storeys without a foreign key: ``app.model:id``."""
    return f"{subject._meta.label_lower}:{subject.pk}"
