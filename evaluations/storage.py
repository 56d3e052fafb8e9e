"""What this storey keeps in the storage: the files of the workspaces, and the pieces of unfinished uploads."""

import hashlib
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import IO

from projects.errors import DomainError
from projects.storage import Shelf, Stored, delete_file, must_have_room, read_blocks, scratch, write_file

DATA = Shelf("data")


class ChunkTooLargeError(DomainError):
    """Raised when a piece of an upload exceeds the agreed size."""

    code = "chunk-too-large"
    template = "A piece of the upload may hold at most {limit} bytes. Send it in smaller pieces."


def chunk_address(upload_id: uuid.UUID, index: int) -> str:
    """Name the place of one piece of an unfinished upload."""
    return f"uploads/{upload_id}/{index:06d}"


def put_chunk(
    upload_id: uuid.UUID, index: int, content: IO[bytes], *, at_most: int, check: Callable[[Stored], None] | None = None
) -> Stored:
    """Store one piece of an upload, reading at most ``at_most`` bytes; a repeated piece replaces the first.

    ``check`` may raise before anything is written: then an earlier piece stays as it is.
    """
    body = content.read(at_most + 1)
    if len(body) > at_most:
        raise ChunkTooLargeError(limit=at_most)
    stored = Stored(hashlib.sha256(body).hexdigest(), len(body))
    if check is not None:
        check(stored)
    with scratch() as draft:
        draft.write_bytes(body)
        must_have_room(len(body))
        write_file(chunk_address(upload_id, index), draft)
    return stored


def join_chunks(upload_id: uuid.UUID, count: int, target: Path) -> Stored:
    """Put the pieces of an upload together in a file."""
    digest, size = hashlib.sha256(), 0
    with target.open("wb") as out:
        for index in range(count):
            for block in read_blocks(chunk_address(upload_id, index)):
                digest.update(block)
                out.write(block)
                size += len(block)
    return Stored(digest.hexdigest(), size)


def drop_chunks(upload_id: uuid.UUID, count: int) -> None:
    """Delete the pieces of an upload; what is gone already does not matter."""
    for index in range(count):
        delete_file(chunk_address(upload_id, index))
