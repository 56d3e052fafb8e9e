"""A scope on its way: sent, signed by the client, countersigned, revised."""

from datetime import date
from typing import Any

from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone

from projects.access import Actor
from projects.canonical import digest
from projects.errors import DomainError
from projects.models import Decision, Engagement, Milestone, ScopeVersion
from projects.queries.shares import answer_to
from projects.scoping.documents import ScopeDocument
from projects.scoping.payments import deposit_shares
from projects.services.audit import record
from projects.services.engagements import set_engagement_status, update_engagement
from projects.services.mail import queue_mail
from projects.services.milestones import create_milestone, update_milestone
from projects.services.scope_drafts import ScopeExistsError, ScopeFrozenError, lock_draft, lock_engagement, next_number
from projects.services.sending import Letter, Sent, send_link, take_answer
from projects.shares import Visit

SCHEMA = "freelance-ml/scope/1"


class ScopeIncompleteError(DomainError):
    """Raised when a draft is not fit to be sent."""

    code = "scope-incomplete"
    template = "This cannot be sent yet. {missing}"


class ScopeNotSentError(DomainError):
    """Raised when a scope is answered or countersigned that nobody waits for."""

    code = "scope-not-sent"
    template = "Version {number} is {status} and waits for no signature."


class NotSignedYetError(DomainError):
    """Raised when the freelancer would sign before the client."""

    code = "scope-not-signed"
    template = "{client} has not signed version {number} yet. Countersign it afterwards."


def scope_body(
    *,
    engagement: Engagement,
    number: int,
    document: ScopeDocument,
    change: dict[str, Any] | None = None,
    deposit: dict[str, int] | None = None,
) -> dict[str, Any]:
    """Write the dated plain value that is frozen, hashed and shown from then on.

    ``deposit`` is what was due when an earlier version was signed, by milestone: a change moves no deposit.
    """
    shares = deposit_shares(document) if deposit is None else deposit
    return {
        "schema": SCHEMA,
        "number": number,
        "made_at": timezone.now().isoformat(timespec="seconds"),
        "from": engagement.client.workspace.name,
        "to": engagement.client.name,
        "engagement": {"title": engagement.title, "purchase_order": engagement.purchase_order},
        "document": document.to_dict(),
        "price_minor": document.price_minor,
        "deposit_minor": sum(shares.values()),
        "deposit": shares,
        "change": change,
    }


@transaction.atomic
def send_scope(*, scope: ScopeVersion, by: Actor) -> ScopeVersion:
    """Freeze a draft as it stands; from now on nobody changes it.

    Raises ScopeIncompleteError with all that is missing, ScopeFrozenError.
    """
    lock_engagement(scope.engagement, by)
    locked = lock_draft(scope, by)
    document = ScopeDocument.from_dict(locked.document)
    if missing := document.missing():
        raise ScopeIncompleteError(missing=" ".join(missing))
    freeze(locked)
    locked.undo = []
    locked.save(update_fields=["body", "digest", "sent_at", "status", "undo"])
    record(by=by, action="scope.sent", target=locked, detail={"number": locked.number, "sha256": locked.digest})
    return locked


def freeze(scope: ScopeVersion) -> None:
    """Turn a draft in memory into what is sent, unsaved: so it is previewed, and so it is saved."""
    document = ScopeDocument.from_dict(scope.document)
    scope.body = scope_body(engagement=scope.engagement, number=scope.number, document=document)
    scope.digest, scope.sent_at = digest(scope.body), timezone.now()
    scope.status = ScopeVersion.Status.SENT


@transaction.atomic
def send_scope_to_client(*, scope: ScopeVersion, by: Actor, days: int = 30, **to: str) -> Sent[ScopeVersion]:
    """Freeze the draft if it is one, and send a link to it; ``to``: see ``send_link``."""
    sent = send_scope(scope=scope, by=by) if scope.is_draft else scope
    body = sent.body or {}
    letter = Letter(f"{body['document']['title']}: scope to sign from {body['from']}", "scopes/mail_scope.txt")
    return send_link(row=sent, letter=letter, by=by, days=days, **to)


@transaction.atomic
def answer_scope(*, visit: Visit, scope: ScopeVersion, fields: dict[str, Any], consent: str) -> Decision:
    """Take the client's signature, or what should change before there is one.

    Raises AlreadyAnsweredError, EngagementClosedError, ScopeNotSentError for a version that waits for nobody.
    """
    lock_engagement(scope.engagement, visit.actor)
    locked = _locked(scope)
    if locked.status != ScopeVersion.Status.SENT:
        raise ScopeNotSentError(number=locked.number, status=locked.get_status_display().lower())
    about = f"{locked.engagement}: scope"
    decision = take_answer(visit=visit, row=locked, about=about, fields=fields, consent=consent)
    record(by=visit.actor, action=f"scope.client_{decision.answer}", target=locked, detail={"sha256": locked.digest})
    return decision


@transaction.atomic
def countersign_scope(*, scope: ScopeVersion, name: str, by: Actor) -> ScopeVersion:
    """Sign after the client: the version holds, its milestones are made and the engagement runs.

    Raises NotSignedYetError, ScopeNotSentError, ScopeExistsError if another version is signed.
    """
    by.must_write()
    engagement = lock_engagement(scope.engagement, by)
    locked = _locked(scope)
    if locked.status != ScopeVersion.Status.SENT:
        raise ScopeNotSentError(number=locked.number, status=locked.get_status_display().lower())
    decision = answer_to(locked, actor=by)
    if decision is None or decision.answer != Decision.Answer.SIGNED:
        raise NotSignedYetError(client=engagement.client.name, number=locked.number)
    if other := engagement.scopes.filter(status=ScopeVersion.Status.SIGNED).first():
        raise ScopeExistsError(number=other.number, status="signed", instead="Change it by a change order.")
    locked.links = place_milestones(scope=locked, engagement=engagement, by=by)
    locked.status, locked.signed_at = ScopeVersion.Status.SIGNED, timezone.now()
    locked.countersigned_name = " ".join(name.split())[:120]
    locked.save(update_fields=["status", "signed_at", "countersigned_name", "links"])
    record(by=by, action="scope.signed", target=locked, detail={"number": locked.number, "sha256": locked.digest})
    update_engagement(engagement=engagement, by=by, review_days=locked.shown["review_days"])
    if engagement.status == Engagement.Status.DRAFT:
        set_engagement_status(engagement=engagement, to=Engagement.Status.ACTIVE, by=by, reason="The scope is signed.")
    queue_mail(
        workspace=by.workspace,
        to=decision.email,
        subject=f"{locked.shown['title']}: signed by both sides",
        body=render_to_string("scopes/mail_countersigned.txt", {"scope": locked, "decision": decision}),
    )
    return locked


@transaction.atomic
def revise_scope(*, scope: ScopeVersion, by: Actor) -> ScopeVersion:
    """Withdraw a version that was sent and not countersigned, and go on with a copy of it."""
    by.must_write()
    engagement = lock_engagement(scope.engagement, by)
    locked = _locked(scope)
    if locked.status != ScopeVersion.Status.SENT:
        status = locked.get_status_display().lower()
        raise ScopeFrozenError(number=locked.number, status=status, instead="Agree on a change order.")
    supersede(locked, by=by)
    fresh = ScopeVersion.objects.create(
        engagement=engagement,
        number=next_number(engagement),
        document=locked.shown,
        work=locked.work,
        rate_minor=locked.rate_minor,
        links=locked.links,
        created_by=by.user,
    )
    record(by=by, action="scope.revised", target=fresh, detail={"from": locked.number})
    return fresh


def supersede(scope: ScopeVersion, *, by: Actor) -> None:
    """Put a version aside; it stays readable as it was."""
    scope.status, scope.superseded_at = ScopeVersion.Status.SUPERSEDED, timezone.now()
    scope.save(update_fields=["status", "superseded_at"])
    record(by=by, action="scope.superseded", target=scope, detail={"number": scope.number})


def place_milestones(*, scope: ScopeVersion, engagement: Engagement, by: Actor) -> dict[str, str]:
    """Bring the engagement's milestones in line with a version: those it knows are changed, others are made."""
    links = dict(scope.links)
    document = ScopeDocument.from_dict(scope.shown)
    rows = {str(row.pk): row for row in Milestone.objects.filter(engagement=engagement)}
    for planned in document.milestones:
        due = date.fromisoformat(planned.due_on) if planned.due_on else None
        terms: dict[str, Any] = {"title": planned.title[:200], "fee_minor": planned.amount_minor, "due_on": due}
        row = rows.get(links.get(planned.id, ""))
        if row is None:
            criteria = "\n".join(clause.text for clause in document.acceptance if clause.milestone == planned.id)
            made = create_milestone(engagement=engagement, by=by, promise=planned.goal, criteria=criteria, **terms)
            links[planned.id] = str(made.pk)
        elif row.status in Milestone.OPEN:
            update_milestone(milestone=row, by=by, **terms)
    return links


def _locked(scope: ScopeVersion) -> ScopeVersion:
    rows = ScopeVersion.objects.select_related("engagement__client__workspace", "created_by")
    row: ScopeVersion = rows.select_for_update(of=("self",)).get(pk=scope.pk)
    return row
