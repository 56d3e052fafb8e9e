"""The registry of job kinds: what can be done in the background, by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse
from django.utils.module_loading import autodiscover_modules

from projects.errors import DomainError
from projects.sandbox import Limits

if TYPE_CHECKING:
    from projects.models import Job

LONG = "long"
QUICK = "quick"


class UnknownKindError(DomainError):
    """Raised when a job's kind is not registered in this version."""

    code = "unknown-kind"
    template = "There is no job of kind “{kind}” in this version. Update the program, or delete its schedule."


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the work gets: plain arguments, and files by name."""

    arguments: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)


def _prepare_arguments(job: "Job") -> Prepared:
    """Hand on the job's arguments and no file."""
    return Prepared(arguments=job.arguments)


def _apply_nothing(job: "Job", result: dict[str, Any], outputs: Path) -> None:
    """Keep the result on the job alone."""


Prepare = Callable[["Job"], Prepared]
Store = Callable[["Job", dict[str, Any], Path], dict[str, Any]]
Apply = Callable[["Job", dict[str, Any], Path], dict[str, Any] | None]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of background work.

    ``prepare`` reads rows and files in the worker; it may run more than once and changes nothing.
    ``work`` is the dotted path "package.module:function" of a pure function of a
    ``projects.sandbox.Task``, run in a limited process; without it, the prepared arguments are the result.
    ``store`` brings files that the work wrote to where they stay, before that transaction; it may run
    more than once, so storing the same content twice must be harmless. What it returns is the new result.
    ``apply`` turns the result into rows, in the one short transaction that also marks the job done,
    so it takes effect once or never; what it returns replaces the result that is kept on the job.
    ``ended`` hears, in the same transaction, of a job that failed or was cancelled.
    ``page`` gives the address of what the job is for.
    ``site_daily_at`` starts it once a day for the whole installation (UTC).
    """

    name: str
    title: str
    work: str = ""
    prepare: Prepare = _prepare_arguments
    store: Store | None = None
    apply: Apply = _apply_nothing
    ended: Callable[["Job"], None] | None = None
    limits: Limits = field(default_factory=Limits)
    max_attempts: int = 3
    lane: str = LONG  # "quick": seconds, such as a PDF; never waits behind long work where a worker serves it
    needs_all_parts: bool = True  # a part that fails or is cancelled fails the whole
    page: Callable[["Job"], str] | None = None
    site_daily_at: time | None = None


_kinds: dict[str, Kind] = {}
_listeners: dict[str, Callable[["Job"], None]] = {}


def on_end(name: str, listener: Callable[["Job"], None]) -> None:
    """Let an app above hear of every job that is over, in the transaction that ends it."""
    _listeners[name] = listener


def end_listeners() -> list[Callable[["Job"], None]]:
    """List who wants to hear of ended jobs."""
    return list(_listeners.values())


def register(kind: Kind) -> Kind:
    """Make a kind known; a name is given once."""
    if _kinds.get(kind.name, kind) != kind:
        message = f"The job kind {kind.name!r} is registered twice. Give one of them another name."
        raise ImproperlyConfigured(message)
    _kinds[kind.name] = kind
    return kind


def load_kinds() -> None:
    """Import the module ``kinds`` of every app, and those that JOB_KIND_MODULES names."""
    autodiscover_modules("kinds")
    for name in settings.JOB_KIND_MODULES:
        import_module(name)


def kind_named(name: str) -> Kind:
    """Return a kind.

    Raises UnknownKindError.
    """
    try:
        return _kinds[name]
    except KeyError:
        raise UnknownKindError(kind=name) from None


def all_kinds() -> list[Kind]:
    """List the kinds by title."""
    return sorted(_kinds.values(), key=lambda kind: kind.title)


def subject_page(name: str) -> Callable[["Job"], str]:
    """Make a kind's ``page`` of the address ``name`` that takes the id of the job's subject."""
    return lambda job: reverse(name, args=[job.subject.rpartition(":")[2]])


def page_of(job: "Job") -> str:
    """Give the address of what a job is for; empty where there is none."""
    kind = _kinds.get(job.kind)
    return kind.page(job) if kind and kind.page and job.subject else ""


def title_of(name: str) -> str:
    """Name a kind for people, also one that this version no longer has."""
    return _kinds[name].title if name in _kinds else name
