"""What this storey keeps in the storage: the originals of bills, never changed."""

from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from projects.errors import DomainError
from projects.storage import Shelf, must_have_room, scratch_file

BILLS = Shelf("bills")
LARGEST = 200 * 10**6  # bytes of one bill as it arrives


class BillTooLargeError(DomainError):
    """Raised when a file is larger than a bill may be."""

    code = "bill-too-large"
    template = "A bill may have at most {limit} MB. Pack it as .gz or .zip, or split it by month."


def take_in(blocks: Iterable[bytes]) -> Path:
    """Write what arrives to a scratch file, block by block.

    Raises BillTooLargeError, StorageFullError.
    """
    must_have_room(LARGEST)
    target = scratch_file()
    try:
        _write(blocks, target)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return target


def open_original(workspace_id: UUID, sha256: str) -> BinaryIO:
    """Open a kept original, as it arrived. Raises DamagedFileError."""
    target = scratch_file()
    try:
        BILLS.fetch(workspace_id, sha256, target)
        return target.open("rb")  # the name goes below; the bytes stay until they are read
    finally:
        target.unlink(missing_ok=True)


def _write(blocks: Iterable[bytes], target: Path) -> None:
    size = 0
    with target.open("wb") as out:
        for block in blocks:
            size += len(block)
            if size > LARGEST:
                raise BillTooLargeError(limit=LARGEST // 10**6)
            out.write(block)
