"""Reads the audit trail for pages."""

from django.db.models import Model, QuerySet

from projects.access import Actor
from projects.models import AuditEntry


def entries_for(target: Model, *, by: Actor) -> QuerySet[AuditEntry]:
    """List what happened to one row, newest first."""
    entries: QuerySet[AuditEntry] = AuditEntry.objects.visible_to(by)
    return entries.filter(target_type=target._meta.label_lower, target_id=str(target.pk))


def entries_of(actor: Actor) -> QuerySet[AuditEntry]:
    """List what the acting person did in their workspace, newest first."""
    entries: QuerySet[AuditEntry] = AuditEntry.objects.visible_to(actor)
    return entries.filter(actor_id=actor.user.pk) if actor.user else entries.none()


def find_entries(*, by: Actor, action: str = "", person: str = "") -> QuerySet[AuditEntry]:
    """List the workspace's trail, newest first, by noun of the action and by the name of who acted."""
    entries: QuerySet[AuditEntry] = AuditEntry.objects.visible_to(by).order_by("-sequence")
    if action:
        entries = entries.filter(action__startswith=action)
    if person:
        entries = entries.filter(actor_name__icontains=person)
    return entries
