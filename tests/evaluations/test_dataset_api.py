"""Data through the API: as a program of the client's would send it, the odd files included."""

import json

import pytest
from django.core.files.storage import default_storage

from evaluations import storage
from evaluations.models import Dataset, DatasetVersion, StoredFile, Upload
from projects.models import Job
from projects.services.tokens import create_token
from tests.api.conftest import Program
from tests.conftest import SHARED
from tests.factories.evaluations import churn_csv, make_version
from tests.factories.jobs import make_job, work_off

NASTY = SHARED / "nasty"
EXPECTED = json.loads((NASTY / "EXPECTED.json").read_text()) if NASTY.is_dir() else []
BIG = {"06_cell_5mb.csv", "07_million_rows.csv.gz"}
STATES = {"accept": {"ready"}, "warn": {"ready"}, "ask": {"asks"}}


@pytest.fixture
def program(actor):
    """Alice's program, which may write."""
    return Program(create_token(name="writer", scopes=["read", "write"], days=9, by=actor)[1])


def send(program, content, name):
    """Upload a file piece by piece, as docs/api.md says."""
    upload = program.post("uploads/", {"name": name, "size": len(content)}).json()
    for index in range(upload["chunk_count"]):
        start = index * upload["chunk_size"]
        answer = program.browser.put(
            f"/api/v1/uploads/{upload['id']}/chunks/{index}/",
            content[start : start + upload["chunk_size"]],
            content_type="application/octet-stream",
            headers={"Authorization": f"Bearer {program.token}"},
        )
        assert answer.status_code == 200, answer.content
    return upload["id"]


def take_in(program, content, name):
    """Send a file, make a version of it, have it read; return the version as it was answered, and its job."""
    dataset = program.post("datasets/", {"name": f"Data of {name}"}).json()
    upload = send(program, content, name)
    answer = program.post(f"datasets/{dataset['id']}/add-version/", {"upload": upload})
    assert answer.status_code == 201, answer.content
    return answer.json() | {"upload_id": upload}, work_off(Job.objects.get(pk=answer.json()["job"]))


def test_a_file_goes_from_its_pieces_to_findings(program):
    made, job = take_in(program, churn_csv(200), "churn.csv")
    assert job.state == "done"
    version = program.get(f"dataset-versions/{made['id']}/").json()
    assert (version["state"], version["rows"], version["column_count"]) == ("ready", 200, 4)
    columns = program.get("dataset-columns/", {"version": made["id"]}).json()
    assert [row["name"] for row in columns["results"]] == ["customer", "tenure", "plan", "left"]
    assert columns["results"][1]["facts"]["histogram"]["counts"]
    assert program.post(f"dataset-versions/{made['id']}/audit/", {"target": "left"}).status_code == 200
    work_off(Job.objects.get(kind="audit-dataset"))
    codes = {f["code"] for f in program.get(f"dataset-versions/{made['id']}/").json()["findings"]}
    assert "identifier" in codes or codes
    assert program.get(f"datasets/{made['dataset']}/").json()["target"] == "left"


def test_a_question_is_answered(program):
    dates = b"when,x\n" + b"".join(b"%02d/%02d/2024,%d\n" % (n % 12 + 1, n % 11 + 1, n) for n in range(40))
    made, _ = take_in(program, dates, "dates.csv")
    version = program.get(f"dataset-versions/{made['id']}/").json()
    assert version["state"] == "asks"
    refused = program.post(f"dataset-versions/{made['id']}/audit/", {"target": "x"})
    assert (refused.status_code, refused.json()["code"]) == (409, "dataset-not-ready")
    options = version["report"]["questions"][0]["choices"][0]["options"]
    again = program.post(f"dataset-versions/{made['id']}/read-again/", {"options": options})
    early = program.post(f"dataset-versions/{made['id']}/read-again/", {"options": options})
    assert (early.status_code, early.json()["code"]) == (409, "reading-in-progress")
    work_off(Job.objects.get(pk=again.json()["job"]))
    assert program.get(f"dataset-versions/{made['id']}/").json()["state"] == "ready"


def test_options_that_make_no_sense_lose_nothing(program, actor):
    version = make_version(actor=actor)
    program.post(f"dataset-versions/{version.pk}/read-again/", {"options": {"nonsense": 1}})
    job = work_off(Job.objects.filter(kind="read-dataset").latest("created_at"))
    assert job.state == "failed"
    version.refresh_from_db()
    assert version.state == "rejected"
    assert "nonsense" in version.report["findings"][0]["message"]
    again = program.post(f"dataset-versions/{version.pk}/read-again/", {"options": {}})
    work_off(Job.objects.get(pk=again.json()["job"]))
    version.refresh_from_db()
    assert version.state == "ready"


def test_an_upload_is_used_once_and_a_name_too(program, actor):
    version = make_version(actor=actor)
    again = program.post(f"datasets/{version.dataset_id}/add-version/", {"upload": str(version.upload_id)})
    assert again.json()["code"] == "upload-used"
    assert program.post("datasets/", {"name": version.dataset.name}).json()["code"] == "dataset-name-taken"
    changed = program.patch(f"datasets/{version.dataset_id}/", {"source": "Billing", "retention_on": "2027-01-01"})
    assert changed.json()["source"] == "Billing"


def test_lists_cost_the_same_for_one_row_and_for_many(program, actor, django_assert_max_num_queries):
    version = make_version(actor=actor)
    for number in range(2, 9):
        DatasetVersion.objects.create(dataset=version.dataset, number=number, file_name="x.csv")
    for address in ("uploads/", "datasets/", "dataset-versions/", "dataset-columns/"):
        with django_assert_max_num_queries(6):
            assert program.get(address).status_code == 200


# --- the odd files ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("odd", [odd for odd in EXPECTED if odd["file"] not in BIG], ids=lambda odd: odd["file"])
def test_an_odd_file_does_what_it_should_and_leaves_nothing_half_done(
    program, client, alice, odd, shared_data, django_capture_on_commit_callbacks
):
    content = (shared_data / "nasty" / odd["file"]).read_bytes()
    client.force_login(alice)
    if not content:
        refused = program.post("uploads/", {"name": odd["file"], "size": 0})
        assert (refused.status_code, odd["expect"]) == (400, "reject")
        return
    with django_capture_on_commit_callbacks(execute=True):
        made, job = take_in(program, content, odd["file"])
    assert not default_storage.exists(storage.chunk_address(made["upload_id"], 0))
    page = client.get(f"/data/readings/{job.pk}/", follow=True)
    assert page.status_code == 200
    if odd["expect"] == "reject":
        assert (job.state, job.error_code) == ("failed", "unreadable-file")
        assert job.error_message in page.content.decode().replace("&#x27;", "'").replace("&quot;", '"')
        assert program.get(f"dataset-versions/{made['id']}/").status_code == 404
        assert not DatasetVersion.objects.exists()
        assert not StoredFile.objects.exists()
        assert not Upload.objects.exists()
    else:
        assert job.state == "done", job.error_message
        version = DatasetVersion.objects.get()
        assert version.state in STATES[odd["expect"]], version.report
        assert version.original.size == len(content)
        if "rows" in odd and version.state == "ready":
            assert version.rows == odd["rows"]
        assert Dataset.objects.get() == version.dataset
    assert work_off(make_job(kind="test.add", arguments={"a": 1, "b": 2})).state == "done"


@pytest.mark.skipif(not EXPECTED, reason="the real data beside the project (../shared/data) is not here")
def test_no_odd_file_is_left_out():
    assert len(EXPECTED) == 44
