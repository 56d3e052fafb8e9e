"""What a client decided, kept with the evidence of how."""

from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone

from projects.access import Actor
from projects.canonical import digest
from projects.errors import DomainError
from projects.models import Decision, ShareLink
from projects.services.audit import record


class AlreadyAnsweredError(DomainError):
    """Raised when a document already has its one answer."""

    code = "already-answered"
    template = "This was already answered: {answer}, by {name} on {day}. Ask for a new version to answer again."


class DecisionIncompleteError(DomainError):
    """Raised when an answer lacks what makes it evidence."""

    code = "decision-incomplete"
    template = "{what} Fill it in, then answer again."


@transaction.atomic
def record_decision(
    *,
    subject: str,
    document_digest: str,
    answer: str,
    name: str,
    email: str,
    consent: str,
    by: Actor,
    message: str = "",
    agent: str = "",
    link: ShareLink | None = None,
) -> Decision:
    """Keep the one answer to a frozen document; its evidence digest goes into the audit chain.

    Call it inside the service that acts on the answer (accepts the milestone, signs the scope), so that
    both commit together. Raises AlreadyAnsweredError, DecisionIncompleteError, or Django's
    ValidationError for an e-mail address that is none.
    """
    name, email = " ".join(name.split())[:120], email.strip().lower()
    _must_be_complete(answer=answer, name=name, consent=consent, document_digest=document_digest, message=message)
    validate_email(email)
    fresh = Decision(
        workspace=by.workspace,
        subject=subject,
        document_digest=document_digest,
        answer=answer,
        name=name,
        email=email,
        consent=consent,
        message=message.strip(),
        address=(by.address or "")[:64],
        agent=agent[:200],
        link=link,
        created_at=timezone.now(),
    )
    fresh.evidence_digest = digest(fresh.evidence())
    kept, new = Decision.objects.get_or_create(
        subject=subject,
        document_digest=document_digest,
        defaults={field.attname: getattr(fresh, field.attname) for field in Decision._meta.concrete_fields},
    )
    if not new:
        raise AlreadyAnsweredError(
            answer=kept.get_answer_display().lower(), name=kept.name, day=kept.created_at.date().isoformat()
        )
    detail = {
        "subject": subject,
        "document_sha256": document_digest,
        "answer": answer,
        "evidence_sha256": kept.evidence_digest,
    }
    record(by=by, action=f"decision.{answer}", target=kept, detail=detail)
    return kept


def evidence_holds(decision: Decision) -> bool:
    """Whether the row still is what was decided."""
    return digest(decision.evidence()) == decision.evidence_digest


def _must_be_complete(*, answer: str, name: str, consent: str, document_digest: str, message: str) -> None:
    if answer not in Decision.Answer.values:
        raise DecisionIncompleteError(what="The answer is missing.")
    if not name:
        raise DecisionIncompleteError(what="Your name is missing.")
    if not consent.strip():
        raise DecisionIncompleteError(what="The sentence that is agreed to is missing.")
    if len(document_digest) != 64:  # noqa: PLR2004  # hex of SHA-256
        raise DecisionIncompleteError(what="The document is not frozen.")
    if answer == Decision.Answer.CHANGES_REQUESTED and not message.strip():
        raise DecisionIncompleteError(what="What should change is missing.")
