"""The Celery application: it carries hints, while the rows of jobs carry the truth."""

import os
from typing import Any

from celery import Celery, signals

from projects.stopping import ask_to_stop

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "freelance_ml.settings")

app = Celery("freelance_ml")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.worker_shutting_down.connect
def hand_back_jobs(**_details: Any) -> None:
    """On SIGTERM, let running jobs go back to the queue at once instead of being waited for."""
    ask_to_stop()
