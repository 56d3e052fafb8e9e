"""The worker's slots: threads, since each job works in a child process of its own and its slot only waits for that."""

from concurrent.futures import Future
from typing import Any

from celery.concurrency.thread import ApplyResult, TaskPool
from kombu.asynchronous import Hub

from projects.stopping import ask_to_stop


class Slots(TaskPool):
    """Celery's pool of threads, with the two things that it lacks.

    A thread lives as long as the pool: the kernel ends a job's child together with the thread that started it.
    """

    hub: Hub | None = None

    def register_with_event_loop(self, hub: Hub) -> None:
        """Remember the loop that asks for messages; brokers of files have none."""
        self.hub = hub

    def on_apply(self, *args: Any, **options: Any) -> ApplyResult:
        """Run a task in a free slot."""
        result = super().on_apply(*args, **options)
        result.f.add_done_callback(self._ask_for_more)
        return result

    def _ask_for_more(self, _task: Future[Any]) -> None:
        """Wake the loop: without a free slot it asks for no message, and would not notice for seconds that one is."""
        if self.hub is not None:
            self.hub.call_soon(_nothing)

    def terminate_job(self, pid: int, signal: int | None = None) -> None:
        """End the jobs at once, as the second Ctrl-C asks: threads cannot be killed, but all of them listen."""
        ask_to_stop()


def _nothing() -> None:
    """Be called."""
