"""Hints to the workers: sent beside the work of a request, never waited for, free to get lost."""

import logging
import os
import queue
import threading
from uuid import UUID

from django.conf import settings

from projects.models.jobs import Job
from projects.tasks import run_job

logger = logging.getLogger(__name__)

MOST_WAITING = 1_000


def send_hint(*, job_id: UUID, lane: str) -> None:
    """Send one message to the lane's queue; raises what the broker raises, after its short time-outs."""
    run_job.apply_async((str(job_id),), queue=lane, retry=False, ignore_result=True)


class Messenger:
    """A thread of its own that carries hints, so that a frozen broker holds up nobody."""

    def __init__(self) -> None:
        self._process = 0
        self._waiting: queue.Queue[tuple[UUID, str]] = queue.Queue()
        self._lock = threading.Lock()

    def carry(self, job: Job) -> None:
        """Take a hint along if there is room; else the dispatcher finds the row within a second."""
        with self._lock:
            if self._process != os.getpid():  # a fork takes the queue along, but not the thread
                self._process = os.getpid()
                self._waiting = queue.Queue(MOST_WAITING)
                threading.Thread(target=self._run, args=(self._waiting,), name="wishes", daemon=True).start()
            try:
                self._waiting.put_nowait((job.pk, job.lane))
            except queue.Full:
                logger.debug("No room for a hint")

    def _run(self, waiting: queue.Queue[tuple[UUID, str]]) -> None:
        while True:
            job_id, lane = waiting.get()
            try:
                send_hint(job_id=job_id, lane=lane)
            except Exception as error:  # noqa: BLE001  # whatever the broker has, the row is there
                logger.warning("A hint was not sent (%s); the dispatcher will send it", type(error).__name__)


_messenger = Messenger()


def send_wish(job: Job) -> None:
    """Hint at a job that may start now, if the setting JOB_WISH is on."""
    if settings.JOB_WISH and job.state == Job.State.QUEUED:
        _messenger.carry(job)
