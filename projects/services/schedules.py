"""Jobs that start again every period: made, changed and started, each period once."""

import calendar
import logging
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import models, transaction

from projects.access import Actor
from projects.jobs import all_kinds, kind_named
from projects.models.jobs import Job, Schedule
from projects.models.people import Workspace
from projects.queries.clock import database_now
from projects.services.audit import record
from projects.services.jobs import enqueue_job

logger = logging.getLogger(__name__)

STARTED_AT_ONCE = 100


def next_start(schedule: Schedule, *, after: datetime) -> datetime:
    """Tell the first moment of the schedule that lies after another moment."""
    if schedule.cadence == Schedule.Cadence.INTERVAL:
        return _next_interval(schedule, after)
    zone = ZoneInfo(schedule.time_zone)
    day = after.astimezone(zone).date()
    while True:
        moment = datetime.combine(day, schedule.at, tzinfo=zone).astimezone(UTC)
        if _falls_on(schedule, day) and moment > after:
            return moment
        day += timedelta(days=1)


def _next_interval(schedule: Schedule, after: datetime) -> datetime:
    """Keep to the rhythm of the first start, however late the last one was."""
    length = timedelta(minutes=schedule.minutes)
    first = schedule.next_at or after
    if first > after:
        return first
    return first + ((after - first) // length + 1) * length


def _falls_on(schedule: Schedule, day: date) -> bool:
    if schedule.cadence == Schedule.Cadence.WEEKLY:
        return day.weekday() == schedule.weekday
    if schedule.cadence == Schedule.Cadence.MONTHLY:
        return day.day == min(schedule.day, calendar.monthrange(day.year, day.month)[1])
    return True


@transaction.atomic
def create_schedule(
    *,
    workspace: Workspace | None,
    name: str,
    kind: str,
    cadence: str,
    by: Actor | None,
    arguments: Mapping[str, Any] | None = None,
    subject: models.Model | None = None,
    minutes: int = 60,
    at: time = time(6),
    weekday: int = 0,
    day: int = 1,
    time_zone: str | None = None,
) -> Schedule:
    """Make a schedule; its first period begins at the next moment that fits.

    Raises UnknownKindError, NotPermittedError.
    """
    if by is not None:
        by.must_write()
    kind_named(kind)
    schedule = Schedule(
        workspace=workspace,
        name=name,
        kind=kind,
        arguments=dict(arguments or {}),
        subject=f"{subject._meta.label_lower}:{subject.pk}" if subject else "",
        cadence=cadence,
        minutes=minutes,
        at=at,
        weekday=weekday,
        day=day,
        time_zone=time_zone or (workspace.time_zone if workspace else "UTC"),
        created_by=by.user if by else None,
    )
    now = database_now()
    schedule.next_at = now + timedelta(minutes=minutes)
    schedule.next_at = next_start(schedule, after=now)
    schedule.full_clean(exclude=["id"])
    schedule.save()
    if by is not None:
        record(by=by, action="schedule.created", target=schedule, detail={"kind": kind, "cadence": cadence})
    return schedule


@transaction.atomic
def set_schedule_enabled(*, schedule: Schedule, enabled: bool, by: Actor) -> Schedule:
    """Switch a schedule on or off; what it missed while off is not made up for."""
    by.must_write()
    locked = Schedule.objects.select_for_update().get(pk=schedule.pk)
    if locked.enabled != enabled:
        locked.enabled = enabled
        locked.next_at = next_start(locked, after=database_now())
        locked.save(update_fields=["enabled", "next_at"])
        record(by=by, action="schedule.switched", target=locked, detail={"enabled": enabled})
    return locked


@transaction.atomic
def delete_schedule(*, schedule: Schedule, by: Actor) -> None:
    """Delete a schedule; the jobs that it started stay."""
    by.must_write()
    Schedule.objects.filter(pk=schedule.pk).delete()
    record(by=by, action="schedule.deleted", target=schedule, detail={"kind": schedule.kind})


@transaction.atomic
def ensure_site_schedules() -> None:
    """Make the daily schedules that kinds ask for, once for the whole installation."""
    for kind in all_kinds():
        if kind.site_daily_at is None or Schedule.objects.filter(workspace=None, name=kind.name).exists():
            continue
        schedule = Schedule(name=kind.name, kind=kind.name, cadence=Schedule.Cadence.DAILY, at=kind.site_daily_at)
        schedule.next_at = next_start(schedule, after=database_now())
        Schedule.objects.bulk_create([schedule], ignore_conflicts=True)  # another dispatcher may do the same


def start_due_schedules() -> list[Job]:
    """Start what is due: of several missed periods the latest alone, each once, whoever else looks."""
    now = database_now()
    due = Schedule.objects.filter(enabled=True, next_at__lte=now).select_related("workspace").order_by("next_at")
    started = [_start(schedule, now) for schedule in due[:STARTED_AT_ONCE]]
    return [job for job in started if job is not None]


@transaction.atomic
def _start(schedule: Schedule, now: datetime) -> Job | None:
    planned = schedule.next_at
    later = next_start(schedule, after=now)
    # Two guards: the one who moves the date starts the job, and the key of the period exists once.
    moved = Schedule.objects.filter(pk=schedule.pk, next_at=planned, enabled=True)
    if not moved.update(next_at=later, last_started_at=now):
        return None
    try:
        return enqueue_job(
            kind=schedule.kind,
            workspace=schedule.workspace,
            arguments=schedule.arguments,
            by=None,
            subject_label=schedule.subject,
            title=schedule.name if schedule.workspace_id else "",
            key=f"schedule:{schedule.pk}:{planned:%Y%m%dT%H%M%S}",
        )
    except Exception:
        logger.exception("Schedule %s could not be started", schedule.pk)
        return None
