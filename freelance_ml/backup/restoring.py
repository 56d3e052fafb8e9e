"""Reading an archive into an empty installation, wholly or not at all."""

import json
import os
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.core.management.color import no_style
from django.db import DatabaseError, connection, transaction
from django.db.migrations.loader import MigrationLoader

from freelance_ml.backup.archive import Summary, digest_of, read_manifest, summarise, verify
from freelance_ml.backup.errors import BackupError
from freelance_ml.backup.rows import Row, TableDigest, read_rows, stored_models, write_rows
from freelance_ml.up.instance import private_folder
from projects.models import User, Workspace


def restore_archive(source: Path) -> Summary:
    """Check the whole archive, then restore files, tables and keys; the digest of every table must come out equal.

    The tables are made first where they are missing.

    Raises BackupError; then the database is as it was.
    """
    try:
        archive = tarfile.open(source)  # noqa: SIM115  # closed by the with below
    except (OSError, tarfile.TarError) as error:
        message = f"{source} cannot be opened as a backup: {error}."
        raise BackupError(message) from error
    with archive:
        manifest = check_archive(archive)
        call_command("migrate", interactive=False, verbosity=0)
        _must_be_empty(manifest)
        _restore_files(archive, manifest)
        with transaction.atomic():
            _restore_tables(archive, manifest)
        ContentType.objects.clear_cache()
        _restore_keys(archive, manifest)
    return summarise(manifest, source.stat().st_size)


def check_archive(archive: tarfile.TarFile) -> dict[str, Any]:
    """Read the whole archive before anything is touched.

    Raises BackupError when it is damaged, hostile, or of another version.
    """
    manifest = read_manifest(archive)
    for name in [*manifest["files"], *manifest["keys"]]:
        _must_be_plain(name)
    verify(archive, manifest)
    here = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    if different := sorted(here ^ set(manifest["migrations"])):
        message = (
            f"The archive was written by another version (differs in {different[0]}). "
            "Restore it with that version, then update."
        )
        raise BackupError(message)
    return manifest


def _must_be_empty(manifest: dict[str, Any]) -> None:
    if User.objects.exists() or Workspace.objects.exists():
        message = "This installation already has people in it. Restore into an empty one: FREELANCE_ML_VAR=/new/folder."
        raise BackupError(message)
    unknown = set(manifest["tables"]) ^ {model._meta.db_table for model in stored_models()}
    if unknown:
        message = (
            f"Archive and installation differ in the table {min(unknown)}. Restore with the version that wrote it."
        )
        raise BackupError(message)


def _restore_tables(archive: tarfile.TarFile, manifest: dict[str, Any]) -> None:
    models = stored_models()
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        for model in models:
            if not model._base_manager.exists():
                continue
            try:
                with transaction.atomic():
                    cursor.execute(f"DELETE FROM {quote(model._meta.db_table)}")  # noqa: S608  # names of our own models
            except DatabaseError as error:
                message = f"The table {model._meta.db_table} is not empty. Restore into an empty installation."
                raise BackupError(message) from error
    for model in models:
        write_rows(connection, model, _lines(archive, model._meta.db_table))
    for model in models:
        _must_be_equal(model, manifest["tables"][model._meta.db_table]["digest"])
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), models):
            cursor.execute(statement)


def _must_be_equal(model: Any, wanted: str) -> None:
    digest = TableDigest()
    for row in read_rows(connection, model):
        digest.add(row)
    if digest.hexdigest() != wanted:
        message = f"The table {model._meta.db_table} did not come out as it was; nothing was restored."
        raise BackupError(message)


def _lines(archive: tarfile.TarFile, table: str) -> Iterator[Row]:
    file = archive.extractfile(f"tables/{table}.jsonl")
    assert file is not None  # noqa: S101  # verified before
    for line in file:
        yield json.loads(line)


def _restore_files(archive: tarfile.TarFile, manifest: dict[str, Any]) -> None:
    for name in manifest["files"]:
        if default_storage.exists(name):
            _must_be_the_same(name, manifest["sha256"][f"files/{name}"])
            continue
        saved = default_storage.save(name, File(archive.extractfile(f"files/{name}")))
        if saved != name:
            default_storage.delete(saved)
            message = f"The file {name} cannot be stored under its name. Check the storage, then restore again."
            raise BackupError(message)


def _must_be_plain(name: str) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or path.as_posix() != name or not path.name:
        message = f"The archive holds a file with a forbidden name: {name!r}. Do not trust it."
        raise BackupError(message)


def _must_be_the_same(name: str, wanted: str) -> None:
    with default_storage.open(name) as file:
        if digest_of(file) != wanted:
            message = f"The file {name} is here already with other content. Restore into an empty storage."
            raise BackupError(message)


def _restore_keys(archive: tarfile.TarFile, manifest: dict[str, Any]) -> None:
    """Put the keys of the archive in place of those that the empty installation made for itself."""
    folder = Path(settings.VAR_DIR) / "keys"
    for name in manifest["keys"]:
        target = folder / name
        private_folder(folder)
        private_folder(target.parent)
        file = archive.extractfile(f"keys/{name}")
        assert file is not None  # noqa: S101  # verified before
        draft = target.with_name(f".{target.name}.part")
        with suppress(FileNotFoundError):
            draft.unlink()
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(file.read())
        draft.rename(target)
