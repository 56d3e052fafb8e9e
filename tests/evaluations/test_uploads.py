"""Uploads: in pieces, in any order, more than once, taken up again, given up."""

import hashlib

import pytest
from django.conf import settings as project
from django.core.files.storage import default_storage
from django.test import Client

from evaluations import storage
from evaluations.models import Upload, UploadChunk
from evaluations.services import datasets
from tests.factories.evaluations import make_version, send_file

CONTENT = bytes(range(256)) * 5  # three pieces of 512 bytes, the last one shorter


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch):
    monkeypatch.setattr(datasets, "CHUNK_SIZE", 512)


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
