"""Content-addressed files: whole or absent, checked when fetched, sealed where asked for."""

import io
import uuid
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command

from projects import secrets, storage

SHELF = storage.Shelf("test-shelf")


@pytest.fixture(params=[False, True], ids=["plain", "sealed"])
def sealed(request, settings):
    settings.SEAL_FILES = request.param
    return request.param


def place(tmp_path, content):
    path = tmp_path / "source"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "content", [b"", b"x", b"secret words " * 100_000, secrets.FILE_MARK, secrets.FILE_MARK + b"\0"]
)
def test_what_is_stored_comes_back(tmp_path, sealed, content):
    workspace = uuid.uuid4()
    stored = SHELF.put(workspace, place(tmp_path, content))
    assert SHELF.fetch(workspace, stored.sha256, tmp_path / "back").read_bytes() == content
    with default_storage.open(SHELF.address_of(workspace, stored.sha256)) as file:
        kept = file.read()
    assert (b"secret words" in kept) == (not sealed and b"secret" in content)


def test_files_sealed_and_plain_lie_side_by_side(tmp_path, settings):
    workspace, addresses = uuid.uuid4(), {}
    for settings.SEAL_FILES in (False, True):
        content = f"sealed: {settings.SEAL_FILES}".encode()
        addresses[content] = SHELF.put(workspace, place(tmp_path, content)).sha256
    for content, address in addresses.items():
        assert SHELF.fetch(workspace, address, tmp_path / "back").read_bytes() == content


def test_a_changed_byte_is_noticed(tmp_path, sealed):
    workspace = uuid.uuid4()
    stored = SHELF.put(workspace, place(tmp_path, b"the client's rows"))
    path = Path(default_storage.path(SHELF.address_of(workspace, stored.sha256)))
    with path.open("r+b") as file:
        file.seek(-3, io.SEEK_END)
        file.write(b"?")
    with pytest.raises(storage.DamagedFileError, match="damaged or gone"):
        SHELF.fetch(workspace, stored.sha256, tmp_path / "back")


def test_what_is_gone_is_said(tmp_path):
    with pytest.raises(storage.DamagedFileError):
        SHELF.fetch(uuid.uuid4(), "0" * 64, tmp_path / "back")


def test_the_disk_keeps_a_reserve(tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "FREE_FLOOR", 1 << 60)
    with pytest.raises(storage.StorageFullError, match="Free some space"):
        SHELF.put(uuid.uuid4(), place(tmp_path, b"x"))


def test_a_sealed_file_opens_after_the_keys_were_rotated_and_dropped(tmp_path, settings, db):
    settings.SEAL_FILES, settings.FREELANCE_ML_KEYS = True, ""
    settings.VAR_DIR = tmp_path / "var"
    workspace, content = uuid.uuid4(), b"rows of the client " * 50_000
    stored = SHELF.put(workspace, place(tmp_path, content))
    before = secrets.key_ring().active
    call_command("rotate_keys", "--drop-old")
    assert before not in secrets.key_ring().encryption
    assert SHELF.fetch(workspace, stored.sha256, tmp_path / "back").read_bytes() == content


def test_a_file_that_begins_like_a_sealed_one_stops_no_rotation(tmp_path, settings, db):
    settings.SEAL_FILES = False
    settings.VAR_DIR = tmp_path
    workspace, content = uuid.uuid4(), secrets.FILE_MARK + b"\xff\xff,a,b\n1,2,3\n"
    stored = SHELF.put(workspace, place(tmp_path, content))
    call_command("rotate_keys", "--drop-old")
    assert SHELF.fetch(workspace, stored.sha256, tmp_path / "back").read_bytes() == content


def test_old_keys_stay_while_a_file_still_needs_one(tmp_path, settings, db, monkeypatch):
    settings.SEAL_FILES, settings.FREELANCE_ML_KEYS = True, ""
    settings.VAR_DIR = tmp_path / "var"
    workspace = uuid.uuid4()
    stored = SHELF.put(workspace, place(tmp_path, b"x"))
    monkeypatch.setattr("projects.services.key_rotation.reseal", lambda address: None)
    with pytest.raises(CommandError, match="--resume"):
        call_command("rotate_keys", "--drop-old")
    assert SHELF.fetch(workspace, stored.sha256, tmp_path / "back").read_bytes() == b"x"
