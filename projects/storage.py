"""The only disk (or S3) access: content-addressed files of a workspace, each under its SHA-256.

A file appears under its address whole or not at all, is checked against its address whenever it is
fetched, and is shared by all rows of one workspace that hold the same bytes; never across workspaces,
since the mere fact that bytes are known already would tell one tenant about another.
"""

import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO, BinaryIO, cast

from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.utils import timezone

from projects.errors import DomainError
from projects.secrets import FILE_MARK, SealError, file_key, key_ring, open_file, reseal_file, seal_file

BLOCK = 1 << 20  # bytes read at a time
DRAFT = ".part"
FREE_FLOOR = 2 << 30  # bytes that must stay free on the disk
FRESH = timedelta(hours=24)  # so old a file is not a stray that is swept the next moment


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


@dataclass(frozen=True, slots=True)
class Shelf:
    """The files of one sort, apart for each workspace."""

    name: str

    def address_of(self, workspace_id: uuid.UUID, sha256: str) -> str:
        """Name the place of a file in the storage."""
        return f"{self.name}/{workspace_id}/{sha256[:2]}/{sha256}"

    def put(self, workspace_id: uuid.UUID, path: Path) -> Stored:
        """Store a file; bytes that are there already are written again only if no row may have named them for long."""
        stored = measure(path)
        address = self.address_of(workspace_id, stored.sha256)
        if not default_storage.exists(address) or age_of(address) > FRESH:
            write_file(address, path)
        return stored

    def fetch(self, workspace_id: uuid.UUID, sha256: str, target: Path) -> Path:
        """Copy a stored file to ``target`` and check it on the way.

        Raises DamagedFileError if it is gone or its bytes do not match its address.
        """
        digest = hashlib.sha256()
        try:
            with target.open("wb") as out:
                for block in read_blocks(self.address_of(workspace_id, sha256)):
                    digest.update(block)
                    out.write(block)
        except FileNotFoundError as error:
            raise DamagedFileError(address=sha256[:12]) from error
        if digest.hexdigest() != sha256:
            raise DamagedFileError(address=sha256[:12])
        return target

    def delete(self, workspace_id: uuid.UUID, sha256: str) -> None:
        """Delete a stored file; one that is gone already does not matter."""
        with suppress(FileNotFoundError):
            default_storage.delete(self.address_of(workspace_id, sha256))


def measure(path: Path) -> Stored:
    """Hash a file on disk."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    return Stored(digest.hexdigest(), path.stat().st_size)


def scratch_file() -> Path:
    """Name a new file beside the storage, for what is on its way in or out."""
    folder = settings.VAR_DIR / "scratch"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Path(folder / uuid.uuid4().hex)


@contextmanager
def scratch() -> Iterator[Path]:
    """Lend a new file beside the storage, which is gone afterwards."""
    path = scratch_file()
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def must_have_room(size: int) -> None:
    """Raise StorageFullError when ``size`` more bytes would fill the disk; S3 has no such floor."""
    root = _local_root()
    if root is None:
        return
    root.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(root).free - size < FREE_FLOOR:
        raise StorageFullError


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


def write_file(address: str, path: Path) -> None:
    """Write a file so that it appears under its address whole or not at all; sealed where that is asked for.

    What begins like a sealed file is always sealed, or it could not be told from one.
    """
    if not settings.SEAL_FILES and not _looks_sealed(path):
        _place(address, path)
        return
    with scratch() as draft:
        with path.open("rb") as source, draft.open("wb") as target:
            seal_file(source, target, context=address)
        _place(address, draft)


def _looks_sealed(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(FILE_MARK)) == FILE_MARK


def delete_file(address: str) -> None:
    """Delete what lies under an address; what is gone already does not matter."""
    with suppress(FileNotFoundError):
        default_storage.delete(address)


def stored_files(folder: str = "") -> Iterator[str]:
    """Walk the addresses of all files, in a folder or in a bucket."""
    try:
        folders, files = default_storage.listdir(folder)
    except FileNotFoundError:
        return
    prefix = f"{folder}/" if folder else ""
    yield from (f"{prefix}{name}" for name in sorted(files) if name)
    for name in sorted(folders):
        yield from stored_files(f"{prefix}{name}")


def age_of(address: str) -> timedelta:
    """Tell how long ago a file was written; nothing if it is gone."""
    try:
        return timezone.now() - default_storage.get_modified_time(address)
    except FileNotFoundError:
        return timedelta()


def sweep_drafts(*, older_than: timedelta) -> int:
    """Delete what killed processes left half written on this disk; return how many files."""
    root, before = _local_root(), time.time() - older_than.total_seconds()
    drafts = [*(settings.VAR_DIR / "scratch").glob("*"), *(root.rglob(f"*{DRAFT}") if root else ())]
    found = 0
    for path in drafts:
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < before:
                path.unlink()
                found += 1
    return found


def is_stale(address: str) -> bool:
    """Say whether a file is sealed under another key of the ring than the active one."""
    ring = key_ring()
    try:
        with default_storage.open(address, "rb") as file:
            name = file_key(cast("BinaryIO", file))
    except FileNotFoundError:  # deleted since it was listed
        return False
    return name in ring.encryption and name != ring.active


def reseal(address: str) -> None:
    """Seal a file's own key anew with the active key of the ring; its bytes stay as they are."""
    with scratch() as draft, suppress(FileNotFoundError):
        with default_storage.open(address, "rb") as source, draft.open("wb") as target:
            reseal_file(cast("BinaryIO", source), target, context=address)
        if default_storage.exists(address):
            _place(address, draft)


def _local_root() -> Path | None:
    """Return the folder of a storage on this disk; None for S3."""
    try:
        return Path(default_storage.path(""))
    except NotImplementedError:
        return None


def _place(address: str, path: Path) -> None:
    root = _local_root()
    if root is None:
        with path.open("rb") as content:
            default_storage.save(address, File(cast("IO[bytes]", content)))
        return
    must_have_room(path.stat().st_size)
    target = root / address
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = target.with_name(f"{target.name}.{uuid.uuid4().hex}{DRAFT}")
    try:
        shutil.copyfile(path, draft)
        with draft.open("rb") as written:
            os.fsync(written.fileno())
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
