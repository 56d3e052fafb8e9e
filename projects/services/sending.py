"""What goes to a client by link and comes back as an answer; the kinds of documents add what is their own."""

from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse

from projects.access import Actor, Role
from projects.models import Decision, ShareLink
from projects.services.decisions import record_decision
from projects.services.mail import queue_mail
from projects.services.shares import DEFAULT_DAYS, LinkGoneError, address_of, create_share_link
from projects.shares import Visit, label_of, purpose_of

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Sent(Generic[Row]):
    """A document on its way: its link, and the address that is shown this once."""

    row: Row
    link: ShareLink
    address: str


@dataclass(frozen=True, slots=True)
class Letter:
    """The mail that carries a link: its template says what is sent and extends ``shares/mail.txt``."""

    subject: str
    template: str


@transaction.atomic
def send_link(
    *,
    row: Any,
    letter: Letter,
    by: Actor,
    name: str = "",
    email: str = "",
    days: int = DEFAULT_DAYS,
    passcode: str = "",
    passcode_hash: str = "",
) -> Sent[Any]:
    """Make a link to a frozen document, and mail it where an address is given."""
    made = create_share_link(
        subject=row,
        purpose=purpose_of(row),
        by=by,
        days=days,
        recipient_name=name,
        recipient_email=email,
        passcode=passcode,
        passcode_hash=passcode_hash,
    )
    address = address_of(made.token)
    if email:
        context = {"body": row.body, "address": address, "name": name, "passcode": made.link.has_passcode}
        body = render_to_string(letter.template, context)
        queue_mail(workspace=by.workspace, to=email, subject=letter.subject, body=body)
    return Sent(row, made.link, address)


@transaction.atomic
def send_again(*, link: ShareLink, row: Any, by: Actor) -> Sent[Any]:
    """Send a document once more to whom a link was for: for as many days, with the same passcode.

    The old link stays as it is, as only its fingerprint is kept. Raises LinkGoneError for one that was revoked, and
    whatever the document's own sending raises.
    """
    if link.revoked_at is not None:
        raise LinkGoneError
    return (
        purpose_of(row)
        .load_room()
        .send(
            row,
            by=by,
            name=link.recipient_name,
            email=link.recipient_email,
            days=(link.expires_at - link.created_at).days,
            passcode_hash=link.passcode_hash,
        )
    )


@transaction.atomic
def take_answer(*, visit: Visit, row: Any, about: str, fields: dict[str, Any], consent: str) -> Decision:
    """Keep a visitor's one answer to exactly what was shown, and mail it to whoever made the document.

    Call it inside the service that acts on the answer, with the row locked. Raises what
    ``record_decision`` raises.
    """
    decision = record_decision(
        subject=label_of(row),
        document_digest=row.digest,
        answer=fields["answer"],
        name=fields["name"],
        email=fields["email"],
        message=fields.get("message", ""),
        consent=consent,
        by=visit.actor,
        agent=visit.agent,
        link=visit.link,
    )
    if row.created_by is not None:
        address = settings.SITE_URL + reverse(purpose_of(row).page, args=[row.pk])
        queue_mail(
            workspace=decision.workspace,
            to=row.created_by.email,
            subject=f"{about} {decision.get_answer_display().lower()} by {decision.name}",
            body=render_to_string("shares/mail_answer.txt", {"row": row, "decision": decision, "address": address}),
        )
    return decision


def writing(actor: Actor) -> Actor:
    """Let the holder of a link write for the one step that the answer itself causes."""
    return replace(actor, role=Role.MEMBER, scopes=frozenset({"read", "write"}))
