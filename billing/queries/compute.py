"""Machine time that was booked, the rates, and what a job was for."""

from typing import Any

from django.apps import apps
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db.models import QuerySet

from billing import pricing
from billing.models import ComputeEntry, Rate
from projects.access import Actor
from projects.models import Engagement, Job, Milestone
from projects.models.people import Workspace

# How a job's subject leads to a milestone or an engagement, whichever app it is of.
WAYS = (
    "milestone",
    "protocol.milestone",
    "run.protocol.milestone",
    "dataset_version.dataset.engagement",
    "dataset.engagement",
    "version.dataset.engagement",
    "engagement",
)


def as_rate(row: Rate) -> pricing.Rate:
    """Return a stored rate as the arithmetic wants it."""
    return pricing.Rate(row.kind, row.amount, row.currency, row.valid_from, row.valid_until, row.machine)


def card_of(workspace: Workspace) -> pricing.RateCard:
    """Return all rates of a workspace, ready to price."""
    return pricing.RateCard([as_rate(row) for row in Rate.objects.in_workspace(workspace)])


def rates_of(actor: Actor | None) -> QuerySet[Rate]:
    """List the rates by what they are for, the newest first."""
    found: QuerySet[Rate] = Rate.objects.visible_to(actor)
    return found


def entries_of(actor: Actor | None) -> QuerySet[ComputeEntry]:
    """List the machine time that was booked, the latest first."""
    found: QuerySet[ComputeEntry] = ComputeEntry.objects.visible_to(actor)
    return found.select_related("engagement", "milestone")


def purpose_of(job: Job) -> tuple[Engagement | None, Milestone | None]:
    """Find the engagement and milestone that a job was for, by its subject; never one of another workspace."""
    row = _subject_of(job)
    for way in ("", *WAYS):
        found = _follow(row, way)
        if isinstance(found, Milestone) and found.engagement.client.workspace_id == job.workspace_id:
            return found.engagement, found
        if isinstance(found, Engagement) and found.client.workspace_id == job.workspace_id:
            return found, None
    return None, None


def _subject_of(job: Job) -> Any:
    label, _, identity = job.subject.partition(":")
    try:
        model = apps.get_model(label)
        return model._default_manager.filter(pk=identity).first()
    except (LookupError, ValueError, ValidationError):
        return None


def _follow(row: Any, way: str) -> Any:
    for step in way.split(".") if way else ():
        try:
            row = getattr(row, step, None)
        except ObjectDoesNotExist:
            return None
    return row
