"""What can be shown to a client by link: one purpose a kind of document, registered by its storey.

A storey registers in its ``AppConfig.ready``::

    shares.register(Purpose(
        name="report",                                        # in addresses and in the row
        title="Report",                                       # for people
        model="evaluations.report",                           # whose rows can be shared
        view="freelance_ml.reports.shared.shared_report",     # what the client sees
        check="freelance_ml.reports.shared.may_be_shared",    # optional: raises DomainError for a row that may not
    ))

``view(request, *, visit, rest)`` gets the ``Visit`` (link, session, actor) and the rest of the address
below ``/s/<link>/`` ("" for the document itself, such as "pdf/" or "answer/" below it). It finds its
row by ``visit.link.subject_id`` in ``visit.link.workspace``, and refuses what it does not know by Http404.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from projects.access import Actor
    from projects.models import ShareLink, ShareSession


@dataclass(frozen=True, slots=True)
class Purpose:
    """A kind of document that can be shared, and the view that shows it."""

    name: str
    title: str
    model: str
    view: str
    check: str = ""

    def load_view(self) -> Callable[..., Any]:
        """Import the view; done late, as it lives on an upper storey."""
        return load(self.view)

    def check_subject(self, subject: Any) -> None:
        """Raise a DomainError if this row may not be shared (yet)."""
        if self.check:
            load(self.check)(subject)


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
        message = f"The share purpose {purpose.name!r} is already taken by {known.view}."
        raise ValueError(message)


def forget(name: str) -> None:
    """Remove a purpose; for tests."""
    _purposes.pop(name, None)


def purpose_named(name: str) -> Purpose | None:
    """Find a purpose; None if nothing registered it."""
    return _purposes.get(name)


def load(dotted: str) -> Callable[..., Any]:
    """Import a function by its dotted path."""
    module, _, name = dotted.rpartition(".")
    found: Callable[..., Any] = getattr(import_module(module), name)
    return found


def label_of(subject: Any) -> str:
    """Name a row across storeys without a foreign key: ``app.model:id``."""
    return f"{subject._meta.label_lower}:{subject.pk}"
