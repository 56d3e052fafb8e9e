from datetime import timedelta
from uuid import uuid4

import pytest
from django.urls import resolve, reverse
from django.utils import timezone

from projects.jobs import all_kinds, page_of
from projects.models import Job
from tests.factories.jobs import make_job, make_job_log_line
from tests.projects import page_rules

POLL = {"HX-Request": "true", "X-Poll": "1"}


@pytest.fixture
def job(actor):
    return make_job(by=actor, title="Train five recipes")


def running(job, **fields):
    now = timezone.now()
    moments = {"lease_until": now + timedelta(minutes=1), "heartbeat_at": now, "started_at": now - timedelta(minutes=1)}
    Job.objects.filter(pk=job.pk).update(state="running", attempts=1, **moments, **fields)
    job.refresh_from_db()
    return job


def failed(job, message="The file could not be read. Export it again."):
    now = timezone.now()
    fields = {"error_code": "bad-file", "error_message": message, "started_at": now, "finished_at": now}
    Job.objects.filter(pk=job.pk).update(state="failed", **fields)
    job.refresh_from_db()
    return job


# --- the list -----------------------------------------------------------------------------------
def test_the_list_shows_progress_and_polls_while_something_runs(signed_in, job):
    now = timezone.now()
    running(
        job, phase="Fitting", progress_done=1, progress_total=4, progress_at=now, phase_started_at=now - timedelta(30)
    )
    text = page_rules.opens(signed_in, "projects:job-list", contains=["Train five recipes", "Fitting", "25 %", "left"])
    assert 'hx-trigger="every 2s"' in text
    assert ">Progress<" in text


def test_polling_stops_when_nothing_runs(signed_in, job):
    address = reverse("projects:job-list")
    assert signed_in.get(address, headers=POLL).status_code == 200
    failed(job)
    last = signed_in.get(address, headers=POLL)
    assert last.status_code == 286
    assert b"every 2s" not in last.content
    assert b">Progress<" not in last.content
    assert b"The file could not be read" in last.content
    assert signed_in.get(address).status_code == 200


def test_filters_live_in_the_address(signed_in, actor, job):
    failed(make_job(by=actor, title="Read claims"))

    def titles(**query):
        return {row.title for row in signed_in.get(reverse("projects:job-list"), query).context["page"]}

    assert titles() == {"Train five recipes", "Read claims"}
    assert titles(state="failed") == {"Read claims"}
    assert titles(state="open") == {"Train five recipes"}
    assert titles(q="five") == {"Train five recipes"}
    assert titles(kind="test.add", state="nonsense") == {"Train five recipes", "Read claims"}


def test_an_empty_list_says_what_belongs_here(signed_in):
    page_rules.opens(signed_in, "projects:job-list", contains=["No jobs yet"])


def test_nobody_sees_jobs_of_others(client, stranger, job):
    client.force_login(stranger.user)
    assert "Train five recipes" not in client.get(reverse("projects:job-list")).content.decode()


def test_the_list_asks_to_sign_in_and_is_only_read(signed_in, client):
    page_rules.refuses(signed_in, "post", "projects:job-list")
    page_rules.sends_to_sign_in(client, "projects:job-list")


# --- one job ------------------------------------------------------------------------------------
def test_a_running_job_shows_its_log_and_can_be_cancelled(signed_in, job):
    running(job)
    make_job_log_line(job=job, number=1, text="Reading <b>7,043</b> rows")
    text = page_rules.opens(signed_in, "projects:job", job.pk, contains=["Reading &lt;b&gt;7,043"])
    assert reverse("projects:job-cancel", args=[job.pk]) in text
    assert reverse("projects:job-retry", args=[job.pk]) not in text


@pytest.mark.parametrize("kind", [kind.name for kind in all_kinds() if kind.page])
def test_a_job_leads_to_what_it_is_for(signed_in, actor, kind):
    job = make_job(by=actor, kind=kind)
    Job.objects.filter(pk=job.pk).update(subject=f"app.model:{uuid4()}")
    job.refresh_from_db()
    where = page_of(job)
    assert resolve(where).kwargs
    page_rules.opens(signed_in, "projects:job", job.pk, contains=[f'href="{where}"', "Open what it works on"])
    Job.objects.filter(pk=job.pk).update(state="done", finished_at=timezone.now())
    page_rules.opens(signed_in, "projects:job", job.pk, contains=[f'href="{where}"', "See the result"])


def test_a_failed_job_says_why_and_can_be_started_again(signed_in, job):
    failed(job)
    page_rules.opens(
        signed_in,
        "projects:job",
        job.pk,
        contains=["Export it again", "bad-file", reverse("projects:job-retry", args=[job.pk])],
    )
    told = signed_in.post(reverse("projects:job-retry", args=[job.pk]), {"reason": "New export"}, follow=True)
    job.refresh_from_db()
    assert job.state == "queued"
    assert "Started again by Alice: New export" in told.content.decode()


def test_a_job_that_is_done_cannot_be_started_again(signed_in, job):
    Job.objects.filter(pk=job.pk).update(state="done", finished_at=timezone.now())
    told = signed_in.post(reverse("projects:job-retry", args=[job.pk]), follow=True).content.decode()
    assert "cannot become queued" in told


def test_cancelling_a_queued_job_ends_it_at_once(signed_in, job):
    signed_in.post(reverse("projects:job-cancel", args=[job.pk]))
    job.refresh_from_db()
    assert job.state == "cancelled"


def test_the_page_stops_asking_when_the_job_is_over(signed_in, job):
    address = reverse("projects:job", args=[job.pk])
    assert signed_in.get(address, headers=POLL).status_code == 200
    failed(job)
    assert signed_in.get(address, headers=POLL).status_code == 286


@pytest.mark.parametrize(
    ("name", "methods"), [("job", "get post"), ("job-cancel", "post get"), ("job-retry", "post get")]
)
def test_a_job_is_hidden_and_guarded(client, actor, stranger, job, name, methods):
    method, wrong = methods.split()
    client.force_login(actor.user)
    page_rules.refuses(client, wrong, f"projects:{name}", job.pk)
    page_rules.hides_from_strangers(client, stranger, f"projects:{name}", job.pk, method=method)
    page_rules.sends_to_sign_in(client, f"projects:{name}", job.pk, method=method)


def test_a_reviewer_looks_and_does_not_cancel(client, reviewer, job):
    client.force_login(reviewer.user)
    assert reverse("projects:job-cancel", args=[job.pk]) not in page_rules.opens(client, "projects:job", job.pk)
    assert client.post(reverse("projects:job-cancel", args=[job.pk])).status_code == 403


def test_the_pages_are_cheap(signed_in, actor, job, django_assert_max_num_queries):
    for _ in range(10):
        make_job(by=actor)
    with django_assert_max_num_queries(5):
        signed_in.get(reverse("projects:job-list"))
    with django_assert_max_num_queries(6):
        signed_in.get(reverse("projects:job", args=[job.pk]))
