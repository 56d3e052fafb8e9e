"""The ground's rows through the API, by the same services as the pages."""

import threading
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from projects import shares
from projects.api import jobs as jobs_api
from projects.models import AuditEntry, Client, Engagement, Job, Milestone
from projects.services.job_log import add_lines
from tests.factories import projects as make
from tests.projects.shared_note import NOTE


def test_an_engagement_from_the_client_to_the_last_milestone(program, workspace):
    client = program.post("clients/", {"name": "Acme", "country": "DE"}).json()
    contact = program.post("contacts/", {"client": client["id"], "name": "Carla", "email": "c@acme.example"})
    assert contact.status_code == 201
    engagement = program.post("engagements/", {"client": client["id"], "title": "Churn"}).json()
    assert (engagement["currency"], engagement["status"]) == (workspace.currency, "draft")
    assert program.post(f"engagements/{engagement['id']}/status/", {"to": "active"}).json()["status"] == "active"
    milestone = program.post(
        "milestones/", {"engagement": engagement["id"], "title": "Model", "fee_minor": 500_000, "due_on": "2027-01-31"}
    ).json()
    assert milestone["currency"] == workspace.currency
    changed = program.patch(f"milestones/{milestone['id']}/", {"title": "The model"})
    assert changed.json()["title"] == "The model"
    assert program.post(f"milestones/{milestone['id']}/status/", {"to": "in_progress"}).status_code == 200
    illegal = program.post(f"milestones/{milestone['id']}/status/", {"to": "accepted"})
    assert (illegal.status_code, illegal.json()["code"]) == (409, "illegal-transition")
    actions = set(AuditEntry.objects.values_list("action", flat=True))
    assert {"client.created", "engagement.active", "milestone.changed"} <= actions
    entries = program.get("audit-entries/", {"action": "milestone.changed"}).json()
    assert entries["results"][0]["detail"]["fields"] == ["title"]
    assert entries["results"][0]["via"] == "token"


def test_what_is_fixed_at_creation_stays(program, workspace):
    milestone = make.make_milestone(workspace=workspace)
    other = make.make_engagement(workspace=workspace)
    answer = program.patch(f"milestones/{milestone.pk}/", {"engagement": str(other.pk), "status": "paid"})
    assert answer.status_code == 200
    milestone.refresh_from_db()
    assert milestone.engagement_id != other.pk
    assert milestone.status == "planned"


def test_milestones_move(program, workspace):
    engagement = make.make_engagement(workspace=workspace)
    first, second = (
        program.post("milestones/", {"engagement": str(engagement.pk), "title": title}).json()["id"]
        for title in ("First", "Second")
    )
    assert program.post(f"milestones/{second}/move/", {"steps": -1}).json()["position"] == 0
    assert [str(row.pk) for row in Milestone.objects.filter(engagement=engagement)] == [second, first]


def test_a_client_is_archived_and_restored(program, workspace):
    row = make.make_client(workspace=workspace)
    assert program.post(f"clients/{row.pk}/archive/").json()["archived_at"]
    assert program.get("clients/", {"archived": "true"}).json()["count"] == 1
    assert program.post(f"clients/{row.pk}/restore/").json()["archived_at"] is None


def test_a_contact_is_removed(program, workspace):
    contact = make.make_contact(workspace=workspace)
    assert program.delete(f"contacts/{contact.pk}/").status_code == 204
    assert program.get(f"contacts/{contact.pk}/").status_code == 404


def test_a_failed_change_changes_nothing(program, workspace):
    make.make_client(workspace=workspace, name="Taken")
    row = make.make_client(workspace=workspace, name="Free")
    assert program.patch(f"clients/{row.pk}/", {"name": "Taken", "notes": "x"}).status_code == 409
    assert Client.objects.get(pk=row.pk).notes == ""


def test_the_members_are_listed(program, reviewer):
    assert {row["role"] for row in program.get("members/").json()["results"]} == {"owner", "reviewer"}


def test_lists_cost_the_same_for_one_row_and_for_many(program, workspace, django_assert_max_num_queries):
    engagement = make.make_engagement(workspace=workspace)
    for _ in range(12):
        make.make_milestone(engagement=engagement)
        make.make_engagement(workspace=workspace)
        make.make_contact(workspace=workspace)
    for address in ("milestones/", "engagements/", "contacts/", "clients/", "jobs/", "share-links/"):
        with django_assert_max_num_queries(6):
            assert program.get(address).status_code == 200


# --- share links ---------------------------------------------------------------------------------


@pytest.fixture
def note():
    shares.register(NOTE)
    yield NOTE
    shares.forget(NOTE.name)


def test_a_share_link_is_made_used_and_revoked(program, workspace, note, client):
    milestone = make.make_milestone(workspace=workspace, promise="Kept.")
    made = program.post("share-links/", {"purpose": note.name, "subject_id": str(milestone.pk), "days": 3})
    assert made.status_code == 201
    link = made.json()
    door = "/s/" + link["address"].split("/s/")[1]
    assert "Kept." in client.post(door, follow=True).content.decode()
    seen = program.get(f"share-links/{link['id']}/").json()
    assert "address" not in seen
    assert len(seen["views"]) == 1
    assert program.post(f"share-links/{link['id']}/revoke/").json()["state"] == "revoked"
    assert client.get(door).status_code == 404


@pytest.mark.parametrize("field", ["purpose", "subject_id"])
def test_only_what_can_be_shared_is(program, strange_program, workspace, note, field):
    milestone = make.make_milestone(workspace=workspace)
    caller, purpose = (program, "nothing") if field == "purpose" else (strange_program, note.name)
    answer = caller.post("share-links/", {"purpose": purpose, "subject_id": str(milestone.pk)})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field


# --- jobs ----------------------------------------------------------------------------------------


@pytest.fixture
def job(workspace):
    return Job.objects.create(workspace=workspace, kind="test-kind", title="Train", run_at=timezone.now())


def test_a_job_is_read_with_its_log(program, job):
    add_lines(job, [f"line {n}" for n in range(1, 6)])
    assert program.get(f"jobs/{job.pk}/").json()["state"] == "queued"
    log = program.get(f"jobs/{job.pk}/log/", {"limit": 2}).json()
    assert [line["text"] for line in log["lines"]] == ["line 4", "line 5"]
    assert (log["last"], log["over"]) == (5, False)
    more = program.get(f"jobs/{job.pk}/log/", {"after": 3}).json()
    assert [line["number"] for line in more["lines"]] == [4, 5]
    assert program.get(f"jobs/{job.pk}/log/", {"after": 5}).json()["last"] == 5
    assert program.get(f"jobs/{job.pk}/log/", {"after": -1}).status_code == 400


def test_jobs_are_filtered(program, job):
    assert program.get("jobs/", {"open": "true"}).json()["count"] == 1
    assert program.get("jobs/", {"open": "false"}).json()["count"] == 0
    assert program.get("jobs/", {"state": "queued", "kind": "test-kind"}).json()["count"] == 1
    assert program.get("jobs/", {"state": "dreaming"}).status_code == 400


def test_a_job_is_cancelled(program, job):
    assert program.post(f"jobs/{job.pk}/cancel/").json()["state"] == "cancelled"
    assert program.post(f"jobs/{job.pk}/cancel/").json()["state"] == "cancelled"


def test_a_job_that_is_not_over_is_not_started_again(program, job):
    answer = program.post(f"jobs/{job.pk}/retry/", {"reason": "again"})
    assert (answer.status_code, answer.json()["code"]) == (409, "illegal-transition")


def test_waiting_ends_with_a_change(program, job, monkeypatch):
    version = program.get(f"jobs/{job.pk}/").json()["version"]
    looks = []

    def change(seconds):
        looks.append(seconds)
        if len(looks) == 3:
            Job.objects.filter(pk=job.pk).update(log_lines=7)

    monkeypatch.setattr(jobs_api.time, "sleep", change)
    answer = program.get(f"jobs/{job.pk}/", {"wait": 20, "since": version})
    assert answer.json()["log_lines"] == 7
    assert answer.json()["version"] != version
    assert len(looks) == 3


def test_waiting_ends_with_the_time(program, job, monkeypatch):
    version = program.get(f"jobs/{job.pk}/").json()["version"]
    now = [0.0]
    monkeypatch.setattr(jobs_api.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(jobs_api.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    assert program.get(f"jobs/{job.pk}/", {"wait": 5, "since": version}).json()["version"] == version
    assert 5 <= now[0] < 6


def test_nobody_waits_without_need(program, job):
    began = time.monotonic()
    program.get(f"jobs/{job.pk}/", {"wait": 20})
    program.get(f"jobs/{job.pk}/", {"wait": 20, "since": "old"})
    Job.objects.update(state="done", finished_at=timezone.now() - timedelta(1))
    over = program.get(f"jobs/{job.pk}/").json()["version"]
    program.get(f"jobs/{job.pk}/", {"wait": 20, "since": over})
    assert time.monotonic() - began < 5
    assert program.get(f"jobs/{job.pk}/", {"wait": 21, "since": over}).status_code == 400


def test_few_wait_at_once(program, job, monkeypatch):
    monkeypatch.setattr(jobs_api, "waiting", threading.BoundedSemaphore(1))
    jobs_api.waiting.acquire()
    version = program.get(f"jobs/{job.pk}/").json()["version"]
    began = time.monotonic()
    assert program.get(f"jobs/{job.pk}/", {"wait": 20, "since": version}).status_code == 200
    assert time.monotonic() - began < 5


def test_a_name_that_does_not_exist_is_refused_and_not_lost(program, workspace):
    client = str(make.make_client(workspace=workspace).pk)
    refused = program.post("engagements/", {"client": client, "title": "Churn", "money": "USD"})
    assert refused.status_code == 400
    (error,) = refused.json()["errors"]
    assert (error["field"], error["code"]) == ("money", "unknown")
    assert "title" in error["detail"]
    assert not Engagement.objects.exists()
    made = program.post("engagements/", {"client": client, "title": "Churn"}).json()
    sent_back = program.patch(f"engagements/{made['id']}/", made | {"title": "Churn, at last", "status": "active"})
    assert (sent_back.json()["title"], sent_back.json()["status"]) == ("Churn, at last", "draft")
    nested = {"conditions": [{"column": "service", "word": "equals"}]}
    fields = {error["field"] for error in program.post("spend-rules/preview/", nested).json()["errors"]}
    assert fields == {"conditions.0.column"}


@pytest.mark.parametrize("fee", ["1500.00", 1500.0, "1500.", " 15.0"])
def test_an_amount_with_a_point_is_not_taken_for_minor_units(program, workspace, fee):
    engagement = str(make.make_engagement(workspace=workspace).pk)
    refused = program.post("milestones/", {"engagement": engagement, "title": "Model", "fee_minor": fee})
    (error,) = refused.json()["errors"]
    assert (error["field"], "whole number" in error["detail"]) == ("fee_minor", True)


def test_a_wrong_choice_names_the_right_ones(program, workspace):
    engagement = make.make_engagement(workspace=workspace)
    refused = program.post(f"engagements/{engagement.pk}/status/", {"to": "over"}).json()
    assert "Choose one of: draft, active, on_hold" in refused["errors"][0]["detail"]


def test_a_link_is_made_again_for_whom_it_was(program, workspace, note):
    milestone = make.make_milestone(workspace=workspace)
    wish = {"purpose": note.name, "subject_id": str(milestone.pk), "recipient_name": "Carla", "passcode": "swordfish"}
    link = program.post("share-links/", wish).json()
    again = program.post(f"share-links/{link['id']}/again/").json()
    assert (again["recipient_name"], again["has_passcode"]) == ("Carla", True)
    assert again["address"] not in (link["address"], "")
    listed = program.get("share-links/", {"subject": str(milestone.pk)}).json()
    assert listed["count"] == 2
    assert program.get("share-links/", {"subject": listed["results"][0]["subject"]}).json()["count"] == 2
    program.post(f"share-links/{link['id']}/revoke/")
    assert program.post(f"share-links/{link['id']}/again/").json()["code"] == "share-link-gone"


def test_a_program_answers_a_question_as_its_person(program, workspace, note, alice):
    milestone = make.make_milestone(workspace=workspace)
    said = {"purpose": note.name, "subject_id": str(milestone.pk), "text": "March is in the test rows."}
    comment = program.post("comments/", said).json()
    assert (comment["author_name"], comment["by_client"]) == (alice.name, False)
    assert note.name in str(program.post("comments/", said | {"purpose": "x"}).json()["errors"])
    strange = said | {"subject_id": str(make.make_milestone().pk)}
    assert program.post("comments/", strange).json()["errors"][0]["field"] == "subject_id"
