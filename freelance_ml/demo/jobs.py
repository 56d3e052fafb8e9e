"""Carrying the sample's jobs out before the workers start, in the same child processes."""

import time

from freelance_ml.demo.saying import Say
from projects.models import Job
from projects.services.job_claims import claim_job, hand_back, recover_expired
from projects.services.job_runs import carry_out

PAUSE = 1.0  # seconds between looks at a job that an earlier, killed start still holds


class SampleFailedError(RuntimeError):
    """Raised when a job of the sample came to no good end; the job's own message says why."""


def finish(job: Job | None, *, doing: str, say: Say) -> Job:
    """Carry a job out to its end here, saying in plain words what goes on and how long it took.

    More urgent jobs of the same lane come first. One that is already done is left alone.

    Raises SampleFailedError if the job does not end well.
    """
    assert job is not None  # noqa: S101  # the front desk sets the job of everything that it queues
    job.refresh_from_db()
    if job.state == Job.State.DONE:
        return job
    began = time.monotonic()
    say(f"  {doing}…", end="")
    while not job.is_over:
        _next_of_lane(job)
        job.refresh_from_db()
    say(f" {time.monotonic() - began:.0f} s")
    if job.state != Job.State.DONE:
        message = f"{job.title}: {job.error_message or job.get_state_display()}"
        raise SampleFailedError(message)
    return job


def _next_of_lane(job: Job) -> None:
    claimed = claim_job(hint=job.pk)
    if claimed is None:  # a start that was killed still holds it, until its lease runs out
        time.sleep(PAUSE)
        recover_expired()
        return
    try:
        carry_out(claimed)
    except BaseException:  # Ctrl-C: the next start goes on here at once
        hand_back(job=claimed)
        raise
