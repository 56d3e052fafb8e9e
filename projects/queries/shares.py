"""Share links as they are looked up: by token, by cookie, by what they show; and what clients said that waits."""

import hashlib
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.apps import apps
from django.db.models import Exists, Model, OuterRef, QuerySet
from django.utils import timezone

from projects.access import Actor
from projects.addresses import address
from projects.attention import DUE, Need
from projects.models import Comment, Decision, ShareLink, ShareSession
from projects.prepared import Prepared
from projects.shares import Purpose, every_purpose, label_of

FRESH = timedelta(days=30)  # what was said longer ago was answered elsewhere
MOST_QUESTIONS = 10
SHOWN = 140  # characters of what was said


def digest_of(secret: str) -> str:
    """Return the form in which a token or cookie is kept; 256 random bits need no salt."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def open_link(token: str) -> ShareLink | None:
    """Find the link of a token; wrong, expired and revoked ones take the same path and look the same."""
    link = ShareLink.objects.select_related("workspace").filter(token_digest=digest_of(token)).first()
    return link if link is not None and link.is_open else None


def open_session(*, link_id: uuid.UUID, secret: str) -> ShareSession | None:
    """Find the session of a browser at a link, as long as both still hold."""
    session = (
        ShareSession.objects.select_related("link__workspace", "link__created_by")
        .filter(link_id=link_id, secret_digest=digest_of(secret), expires_at__gt=timezone.now())
        .first()
    )
    return session if session is not None and session.link.is_open else None


def subject_of(purpose: Purpose, *, subject_id: object, actor: Actor) -> Model | None:
    """Find the row that a link of this purpose may show, among those that the actor may see."""
    model: Any = apps.get_model(purpose.model)
    found: Model | None = model.objects.visible_to(actor).filter(pk=subject_id).first()
    return found


def links_of(subject: str, *, actor: Actor) -> QuerySet[ShareLink]:
    """List the links to one row with their views, newest first."""
    links: QuerySet[ShareLink] = ShareLink.objects.visible_to(actor).of(subject)
    return links.select_related("created_by").prefetch_related("views")


def comments_on(subject: str, *, actor: Actor) -> QuerySet[Comment]:
    """List what was said about one row, oldest first."""
    comments: QuerySet[Comment] = Comment.objects.visible_to(actor).filter(subject=subject)
    return comments.select_related("user")


def answer_to(row: Any, *, actor: Actor) -> Decision | None:
    """Find the answer to exactly what a document's row was frozen as; None while it is open."""
    return answers_to([row], actor=actor).get(row.pk)


def answers_to(rows: Iterable[Any], *, actor: Actor) -> dict[Any, Decision]:
    """Find the answers to what documents' rows were frozen as, by the rows' keys; open ones are left out."""
    frozen = {(label_of(row), row.digest): row.pk for row in rows if row.digest}
    if not frozen:
        return {}
    answers = Decision.objects.visible_to(actor).filter(subject__in=[subject for subject, _ in frozen])
    found = {(answer.subject, answer.document_digest): answer for answer in answers}
    return {key: found[document] for document, key in frozen.items() if document in found}


def questions_waiting(actor: Actor) -> Iterable[Need]:
    """Name the documents on which a client had the last word; it waits beside whatever else the document waits for."""
    pages = {purpose.name: purpose.page for purpose in every_purpose()}
    for comment in _last_words(actor, timezone.now() - FRESH):
        link = comment.link
        if link is None or link.purpose not in pages:
            continue
        said = " ".join(comment.text.split())
        yield Need(
            text=f"{comment.author_name} wrote about “{link.title}”",
            why=f"“{said[:SHOWN]}{'…' if len(said) > SHOWN else ''}”",
            url=address(pages[link.purpose], uuid.UUID(comment.subject.partition(":")[2])) + "#comments",
            action="Answer",
            harm=DUE + 3,  # before the signature that may hang on it
            icon="message",
            tone="accent",
            at=comment.created_at,
        )


@Prepared
def _last_words(actor: Actor, since: datetime) -> QuerySet[Comment]:
    later = Comment.objects.filter(subject=OuterRef("subject"), created_at__gt=OuterRef("created_at"))
    said: QuerySet[Comment] = Comment.objects.visible_to(actor).filter(~Exists(later), created_at__gt=since)
    return said.filter(link__isnull=False).select_related("link").order_by("-created_at")[:MOST_QUESTIONS]
