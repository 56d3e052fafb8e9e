"""Who holds a job: claim it, keep it, hand it back, and take it from a worker that fell silent."""

import logging
import os
import socket
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F

from projects.models.jobs import Job
from projects.queries.clock import database_now
from projects.services.job_log import add_lines
from projects.services.jobs import end_unstarted, release_whole

logger = logging.getLogger(__name__)

CANDIDATES = 20  # looked at, should other workers be quicker
RECOVERED_AT_ONCE = 100
WORKER_LOST = "The program or the machine that ran it stopped without a word, {count} times. {advice}"
ADVICE = "The work may need more memory than the machine has: try it with less data."


class LostOwnershipError(Exception):
    """The job belongs to another worker by now, so nothing may be written."""


def lease() -> timedelta:
    """Tell how long a silent worker keeps its job."""
    return timedelta(seconds=settings.JOB_LEASE_SECONDS)


def worker_name() -> str:
    """Name this process for people: machine and process id."""
    return f"{socket.gethostname()}:{os.getpid()}"[:120]


def claim_job(*, hint: UUID) -> Job | None:
    """Take the most urgent due job of the lane that the hint is for; None when others were quicker.

    One UPDATE decides, so a message that comes twice, late or for a job that is over does nothing.
    """
    lane = Job.objects.filter(pk=hint).values_list("lane", flat=True).first()
    if lane is None:
        return None
    now = database_now()
    candidates = list(Job.objects.due(at=now).filter(lane=lane).values_list("pk", flat=True)[:CANDIDATES])
    for candidate in candidates:
        taken = Job.objects.filter(pk=candidate, state=Job.State.QUEUED).update(
            state=Job.State.RUNNING,
            fence=F("fence") + 1,
            attempts=F("attempts") + 1,
            lease_until=now + lease(),
            heartbeat_at=now,
            started_at=now,
            worker=worker_name(),
            phase="",
            progress_done=0,
            progress_total=0,
            progress_at=None,
            phase_started_at=None,
        )
        if taken:
            return Job.objects.select_related("workspace").get(pk=candidate)
    return None


@transaction.atomic
def extend_lease(*, job: Job, changes: dict[str, Any], lines: Sequence[str] = ()) -> None:
    """Say that the worker is alive, and write its news.

    Raises LostOwnershipError when the job is no longer this worker's.
    """
    now = database_now()
    held = Job.objects.filter(pk=job.pk).owned(fence=job.fence)
    if not held.update(lease_until=now + lease(), heartbeat_at=now, **changes):
        raise LostOwnershipError
    if lines:
        add_lines(job, lines)


@transaction.atomic
def hand_back(*, job: Job) -> bool:
    """Queue a job again whose worker is being stopped; this costs it no attempt. One to be cancelled is over."""
    locked = Job.objects.select_for_update().filter(pk=job.pk).owned(fence=job.fence).first()
    if locked is None:
        return False
    now = database_now()
    if locked.cancel_requested_at is not None:
        end_unstarted(locked, state=Job.State.CANCELLED, at=now)
        return True
    Job.objects.filter(pk=job.pk).update(
        state=Job.State.QUEUED, attempts=F("attempts") - 1, lease_until=None, dispatched_at=None, run_at=now
    )
    add_lines(locked, ["The worker was stopped; another one starts this again."])
    return True


def recover_expired() -> int:
    """Take jobs from workers that fell silent; return how many were taken."""
    now = database_now()
    expired = Job.objects.filter(state=Job.State.RUNNING, lease_until__lt=now).order_by("lease_until")
    recovered = sum(_recover(pk) for pk in list(expired.values_list("pk", flat=True)[:RECOVERED_AT_ONCE]))
    for parent in Job.objects.filter(state=Job.State.WAITING).values_list("pk", flat=True):
        if not Job.objects.filter(parent_id=parent).open().exists():
            with transaction.atomic():
                release_whole(parent)
    return recovered


@transaction.atomic
def _recover(pk: UUID) -> bool:
    now = database_now()
    job = (
        Job.objects.select_for_update(skip_locked=True)  # its worker may be writing the result right now
        .filter(pk=pk, state=Job.State.RUNNING, lease_until__lt=now)
        .first()
    )
    if job is None:
        return False
    logger.warning("Job %s: the worker %s fell silent", job.pk, job.worker)
    job.fence += 1  # from here on the old worker can write nothing, whoever claims next
    job.save(update_fields=["fence"])
    if job.cancel_requested_at is not None:
        end_unstarted(job, state=Job.State.CANCELLED, at=now)
    elif job.attempts >= job.max_attempts:
        message = WORKER_LOST.format(count=job.attempts, advice=ADVICE)
        end_unstarted(job, state=Job.State.FAILED, at=now, code="worker-lost", message=message)
    else:
        add_lines(job, [f"The worker of attempt {job.attempts} fell silent; another one starts this again."])
        Job.objects.filter(pk=job.pk).update(state=Job.State.QUEUED, lease_until=None, dispatched_at=None, run_at=now)
    return True
