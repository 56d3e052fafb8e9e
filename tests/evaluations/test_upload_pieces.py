"""The pieces of an unfinished upload in the storage."""

import io
import uuid

import pytest
from django.core.files.storage import default_storage

from evaluations import storage
from projects.storage import measure


@pytest.mark.parametrize("sealed", [False, True], ids=["plain", "sealed"])
def test_pieces_are_joined_in_order_and_dropped(tmp_path, settings, sealed):
    settings.SEAL_FILES = sealed
    upload = uuid.uuid4()
    for index in (2, 0, 1):
        storage.put_chunk(upload, index, io.BytesIO(b"abc"[index : index + 1] * 5), at_most=5)
    joined = storage.join_chunks(upload, 3, tmp_path / "joined")
    assert (tmp_path / "joined").read_bytes() == b"aaaaabbbbbccccc"
    assert joined == measure(tmp_path / "joined")
    storage.drop_chunks(upload, 3)
    assert not default_storage.exists(storage.chunk_address(upload, 0))


def test_a_piece_that_is_too_large_is_refused():
    with pytest.raises(storage.ChunkTooLargeError):
        storage.put_chunk(uuid.uuid4(), 0, io.BytesIO(b"123456"), at_most=5)
