"""What happened to some rows, told from the audit trail."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import Model, QuerySet

from projects.access import Actor
from projects.models.audit import AuditEntry
from projects.prepared import Prepared

# {label} is the row's name when it happened. Apps above add their own sentences with add_sentences.
SENTENCES: dict[str, str] = {
    "client.created": "Client “{label}” added",
    "client.changed": "Client’s particulars changed",
    "client.archived": "Client archived",
    "client.restored": "Client brought back from the archive",
    "contact.added": "Contact added",
    "contact.changed": "Contact changed",
    "contact.removed": "Contact removed",
    "engagement.created": "Engagement “{label}” created as a draft",
    "engagement.changed": "Engagement’s particulars changed",
    "engagement.active": "Engagement is active",
    "engagement.on_hold": "Engagement put on hold",
    "engagement.completed": "Engagement completed",
    "engagement.cancelled": "Engagement cancelled",
    "engagement.archived": "Engagement archived",
    "milestone.created": "Milestone “{label}” added",
    "milestone.changed": "Milestone “{label}” changed",
    "milestone.moved": "Milestone “{label}” moved",
    "milestone.planned": "“{label}” planned again",
    "milestone.in_progress": "Work on “{label}” started",
    "milestone.submitted": "“{label}” submitted to the client",
    "milestone.changes_requested": "Changes requested on “{label}”",
    "milestone.accepted": "“{label}” accepted",
    "milestone.invoiced": "“{label}” invoiced",
    "milestone.paid": "“{label}” paid",
    "milestone.cancelled": "“{label}” cancelled",
}
GOOD = ("accepted", "paid", "completed")
BAD = ("failed", "cancelled", "declined", "changes_requested")
STEPS = ("submitted", "active", "in_progress", "sent", "frozen")


def add_sentences(sentences: dict[str, str]) -> None:
    """Teach the timeline further actions."""
    SENTENCES.update(sentences)


def activity_of(actor: Actor, rows: Iterable[Model], limit: int = 12) -> list[dict[str, Any]]:
    """Tell what happened to the rows, newest first, as entries of a timeline."""
    return [told(entry) for entry in _entries(actor, *(str(row.pk) for row in rows), limit=limit)]


@Prepared
def _entries(actor: Actor, *rows: str, limit: int) -> QuerySet[AuditEntry]:
    found: QuerySet[AuditEntry] = AuditEntry.objects.visible_to(actor).filter(target_id__in=rows)
    return found.order_by("-sequence")[:limit]


def told(entry: AuditEntry) -> dict[str, Any]:
    """Turn an entry of the trail into an entry of a timeline."""
    verb = entry.action.rsplit(".", 1)[-1]
    sentence = SENTENCES.get(entry.action, entry.action.replace(".", " ").replace("_", " ").capitalize())
    text = sentence.format(label=entry.target_label)
    reason = str(entry.detail.get("reason") or entry.detail.get("summary") or "")
    reason = re.sub(r"\b([0-9a-f]{12})[0-9a-f]{52}\b", r"\1…", reason)  # a fingerprint stands in full in the trail
    return {
        "text": f"{text}: {reason}" if reason else text,
        "at": entry.at,
        "by": entry.actor_name or entry.via,
        "tone": _tone(verb),
    }


def _tone(verb: str) -> str:
    tones: Sequence[tuple[tuple[str, ...], str]] = ((GOOD, "good"), (BAD, "bad"), (STEPS, "accent"))
    return next((tone for verbs, tone in tones if verb in verbs), "plain")
