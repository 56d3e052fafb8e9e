"""How a worker carries out a job: prepare, work in the sandbox, then one transaction."""

import errno
import logging
import time
from dataclasses import replace
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from projects.canonical import digest
from projects.errors import DomainError
from projects.jobs import Kind, Prepared, kind_named
from projects.models.jobs import Job
from projects.sandbox import TaskError
from projects.sandbox.disk import remove_folder
from projects.sandbox.order import Order, Outcome
from projects.sandbox.reasons import ended_badly
from projects.sandbox.runner import run
from projects.services.job_claims import LostOwnershipError, claim_job, hand_back
from projects.services.job_ends import end_cancelled, fail_job, finish_job
from projects.services.job_heartbeat import CANCELLED, LOST, STOPPING, Heartbeat, News
from projects.services.job_places import folder_of, marker_of
from projects.stopping import stop_is_asked

logger = logging.getLogger(__name__)

DATABASE_DOWN = (OperationalError, InterfaceError)  # away, locked or full; the rest would fail again
PAUSE_SECONDS = 0.5


def run_next(*, hint: UUID) -> bool:
    """Take the most urgent job of the hinted job's lane and carry it out; False when there is none."""
    if stop_is_asked():
        return False
    job = claim_job(hint=hint)
    if job is None:
        return False
    logger.info("Job %s (%s), attempt %s, starts", job.pk, job.kind, job.attempts)
    carry_out(job)
    return True


def carry_out(job: Job, *, beats: bool = True) -> None:
    """Carry out a claimed job to whatever end it comes to; without ``beats`` the lease is not extended."""
    folder = folder_of(job)
    try:
        with Heartbeat(job, beats=beats) as heartbeat:
            outcome = _do(job, heartbeat, folder)
        if outcome.result is None:
            remove_folder(folder)  # now: it may be what fills the disk
        _settle(job, outcome, heartbeat, folder)
    except LostOwnershipError:
        logger.warning("Job %s: another worker has it by now; the result of attempt %s is dropped", job.pk, job.fence)
    finally:
        remove_folder(folder)


def _do(job: Job, heartbeat: Heartbeat, folder: Path) -> Outcome:
    """Prepare, work and store; every error becomes an outcome."""
    try:
        kind = kind_named(job.kind)
        prepared = kind.prepare(job)
        if reason := heartbeat.reason_to_stop():
            return Outcome(code=reason)
        outcome = _work(job, kind, prepared, heartbeat, folder)
        if outcome.result is not None:
            digest(outcome.result)  # what has no canonical form cannot be kept
        if outcome.result is not None and kind.store is not None:
            outcome = replace(outcome, result=kind.store(job, outcome.result, folder / "outputs"))
    except Exception as error:  # noqa: BLE001  # the row tells what happened; the worker goes on
        heartbeat.hear({"log": f"{type(error).__name__}: {error}"})
        return _outcome_of_error(error, job)
    return outcome


def _work(job: Job, kind: Kind, prepared: Prepared, heartbeat: Heartbeat, folder: Path) -> Outcome:
    if not kind.work:
        return Outcome(result=dict(prepared.arguments))
    order = Order(
        work=kind.work,
        folder=folder,
        code=settings.BASE_DIR,
        marker=marker_of(job),
        arguments=prepared.arguments,
        files=prepared.files,
        seed=job.seed,
        limits=kind.limits,
        must_be_isolated=settings.JOB_MUST_BE_ISOLATED,
    )
    return run(order, hear=heartbeat.hear, stop=heartbeat.reason_to_stop)


def _outcome_of_error(error: Exception, job: Job) -> Outcome:
    """Turn an error of the worker's own part into an outcome."""
    if isinstance(error, DomainError | TaskError):
        return Outcome(code=error.code, message=str(error))
    name = type(error).__name__
    logger.error("Job %s: %s in the worker", job.pk, name, exc_info=error)
    limits = kind_named(job.kind).limits
    if "disk is full" in str(error) or (isinstance(error, OSError) and error.errno == errno.ENOSPC):
        return ended_badly("disk-full", limits)
    if isinstance(error, DATABASE_DOWN):
        connection.close()
        return replace(ended_badly("unexpected-error", limits, error=name), may_try_again=True)
    return ended_badly("unexpected-error", limits, error=name)


def _settle(job: Job, outcome: Outcome, heartbeat: Heartbeat, folder: Path) -> None:
    """Write the end into the row, patiently: a database that is away must not cost a finished result."""
    if outcome.code == LOST:
        raise LostOwnershipError
    news = heartbeat.news()
    until = time.monotonic() + settings.JOB_LEASE_SECONDS
    while True:
        try:
            _end(job, outcome, news, folder)
        except DATABASE_DOWN as error:
            logger.warning("Job %s: its end could not be written (%s)", job.pk, type(error).__name__)
            connection.close()
            if time.monotonic() > until:
                raise LostOwnershipError from error
            time.sleep(PAUSE_SECONDS)
        else:
            logger.info("Job %s is %s", job.pk, job.state)
            return


def _end(job: Job, outcome: Outcome, news: News, folder: Path) -> None:
    if outcome.code == STOPPING:
        hand_back(job=job)
    elif outcome.code == CANCELLED:
        end_cancelled(job=job, outcome=outcome, news=news)
    elif outcome.result is None:
        fail_job(job=job, outcome=outcome, news=news)
    else:
        _finish(job, outcome, news, folder)


def _finish(job: Job, outcome: Outcome, news: News, folder: Path) -> None:
    try:
        finish_job(job=job, kind=kind_named(job.kind), outcome=outcome, outputs=folder / "outputs", news=news)
    except (LostOwnershipError, *DATABASE_DOWN):
        raise
    except Exception as error:  # noqa: BLE001  # the effects were undone as a whole; the reason is kept
        failed = _outcome_of_error(error, job)
        said = replace(news, lines=[*news.lines, f"{type(error).__name__}: {error}"])
        fail_job(job=job, outcome=replace(outcome, result=None, code=failed.code, message=failed.message), news=said)
