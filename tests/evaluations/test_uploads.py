"""Uploads: in pieces, in any order, more than once, taken up again, given up."""

import hashlib
import io
import uuid
from datetime import timedelta

import pytest
from django.conf import settings as project
from django.core.files.storage import default_storage
from django.db import connection
from django.test import Client
from django.utils import timezone

from evaluations import storage
from evaluations.errors import UploadGoneError, UploadUsedError
from evaluations.kind_names import SWEEP_UPLOADS
from evaluations.models import Upload, UploadChunk
from evaluations.services import uploads
from projects.models import Job, Schedule
from projects.quota import used_bytes
from projects.services.schedules import ensure_site_schedules, start_due_schedules
from tests.factories.evaluations import make_version, send_file
from tests.factories.jobs import work_off

CONTENT = bytes(range(256)) * 5  # three pieces of 512 bytes, the last one shorter


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch):
    monkeypatch.setattr(uploads, "CHUNK_SIZE", 512)


@pytest.fixture
def window(alice):
    """Alice's browser, as the page's script uses it: a session, and the token of its form."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    client.cookies[project.CSRF_COOKIE_NAME] = "a" * 32
    return client


@pytest.fixture
def call(window):
    """Send a request with the token."""

    def send(method, path, data=None, kind="application/json", **headers):
        headers = {"X-CSRFToken": "a" * 32} | {key.replace("_", "-"): value for key, value in headers.items()}
        options = {} if data is None else {"data": data, "content_type": kind}
        return getattr(window, method)(f"/api/v1/uploads/{path}", headers=headers, **options)

    return send


def piece(index):
    return CONTENT[index * 512 : (index + 1) * 512]


@pytest.fixture
def opened(call):
    return call("post", "", {"name": "C:\\data\\churn.csv", "size": len(CONTENT)}).json()


def send(call, upload, index, body=None, **headers):
    body = piece(index) if body is None else body
    return call("put", f"{upload['id']}/chunks/{index}/", body, "application/octet-stream", **headers)


def test_pieces_come_in_any_order_and_more_than_once(call, opened, tmp_path):
    assert (opened["name"], opened["chunk_count"], opened["received"]) == ("churn.csv", 3, [])
    for index in (2, 0, 2):
        assert send(call, opened, index).status_code == 200
    assert call("get", f"{opened['id']}/").json()["received"] == [0, 2]
    send(call, opened, 1)
    joined = storage.join_chunks(opened["id"], 3, tmp_path / "whole")
    assert joined.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert UploadChunk.objects.count() == 3


def test_a_piece_that_arrives_damaged_is_refused(call, opened):
    right = hashlib.sha256(piece(0)).hexdigest()
    assert send(call, opened, 0, Content_SHA256=right).status_code == 200
    for body, headers in ((piece(0)[:-1], {}), (piece(0)[::-1], {"Content_SHA256": right}), (b"", {})):
        answer = send(call, opened, 1, body, **headers)
        assert (answer.status_code, answer.json()["code"]) == (409, "chunk-mismatch")
    assert send(call, opened, 1, b"x" * 600).json()["code"] == "chunk-too-large"
    assert send(call, opened, 7, b"x").status_code == 409
    assert call("get", f"{opened['id']}/").json()["received"] == [0]


def test_a_name_that_nobody_typed_is_made_plain(actor):
    upload = uploads.open_upload(name="C:\\new\u202efdp.csv\n", size=9, by=actor)
    assert upload.name == "new_fdp.csv_"


def test_a_browser_without_the_forms_token_sends_nothing(call, opened):
    assert send(call, opened, 0, X_CSRFToken="b" * 32).json()["code"] == "csrf-failed"


def test_what_is_too_large_is_refused_before_a_byte_is_sent(call, settings):
    settings.UPLOAD_MAX_BYTES = 1000
    assert call("post", "", {"name": "x.csv", "size": 1001}).json()["code"] == "upload-too-large"
    settings.UPLOAD_MAX_BYTES, settings.WORKSPACE_MAX_BYTES = 10**6, 500
    assert call("post", "", {"name": "x.csv", "size": 501}).json()["code"] == "quota-exceeded"
    assert call("post", "", {"name": "x.csv", "size": 0}).status_code == 400
    assert not Upload.objects.exists()


def test_an_upload_is_given_up_with_its_pieces(call, opened, django_capture_on_commit_callbacks):
    send(call, opened, 0)
    with django_capture_on_commit_callbacks(execute=True):
        assert call("delete", f"{opened['id']}/").status_code == 204
    assert not Upload.objects.exists()
    assert not default_storage.exists(storage.chunk_address(opened["id"], 0))


def test_an_upload_that_became_a_dataset_cannot_be_given_up(call, actor, monkeypatch):
    monkeypatch.undo()
    version = make_version(actor=actor)
    assert call("delete", f"{version.upload_id}/").json()["code"] == "upload-used"


def test_strangers_find_no_upload(client, stranger, actor):
    upload = send_file(CONTENT, actor=actor)
    client.force_login(stranger.user)
    assert client.get(f"/api/v1/uploads/{upload.pk}/").status_code == 404
    answer = client.put(f"/api/v1/uploads/{upload.pk}/chunks/0/", b"x", content_type="application/octet-stream")
    assert answer.status_code == 404


def test_a_reviewer_uploads_nothing(client, reviewer):
    client.force_login(reviewer.user)
    answer = client.post("/api/v1/uploads/", {"name": "x.csv", "size": 9}, content_type="application/json")
    assert answer.status_code == 403


# --- what is left lying about ----------------------------------------------------------------------
def give_up_after(hours):
    Upload.objects.update(touched_at=timezone.now() - timedelta(hours=hours))


def sweep_by_schedule():
    """Let the day's hour come, and a worker do what the schedule starts."""
    ensure_site_schedules()
    Schedule.objects.filter(name=SWEEP_UPLOADS).update(next_at=timezone.now() - timedelta(minutes=1))
    start_due_schedules()
    job = work_off(Job.objects.get(kind=SWEEP_UPLOADS))
    assert job.state == "done", job.error_message
    return job.result["uploads"]


class Interrupting(io.BytesIO):
    """A piece during whose arrival something else happens."""

    def __init__(self, content, happens):
        super().__init__(content)
        self.happens = happens

    def read(self, *size):
        self.happens()
        return super().read(*size)


def test_what_an_upload_announces_counts_until_it_is_given_up(call, settings):
    settings.WORKSPACE_MAX_BYTES = 1000
    first = call("post", "", {"name": "a.csv", "size": 600}).json()
    assert call("post", "", {"name": "b.csv", "size": 600}).json()["code"] == "quota-exceeded"
    call("delete", f"{first['id']}/")
    assert call("post", "", {"name": "b.csv", "size": 600}).status_code == 201


def test_an_upload_counts_once_when_it_became_a_dataset(actor, monkeypatch):
    monkeypatch.undo()
    version = make_version(actor=actor)
    assert used_bytes(actor.workspace) == version.original.size + version.table.size


def test_an_abandoned_upload_is_swept_with_its_pieces_and_no_living_one(
    call, opened, actor, django_capture_on_commit_callbacks
):
    send(call, opened, 0)
    used = make_version(actor=actor, content=b"left,right\n1,2\n3,4\n").upload
    give_up_after(hours=49)
    living = call("post", "", {"name": "b.csv", "size": 600}).json()
    with django_capture_on_commit_callbacks(execute=True):
        assert sweep_by_schedule() == 1
    assert set(Upload.objects.values_list("pk", flat=True)) == {used.pk, uuid.UUID(living["id"])}
    assert not default_storage.exists(storage.chunk_address(opened["id"], 0))
    assert send(call, opened, 1).status_code == 404


def test_a_piece_on_its_way_keeps_the_sweep_off(call, opened, actor):
    upload = Upload.objects.get()
    give_up_after(hours=49)
    swept = []
    content = Interrupting(piece(0), lambda: swept.append(uploads.sweep_uploads()))
    uploads.store_chunk(upload=upload, index=0, content=content, by=actor)
    assert (swept, uploads.sweep_uploads()) == ([0], 0)
    assert call("get", f"{opened['id']}/").json()["received"] == [0]


def test_a_piece_of_an_upload_given_up_meanwhile_is_not_left(opened, actor):
    upload = Upload.objects.get()
    content = Interrupting(piece(0), lambda: uploads.drop_upload(upload=Upload.objects.get(), by=actor))
    with pytest.raises(UploadGoneError):
        uploads.store_chunk(upload=upload, index=0, content=content, by=actor)
    assert not default_storage.exists(storage.chunk_address(opened["id"], 0))


def test_a_late_copy_of_a_piece_spoils_no_reading(opened, actor, tmp_path):
    upload = Upload.objects.get()
    for index in range(3):
        uploads.store_chunk(upload=upload, index=index, content=io.BytesIO(piece(index)), by=actor)
    content = Interrupting(piece(1), lambda: uploads.close_upload(upload=upload, by=actor))
    with pytest.raises(UploadUsedError):
        uploads.store_chunk(upload=upload, index=1, content=content, by=actor)
    assert storage.join_chunks(upload.pk, 3, tmp_path / "whole").sha256 == hashlib.sha256(CONTENT).hexdigest()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("address", ["/api/v1/uploads/{}/chunks/0/", "/api/v1/bill-imports/?name=bill.csv"])
def test_nobody_waits_for_a_slow_line(client, actor, address):
    """The body came in inside a transaction: on SQLite nobody else could write until it was there."""
    client.force_login(actor.user)
    upload = uploads.open_upload(name="a.csv", size=len(CONTENT), by=actor)
    held = []
    body = Interrupting(piece(0), lambda: held.append(connection.in_atomic_block))
    method = "POST" if "bill" in address else "PUT"
    client.generic(
        method,
        address.format(upload.pk),
        **{"wsgi.input": body, "CONTENT_LENGTH": len(piece(0)), "CONTENT_TYPE": "application/octet-stream"},
    )
    assert held
    assert not any(held)
