"""What keeps jobs going: it sends hints, recovers jobs, starts schedules, sends letters and sweeps.

It holds no state of its own: all of it is in rows, so it may die at any moment, and two may run side by side.
"""

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from celery import current_app
from django.conf import settings
from django.db import close_old_connections, connection, connections
from django.db.models import Q
from kombu.exceptions import ChannelError

from projects.jobs import LONG, QUICK
from projects.models.jobs import Job
from projects.queries.clock import database_now
from projects.sandbox.disk import remove_folder
from projects.sandbox.processes import marked_processes
from projects.services.job_claims import recover_expired
from projects.services.job_places import attempt_of_folder, attempt_of_marker
from projects.services.mail import send_due_mail
from projects.services.pulses import forget_old_pulses, note_pulse
from projects.services.schedules import ensure_site_schedules, start_due_schedules
from projects.wishes import send_hint

logger = logging.getLogger(__name__)

MOST_HINTS = 64  # waiting in one lane; each lets a worker take the most urgent job, so more would be of no use
POLL_SECONDS = 1.0
SWEEP_SECONDS = 5.0
MAIL_SECONDS = 2.0
PULSE_SECONDS = 10.0

Attempt = tuple[UUID, int]


def send_due_hints() -> int:
    """Send hints for jobs that may start and have none on the way; return how many were sent."""
    return sum(_send_hints(lane) for lane in (QUICK, LONG))


def _send_hints(lane: str) -> int:
    now = database_now()
    stale = now - timedelta(seconds=settings.JOB_RESEND_SECONDS)
    unhinted = Q(dispatched_at__isnull=True) | Q(dispatched_at__lt=stale)
    due = list(Job.objects.due(at=now).filter(unhinted, lane=lane).values_list("pk", flat=True)[:MOST_HINTS])
    if not due:
        return 0
    sent: list[UUID] = []
    try:
        for job_id in due[: max(MOST_HINTS - _hints_waiting(lane), 0)]:
            send_hint(job_id=job_id, lane=lane)
            sent.append(job_id)
    finally:
        if sent:
            Job.objects.filter(pk__in=sent, state=Job.State.QUEUED).update(dispatched_at=now)
    return len(sent)


def _hints_waiting(lane: str) -> int:
    with current_app.connection_or_acquire() as messages:
        try:
            return int(messages.default_channel.queue_declare(queue=lane, passive=True).message_count)
        except ChannelError:  # a queue without messages does not exist
            return 0


def sweep_processes() -> int:
    """End processes on this machine whose attempt is no longer the running one; return how many."""
    found = {process: attempt_of_marker(marker) for process, marker in marked_processes()}
    mine = {process: attempt for process, attempt in found.items() if attempt is not None}
    living = _running(mine.values())
    outlived = [process for process, attempt in mine.items() if attempt not in living]
    for process in outlived:
        logger.warning("Process %s of job %s has outlived its attempt and is ended", process, mine[process])
        with suppress(ProcessLookupError, PermissionError):
            os.kill(process, signal.SIGKILL)
    return len(outlived)


def sweep_folders() -> int:
    """Remove folders of attempts that are over, left by workers that died; return how many."""
    place = Path(settings.JOBS_DIR)
    found = {path: attempt_of_folder(path) for path in place.iterdir()} if place.is_dir() else {}
    mine = {path: attempt for path, attempt in found.items() if attempt is not None}
    living = _running(mine.values())
    over = [path for path, attempt in mine.items() if attempt not in living]
    for path in over:
        remove_folder(path)
    return len(over)


def _running(attempts: Iterable[Attempt]) -> set[Attempt]:
    """Keep the attempts that run; asked after they were seen, so that none just begun is missed."""
    wanted = set(attempts)
    if not wanted:
        return set()
    rows = Job.objects.filter(pk__in={pk for pk, _ in wanted}, state=Job.State.RUNNING)
    return wanted & set(rows.values_list("pk", "fence"))


def beat() -> None:
    """Write that the dispatcher of this machine is alive."""
    note_pulse("dispatcher")
    forget_old_pulses()


@dataclass(frozen=True, slots=True)
class Round:
    """Something that is done again and again, in a thread of its own."""

    name: str
    seconds: float
    steps: tuple[Callable[[], object], ...]

    def run(self, over: threading.Event) -> None:
        """Go round until told to stop; a step that fails is tried again in the next round."""
        while True:
            for step in self.steps:
                _try(step)
            if over.wait(self.seconds):
                connections.close_all()
                return


def _try(step: Callable[[], object]) -> None:
    close_old_connections()
    try:
        step()
    except Exception as error:  # the database or the broker may be away; the next round tells
        logger.warning("%s did not succeed (%s)", getattr(step, "__name__", "A step"), type(error).__name__)
        logger.debug("Details", exc_info=error)
        connection.close()


# Hints and letters have threads of their own: a frozen broker or mail server must not hold up the rows.
ROUNDS = (
    Round("rows", POLL_SECONDS, (recover_expired, start_due_schedules)),
    Round("hints", POLL_SECONDS, (send_due_hints,)),
    Round("mail", MAIL_SECONDS, (send_due_mail,)),
    Round("sweep", SWEEP_SECONDS, (sweep_processes, sweep_folders)),
    Round("pulse", PULSE_SECONDS, (ensure_site_schedules, beat)),
)


def run_rounds(over: threading.Event, rounds: Sequence[Round] = ROUNDS) -> None:
    """Run all rounds until told to stop."""
    threads = [threading.Thread(target=each.run, args=(over,), name=each.name) for each in rounds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def run_once(rounds: Sequence[Round] = ROUNDS) -> None:
    """Run every step once, and let its errors be seen."""
    for each in rounds:
        for step in each.steps:
            step()
