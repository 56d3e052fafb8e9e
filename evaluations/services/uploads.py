"""Files on their way in: piece by piece, taken up again after a break, given up, swept when abandoned."""

import io
from datetime import timedelta
from pathlib import Path
from typing import IO

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from evaluations import storage
from evaluations.errors import (
    ChunkMismatchError,
    UploadGoneError,
    UploadIncompleteError,
    UploadTooLargeError,
    UploadUsedError,
)
from evaluations.models import DatasetVersion, PredictionFile, Upload, UploadChunk
from projects.access import Actor
from projects.plain_text import made_plain
from projects.quota import must_fit
from projects.storage import Stored, age_of, delete_file, must_have_room, stored_files

CHUNK_SIZE = 8 << 20  # bytes: large enough for few requests, small enough to hold in memory


@transaction.atomic
def open_upload(*, name: str, size: int, by: Actor) -> Upload:
    """Begin an upload; its pieces may come in any order and more than once.

    Raises UploadTooLargeError, QuotaExceededError or StorageFullError before a byte is sent.
    """
    by.must_write()
    if size > settings.UPLOAD_MAX_BYTES:
        raise UploadTooLargeError(size=size, limit=settings.UPLOAD_MAX_BYTES)
    must_fit(by.workspace, size)
    must_have_room(2 * size)
    safe_name = made_plain(Path(name.replace("\\", "/")).name)[:255] or "upload"
    return Upload.objects.create(
        workspace=by.workspace, name=safe_name, size=size, chunk_size=CHUNK_SIZE, created_by=by.user
    )


def store_chunk(*, upload: Upload, index: int, content: IO[bytes], by: Actor, sha256: str = "") -> UploadChunk:
    """Store one piece; sending it again is harmless.

    Not one transaction: a piece takes as long as the sender's line is slow, and nobody else waits for it.
    Raises ChunkMismatchError if its size or hash is not what it should be, UploadGoneError or UploadUsedError
    if the upload was given up or taken in.
    """
    by.must_write()
    if not 0 <= index < upload.chunk_count:
        raise ChunkMismatchError(index=index, size=0, expected=0)

    def check(arrived: Stored) -> None:
        if arrived.size != upload.size_of(index) or (sha256 and sha256.lower() != arrived.sha256):
            raise ChunkMismatchError(index=index, size=arrived.size, expected=upload.size_of(index))

    _keep_alive(upload)
    stored = storage.put_chunk(upload.pk, index, content, at_most=upload.chunk_size, check=check)
    try:
        return _note_chunk(upload, index, stored)
    except (UploadGoneError, UploadUsedError):
        if not UploadChunk.objects.filter(upload=upload.pk, index=index).exists():  # else a reading still needs it
            delete_file(storage.chunk_address(upload.pk, index))
        raise


def _keep_alive(upload: Upload) -> None:
    """Put the sweep off before the piece is read, so that the two never meet."""
    if not Upload.objects.filter(pk=upload.pk, completed_at=None).update(touched_at=timezone.now()):
        raise _not_open(upload)


@transaction.atomic
def _note_chunk(upload: Upload, index: int, stored: Stored) -> UploadChunk:
    """Note a piece that has arrived, unless its upload was given up or taken in meanwhile."""
    if not Upload.objects.select_for_update().filter(pk=upload.pk, completed_at=None).exists():
        raise _not_open(upload)
    chunk, _ = UploadChunk.objects.update_or_create(
        upload=upload, index=index, defaults={"size": stored.size, "sha256": stored.sha256}
    )
    return chunk


def _not_open(upload: Upload) -> UploadGoneError | UploadUsedError:
    still_there = Upload.objects.filter(pk=upload.pk).exists()
    return UploadUsedError(name=upload.name) if still_there else UploadGoneError(name=upload.name)


def store_whole(*, file: IO[bytes], name: str, size: int, by: Actor) -> Upload:
    """Take in a small file that came with a page, in the pieces in which large ones come."""
    upload = open_upload(name=name, size=size, by=by)
    for index in range(upload.chunk_count):
        piece = io.BytesIO(file.read(upload.size_of(index)))
        store_chunk(upload=upload, index=index, content=piece, by=by)
    return upload


@transaction.atomic
def close_upload(*, upload: Upload, by: Actor) -> Upload:
    """Take an upload as a whole, once.

    Raises UploadGoneError, UploadUsedError, or UploadIncompleteError if pieces are missing.
    """
    by.must_write()
    locked: Upload | None = Upload.objects.select_for_update().filter(pk=upload.pk).first()
    if locked is None:
        raise UploadGoneError(name=upload.name)
    if is_used(locked):
        raise UploadUsedError(name=locked.name)
    arrived = locked.chunks.count()
    if arrived != locked.chunk_count:
        raise UploadIncompleteError(missing=locked.chunk_count - arrived, count=locked.chunk_count)
    locked.completed_at = locked.completed_at or timezone.now()
    locked.save(update_fields=["completed_at"])
    return locked


@transaction.atomic
def drop_upload(*, upload: Upload, by: Actor) -> None:
    """Give an upload up: its pieces are deleted.

    Raises UploadUsedError if a dataset or an evaluation was made of it.
    """
    by.must_write()
    locked: Upload = Upload.objects.select_for_update().get(pk=upload.pk)
    if is_used(locked):
        raise UploadUsedError(name=locked.name)
    forget_upload(locked)


@transaction.atomic
def sweep_uploads() -> int:
    """Delete the uploads that got no piece for UPLOAD_KEEP_HOURS and of which nothing was made; return how many."""
    before = timezone.now() - timedelta(hours=settings.UPLOAD_KEEP_HOURS)
    abandoned = Upload.objects.select_for_update(skip_locked=True, of=("self",)).filter(
        touched_at__lt=before, datasetversion=None, predictionfile=None
    )
    found = list(abandoned)
    for upload in found:
        forget_upload(upload)
    _sweep_pieces()
    return len(found)


def _sweep_pieces() -> None:
    """Delete pieces whose upload is gone: left by a process that was killed before it could delete them."""
    there = {address: address.split("/")[1] for address in stored_files("uploads")}
    known = {str(pk) for pk in Upload.objects.values_list("pk", flat=True)}  # asked after: none just begun is missed
    kept = timedelta(hours=settings.UPLOAD_KEEP_HOURS)
    for address, upload_id in there.items():
        if upload_id not in known and age_of(address) > kept:
            delete_file(address)


def is_used(upload: Upload) -> bool:
    """Whether something was made of an upload."""
    made: bool = DatasetVersion.objects.filter(upload=upload).exists()
    return made or PredictionFile.objects.filter(upload=upload).exists()


def forget_upload(upload: Upload) -> None:
    """Delete an upload: its row now, its pieces after the commit."""
    forget_chunks(upload)
    upload.delete()


def forget_chunks(upload: Upload) -> None:
    """Drop the pieces of an upload once the whole is stored or given up; their rows now, their bytes after."""
    upload_id, count = upload.pk, upload.chunk_count  # the row may lose its key before the commit
    upload.chunks.all().delete()
    transaction.on_commit(lambda: storage.drop_chunks(upload_id, count))
