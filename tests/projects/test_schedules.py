"""Jobs that start again every period."""

from datetime import UTC, datetime, time, timedelta

import pytest
from django.core.exceptions import ValidationError

from projects.errors import NotPermittedError
from projects.models import Job, Schedule
from projects.queries.clock import database_now
from projects.services.schedules import (
    delete_schedule,
    ensure_site_schedules,
    next_start,
    set_schedule_enabled,
    start_due_schedules,
)
from tests.factories.jobs import make_schedule

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)  # a Friday


@pytest.mark.parametrize(
    ("fields", "after", "expected"),
    [
        ({"cadence": "daily"}, NOON, datetime(2026, 11, 21, 6, tzinfo=UTC)),
        ({"cadence": "daily", "at": time(12)}, NOON, datetime(2026, 11, 21, 12, tzinfo=UTC)),
        ({"cadence": "daily", "at": time(13)}, NOON, datetime(2026, 11, 20, 13, tzinfo=UTC)),
        ({"cadence": "weekly", "weekday": 0}, NOON, datetime(2026, 11, 23, 6, tzinfo=UTC)),
        ({"cadence": "monthly", "day": 31}, NOON, datetime(2026, 11, 30, 6, tzinfo=UTC)),
        ({"cadence": "monthly", "day": 1}, NOON, datetime(2026, 12, 1, 6, tzinfo=UTC)),
        # Berlin: 06:00 is 05:00 UTC in winter and 04:00 in summer
        ({"cadence": "daily", "time_zone": "Europe/Berlin"}, NOON, datetime(2026, 11, 21, 5, tzinfo=UTC)),
        (
            {"cadence": "daily", "time_zone": "Europe/Berlin"},
            datetime(2026, 7, 1, 12, tzinfo=UTC),
            datetime(2026, 7, 2, 4, tzinfo=UTC),
        ),
        # 02:30 does not exist on the day the clocks go forward; one start all the same
        (
            {"cadence": "daily", "time_zone": "Europe/Berlin", "at": time(2, 30)},
            datetime(2026, 3, 28, 12, tzinfo=UTC),
            datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
        ),
    ],
)
def test_the_next_start(fields, after, expected):
    assert next_start(Schedule(**fields), after=after) == expected


def test_an_interval_keeps_its_rhythm():
    schedule = Schedule(cadence="interval", minutes=15, next_at=NOON)
    assert next_start(schedule, after=NOON + timedelta(minutes=40)) == NOON + timedelta(minutes=45)
    assert next_start(schedule, after=NOON) == NOON + timedelta(minutes=15)


def test_each_period_starts_once_and_missed_ones_are_not_made_up_for(actor):
    schedule = make_schedule(by=actor, arguments={"numbers": [4]})
    Schedule.objects.update(next_at=schedule.next_at - timedelta(days=3))
    (job,) = start_due_schedules()
    assert (job.kind, job.arguments, job.workspace) == ("test.add", {"numbers": [4]}, actor.workspace)
    assert start_due_schedules() == []
    schedule.refresh_from_db()
    assert schedule.next_at > job.created_at
    assert Job.objects.count() == 1


def test_two_dispatchers_that_see_the_same_date_start_it_once(actor):
    schedule = make_schedule(by=actor)
    due = schedule.next_at - timedelta(days=2)
    Schedule.objects.update(next_at=due)
    assert len(start_due_schedules()) == 1
    Schedule.objects.update(next_at=due)  # as if the other one had seen the row before it moved
    start_due_schedules()
    assert Job.objects.count() == 1


def test_a_schedule_that_is_off_starts_nothing(actor):
    schedule = set_schedule_enabled(schedule=make_schedule(by=actor), enabled=False, by=actor)
    Schedule.objects.update(next_at=NOON - timedelta(days=9))
    assert start_due_schedules() == []
    assert set_schedule_enabled(schedule=schedule, enabled=True, by=actor).enabled
    delete_schedule(schedule=schedule, by=actor)
    assert not Schedule.objects.exists()


def test_a_schedule_of_a_kind_that_is_gone_does_not_hold_up_the_others(actor):
    gone = make_schedule(by=actor)
    make_schedule(by=actor)
    Schedule.objects.update(next_at=gone.next_at - timedelta(days=2))
    Schedule.objects.filter(pk=gone.pk).update(kind="test.gone")
    assert len(start_due_schedules()) == 1


def test_reviewers_and_nonsense_are_refused(actor, reviewer):
    with pytest.raises(NotPermittedError):
        make_schedule(by=reviewer)
    with pytest.raises(ValidationError):
        make_schedule(by=actor, day=40)


@pytest.mark.django_db
def test_site_schedules_are_made_once():
    before = database_now()  # PostgreSQL's clock, which no test sets
    ensure_site_schedules()
    ensure_site_schedules()
    schedule = Schedule.objects.get(name="projects.housekeeping")
    assert schedule.workspace is None
    assert (schedule.next_at.hour, schedule.next_at.minute) == (3, 30)
    assert before < schedule.next_at <= database_now() + timedelta(days=1)
