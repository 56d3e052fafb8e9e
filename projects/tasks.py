"""What Celery carries: the id of a job, as a hint that there is work; and its worker's sign of life."""

import logging
import threading
import time
from typing import Any
from uuid import UUID

from celery import shared_task, signals
from django.db import connection

from projects.services import job_runs
from projects.services.pulses import note_pulse

logger = logging.getLogger(__name__)

PULSE_SECONDS = 20


@shared_task(name="projects.run_job", ignore_result=True)
def run_job(job_id: str) -> None:
    """Take the most urgent job of the hinted job's lane; safe to deliver any number of times."""
    job_runs.run_next(hint=UUID(job_id))


@signals.worker_ready.connect
def begin_to_beat(**_details: Any) -> None:
    """Let the worker's main process say every now and then that it is alive."""
    threading.Thread(target=_beat_for_ever, name="pulse", daemon=True).start()


def _beat_for_ever() -> None:
    while True:
        beat()
        time.sleep(PULSE_SECONDS)


def beat() -> None:
    """Write that the worker of this machine is alive; a database that is away is tried again at the next beat."""
    try:
        note_pulse("worker")
    except Exception as error:  # noqa: BLE001  # the pulse must go on, whatever the database says
        logger.warning("The pulse was not noted (%s)", type(error).__name__)
    finally:
        connection.close()  # until the next beat nobody needs it
