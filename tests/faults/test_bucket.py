"""Files in a bucket, behind a real S3 interface: written in pieces, written over, sealed anew."""

import io
import uuid
from datetime import timedelta
from pathlib import Path

import boto3
import pytest
from django.core.files.storage import default_storage
from django.core.management import call_command
from moto.server import ThreadedMotoServer

from freelance_ml.storage_url import configuration
from projects import secrets, storage

pytestmark = pytest.mark.faults
SHELF = storage.Shelf("test-shelf")
PIECES = 9 << 20  # bytes; boto3 sends from 8 MiB on in pieces


@pytest.fixture(scope="module")
def endpoint():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def bucket(endpoint, settings, monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    s3 = boto3.resource("s3", endpoint_url=endpoint, region_name="eu-central-1")
    made = s3.Bucket(f"freelance-ml-{uuid.uuid4().hex}")
    made.create(CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    url = f"s3://{made.name}/site?endpoint={endpoint}&region=eu-central-1&addressing=path"
    settings.STORAGES = {**settings.STORAGES, "default": configuration(url, folder=Path())}
    settings.VAR_DIR, settings.FREELANCE_ML_KEYS = tmp_path / "var", ""
    yield made
    made.meta.client.close()


@pytest.fixture(params=[False, True], ids=["plain", "sealed"])
def sealed(request, settings):
    settings.SEAL_FILES = request.param
    return request.param


def test_a_large_file_goes_up_in_pieces_and_comes_back(bucket, sealed, tmp_path):
    workspace, path = uuid.uuid4(), tmp_path / "source"
    path.write_bytes(b"client row".ljust(1024, b".") * (PIECES >> 10))
    stored = SHELF.put(workspace, path)
    (kept,) = bucket.objects.all()
    assert kept.key == f"site/{SHELF.address_of(workspace, stored.sha256)}"
    assert kept.e_tag.strip('"').endswith("-2"), "two pieces"
    assert (b"client row" in kept.get()["Body"].read(4096)) == (not sealed)
    assert SHELF.fetch(workspace, stored.sha256, tmp_path / "back").read_bytes() == path.read_bytes()
    assert list(storage.stored_files()) == [SHELF.address_of(workspace, stored.sha256)]
    SHELF.delete(workspace, stored.sha256)
    with pytest.raises(storage.DamagedFileError):
        SHELF.fetch(workspace, stored.sha256, tmp_path / "back")
    SHELF.delete(workspace, stored.sha256)


def test_a_large_file_is_not_held_in_memory_by_who_opens_it(bucket):
    held = {}
    for name, size in (("small", 1 << 10), ("large", PIECES)):
        bucket.Object(f"site/{name}").put(Body=bytes(size))
        with default_storage.open(name, "rb") as file:
            file.read(1)
            held[name] = isinstance(file.file._file, io.BytesIO)
    assert held == {"small": True, "large": False}


def test_what_lies_there_is_written_over_and_not_beside(bucket, sealed, tmp_path, monkeypatch):
    workspace, path = uuid.uuid4(), tmp_path / "source"
    path.write_bytes(b"rows")
    stored = SHELF.put(workspace, path)
    bucket.Object(f"site/{SHELF.address_of(workspace, stored.sha256)}").put(Body=b"damaged")
    SHELF.put(workspace, path)  # fresh bytes are not written again
    with pytest.raises(storage.DamagedFileError, match="Restore it from a backup"):
        SHELF.fetch(workspace, stored.sha256, tmp_path / "back")
    monkeypatch.setattr(storage, "FRESH", timedelta(seconds=-5))
    SHELF.put(workspace, path)
    assert SHELF.fetch(workspace, stored.sha256, tmp_path / "back").read_bytes() == b"rows"
    assert len(list(bucket.objects.all())) == 1


def test_a_file_in_a_bucket_opens_after_the_keys_were_rotated(bucket, settings, tmp_path, db):
    settings.SEAL_FILES = True
    workspace, path = uuid.uuid4(), tmp_path / "source"
    path.write_bytes(b"rows of the client " * 50_000)
    stored = SHELF.put(workspace, path)
    before = secrets.key_ring().active
    call_command("rotate_keys", "--drop-old")
    assert before not in secrets.key_ring().encryption
    assert SHELF.fetch(workspace, stored.sha256, tmp_path / "back").read_bytes() == path.read_bytes()
    assert len(list(bucket.objects.all())) == 1
    assert not default_storage.exists("elsewhere")
