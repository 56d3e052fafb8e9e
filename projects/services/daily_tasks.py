"""What the operator does with the tasks that an installation repeats by itself: start, pause, let go on."""

from datetime import datetime

from django.db import transaction

from projects.models import User
from projects.models.jobs import Job, Schedule
from projects.queries.clock import database_now
from projects.services.audit import record
from projects.services.jobs import enqueue_job
from projects.services.schedules import next_start


@transaction.atomic
def start_now(*, task: Schedule, operator: User) -> Job:
    """Start a task besides its rhythm; its next start stays."""
    now = database_now()
    record(by=None, action="task.started", target=task, detail={"by": operator.pk})
    return enqueue_job(kind=task.kind, workspace=None, arguments=task.arguments, by=None, key=_key(task, now))


@transaction.atomic
def pause(*, task: Schedule, operator: User, paused: bool) -> Schedule:
    """Pause a task or let it go on; what it missed meanwhile is not made up for."""
    locked = Schedule.objects.select_for_update().get(pk=task.pk, workspace=None)
    if locked.enabled == paused:
        locked.enabled = not paused
        locked.next_at = next_start(locked, after=database_now())
        locked.save(update_fields=["enabled", "next_at"])
        record(by=None, action="task.paused" if paused else "task.resumed", target=locked, detail={"by": operator.pk})
    return locked


def last_job(task: Schedule) -> Job | None:
    """Find the newest job of a task."""
    jobs = Job.objects.filter(workspace=None, kind=task.kind, key__startswith=f"schedule:{task.pk}:")
    newest: Job | None = jobs.order_by("-created_at").first()
    return newest


def _key(task: Schedule, moment: datetime) -> str:
    return f"schedule:{task.pk}:{moment:%Y%m%dT%H%M%S}"
