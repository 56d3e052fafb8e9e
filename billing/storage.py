"""Where the originals of bills are kept: under their SHA-256, apart for each workspace, never changed."""

import hashlib
import os
import shutil
import uuid
from contextlib import suppress
from pathlib import Path

from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile

from projects.errors import DomainError

BLOCK = 1 << 20  # bytes read at a time
LARGEST = 200 * 10**6  # bytes of one bill as it arrives
FREE_FLOOR = 1 << 30  # bytes that must stay free on the disk


class DamagedBillError(DomainError):
    """Raised when the stored original no longer matches its address."""

    code = "damaged-file"
    template = "The original of the bill is damaged or gone. Upload it again, or restore it from a backup."


class BillTooLargeError(DomainError):
    """Raised when a file is larger than a bill may be."""

    code = "bill-too-large"
    template = "A bill may have at most {limit} MB. Pack it as .gz or .zip, or split it by month."


class DiskFullError(DomainError):
    """Raised when the disk has no room for another bill."""

    code = "storage-full"
    template = "The disk is nearly full, so nothing was stored. Free some space, then try again."


def address_of(workspace_id: uuid.UUID, sha256: str) -> str:
    """Name the place of an original in the storage."""
    return f"bills/{workspace_id}/{sha256[:2]}/{sha256}"


def scratch_file() -> Path:
    """Name a new file beside the storage, for what is on its way in."""
    folder = settings.VAR_DIR / "scratch"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder / f"bill-{uuid.uuid4().hex}"


def take_upload(upload: UploadedFile) -> Path:
    """Write what arrived to a scratch file, block by block.

    Raises BillTooLargeError, DiskFullError.
    """
    target = scratch_file()
    if shutil.disk_usage(target.parent).free < FREE_FLOOR:
        raise DiskFullError
    try:
        _write(upload, target)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return target


def _write(upload: UploadedFile, target: Path) -> None:
    size = 0
    with target.open("wb") as out:
        for block in upload.chunks(BLOCK):
            size += len(block)
            if size > LARGEST:
                raise BillTooLargeError(limit=LARGEST // 10**6)
            out.write(block)


def digest_of(path: Path) -> str:
    """Hash a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def keep(workspace_id: uuid.UUID, path: Path, sha256: str) -> None:
    """Store an original; it appears whole or not at all, and the same bytes are stored once."""
    address = address_of(workspace_id, sha256)
    if default_storage.exists(address):
        return
    try:
        root = Path(default_storage.path(""))
    except NotImplementedError:  # S3 shows a file when it is whole
        with path.open("rb") as content:
            default_storage.save(address, File(content))
        return
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


def fetch(workspace_id: uuid.UUID, sha256: str, target: Path) -> Path:
    """Copy an original to ``target`` and check it on the way; raises DamagedBillError."""
    digest = hashlib.sha256()
    try:
        with default_storage.open(address_of(workspace_id, sha256), "rb") as file, target.open("wb") as out:
            while block := file.read(BLOCK):
                digest.update(block)
                out.write(block)
    except FileNotFoundError as error:
        raise DamagedBillError from error
    if digest.hexdigest() != sha256:
        raise DamagedBillError
    return target


def drop(workspace_id: uuid.UUID, sha256: str) -> None:
    """Delete an original."""
    with suppress(FileNotFoundError):
        default_storage.delete(address_of(workspace_id, sha256))
