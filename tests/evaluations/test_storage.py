"""Content-addressed files: whole or absent, checked when fetched, sealed where asked for."""

import io
import uuid

import pytest
from django.core.files.storage import default_storage

from evaluations import storage


@pytest.fixture(params=[False, True], ids=["plain", "sealed"])
def sealed(request, settings):
    settings.SEAL_FILES = request.param
    return request.param


def place(tmp_path, content):
    path = tmp_path / "source"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("content", [b"", b"x", b"secret words " * 100_000])
def test_what_is_stored_comes_back(tmp_path, sealed, content):
    workspace = uuid.uuid4()
    stored = storage.put(workspace, place(tmp_path, content))
    assert storage.fetch(workspace, stored.sha256, tmp_path / "back").read_bytes() == content
    with default_storage.open(storage.address_of(workspace, stored.sha256)) as file:
        kept = file.read()
    assert (b"secret words" in kept) == (not sealed and b"secret" in content)


def test_files_sealed_and_plain_lie_side_by_side(tmp_path, settings):
    workspace, addresses = uuid.uuid4(), {}
    for settings.SEAL_FILES in (False, True):
        content = f"sealed: {settings.SEAL_FILES}".encode()
        addresses[content] = storage.put(workspace, place(tmp_path, content)).sha256
    for content, address in addresses.items():
        assert storage.fetch(workspace, address, tmp_path / "back").read_bytes() == content


def test_a_changed_byte_is_noticed(tmp_path, sealed):
    workspace = uuid.uuid4()
    stored = storage.put(workspace, place(tmp_path, b"the client's rows"))
    path = default_storage.path(storage.address_of(workspace, stored.sha256))
    with open(path, "r+b") as file:  # noqa: PTH123  # bytes in place
        file.seek(-3, io.SEEK_END)
        file.write(b"?")
    with pytest.raises(storage.DamagedFileError, match="damaged or gone"):
        storage.fetch(workspace, stored.sha256, tmp_path / "back")


def test_what_is_gone_is_said(tmp_path):
    with pytest.raises(storage.DamagedFileError):
        storage.fetch(uuid.uuid4(), "0" * 64, tmp_path / "back")


def test_pieces_are_joined_in_order_and_dropped(tmp_path, sealed):
    upload = uuid.uuid4()
    for index in (2, 0, 1):
        storage.put_chunk(upload, index, io.BytesIO(b"abc"[index : index + 1] * 5), at_most=5)
    joined = storage.join_chunks(upload, 3, tmp_path / "joined")
    assert (tmp_path / "joined").read_bytes() == b"aaaaabbbbbccccc"
    assert joined == storage.measure(tmp_path / "joined")
    storage.drop_chunks(upload, 3)
    assert not default_storage.exists(storage.chunk_address(upload, 0))


def test_a_piece_that_is_too_large_is_refused(tmp_path):
    with pytest.raises(storage.ChunkTooLargeError):
        storage.put_chunk(uuid.uuid4(), 0, io.BytesIO(b"123456"), at_most=5)


def test_the_disk_keeps_a_reserve(tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "FREE_FLOOR", 1 << 60)
    with pytest.raises(storage.StorageFullError, match="Free some space"):
        storage.put(uuid.uuid4(), place(tmp_path, b"x"))
