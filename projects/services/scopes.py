"""A scope on its way: sent, signed by the client, countersigned, revised."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from projects.access import Actor, Role
from projects.canonical import digest
from projects.errors import DomainError
from projects.models import Decision, Engagement, Milestone, ScopeVersion, ShareLink
from projects.queries.shares import decision_on
from projects.scoping.documents import ScopeDocument
from projects.services.audit import record
from projects.services.decisions import record_decision
from projects.services.engagements import set_engagement_status, update_engagement
from projects.services.mail import queue_mail
from projects.services.milestones import create_milestone, update_milestone
from projects.services.scope_drafts import ScopeExistsError, ScopeFrozenError, lock_draft, lock_engagement, next_number
from projects.services.shares import create_share_link
from projects.shares import Visit, label_of, purpose_named

SCHEMA = "freelance-ml/scope/1"
PURPOSE = "scope"


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


@dataclass(frozen=True, slots=True)
class SentScope:
    """A scope on its way: its link, and the address that is shown this once."""

    scope: ScopeVersion
    link: ShareLink
    address: str


def scope_body(
    *, engagement: Engagement, number: int, document: ScopeDocument, change: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Write the dated plain value that is frozen, hashed and shown from then on."""
    return {
        "schema": SCHEMA,
        "number": number,
        "made_at": timezone.now().isoformat(timespec="seconds"),
        "from": engagement.client.workspace.name,
        "to": engagement.client.name,
        "engagement": {"title": engagement.title, "purchase_order": engagement.purchase_order},
        "document": document.to_dict(),
        "price_minor": document.price_minor,
        "deposit_minor": document.deposit_minor,
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
    locked.body = scope_body(engagement=locked.engagement, number=locked.number, document=document)
    locked.digest, locked.sent_at = digest(locked.body), timezone.now()
    locked.status, locked.undo = ScopeVersion.Status.SENT, []
    locked.save(update_fields=["body", "digest", "sent_at", "status", "undo"])
    record(by=by, action="scope.sent", target=locked, detail={"number": locked.number, "sha256": locked.digest})
    return locked


@transaction.atomic
def send_scope_to_client(
    *, scope: ScopeVersion, by: Actor, name: str = "", email: str = "", days: int = 30, passcode: str = ""
) -> SentScope:
    """Freeze the draft if it is one, make a link to it, and mail the link where an address is given."""
    sent = send_scope(scope=scope, by=by) if scope.is_draft else scope
    purpose = purpose_named(PURPOSE)
    assert purpose is not None  # noqa: S101  # registered when the ground starts
    made = create_share_link(
        subject=sent, purpose=purpose, by=by, days=days, recipient_name=name, recipient_email=email, passcode=passcode
    )
    address = settings.SITE_URL + reverse("projects:share-door", args=[made.token])
    if email:
        body = sent.body or {}
        context = {"body": body, "address": address, "name": name, "passcode": bool(passcode)}
        queue_mail(
            workspace=by.workspace,
            to=email,
            subject=f"{body['document']['title']}: scope to sign from {body['from']}",
            body=render_to_string("scopes/mail_scope.txt", context),
        )
    return SentScope(sent, made.link, address)


@transaction.atomic
def answer_scope(*, visit: Visit, scope: ScopeVersion, fields: dict[str, Any], consent: str) -> Decision:
    """Take the client's signature, or what should change before there is one.

    Raises AlreadyAnsweredError, ScopeNotSentError for a version that waits for nobody.
    """
    locked = _locked(scope)
    if locked.status != ScopeVersion.Status.SENT:
        raise ScopeNotSentError(number=locked.number, status=locked.get_status_display().lower())
    decision = record_decision(
        subject=label_of(locked),
        document_digest=locked.digest,
        answer=fields["answer"],
        name=fields["name"],
        email=fields["email"],
        message=fields.get("message", ""),
        consent=consent,
        by=visit.actor,
        agent=visit.agent,
        link=visit.link,
    )
    record(by=visit.actor, action=f"scope.client_{decision.answer}", target=locked, detail={"sha256": locked.digest})
    tell_creator(
        row=locked,
        subject=f"{locked.engagement}: scope {decision.get_answer_display().lower()} by {decision.name}",
        template="scopes/mail_answer.txt",
        decision=decision,
    )
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
    decision = decision_on(label_of(locked), document_digest=locked.digest, actor=by)
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


def writing(actor: Actor) -> Actor:
    """Let the holder of a link write for the one step that the answer itself causes."""
    return replace(actor, role=Role.MEMBER, scopes=frozenset({"read", "write"}))


def tell_creator(*, row: Any, subject: str, template: str, decision: Decision) -> None:
    """Mail the answer to whoever made the document."""
    if row.created_by is None:
        return
    context = {"row": row, "decision": decision, "site": settings.SITE_URL}
    queue_mail(
        workspace=decision.workspace, to=row.created_by.email, subject=subject, body=render_to_string(template, context)
    )


def _locked(scope: ScopeVersion) -> ScopeVersion:
    rows = ScopeVersion.objects.select_related("engagement__client__workspace", "created_by")
    row: ScopeVersion = rows.select_for_update(of=("self",)).get(pk=scope.pk)
    return row
