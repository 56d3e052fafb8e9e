"""The only disk (or S3) access: content-addressed files of a workspace, each under its SHA-256.

A file appears under its address whole or not at all, is checked against its address whenever it is
fetched, and is shared by all rows of one workspace that hold the same bytes; never across workspaces,
since the mere fact that bytes are known already would tell one tenant about another.
"""

import hashlib
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, cast

from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage

from projects.errors import DomainError
from projects.secrets import FILE_MARK, SealError, open_file, seal_file

BLOCK = 1 << 20  # bytes read at a time
FREE_FLOOR = 2 << 30  # bytes that must stay free on the disk


class DamagedFileError(DomainError):
    """Raised when stored bytes no longer match their address."""

    code = "damaged-file"
    template = "The stored file {address} is damaged or gone. Restore it from a backup, then try again."


class StorageFullError(DomainError):
    """Raised when the disk has too little room left to take a file."""

    code = "storage-full"
    template = "The disk is nearly full, so nothing was stored. Free some space, then try again."


@dataclass(frozen=True, slots=True)
class Stored:
    """The address and size of stored bytes."""

    sha256: str
    size: int


def address_of(workspace_id: uuid.UUID, sha256: str) -> str:
    """Name the place of a file in the storage."""
    return f"data/{workspace_id}/{sha256[:2]}/{sha256}"


def chunk_address(upload_id: uuid.UUID, index: int) -> str:
    """Name the place of one piece of an unfinished upload."""
    return f"uploads/{upload_id}/{index:06d}"


def measure(path: Path) -> Stored:
    """Hash a file on disk."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    return Stored(digest.hexdigest(), path.stat().st_size)


def must_have_room(size: int) -> None:
    """Raise StorageFullError when ``size`` more bytes would fill the disk; S3 has no such floor."""
    root = _local_root()
    if root is None:
        return
    root.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(root).free - size < FREE_FLOOR:
        raise StorageFullError


def put(workspace_id: uuid.UUID, path: Path) -> Stored:
    """Store a file; bytes that are there already are not written again."""
    stored = measure(path)
    address = address_of(workspace_id, stored.sha256)
    if not default_storage.exists(address):
        _write(address, path)
    return stored


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
    draft = settings.VAR_DIR / "scratch" / f"chunk-{uuid.uuid4().hex}"
    draft.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        draft.write_bytes(body)
        must_have_room(len(body))
        _write(chunk_address(upload_id, index), draft)
    finally:
        draft.unlink(missing_ok=True)
    return stored


class ChunkTooLargeError(DomainError):
    """Raised when a piece of an upload exceeds the agreed size."""

    code = "chunk-too-large"
    template = "A piece of the upload may hold at most {limit} bytes. Send it in smaller pieces."


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
        with suppress(FileNotFoundError):
            default_storage.delete(chunk_address(upload_id, index))


def fetch(workspace_id: uuid.UUID, sha256: str, target: Path) -> Path:
    """Copy a stored file to ``target`` and check it on the way.

    Raises DamagedFileError if it is gone or its bytes do not match its address.
    """
    digest = hashlib.sha256()
    try:
        with target.open("wb") as out:
            for block in read_blocks(address_of(workspace_id, sha256)):
                digest.update(block)
                out.write(block)
    except FileNotFoundError as error:
        raise DamagedFileError(address=sha256[:12]) from error
    if digest.hexdigest() != sha256:
        raise DamagedFileError(address=sha256[:12])
    return target


def read_blocks(address: str) -> Iterator[bytes]:
    """Yield a stored file's bytes, block by block; a sealed file is opened on the way.

    Raises DamagedFileError for a sealed file that was changed or whose key is gone.
    """
    with default_storage.open(address, "rb") as file:
        sealed = file.read(len(FILE_MARK)) == FILE_MARK
        file.seek(0)
        if not sealed:
            while block := file.read(BLOCK):
                yield block
            return
        try:
            yield from open_file(cast("BinaryIO", file), context=address)
        except SealError as error:
            raise DamagedFileError(address=address.rpartition("/")[2][:12]) from error


def delete(workspace_id: uuid.UUID, sha256: str) -> None:
    """Delete a stored file."""
    with suppress(FileNotFoundError):
        default_storage.delete(address_of(workspace_id, sha256))


def _local_root() -> Path | None:
    """Return the folder of a storage on this disk; None for S3."""
    try:
        return Path(default_storage.path(""))
    except NotImplementedError:
        return None


def _write(address: str, path: Path) -> None:
    """Write a file so that it appears under its address whole or not at all; sealed where that is asked for."""
    if not settings.SEAL_FILES:
        _place(address, path)
        return
    draft = settings.VAR_DIR / "scratch" / f"sealed-{uuid.uuid4().hex}"
    draft.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with path.open("rb") as source, draft.open("wb") as target:
            seal_file(source, target, context=address)
        _place(address, draft)
    finally:
        draft.unlink(missing_ok=True)


def _place(address: str, path: Path) -> None:
    root = _local_root()
    if root is None:
        with path.open("rb") as content:
            default_storage.save(address, File(cast("IO[bytes]", content)))
        return
    must_have_room(path.stat().st_size)
    target = root / address
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = target.with_name(f"{target.name}.{uuid.uuid4().hex}.part")
    try:
        shutil.copyfile(path, draft)
        with draft.open("rb") as written:
            os.fsync(written.fileno())
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
