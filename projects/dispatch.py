"""The front desk of long work: write the row, and after the commit send a hint that it is there."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import models, transaction

from projects.access import Actor
from projects.models.jobs import Job
from projects.models.people import Workspace
from projects.services import jobs
from projects.services.jobs import Part
from projects.wishes import send_wish


@transaction.atomic
def start_job(
    *,
    kind: str,
    workspace: Workspace | None,
    arguments: Mapping[str, Any] | None = None,
    by: Actor | None,
    subject: models.Model | None = None,
    title: str = "",
    key: str | None = None,
    priority: int = 0,
    run_at: datetime | None = None,
    seed: int | None = None,
    parts: Sequence[Part] = (),
) -> Job:
    """Start a job; pages, API and commands all start jobs here, inside their own transaction.

    The row is all that counts. The hint after the commit never waits for the broker and may be lost.
    With a key that was used before, the job of that time is returned.
    """
    job = jobs.enqueue_job(
        kind=kind,
        workspace=workspace,
        arguments=arguments,
        by=by,
        subject=subject,
        title=title,
        key=key or "",
        priority=priority,
        run_at=run_at,
        seed=seed,
        parts=parts,
    )
    if run_at is None and not parts:
        transaction.on_commit(lambda: send_wish(job))
    return job


def cancel_job(*, job: Job, by: Actor) -> Job:
    """Cancel a job: at once if it waits, within seconds if it runs; a job that is over stays as it is."""
    return jobs.cancel_job(job=job, by=by)


@transaction.atomic
def retry_job(*, job: Job, by: Actor, reason: str) -> Job:
    """Start a failed or cancelled job again, saying why.

    Raises IllegalTransitionError.
    """
    again = jobs.retry_job(job=job, by=by, reason=reason)
    transaction.on_commit(lambda: send_wish(again))
    return again
