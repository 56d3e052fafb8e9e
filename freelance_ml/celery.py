"""The Celery application: it carries hints, while the rows of jobs carry the truth."""

import os
from typing import Any

from celery import Celery, signals
from celery.app.amqp import AMQP
from kombu.connection import Connection

from projects.stopping import ask_to_stop

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "freelance_ml.settings")
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")  # they load every page into the worker and tell nobody what they find


class SteadyConnection(Connection):
    """A connection that tries again every two seconds; Celery's own would wait half a minute in the end."""

    def ensure_connection(self, *args: Any, **options: Any) -> "SteadyConnection":
        """Connect, trying again in a steady rhythm."""
        self._ensure_connection(*args, **{"interval_start": 2, "interval_step": 0} | options)
        return self


class SteadyMessages(AMQP):
    """Celery's messages over steady connections."""

    Connection = SteadyConnection


app = Celery("freelance_ml", amqp=SteadyMessages)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.worker_shutting_down.connect
def hand_back_jobs(**_details: Any) -> None:
    """On SIGTERM, let running jobs go back to the queue at once instead of being waited for."""
    ask_to_stop()
