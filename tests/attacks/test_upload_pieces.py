"""Pieces that lie about themselves."""

import hashlib
import io

import pytest

from evaluations import storage
from evaluations.errors import ChunkMismatchError
from evaluations.services import uploads


@pytest.mark.parametrize("sent", [b"bbbbb", b"bb"])
def test_a_refused_piece_leaves_the_good_one_in_place(actor, tmp_path, sent):
    """It was refused after it had been written: the upload then held bytes that nobody had vouched for."""
    upload = uploads.open_upload(name="a.csv", size=5, by=actor)
    good = hashlib.sha256(b"aaaaa").hexdigest()
    uploads.store_chunk(upload=upload, index=0, content=io.BytesIO(b"aaaaa"), by=actor, sha256=good)
    with pytest.raises(ChunkMismatchError):
        uploads.store_chunk(upload=upload, index=0, content=io.BytesIO(sent), by=actor, sha256=good)
    assert storage.join_chunks(upload.pk, 1, tmp_path / "whole").sha256 == good
