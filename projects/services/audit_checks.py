"""Checks the audit trail and signs how far it has come."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from django.db import transaction
from django.utils import timezone

from projects.access import Actor
from projects.canonical import canonical
from projects.models import AuditCheckpoint, AuditEntry, AuditHead, Workspace
from projects.models.audit import GENESIS, SITE_CHAIN
from projects.secrets import public_key, sign, signature_holds
from projects.services.audit import hash_of
from projects.services.audit_triggers import changed_triggers

ANCHOR_TEXTS = ("chain", "hash", "at", "key_id", "signature")  # of a checkpoint kept outside


@dataclass(frozen=True, slots=True)
class Fault:
    """One place where the trail is not as it was written."""

    chain: str
    sequence: int
    message: str

    def __str__(self) -> str:
        return f"chain {self.chain}, entry {self.sequence}: {self.message}"


@dataclass(frozen=True, slots=True)
class Check:
    """What a check looked at and found."""

    entries: int
    chains: int
    checkpoints: int
    faults: tuple[Fault, ...]

    @property
    def is_whole(self) -> bool:
        """Whether nothing was found."""
        return not self.faults


@transaction.atomic
def sign_checkpoints(*, workspace: Workspace | None = None) -> list[AuditCheckpoint]:
    """Sign the end of every chain that moved since its last checkpoint, or of one workspace's chain."""
    heads = AuditHead.objects.select_for_update().filter(sequence__gt=0).order_by("chain")
    if workspace:
        heads = heads.filter(chain=str(workspace.pk))
    made = []
    for head in heads:
        last = AuditCheckpoint.objects.filter(chain=head.chain).order_by("-sequence").first()
        if last and last.sequence >= head.sequence:
            continue
        checkpoint = AuditCheckpoint(
            workspace_id=None if head.chain == SITE_CHAIN else head.chain,
            chain=head.chain,
            sequence=head.sequence,
            hash=head.hash,
            at=timezone.now(),
        )
        checkpoint.key_id, checkpoint.signature = sign(_statement(as_dict(checkpoint)))
        checkpoint.save(force_insert=True)
        made.append(checkpoint)
    return made


def as_dict(checkpoint: AuditCheckpoint) -> dict[str, Any]:
    """Write a checkpoint as it is kept outside, one JSON object a line."""
    key = public_key(checkpoint.key_id) if checkpoint.key_id else None
    return {
        "chain": checkpoint.chain,
        "sequence": checkpoint.sequence,
        "hash": checkpoint.hash,
        "at": checkpoint.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "key_id": checkpoint.key_id,
        "public_key": key.hex() if key else "",
        "signature": checkpoint.signature,
    }


def check_trail(*, outside: Iterable[str] = ()) -> Check:
    """Check every chain against itself, its head, the stored checkpoints and those kept ``outside``.

    ``outside`` are lines of a checkpoint file. A chain alone cannot show that its end was cut off
    together with head and checkpoints; a checkpoint kept elsewhere can.
    """
    anchors = [as_dict(checkpoint) for checkpoint in AuditCheckpoint.objects.order_by("chain", "sequence")]
    faults = [Fault("all", 0, what) for what in changed_triggers()]
    for number, line in enumerate(outside, start=1):
        if line.strip():
            anchor = _read_anchor(line, number)
            if isinstance(anchor, Fault):
                faults.append(anchor)
            else:
                anchors.append(anchor)
    by_chain: dict[str, list[dict[str, Any]]] = {}
    for anchor in anchors:
        by_chain.setdefault(anchor["chain"], []).append(anchor)
    written = set(AuditEntry.objects.order_by().values_list("chain", flat=True).distinct())
    chains = sorted(written | set(AuditHead.objects.values_list("chain", flat=True)) | set(by_chain))
    entries = 0
    for chain in chains:
        count, found = _check_chain(chain, by_chain.get(chain, []))
        entries += count
        faults += found
    return Check(entries=entries, chains=len(chains), checkpoints=len(anchors), faults=tuple(faults))


def check_workspace(*, by: Actor) -> Check:
    """Check the chain of the actor's workspace, for the page."""
    chain = str(by.workspace.pk)
    anchors = [as_dict(checkpoint) for checkpoint in AuditCheckpoint.objects.visible_to(by).order_by("sequence")]
    count, faults = _check_chain(chain, anchors)
    return Check(entries=count, chains=1, checkpoints=len(anchors), faults=tuple(faults))


def _check_chain(chain: str, anchors: list[dict[str, Any]]) -> tuple[int, list[Fault]]:
    entries = AuditEntry.objects.filter(chain=chain).order_by("sequence")
    newest = entries.last()
    head = AuditHead.objects.filter(chain=chain).first()  # read after the newest entry, so never behind it
    wanted: dict[int, list[dict[str, Any]]] = {}
    for anchor in anchors:  # one entry may have been signed twice, before and after somebody rewrote the chain
        wanted.setdefault(anchor["sequence"], []).append(anchor)
    faults = [fault for anchor in anchors if (fault := _bad_signature(anchor))]
    previous, expected = GENESIS, 1
    for entry in entries.filter(sequence__lte=newest.sequence if newest else 0).iterator(chunk_size=2000):
        if entry.sequence != expected:
            what = f"{entry.sequence - expected} entries before it are missing (deleted)"
            faults.append(Fault(chain, entry.sequence, what))
        faults += _check_entry(entry, previous if entry.sequence == expected else entry.previous_hash)
        for anchor in wanted.pop(entry.sequence, ()):
            if anchor["hash"] != entry.hash:
                what = f"the checkpoint of {anchor['at']} names another hash (the chain was rewritten)"
                faults.append(Fault(chain, entry.sequence, what))
        previous, expected = entry.hash, entry.sequence + 1
    end = expected - 1
    for sequence, (anchor, *_) in sorted(wanted.items()):
        if sequence > end:
            what = f"the checkpoint of {anchor['at']} saw it, but the chain ends at {end} (cut off)"
            faults.append(Fault(chain, sequence, what))
    if not _head_fits(head, end, previous):
        stands = head.sequence if head else "nothing"
        what = f"the chain's head says {stands}, but its last entry is {end} (cut off, or added past the services)"
        faults.append(Fault(chain, end, what))
    return end, faults


def _head_fits(head: AuditHead | None, end: int, last_hash: str) -> bool:
    if head is None:
        return end == 0
    if head.sequence == end:
        return end == 0 or head.hash == last_hash
    # More may have been written while we looked: then the entry that follows ours is there.
    return head.sequence > end and AuditEntry.objects.filter(chain=head.chain, previous_hash=last_hash).exists()


def _check_entry(entry: AuditEntry, previous: str) -> Iterator[Fault]:
    where = f"{entry.action} (row {entry.pk})"
    if entry.previous_hash != previous:
        yield Fault(entry.chain, entry.sequence, f"{where} does not follow the entry before it (inserted or reordered)")
    if hash_of(entry) != entry.hash:
        yield Fault(entry.chain, entry.sequence, f"{where} was edited: its fields do not give its hash")


def _statement(anchor: dict[str, Any]) -> bytes:
    return canonical({name: anchor[name] for name in ("chain", "sequence", "hash", "at")})


def _bad_signature(anchor: dict[str, Any]) -> Fault | None:
    if signature_holds(_statement(anchor), key_id=anchor["key_id"], signature=anchor["signature"]):
        return None
    what = f"the checkpoint of {anchor['at']} is not signed by a key of this ring (forged, or the ring was lost)"
    return Fault(anchor["chain"], anchor["sequence"], what)


def _read_anchor(line: str, number: int) -> dict[str, Any] | Fault:
    try:
        anchor: dict[str, Any] = json.loads(line)
        if all(_is_text(anchor[name]) for name in ANCHOR_TEXTS) and type(anchor["sequence"]) is int:
            _statement(anchor)
            return anchor
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    what = f"line {number} of the checkpoint file is none that `checkpoint_audit` writes (damaged, or of another file)"
    return Fault("?", 0, what)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value.isprintable()  # a database refuses the rest
