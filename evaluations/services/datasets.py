"""Datasets and their versions: added, read, corrected, deleted."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max, ProtectedError

from evaluations import storage
from evaluations.errors import (
    DatasetNameTakenError,
    DatasetNotReadyError,
    ReadingInProgressError,
    VersionInUseError,
)
from evaluations.models import Column, Dataset, DatasetVersion, StoredFile, Upload
from evaluations.services.uploads import close_upload, forget_chunks, forget_upload
from projects.access import Actor
from projects.models import Workspace
from projects.services import audit
from projects.storage import DamagedFileError

COLUMN_BATCH = 500


@transaction.atomic
def add_dataset(*, by: Actor, **fields: Any) -> Dataset:
    """Add a dataset with its source and rights; versions come with files.

    Raises DatasetNameTakenError if the workspace has one of that name.
    """
    by.must_write()
    _must_be_free(by.workspace, fields["name"])
    dataset = Dataset.objects.create(workspace=by.workspace, **fields)
    audit.record(by=by, action="dataset.added", target=dataset, detail={"name": dataset.name})
    return dataset


@transaction.atomic
def change_dataset(*, dataset: Dataset, by: Actor, **fields: Any) -> Dataset:
    """Change what is known of a dataset: name, source, owner, licence, lawful basis, retention, target."""
    by.must_write()
    locked: Dataset = Dataset.objects.select_for_update().get(pk=dataset.pk, workspace=by.workspace)
    changed = sorted(name for name, value in fields.items() if getattr(locked, name) != value)
    if "name" in changed:
        _must_be_free(by.workspace, fields["name"], but=locked)
    for name in changed:
        setattr(locked, name, fields[name])
    if changed:
        locked.save(update_fields=changed)
        audit.record(by=by, action="dataset.changed", target=locked, detail={"fields": changed})
    return locked


def _must_be_free(workspace: Workspace, name: str, but: Dataset | None = None) -> None:
    named = Dataset.objects.in_workspace(workspace).filter(name=name)
    if (named.exclude(pk=but.pk) if but else named).exists():
        raise DatasetNameTakenError(name=name)


@transaction.atomic
def add_version(
    *, dataset: Dataset, upload: Upload, by: Actor, options: Mapping[str, Any] | None = None
) -> DatasetVersion:
    """Add a version for a finished upload; a job reads it.

    Raises UploadIncompleteError if pieces are missing, UploadUsedError if something was made of it already.
    """
    by.must_write()
    closed = close_upload(upload=upload, by=by)
    Dataset.objects.select_for_update().get(pk=dataset.pk)
    last = dataset.versions.aggregate(last=Max("number"))["last"] or 0
    version = DatasetVersion.objects.create(
        dataset=dataset, number=last + 1, file_name=closed.name, upload=closed, options=dict(options or {})
    )
    audit.record(
        by=by, action="dataset.version_added", target=version, detail={"file": closed.name, "bytes": closed.size}
    )
    return version


@transaction.atomic
def begin_reading(*, version: DatasetVersion, options: Mapping[str, Any], by: Actor) -> DatasetVersion:
    """Set how a version is to be read and send it back to reading.

    Raises VersionInUseError if a protocol already rests on it, ReadingInProgressError while it is being read.
    """
    by.must_write()
    locked = _free_version(version)
    locked.options, locked.state = dict(options), DatasetVersion.State.READING
    locked.save(update_fields=["options", "state"])
    audit.record(by=by, action="dataset.reading_corrected", target=locked, detail={"options": dict(options)})
    return locked


def _free_version(version: DatasetVersion) -> DatasetVersion:
    """Lock a version that may still change: nothing rests on it and nobody is reading it."""
    locked: DatasetVersion = DatasetVersion.objects.select_for_update().get(pk=version.pk)
    if locked.protocols.exists():
        raise VersionInUseError(version=locked)
    if locked.state == DatasetVersion.State.READING:
        raise ReadingInProgressError(version=locked)
    return locked


def must_be_ready(version: DatasetVersion) -> None:
    """Raise DatasetNotReadyError unless a version has been read and asks nothing."""
    if version.state != DatasetVersion.State.READY:
        raise DatasetNotReadyError(version=version, state=version.get_state_display().lower())


@transaction.atomic
def delete_version(*, version: DatasetVersion, by: Actor) -> bool:
    """Delete a version with its bytes, and its dataset if it was the last; say whether the dataset went too.

    Bytes that another row still needs stay. Raises VersionInUseError if a protocol rests on the version,
    ReadingInProgressError while it is being read.
    """
    by.must_write()
    locked = _free_version(version)
    dataset = Dataset.objects.select_for_update().get(pk=locked.dataset_id)
    audit.record(
        by=by,
        action="dataset.version_deleted",
        target=locked,
        detail={
            "file": locked.file_name,
            "original": locked.original.sha256 if locked.original else None,
            "table": locked.table.sha256 if locked.table else None,
        },
    )
    files, upload = [file for file in (locked.original, locked.table) if file is not None], locked.upload
    locked.delete()
    if upload is not None:
        forget_upload(upload)
    for file in files:
        _forget_file(file)
    if dataset.versions.exists():
        return False
    audit.record(by=by, action="dataset.deleted", target=dataset, detail={"name": dataset.name})
    dataset.delete()
    return True


def _forget_file(file: StoredFile) -> None:
    """Delete a stored file that no row needs any more: its row now, its bytes after."""
    workspace_id, sha256 = file.workspace_id, file.sha256
    try:
        with transaction.atomic():
            file.delete()
    except ProtectedError:
        return
    transaction.on_commit(lambda: storage.DATA.delete(workspace_id, sha256))


def file_row(*, workspace: Workspace, stored: Mapping[str, Any]) -> StoredFile:
    """Return the row of bytes that lie in the storage already; ``stored`` is as the shelf gave it."""
    row, _ = StoredFile.objects.get_or_create(
        workspace=workspace, sha256=stored["sha256"], defaults={"size": stored["size"]}
    )
    return row


def fetch_original(*, version: DatasetVersion, target: Path) -> Path:
    """Lay the file as it arrived at ``target``: from the storage, or joined from its pieces."""
    if version.original is not None:
        return storage.DATA.fetch(version.dataset.workspace_id, version.original.sha256, target)
    upload = version.upload
    if upload is None:
        raise DamagedFileError(address=version.file_name)
    storage.join_chunks(upload.pk, upload.chunk_count, target)
    return target


def finish_reading(*, version_id: UUID, result: Mapping[str, Any]) -> DatasetVersion:
    """Store what a reading found; called inside the transaction that ends the job.

    ``result["stored"]`` names the bytes of the original and, if the file could be read, of the table.
    """
    version: DatasetVersion = DatasetVersion.objects.select_for_update().select_related("dataset").get(pk=version_id)
    workspace, stored = version.dataset.workspace, result["stored"]
    version.original = version.original or file_row(workspace=workspace, stored=stored["original"])
    version.report = result["report"]
    version.state = STATE_OF_OUTCOME[version.report["outcome"]]
    ready = version.state == DatasetVersion.State.READY
    before = version.table
    version.table = file_row(workspace=workspace, stored=stored["table"]) if ready else None
    version.rows, version.column_count = (result["rows"], result["columns"]) if ready else (None, None)
    if not ready:  # what an earlier reading found no longer holds
        version.profile, version.findings = {}, []
        version.columns.all().delete()
    version.save()
    if before is not None and before != version.table:
        _forget_file(before)
    if version.upload is not None:
        forget_chunks(version.upload)
    if version.state == DatasetVersion.State.READY:
        store_profile(version=version, profile=result["profile"], findings=result["findings"])
    return version


def discard_version(*, version_id: UUID, message: str, with_dataset: bool) -> None:
    """Remove a version whose file is no table, and the dataset that was made for it alone.

    A file that could be read before stays: then only the corrections were wrong, and it can be read again.
    Called inside the transaction that ends the job; the job keeps the reason.
    """
    version = (
        DatasetVersion.objects.select_for_update(of=("self",)).select_related("dataset", "upload").get(pk=version_id)
    )
    if version.original_id is not None:
        break_off_reading(version_id=version_id, message=message)
        return
    dataset, upload = version.dataset, version.upload
    audit.record(
        by=Actor.job(dataset.workspace),
        action="dataset.version_discarded",
        target=version,
        detail={"file": version.file_name, "reason": message[:500]},
    )
    version.delete()
    if upload is not None:
        forget_upload(upload)
    if with_dataset and not dataset.versions.exists():
        dataset.delete()


def break_off_reading(*, version_id: UUID, message: str) -> None:
    """Mark a version whose reading broke off for no fault of its file, which is kept to be read again."""
    version: DatasetVersion = DatasetVersion.objects.select_for_update().get(pk=version_id)
    if version.state == DatasetVersion.State.READING:
        finding = {"code": "reading-broke-off", "severity": "error", "message": message}
        version.state = DatasetVersion.State.REJECTED
        version.report = {"outcome": "broken-off", "findings": [finding]}
        version.profile, version.findings = {}, []
        version.columns.all().delete()
        version.save(update_fields=["state", "report", "profile", "findings"])


STATE_OF_OUTCOME = {
    "accept": DatasetVersion.State.READY,
    "warn": DatasetVersion.State.READY,
    "ask": DatasetVersion.State.ASKS,
}


def store_findings(*, version_id: UUID, findings: list[dict[str, Any]], target: str) -> None:
    """Replace the findings of a version by those of an audit that knows the target."""
    version: DatasetVersion = DatasetVersion.objects.select_for_update().select_related("dataset").get(pk=version_id)
    version.findings = findings
    version.save(update_fields=["findings"])
    if version.dataset.target != target:
        version.dataset.target = target
        version.dataset.save(update_fields=["target"])


def store_profile(*, version: DatasetVersion, profile: Mapping[str, Any], findings: list[dict[str, Any]]) -> None:
    """Store the figures of a version and of each of its columns."""
    Column.objects.filter(version=version).delete()
    Column.objects.bulk_create(
        (
            Column(version=version, position=position, name=facts["name"][:255], kind=facts["type"], facts=facts)
            for position, facts in enumerate(profile["columns"])
        ),
        batch_size=COLUMN_BATCH,
    )
    version.profile = {key: value for key, value in profile.items() if key != "columns"}
    version.findings = findings
    version.save(update_fields=["profile", "findings"])
