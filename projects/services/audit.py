"""Writes the audit trail."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.db.models import Model
from django.utils import timezone

from projects.access import Actor
from projects.canonical import canonical, digest
from projects.models.audit import GENESIS, SITE_CHAIN, AuditEntry, AuditHead
from projects.models.people import Workspace

LARGEST_EXACT = 2**53  # beyond it JSON readers disagree about whole numbers
SITTING = timedelta(minutes=10)


@transaction.atomic
def record(
    *,
    by: Actor | None,
    action: str,
    target: Model | None = None,
    detail: dict[str, Any] | None = None,
    workspace: Workspace | None = None,
    address: str | None = None,
    request_id: str = "",
) -> AuditEntry:
    """Add one act to the trail of the workspace (of the site, where nobody acts and no workspace is named).

    Call it inside the transaction of the change, after the rows of the change are locked: it holds
    the end of the workspace's chain until the transaction is over. Keep personal data out of ``detail``.
    """
    workspace = workspace or (by.workspace if by else None)
    chain = str(workspace.pk) if workspace else SITE_CHAIN
    head = _end_of(chain)
    entry = AuditEntry(
        workspace=workspace,
        chain=chain,
        sequence=head.sequence + 1,
        at=timezone.now(),
        actor_id=by.user.pk if by and by.user else None,
        actor_name=_name_of(by) if by else "",
        via=by.via if by else "page",
        action=action,
        target_type=target._meta.label_lower if target else "",
        target_id=str(target.pk) if target else "",
        target_label=_clean(str(getattr(target, "audit_label", target)), 200) if target else "",
        detail_json=canonical(_plain(detail or {})).decode(),
        address=address or (by.address if by else None) or "",
        request_id=request_id or (by.request_id if by else ""),
        previous_hash=head.hash if head.sequence else GENESIS,
    )
    entry.hash = hash_of(entry)
    entry.save(force_insert=True)
    head.sequence, head.hash = entry.sequence, entry.hash
    head.save(update_fields=["sequence", "hash"])
    return entry


def record_sitting(*, by: Actor, action: str, target: Model) -> None:
    """Add that somebody edits a draft, which is saved at every stroke: once while they go on from where they are.

    Call it with the target's row locked.
    """
    entry = {"action": action, "target_type": target._meta.label_lower, "target_id": str(target.pk)}
    who = {"actor_id": by.user.pk if by.user else None, "via": by.via, "address": by.address or ""}
    since = timezone.now() - SITTING
    if not AuditEntry.objects.visible_to(by).filter(**entry, **who, at__gt=since).exists():
        record(by=by, action=action, target=target)


def hold_trail(workspace: Workspace) -> None:
    """Hold the end of a workspace's chain already, until the transaction is over, as ``record`` does.

    For what happens in the wake of changes that were recorded or will be: any other lock would be taken before the
    end of the chain by some and after it by others, and two of them would wait for each other.
    """
    _end_of(str(workspace.pk))


def _end_of(chain: str) -> AuditHead:
    head, _ = AuditHead.objects.select_for_update().get_or_create(chain=chain)
    return head


def hash_of(entry: AuditEntry) -> str:
    """Compute an entry's hash from its fields, its predecessor's hash among them."""
    return digest(
        {
            "chain": entry.chain,
            "sequence": entry.sequence,
            "at": entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
            "workspace": str(entry.workspace_id or ""),
            "actor_id": str(entry.actor_id or ""),
            "actor_name": entry.actor_name,
            "via": entry.via,
            "action": entry.action,
            "target_type": entry.target_type,
            "target_id": entry.target_id,
            "target_label": entry.target_label,
            "detail": entry.detail_json,
            "address": entry.address,
            "request_id": entry.request_id,
            "previous": entry.previous_hash,
        }
    )


def _name_of(by: Actor) -> str:
    """Name the actor; an account without a name is known by its id, not by its address."""
    name = by.name or str(by.user or "")
    return _clean(name.replace(by.user.email, by.user.audit_label) if by.user else name, 150)


def _clean(text: str, length: int) -> str:
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")[:length]


def _plain(value: Any) -> Any:
    """Turn dates, decimals, ids and large numbers into text, so that every reader sees the same."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, bool | str | None):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, int):
        return value if abs(value) < LARGEST_EXACT else str(value)
    return json.loads(json.dumps(value, cls=DjangoJSONEncoder))
