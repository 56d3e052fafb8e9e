"""What people do with jobs: start, cancel, start again. How workers carry them out is in job_runs."""

import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import models, transaction

from projects.access import Actor
from projects.errors import DomainError, IllegalTransitionError
from projects.jobs import Kind, end_listeners, kind_named
from projects.models.jobs import Job
from projects.models.people import Workspace
from projects.plain_text import must_be_plain
from projects.queries.clock import database_now
from projects.services.audit import record
from projects.services.job_log import add_lines

logger = logging.getLogger(__name__)

HIGHEST_SEED = 2**31


class KeyReusedError(DomainError):
    """Raised when a key comes again with another wish."""

    code = "key-reused"
    template = "The key “{key}” was used for another {kind}. Use a new key for a new wish."


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a larger job."""

    kind: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    title: str = ""


@transaction.atomic
def enqueue_job(
    *,
    kind: str,
    workspace: Workspace | None,
    arguments: Mapping[str, Any] | None = None,
    by: Actor | None,
    subject: models.Model | None = None,
    title: str = "",
    key: str = "",
    priority: int = 0,
    run_at: datetime | None = None,
    seed: int | None = None,
    parts: Sequence[Part] = (),
    subject_label: str = "",
) -> Job:
    """Write the row of a job, inside the caller's transaction; with the same key, return the row that is there.

    A job with parts waits until the last of them is over. Raises UnknownKindError, KeyReusedError,
    NotPermittedError.
    """
    if by is not None:
        by.must_write()
        if by.workspace != workspace:
            message = "A job is started in the actor's own workspace."
            raise ValueError(message)
    registered = kind_named(kind)
    fields: dict[str, Any] = {
        "arguments": dict(arguments or {}),
        "subject": f"{subject._meta.label_lower}:{subject.pk}" if subject else subject_label,
        "title": (title or (f"{registered.title}: {subject}" if subject else registered.title))[:200],
        "priority": priority,
        "seed": secrets.randbelow(HIGHEST_SEED) if seed is None else seed,
        "created_by": by.user if by else None,
        "state": Job.State.WAITING if parts else Job.State.QUEUED,
        "run_at": run_at or database_now(),
        "lane": registered.lane,
        "max_attempts": registered.max_attempts,
    }
    if key:
        job, made = Job.objects.get_or_create(workspace=workspace, kind=kind, key=key, defaults=fields)
        if not made:
            _must_be_the_same(job, fields)
            return job
    else:
        job = Job.objects.create(workspace=workspace, kind=kind, **fields)
    for part in parts:
        _add_part(job, part)
    if by is not None:
        record(by=by, action="job.started", target=job, detail={"kind": kind})
    return job


def _must_be_the_same(job: Job, fields: Mapping[str, Any]) -> None:
    if job.arguments != fields["arguments"] or job.subject != fields["subject"]:
        raise KeyReusedError(key=job.key, kind=job.kind_title)


def _add_part(parent: Job, part: Part) -> None:
    registered: Kind = kind_named(part.kind)
    Job.objects.create(
        workspace_id=parent.workspace_id,
        kind=part.kind,
        parent=parent,
        arguments=dict(part.arguments),
        subject=parent.subject,
        title=(part.title or registered.title)[:200],
        priority=parent.priority,
        seed=secrets.randbelow(HIGHEST_SEED),
        created_by_id=parent.created_by_id,
        run_at=parent.run_at,
        lane=registered.lane,
        max_attempts=registered.max_attempts,
    )


@transaction.atomic
def cancel_job(*, job: Job, by: Actor | None) -> Job:
    """Cancel a job and its parts: at once if it has not started, else its worker is told; over stays over."""
    if by is not None:
        by.must_write()
    locked = Job.objects.select_for_update().get(pk=job.pk)
    if locked.is_over or locked.cancel_requested_at is not None:
        return locked
    now = database_now()
    locked.cancel_requested_at = now
    if locked.state == Job.State.RUNNING:
        locked.save(update_fields=["cancel_requested_at"])
    else:
        for part in locked.parts.open().select_for_update():
            cancel_job(job=part, by=None)
        end_unstarted(locked, state=Job.State.CANCELLED, at=now)
    if by is not None:
        record(by=by, action="job.cancelled", target=locked, detail={"kind": locked.kind})
    return locked


def end_unstarted(job: Job, *, state: str, at: datetime, code: str = "", message: str = "") -> None:
    """End a locked job that no worker holds, and tell its kind and its whole."""
    job.state, job.finished_at = state, at
    job.error_code, job.error_message = code, message
    job.save(update_fields=["state", "finished_at", "error_code", "error_message", "cancel_requested_at"])
    tell_ended(job)


def tell_ended(job: Job) -> None:
    """Let the kind hear of a job that failed or was cancelled, then see whether its whole may go on."""
    try:
        kind = kind_named(job.kind)
    except DomainError:  # a kind of another version: nobody is left to tell
        kind = None
    if kind is not None and kind.ended is not None and job.state != Job.State.DONE:
        try:
            with transaction.atomic():
                kind.ended(job)
        except Exception:  # a job must come to its end, whatever its kind does then
            logger.exception("Job %s: its kind %s did not take the news of its end", job.pk, job.kind)
    for listener in end_listeners():
        try:
            with transaction.atomic():
                listener(job)
        except Exception:  # as above
            logger.exception("Job %s: the news of its end was not taken", job.pk)
    if job.parent_id is not None:
        release_whole(job.parent_id)


def release_whole(parent_id: UUID) -> None:
    """Queue a waiting job whose last part is over; fail it if a part it needs did not succeed."""
    # The lock makes two parts that end at once see each other; without it both would leave the whole waiting.
    parent = Job.objects.select_for_update().filter(pk=parent_id, state=Job.State.WAITING).first()
    if parent is None or parent.parts.open().exists():
        return
    now = database_now()
    lacking = parent.parts.exclude(state=Job.State.DONE).count()
    if lacking and kind_named(parent.kind).needs_all_parts:
        message = f"{lacking} of {parent.parts.count()} parts did not succeed. Look at them, then start this again."
        end_unstarted(parent, state=Job.State.FAILED, at=now, code="part-failed", message=message)
        return
    parent.state, parent.run_at, parent.dispatched_at = Job.State.QUEUED, now, None
    parent.save(update_fields=["state", "run_at", "dispatched_at"])


@transaction.atomic
def retry_job(*, job: Job, by: Actor, reason: str) -> Job:
    """Queue a failed or cancelled job again, with all its attempts; parts that did not succeed come along.

    Raises IllegalTransitionError when the job is not over or is done.
    """
    by.must_write()
    must_be_plain(reason)
    locked = Job.objects.select_for_update().get(pk=job.pk)
    if not locked.can_retry:
        raise IllegalTransitionError(
            noun="The job", state=Job.State(locked.state).label.lower(), wish="queued", possible="none"
        )
    kind_named(locked.kind)
    parts = locked.parts.filter(state__in=[Job.State.FAILED, Job.State.CANCELLED]).select_for_update()
    again = [_queue_again(part, waits=False) for part in parts]
    _queue_again(locked, waits=bool(again))
    add_lines(locked, [f"Started again by {by.name or 'someone'}: {reason.strip() or 'no reason given'}"])
    record(by=by, action="job.retried", target=locked, detail={"kind": locked.kind, "reason": reason.strip()})
    return locked


def _queue_again(job: Job, *, waits: bool) -> Job:
    job.state = Job.State.WAITING if waits else Job.State.QUEUED
    job.attempts, job.retries = 0, job.retries + 1
    job.run_at, job.dispatched_at = database_now(), None
    job.finished_at = job.cancel_requested_at = job.lease_until = None
    job.error_code = job.error_message = job.phase = ""
    job.progress_done = job.progress_total = 0
    job.save()
    return job
