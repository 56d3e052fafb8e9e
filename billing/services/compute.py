"""Books machine time: each job once, correctable, to a milestone or an engagement."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from billing.bills.amounts import plain_text, to_nanos
from billing.models import ComputeEntry
from billing.money import MoneyError
from billing.pricing import PricingError, RateCard, Usage
from billing.queries.compute import card_of, purpose_of
from billing.services.budgets import check_budgets
from projects.access import Actor, new_id
from projects.errors import DomainError
from projects.models import Engagement, Job, Milestone
from projects.models.people import Workspace
from projects.services.audit import record

SECOND = Decimal(1000)  # milliseconds
LONGEST = timedelta(days=366)  # each day has its own rate, so every day of a booking costs time
CORRECTABLE = ("title", "engagement", "milestone", "started_at", "ended_at", "machine", "note")


class ComputeTimeError(DomainError):
    """Raised when a usage ends before it starts or its milestone is of another engagement."""

    code = "bad-usage"
    template = "{message}"


@transaction.atomic
def record_compute(
    workspace: Workspace,
    *,
    source: str,
    kind: str,
    cpu_seconds: float | Decimal = 0,
    gpu_seconds: float | Decimal = 0,
    started: datetime,
    ended: datetime | None = None,
    milestone: Milestone | None = None,
    engagement: Engagement | None = None,
    title: str = "",
    by: Actor | None = None,
) -> ComputeEntry:
    """Book the machine time of one source; booking it again corrects what was booked.

    What a person corrected keeps their milestone, engagement and title.
    """
    if by is not None:
        by.must_write()
    entry = ComputeEntry.objects.select_for_update().filter(workspace=workspace, source=source).first()
    entry = entry or ComputeEntry(workspace=workspace, source=source)
    entry.kind, entry.started_at = kind, started
    entry.ended_at = max(ended or started + timedelta(seconds=float(cpu_seconds)), started)
    entry.cpu_ms, entry.gpu_ms = _milliseconds(cpu_seconds), _milliseconds(gpu_seconds)
    if entry.corrected_at is None:
        entry.title = (title or kind)[:200]
        entry.milestone = milestone
        entry.engagement = milestone.engagement if milestone else engagement
    _price(entry, card_of(workspace))
    entry.save()
    return entry


def book_job(job: Job) -> ComputeEntry | None:
    """Book the machine time of a job that is over; called in the transaction that ends it."""
    used = Job.objects.filter(pk=job.pk, workspace__isnull=False, state__in=Job.OVER).select_related("workspace")
    row = used.first()
    if row is None or row.workspace is None or row.started_at is None or not row.cpu_seconds:
        return None
    engagement, milestone = purpose_of(row)
    entry = record_compute(
        row.workspace,
        source=f"job:{row.pk}",
        kind=row.kind,
        cpu_seconds=row.cpu_seconds,
        started=row.started_at,
        ended=row.finished_at,
        milestone=milestone,
        engagement=engagement,
        title=str(row),
    )
    if entry.engagement is not None:
        check_budgets(workspace=row.workspace, engagement=entry.engagement)
    return entry


@transaction.atomic
def add_compute(*, by: Actor, **fields: Any) -> ComputeEntry:
    """Book machine time by hand, such as that of a rented GPU."""
    by.must_write()
    entry = ComputeEntry(workspace=by.workspace, source=f"hand:{new_id()}", kind="by hand")
    _correct(entry, fields)
    record(by=by, action="compute.added", target=entry)
    check_budgets(workspace=by.workspace)
    return entry


@transaction.atomic
def correct_compute(*, entry: ComputeEntry, by: Actor, **fields: Any) -> ComputeEntry:
    """Correct a booking; from then on its job no longer changes to whom it belongs."""
    by.must_write()
    locked: ComputeEntry = ComputeEntry.objects.visible_to(by).select_for_update().get(pk=entry.pk)
    names = sorted(fields)
    _correct(locked, fields)
    record(by=by, action="compute.corrected", target=locked, detail={"fields": names})
    check_budgets(workspace=by.workspace)
    return locked


def _correct(entry: ComputeEntry, fields: dict[str, Any]) -> None:
    for name in ("cpu_seconds", "gpu_seconds", "machine_seconds"):
        if name in fields:
            setattr(entry, name.replace("_seconds", "_ms"), _milliseconds(fields.pop(name)))
    for name, value in fields.items():
        if name not in CORRECTABLE:
            message = f"Machine time has no {name}."
            raise TypeError(message)
        setattr(entry, name, value)
    if entry.ended_at < entry.started_at:
        raise ComputeTimeError(message="The machine time ends before it starts. Change one of the two.")
    if entry.ended_at - entry.started_at > LONGEST:
        raise ComputeTimeError(message="One booking covers at most a year. Book each year by itself.")
    if entry.milestone is not None:
        if fields.get("engagement") not in (None, entry.milestone.engagement):
            raise ComputeTimeError(message="The milestone is of another engagement. Choose one that belongs to it.")
        entry.engagement = entry.milestone.engagement
    entry.corrected_at = timezone.now()
    _price(entry, card_of(entry.workspace))
    entry.save()


@transaction.atomic
def delete_compute(*, entry: ComputeEntry, by: Actor) -> None:
    """Delete a booking that was made by hand.

    Raises ComputeTimeError for that of a job.
    """
    by.must_write()
    if not entry.source.startswith("hand:"):
        raise ComputeTimeError(message="The time of a job stays booked. Correct it instead.")
    ComputeEntry.objects.visible_to(by).filter(pk=entry.pk).delete()
    record(by=by, action="compute.deleted", target=entry)


def price_again(*, workspace: Workspace) -> int:
    """Price all machine time by the rates as they are now; returns how many prices changed."""
    card, changed = card_of(workspace), []
    for entry in ComputeEntry.objects.in_workspace(workspace).select_for_update(of=("self",)).iterator(500):
        before = (entry.cost, entry.currency, entry.problem)
        _price(entry, card)
        if (entry.cost, entry.currency, entry.problem) != before:
            changed.append(entry)
    ComputeEntry.objects.bulk_update(changed, ["cost", "cost_nano", "currency", "problem"], batch_size=200)
    return len(changed)


def _price(entry: ComputeEntry, card: RateCard) -> None:
    usage = Usage(
        started_at=entry.started_at,
        ended_at=entry.ended_at,
        cpu_seconds=Decimal(entry.cpu_ms) / SECOND,
        gpu_seconds=Decimal(entry.gpu_ms) / SECOND,
        machine_seconds=Decimal(entry.machine_ms) / SECOND,
        machine=entry.machine,
    )
    try:
        cost = card.cost_of(usage)
    except (PricingError, MoneyError) as error:
        entry.cost, entry.cost_nano, entry.currency, entry.problem = "", None, "", str(error)[:300]
        return
    entry.cost, entry.cost_nano = plain_text(cost.amount), to_nanos(cost.amount)
    entry.currency, entry.problem = cost.currency, ""


def _milliseconds(seconds: float | Decimal) -> int:
    return round(Decimal(str(seconds)) * SECOND)
