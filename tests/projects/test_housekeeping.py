"""The daily housekeeping, started by its schedule and done by a worker."""

from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from projects import shares
from projects.models import IdempotencyKey, Job, Schedule, ShareSession
from projects.services.schedules import ensure_site_schedules, start_due_schedules
from projects.services.shares import create_share_link
from projects.services.tokens import create_token
from tests.api.conftest import Program
from tests.factories import projects as make
from tests.factories.jobs import work_off
from tests.projects.shared_note import NOTE


@pytest.fixture(autouse=True)
def purpose():
    shares.register(NOTE)
    yield NOTE
    shares.forget(NOTE.name)


def tidy_by_schedule():
    """Let a day pass for the schedule alone, and a worker do what it starts."""
    ensure_site_schedules()
    Schedule.objects.filter(name="projects.housekeeping").update(next_at=timezone.now() - timedelta(minutes=1))
    start_due_schedules()
    job = work_off(Job.objects.get(kind="projects.housekeeping"))
    assert job.state == "done", job.error_message
    return job.result


def test_answers_and_sessions_that_are_over_are_removed_and_no_others(actor):
    program = Program(create_token(name="t", scopes=["read", "write"], days=9, by=actor)[1])
    milestone = make.make_milestone(workspace=actor.workspace, promise="It works.")
    long_ago = timezone.now() - timedelta(days=3)
    for name in ("old", "young"):
        program.post("clients/", {"name": name}, Idempotency_Key=name)
        link = create_share_link(subject=milestone, purpose=NOTE, by=actor)
        Browser().post(reverse("projects:share-door", args=[link.token]))
        Browser().post("/accounts/login/", {"login": make.make_user().email, "password": "correct-horse-battery"})
        if name == "old":
            IdempotencyKey.objects.update(created_at=long_ago)
            ShareSession.objects.update(expires_at=long_ago)
            Session.objects.update(expire_date=long_ago)
    assert (IdempotencyKey.objects.count(), ShareSession.objects.count()) == (2, 2)
    assert UserSession.objects.count() == 2
    done = tidy_by_schedule()
    assert (done["answers"], done["share_sessions"], done["browsers"]) == (1, 1, 1)
    assert IdempotencyKey.objects.get().key == "young"
    assert ShareSession.objects.get().expires_at > timezone.now()
    assert UserSession.objects.get().exists()
    assert not Session.objects.filter(expire_date__lt=timezone.now()).exists()
