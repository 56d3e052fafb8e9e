"""Protocols: drafted, checked against the rows, frozen with the acceptance rows set aside, and superseded."""

import secrets
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from evaluations.engine.protocols import Protocol as Terms
from evaluations.engine.protocols import ProtocolError, read_protocol
from evaluations.errors import (
    DatasetNotReadyError,
    GateUndecidableError,
    ProtocolFrozenError,
    ProtocolInvalidError,
)
from evaluations.models import AcceptanceSet, DatasetVersion, Protocol
from evaluations.queries.protocols import feasibility
from evaluations.services.datasets import file_row
from projects.access import Actor
from projects.canonical import digest
from projects.models import Job, Milestone
from projects.services import audit
from projects.services.milestones import lock_engagement_of

SALT_BYTES = 16
MOST_GATES = 100  # of a draft; far more than anybody agrees on


@transaction.atomic
def draft_protocol(*, milestone: Milestone, by: Actor) -> Protocol:
    """Return the milestone's draft; begin one, from the frozen protocol if there is one."""
    by.must_write()
    lock_engagement_of(by, milestone.engagement_id)
    open_draft = milestone.protocols.filter(state__in=[Protocol.State.DRAFT, Protocol.State.DRAWING]).first()
    if open_draft is not None:
        return open_draft
    last = milestone.protocols.order_by("-number").first()
    protocol = Protocol.objects.create(
        milestone=milestone,
        number=(milestone.protocols.aggregate(last=Max("number"))["last"] or 0) + 1,
        dataset_version=last.dataset_version if last else None,
        body=without_salt(last.body) if last else {},
    )
    audit.record(by=by, action="protocol.drafted", target=protocol, detail={"number": protocol.number})
    return protocol


@transaction.atomic
def edit_protocol(
    *,
    protocol: Protocol,
    body: Mapping[str, Any],
    by: Actor,
    dataset_version: DatasetVersion | None = None,
    reason: str = "",
) -> Protocol:
    """Change a draft; what is not valid yet is kept as typed and said when freezing.

    Raises ProtocolFrozenError, or ProtocolInvalidError for what no page could ever show.
    """
    by.must_write()
    _must_have_the_form_of_terms(body)
    locked: Protocol = Protocol.objects.select_for_update().get(pk=protocol.pk)
    if locked.state != Protocol.State.DRAFT:
        raise ProtocolFrozenError(number=locked.number)
    locked.body = dict(body)
    locked.dataset_version = dataset_version or locked.dataset_version
    locked.reason = reason or locked.reason
    locked.save(update_fields=["body", "dataset_version", "reason"])
    audit.record_sitting(by=by, action="protocol.edited", target=locked)
    return locked


PARTS = ("split", "slices", "baseline")
LISTS = ("left_out", "classes")
PLAIN = str | int | float | bool | None


def _must_have_the_form_of_terms(body: Mapping[str, Any]) -> None:
    """Refuse parts of another form; "terms" too, which only a frozen body has and which would hide its dataset."""
    problems = []
    for name, value in body.items():
        if name == "gates":
            fits = isinstance(value, list) and len(value) <= MOST_GATES and all(map(_is_gate, value))
        elif name in PARTS:
            fits = value is None or _is_part(value)
        elif name in LISTS:
            fits = value is None or (isinstance(value, list) and all(isinstance(item, str) for item in value))
        else:
            fits = name != "terms" and isinstance(value, PLAIN)
        if not fits:
            problems.append(f"{name}: this is not the form that the terms have.")
    if problems:
        raise ProtocolInvalidError(problems=" ".join(problems[:MOST_GATES]))


def _is_gate(gate: object) -> bool:
    if not isinstance(gate, dict):
        return False
    rest = {name: value for name, value in gate.items() if name != "slice"}
    return _is_part(rest) and (gate.get("slice") is None or _is_part(gate["slice"]))


def _is_part(part: object) -> bool:
    """Whether a part holds plain values, or lists of texts."""
    return isinstance(part, dict) and all(
        isinstance(value, PLAIN) or (isinstance(value, list) and all(isinstance(item, str) for item in value))
        for value in part.values()
    )


@transaction.atomic
def begin_freezing(*, protocol: Protocol, by: Actor, reason: str = "") -> Protocol:
    """Check a draft against its rows and send it to have the acceptance rows drawn.

    Raises ProtocolInvalidError, DatasetNotReadyError, or GateUndecidableError with the rows that would be needed.
    """
    by.must_write()
    locked: Protocol = Protocol.objects.select_for_update().get(pk=protocol.pk)
    if locked.state != Protocol.State.DRAFT:
        raise ProtocolFrozenError(number=locked.number)
    locked.reason = reason or locked.reason
    if locked.number > 1 and not locked.reason.strip():
        raise ProtocolInvalidError(problems="reason: say why the protocol changes; the client reads it.")
    version = locked.dataset_version
    if version is None:
        raise ProtocolInvalidError(problems="dataset: choose the rows that the promise is about.")
    if version.state != DatasetVersion.State.READY or version.table is None:
        raise DatasetNotReadyError(version=version, state=version.get_state_display())
    terms = terms_of({**locked.body, "dataset": version.table.sha256})
    found = feasibility(terms=terms, version=version)
    undecidable = [gate["problem"] for gate in found["gates"] if gate["primary"] and gate["problem"]]
    if undecidable:
        raise GateUndecidableError(problems=" ".join(undecidable))
    locked.body, locked.feasibility = terms.to_dict(), found
    locked.state = Protocol.State.DRAWING
    locked.save(update_fields=["body", "feasibility", "state", "reason"])
    return locked


def finish_freezing(*, job: Job, protocol_id: UUID, salt: str, result: Mapping[str, Any]) -> Protocol:
    """Store the parts and freeze; called inside the transaction that ends the drawing."""
    protocol: Protocol = Protocol.objects.select_for_update().get(pk=protocol_id)
    if protocol.state != Protocol.State.DRAWING:
        raise ProtocolFrozenError(number=protocol.number)
    workspace = protocol.workspace
    parts = {
        name: file_row(workspace=workspace, stored=result["stored"][name])
        for name in ("acceptance", "development", "features", "features_csv")
    }
    AcceptanceSet.objects.create(
        protocol=protocol,
        **parts,
        acceptance_rows=result["acceptance_rows"],
        development_rows=result["development_rows"],
        facts={key: value for key, value in result.items() if key != "stored"},
    )
    protocol.body = {
        "terms": protocol.body,
        "acceptance": {
            "rows": result["acceptance_rows"],
            "sha256": parts["acceptance"].sha256,
            "classes": result["acceptance_classes"],
            "salt": salt,
        },
        "development": {"rows": result["development_rows"], "sha256": parts["development"].sha256},
    }
    Protocol.objects.filter(milestone=protocol.milestone, state=Protocol.State.FROZEN).update(
        state=Protocol.State.SUPERSEDED
    )
    protocol.state, protocol.frozen_at = Protocol.State.FROZEN, timezone.now()
    protocol.frozen_by, protocol.digest = job.created_by, digest(protocol.body)
    protocol.save()
    audit.record(
        by=Actor.job(workspace),
        action="protocol.frozen",
        target=protocol,
        detail={
            "number": protocol.number,
            "sha256": protocol.digest,
            "acceptance_sha256": parts["acceptance"].sha256,
            "reason": protocol.reason,
        },
    )
    return protocol


def abandon_freezing(*, protocol_id: UUID, problem: str) -> None:
    """Give a draft back when its rows could not be drawn."""
    Protocol.objects.filter(pk=protocol_id, state=Protocol.State.DRAWING).update(
        state=Protocol.State.DRAFT, feasibility={"problem": problem or "Setting the rows aside was cancelled."}
    )


def terms_of(body: Mapping[str, Any]) -> Terms:
    """Read the terms of a protocol's body, frozen or not.

    Raises ProtocolInvalidError naming each field and what to do.
    """
    try:
        return read_protocol(body.get("terms", body))
    except ProtocolError as error:
        raise ProtocolInvalidError(problems=" ".join(f"{p.field}: {p.text}" for p in error.problems)) from error


def without_salt(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the terms alone, from which a new draft starts."""
    return dict(body.get("terms", body))


def new_salt() -> str:
    """Make the salt that hides the places of the acceptance rows behind their ids."""
    return secrets.token_hex(SALT_BYTES)
