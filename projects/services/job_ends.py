"""How a run ends in the database: one transaction, guarded by the fencing number."""

import logging
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Greatest

from projects.access import Actor
from projects.canonical import digest
from projects.jobs import Kind
from projects.models.jobs import Job
from projects.queries.clock import database_now
from projects.sandbox.order import Outcome
from projects.services.audit import record
from projects.services.job_claims import LostOwnershipError
from projects.services.job_heartbeat import News
from projects.services.job_log import add_lines
from projects.services.jobs import tell_ended

logger = logging.getLogger(__name__)

CANCELLED_MESSAGE = "It was cancelled."


@transaction.atomic
def finish_job(*, job: Job, kind: Kind, outcome: Outcome, outputs: Path, news: News) -> Job:
    """Mark a job done and let its effects happen, both or neither.

    Raises LostOwnershipError when the job is no longer this worker's, and what ``apply`` raises.
    """
    result = outcome.result or {}
    _write_end(job, Job.State.DONE, outcome, news, result=result, result_digest=digest(result))
    kept = kind.apply(job, result, outputs)
    if kept is not None:
        Job.objects.filter(pk=job.pk).update(result=kept, result_digest=digest(kept))
        job.result = kept
    tell_ended(job)
    _note(job, "job.done")
    return job


@transaction.atomic
def fail_job(*, job: Job, outcome: Outcome, news: News) -> Job:
    """Mark a job failed with the reason, or queue it again when the cause may pass and attempts are left.

    Raises LostOwnershipError when the job is no longer this worker's.
    """
    if outcome.may_try_again and job.attempts < job.max_attempts:
        if Job.objects.select_for_update().filter(pk=job.pk, cancel_requested_at__isnull=False).exists():
            return end_cancelled(job=job, outcome=outcome, news=news)
        pause = timedelta(seconds=2**job.attempts)
        pause_line = f"Attempt {job.attempts} ended: {outcome.message} It is tried again in {pause.seconds} seconds."
        changes: dict[str, Any] = {"lease_until": None, "dispatched_at": None, "run_at": database_now() + pause}
        _write(job, Job.State.QUEUED, outcome, replace(news, lines=[*news.lines, pause_line]), **changes)
        return job
    message = outcome.message
    if outcome.may_try_again and job.attempts > 1:
        message += f" It was tried {job.attempts} times."
    code = outcome.code[:60]
    _write_end(job, Job.State.FAILED, outcome, news, error_code=code, error_message=message)
    tell_ended(job)
    _note(job, "job.failed", code=code)
    return job


@transaction.atomic
def end_cancelled(*, job: Job, outcome: Outcome, news: News) -> Job:
    """Mark a job cancelled after its processes are gone.

    Raises LostOwnershipError when the job is no longer this worker's.
    """
    _write_end(job, Job.State.CANCELLED, outcome, news, error_code="cancelled", error_message=CANCELLED_MESSAGE)
    tell_ended(job)
    return job


def _write_end(job: Job, state: str, outcome: Outcome, news: News, **changes: Any) -> None:
    _write(job, state, outcome, news, finished_at=database_now(), **changes)


def _write(job: Job, state: str, outcome: Outcome, news: News, **changes: Any) -> None:
    """Write the guarded UPDATE; it also locks the row for the rest of the transaction."""
    changes = dict(news.progress) | changes
    if outcome.versions:
        changes["versions"] = outcome.versions
    if outcome.isolation:
        changes["isolation"] = outcome.isolation[:200]
    held = Job.objects.filter(pk=job.pk).owned(fence=job.fence)
    written = held.update(
        state=state,
        wall_seconds=F("wall_seconds") + outcome.wall_seconds,
        cpu_seconds=F("cpu_seconds") + outcome.cpu_seconds,
        peak_bytes=Greatest(F("peak_bytes"), Value(outcome.peak_bytes)),
        **changes,
    )
    if not written:
        raise LostOwnershipError
    if news.lines:
        add_lines(job, news.lines)
    for name, value in ({"state": state} | changes).items():
        setattr(job, name, value)


def _note(job: Job, action: str, **detail: Any) -> None:
    by = Actor.job(job.workspace) if job.workspace else None
    record(by=by, action=action, target=job, detail={"kind": job.kind, "attempt": job.attempts} | detail)
