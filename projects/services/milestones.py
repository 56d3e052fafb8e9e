"""Changes to milestones: terms, order, status and acceptance."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from projects.access import Actor
from projects.errors import DomainError
from projects.models import Engagement, Milestone
from projects.plain_text import must_be_plain
from projects.services.audit import record
from projects.services.clients import assign
from projects.services.engagements import EngagementClosedError, illegal

FIELDS = ("title", "promise", "deliverables", "criteria", "fee_minor", "due_on")
CLOSED = (Engagement.Status.CANCELLED, Engagement.Status.ARCHIVED)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an app above found out about a milestone; this floor does not ask how."""

    missing: tuple[str, ...] = ()
    summary: str = ""
    how: str = "client"  # or "deemed": the review window passed in silence


class EvidenceMissingError(DomainError):
    """Raised when a milestone lacks the evidence that its criteria ask for."""

    code = "evidence-missing"
    template = "“{title}” still misses: {missing}. Run these evaluations, then accept it."


class TermsFixedError(DomainError):
    """Raised when the terms of an accepted milestone would change."""

    code = "terms-fixed"
    template = "“{title}” is {status}; what was accepted does not change. Agree on a new milestone instead."


class InvoiceNumberMissingError(DomainError):
    """Raised when nobody could find the invoice of a milestone again."""

    code = "invoice-number-missing"
    template = "Under which number was “{title}” invoiced? Type the invoice’s number."


@transaction.atomic
def create_milestone(*, engagement: Engagement, by: Actor, **fields: Any) -> Milestone:
    """Add a promise at the end of an engagement.

    Raises EngagementClosedError.
    """
    by.must_write()
    owner = _open_engagement(by, engagement.pk)
    last = owner.milestones.aggregate(last=Max("position"))["last"]
    position = 0 if last is None else last + 1
    milestone = Milestone.objects.create(engagement=owner, position=position, **_known(fields))
    record(by=by, action="milestone.created", target=milestone)
    return milestone


@transaction.atomic
def update_milestone(*, milestone: Milestone, by: Actor, **fields: Any) -> Milestone:
    """Change a milestone's terms, as long as it is not accepted.

    Raises TermsFixedError, EngagementClosedError.
    """
    by.must_write()
    _open_engagement(by, milestone.engagement_id)
    locked = _locked(by, milestone)
    if locked.status in Milestone.ACCEPTED_OR_LATER:
        raise TermsFixedError(title=locked.title, status=locked.get_status_display().lower())
    before = {"fee_minor": locked.fee_minor, "due_on": locked.due_on}
    if changed := assign(locked, _known(fields)):
        locked.save(update_fields=changed)
        detail = {"fields": changed} | {f"{name}_before": before[name] for name in before if name in changed}
        record(by=by, action="milestone.changed", target=locked, detail=detail)
    return locked


@transaction.atomic
def move_milestone(*, milestone: Milestone, by: Actor, steps: int) -> Milestone:
    """Move a milestone up (negative) or down in its engagement's order; at the end it stays."""
    by.must_write()
    _open_engagement(by, milestone.engagement_id)
    rows = list(Milestone.objects.filter(engagement=milestone.engagement_id).select_for_update())
    order = [row.pk for row in rows]
    was = order.index(milestone.pk)
    now = min(max(was + steps, 0), len(rows) - 1)
    rows.insert(now, rows.pop(was))
    for position, row in enumerate(rows):
        row.position = position
    Milestone.objects.bulk_update(rows, ["position"])
    if now != was:
        record(by=by, action="milestone.moved", target=rows[now], detail={"from": was + 1, "to": now + 1})
    return rows[now]


@transaction.atomic
def set_milestone_status(*, milestone: Milestone, to: str, by: Actor, reason: str = "") -> Milestone:
    """Bring a milestone into another status; into its own changes nothing. Accepting is ``accept_milestone``.

    Raises IllegalTransitionError, EngagementClosedError, or InvoiceNumberMissingError: that is ``mark_invoiced``.
    """
    by.must_write()
    must_be_plain(reason)
    if to == Milestone.Status.ACCEPTED:
        return accept_milestone(milestone=milestone, evidence=Evidence(summary=reason), by=by)
    _open_engagement(by, milestone.engagement_id)
    locked = _locked(by, milestone)
    if locked.status == to:
        return locked
    before = _step(locked, to)
    if to == Milestone.Status.INVOICED:
        raise InvoiceNumberMissingError(title=locked.title)
    if to == Milestone.Status.SUBMITTED:
        locked.submitted_at = timezone.now()
    locked.save(update_fields=["status", "submitted_at"])
    record(by=by, action=f"milestone.{to}", target=locked, detail={"from": before, "reason": reason.strip()})
    return locked


@transaction.atomic
def mark_invoiced(*, milestone: Milestone, number: str, by: Actor, on: date | None = None) -> Milestone:
    """Note under which number and on which day an accepted milestone was invoiced; today unless told.

    Raises InvoiceNumberMissingError, IllegalTransitionError, EngagementClosedError.
    """
    by.must_write()
    if not (number := " ".join(number.split())[:60]):
        raise InvoiceNumberMissingError(title=milestone.title)
    _open_engagement(by, milestone.engagement_id)
    locked = _locked(by, milestone)
    before = _step(locked, Milestone.Status.INVOICED)
    locked.invoice_number, locked.invoiced_on = number, on or by.workspace.today
    locked.save(update_fields=["status", "invoice_number", "invoiced_on"])
    detail = {"from": before, "number": number, "on": locked.invoiced_on.isoformat()}
    record(by=by, action="milestone.invoiced", target=locked, detail=detail)
    return locked


@transaction.atomic
def accept_milestone(*, milestone: Milestone, evidence: Evidence, by: Actor) -> Milestone:
    """Accept a milestone; accepting it twice changes nothing.

    Raises EvidenceMissingError, IllegalTransitionError, EngagementClosedError.
    """
    engagement = lock_engagement_of(by, milestone.engagement_id)
    locked = _locked(by, milestone)
    if locked.status in Milestone.ACCEPTED_OR_LATER:
        return locked
    _must_be_open(engagement)
    if evidence.missing:
        raise EvidenceMissingError(title=locked.title, missing=", ".join(evidence.missing))
    before = _step(locked, Milestone.Status.ACCEPTED)
    locked.accepted_at, locked.accepted_how = timezone.now(), evidence.how
    locked.save(update_fields=["status", "accepted_at", "accepted_how"])
    detail = {"from": before, "how": evidence.how, "summary": evidence.summary.strip()}
    record(by=by, action="milestone.accepted", target=locked, detail=detail)
    return locked


def _step(locked: Milestone, to: str) -> str:
    """Set the new status if it may follow, and return the one before."""
    before, possible = locked.status, Milestone.TRANSITIONS[locked.status]
    if to not in possible:
        raise illegal("The milestone", Milestone.Status, before, to, possible)
    locked.status = to
    return before


def _locked(by: Actor, milestone: Milestone) -> Milestone:
    row: Milestone = Milestone.objects.visible_to(by).select_for_update(of=("self",)).get(pk=milestone.pk)
    return row


def lock_engagement_of(by: Actor, pk: UUID) -> Engagement:
    """Lock the engagement before its milestones, so that they change one after another."""
    engagement: Engagement = Engagement.objects.visible_to(by).select_for_update(of=("self",)).get(pk=pk)
    return engagement


def _open_engagement(by: Actor, pk: UUID) -> Engagement:
    engagement = lock_engagement_of(by, pk)
    _must_be_open(engagement)
    return engagement


def _must_be_open(engagement: Engagement) -> None:
    if engagement.status in CLOSED:
        raise EngagementClosedError(title=engagement.title, status=engagement.get_status_display().lower())


def _known(fields: dict[str, Any]) -> dict[str, Any]:
    unknown = set(fields) - set(FIELDS)
    if unknown:
        message = f"These cannot be set here: {', '.join(sorted(unknown))}."
        raise TypeError(message)
    return fields
