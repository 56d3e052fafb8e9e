"""The operator sees what the installation repeats by itself, starts it, pauses it and lets it go on."""

import pytest

from projects.models import AuditEntry, Job, Schedule, User
from projects.services.schedules import ensure_site_schedules, start_due_schedules
from tests.factories.jobs import make_schedule

pytestmark = pytest.mark.django_db
PAGE = "/admin/projects/schedule/"


@pytest.fixture
def task():
    ensure_site_schedules()
    return Schedule.objects.get(name="projects.housekeeping")


@pytest.fixture
def operator(client):
    client.force_login(User.objects.create_superuser("boss@example.com", "correct-horse-battery"))
    return client


def act(client, action, task):
    return client.post(PAGE, {"action": action, "_selected_action": [str(task.pk)]})


def test_the_page_tells_when_next_and_how_it_ended(operator, task, workspace):
    make_schedule(workspace=workspace, name="Somebody's own")
    page = operator.get(PAGE).content.decode()
    assert "projects.housekeeping" in page
    assert "never yet" in page
    assert "Somebody" not in page
    act(operator, "start", task)
    assert "Queued" in operator.get(PAGE).content.decode()


def test_starting_now_leaves_the_rhythm_alone(operator, task):
    before = task.next_at
    act(operator, "start", task)
    job = Job.objects.get(kind=task.kind)
    assert (job.workspace, job.state) == (None, "queued")
    task.refresh_from_db()
    assert task.next_at == before
    assert AuditEntry.objects.filter(action="task.started").count() == 1


def test_a_paused_task_does_not_start_until_it_goes_on(operator, task):
    act(operator, "pause", task)
    Schedule.objects.filter(pk=task.pk).update(next_at="2020-01-01T00:00:00Z")
    start_due_schedules()
    assert not Job.objects.filter(kind=task.kind).exists()
    act(operator, "resume", task)
    task.refresh_from_db()
    assert task.enabled
    assert task.next_at.year > 2020  # what was missed is not made up for
    acts = AuditEntry.objects.filter(action__startswith="task.").order_by("sequence")
    assert [entry.action for entry in acts] == ["task.paused", "task.resumed"]


def test_others_do_not_reach_it(client, actor, task):
    client.force_login(actor.user)
    assert act(client, "pause", task).status_code in {302, 403}
    task.refresh_from_db()
    assert task.enabled
