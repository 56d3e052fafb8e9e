"""A thread beside the work: it keeps the lease, writes the news and listens for a cancel."""

import logging
import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, connections
from django.utils import timezone

from projects.models.jobs import Job
from projects.services.job_claims import LostOwnershipError, extend_lease
from projects.services.job_log import clean
from projects.stopping import stop_is_asked

logger = logging.getLogger(__name__)

TICK_SECONDS = 1.0
MOST_LINES_WAITING = 500
CANCELLED, LOST, STOPPING = "cancelled", "lost", "stopping"


@dataclass(frozen=True, slots=True)
class News:
    """What a run said and the row does not say yet."""

    progress: dict[str, Any] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)


class Heartbeat:
    """Keeps a claimed job alive for as long as the ``with`` block lasts.

    Without ``beats`` there is no thread, for work that is carried out inside one transaction, as in tests.
    """

    def __init__(self, job: Job, *, beats: bool = True) -> None:
        self.job = job
        self._beats = beats
        self._reason = ""
        self._lines: list[str] = []
        self._progress: dict[str, Any] = {}
        self._phase = ""
        self._phase_started_at = timezone.now()
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._held_since = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=f"heartbeat-{job.pk}", daemon=True)

    def __enter__(self) -> Self:
        """Start the thread."""
        if self._beats:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the thread; a stopped heartbeat writes nothing more."""
        self.stop()

    def stop(self) -> None:
        """Stop the thread, once; what it did not write yet is left in ``news``."""
        self._over.set()
        if self._beats:
            self._thread.join()

    def reason_to_stop(self) -> str:
        """Tell why the work should end, or nothing."""
        if self._reason:
            return self._reason
        if self._beats and time.monotonic() - self._held_since > settings.JOB_LEASE_SECONDS:
            return LOST  # nobody could be asked for so long that another worker may have it
        return STOPPING if stop_is_asked() else ""

    def hear(self, message: dict[str, Any]) -> None:
        """Take a message of the child, to be written at the next tick."""
        with self._lock:
            if "log" in message and len(self._lines) < MOST_LINES_WAITING:
                self._lines.append(message["log"])
            if "phase" in message:
                self._take_progress(message)

    def _take_progress(self, message: dict[str, Any]) -> None:
        now = timezone.now()
        phase = clean(message["phase"])[:80]
        if phase != self._phase:
            self._phase, self._phase_started_at = phase, now
            if phase and len(self._lines) < MOST_LINES_WAITING:
                self._lines.append(phase)
        self._progress = {
            "phase": phase,
            "phase_started_at": self._phase_started_at,
            "progress_done": message.get("done", 0.0),
            "progress_total": message.get("total", 0.0),
            "progress_at": now,
        }

    def news(self) -> News:
        """Hand out what is not written yet, once."""
        with self._lock:
            news = News(self._progress, self._lines)
            self._progress, self._lines = {}, []
        return news

    def _run(self) -> None:
        try:
            while not self._over.wait(TICK_SECONDS) and self._reason != LOST:
                self._tick()
        finally:
            connections.close_all()

    def _tick(self) -> None:
        asked_at = time.monotonic()
        news = self.news()
        try:
            if news.progress or news.lines or asked_at - self._held_since >= settings.JOB_LEASE_SECONDS / 3:
                extend_lease(job=self.job, changes=news.progress, lines=news.lines)
                self._held_since = asked_at
            self._look()
        except LostOwnershipError:
            self._reason = LOST
        except (DatabaseError, InterfaceError) as error:
            logger.warning("Job %s: the database did not answer (%s)", self.job.pk, type(error).__name__)
            connection.close()
            with self._lock:
                self._lines = news.lines + self._lines
                self._progress = news.progress | self._progress

    def _look(self) -> None:
        row = Job.objects.filter(pk=self.job.pk).values_list("fence", "state", "cancel_requested_at").first()
        if row is None or row[:2] != (self.job.fence, Job.State.RUNNING):
            self._reason = LOST
        elif row[2] is not None:
            self._reason = CANCELLED
