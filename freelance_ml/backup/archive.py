"""Writing the archive: tables, files, if wished keys, and the manifest with the SHA-256 of everything."""

import hashlib
import io
import json
import os
import tarfile
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from freelance_ml.backup.errors import BackupError
from freelance_ml.backup.rows import TableDigest, line_of, read_rows, stored_models
from freelance_ml.backup.snapshot import snapshot
from projects.storage import stored_files

FORMAT = 1
MANIFEST = "manifest.json"
BLOCK = 1 << 20  # bytes
NO_BACKUP = "This is no backup of Freelance ML, or it was cut off. Choose another archive."


@dataclass(frozen=True, slots=True)
class Summary:
    """What an archive holds."""

    tables: int
    rows: int
    files: int
    bytes: int
    keys: bool


class HashingReader:
    """Passes bytes on and hashes them on the way."""

    def __init__(self, source: IO[bytes]) -> None:
        self.source = source
        self.hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Read and remember."""
        data = self.source.read(size)
        self.hash.update(data)
        return data


def digest_of(source: IO[bytes]) -> str:
    """Read to the end and give the SHA-256."""
    reader = HashingReader(source)
    while reader.read(BLOCK):
        pass
    return reader.hash.hexdigest()


def write_archive(target: Path, *, with_keys: bool = False) -> Summary:
    """Write an archive that appears under its name only when it is whole and was read back without fault.

    The database is taken first: every file that its rows name is already there and never changes.
    """
    if target.exists():
        message = f"{target} exists already. Choose another name, so that no backup is lost."
        raise BackupError(message)
    draft = target.with_name(f".{target.name}.part")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
                manifest = _fill(archive, with_keys=with_keys)
                _add_bytes(archive, MANIFEST, json.dumps(manifest, indent=1, sort_keys=True).encode())
            file.flush()
            os.fsync(file.fileno())
        with tarfile.open(draft) as archive:
            verify(archive, read_manifest(archive))
        draft.rename(target)
    finally:
        draft.unlink(missing_ok=True)
    return summarise(manifest, target.stat().st_size)


def summarise(manifest: dict[str, Any], size: int) -> Summary:
    """Count what a manifest names."""
    tables = manifest["tables"].values()
    return Summary(
        tables=len(tables),
        rows=sum(table["rows"] for table in tables),
        files=len(manifest["files"]),
        bytes=size,
        keys=bool(manifest["keys"]),
    )


def _fill(archive: tarfile.TarFile, *, with_keys: bool) -> dict[str, Any]:
    members: dict[str, str] = {}
    with snapshot() as moment:
        tables = _add_tables(archive, moment, members)
        migrations = applied_migrations(moment)
    files = _add_files(archive, members)
    keys = _add_keys(archive, members) if with_keys else []
    return {
        "format": FORMAT,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "database": connection.vendor,
        "migrations": migrations,
        "tables": tables,
        "files": files,
        "keys": keys,
        "sha256": members,
    }


def applied_migrations(moment: BaseDatabaseWrapper) -> list[str]:
    """List the migrations that the database has seen."""
    with moment.cursor() as cursor:
        cursor.execute("SELECT app, name FROM django_migrations")
        return sorted(f"{app}.{name}" for app, name in cursor.fetchall())


def _add_tables(archive: tarfile.TarFile, moment: BaseDatabaseWrapper, members: dict[str, str]) -> dict[str, Any]:
    tables = {}
    for model in stored_models():
        digest = TableDigest()
        with tempfile.TemporaryFile() as lines:
            for row in read_rows(moment, model):
                digest.add(row)
                lines.write(line_of(row))
            size = lines.tell()
            lines.seek(0)
            name = model._meta.db_table
            members[f"tables/{name}.jsonl"] = _add(archive, f"tables/{name}.jsonl", lines, size)
        tables[name] = {"rows": digest.rows, "digest": digest.hexdigest()}
    return tables


def _add_files(archive: tarfile.TarFile, members: dict[str, str]) -> list[str]:
    names = []
    for name in stored_files():
        try:
            with default_storage.open(name) as file:
                members[f"files/{name}"] = _add(archive, f"files/{name}", file, file.size)
        except FileNotFoundError:  # deleted since it was listed
            continue
        names.append(name)
    return names


def _add_keys(archive: tarfile.TarFile, members: dict[str, str]) -> list[str]:
    folder = Path(settings.VAR_DIR) / "keys"
    names = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            with path.open("rb") as file:
                members[f"keys/{name}"] = _add(archive, f"keys/{name}", file, path.stat().st_size)
            names.append(name)
    return names


def _add(archive: tarfile.TarFile, name: str, source: Any, size: int) -> str:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o600
    entry.mtime = int(datetime.now(UTC).timestamp())
    reader = HashingReader(source)
    archive.addfile(entry, reader)
    return reader.hash.hexdigest()


def _add_bytes(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    _add(archive, name, io.BytesIO(content), len(content))


def read_manifest(archive: tarfile.TarFile) -> dict[str, Any]:
    """Read what the archive says it holds.

    Raises BackupError when it is no archive of ours.
    """
    try:
        file = archive.extractfile(MANIFEST)
        manifest: dict[str, Any] = dict(json.load(file)) if file else {}
    except (KeyError, TypeError, ValueError, RecursionError, tarfile.TarError) as error:
        raise BackupError(NO_BACKUP) from error
    if manifest.get("format") != FORMAT:
        message = (
            f"The archive has format {manifest.get('format')}, this version reads {FORMAT}. Use a matching version."
        )
        raise BackupError(message)
    if not _names_what_it_holds(manifest):
        raise BackupError(NO_BACKUP)
    return manifest


def _names_what_it_holds(manifest: dict[str, Any]) -> bool:
    """Say whether every table, file and key is named together with its hash, and nothing else is."""
    try:
        named = [f"{folder}/{name}" for folder in ("files", "keys") for name in manifest[folder]]
        named += [f"tables/{name}.jsonl" for name, table in manifest["tables"].items() if table["rows"] >= 0]
        digests = [table["digest"] for table in manifest["tables"].values()]
        return sorted(named) == sorted(manifest["sha256"]) and {*map(type, [*digests, *manifest["migrations"]])} <= {
            str
        }
    except (AttributeError, KeyError, TypeError):
        return False


def verify(archive: tarfile.TarFile, manifest: dict[str, Any]) -> None:
    """Read every member and compare its SHA-256.

    Raises BackupError at the first that differs, is missing or was never listed.
    """
    expected: dict[str, str] = dict(manifest["sha256"])
    for entry in archive:
        if entry.name == MANIFEST:
            continue
        wanted = expected.pop(entry.name, None)
        file = archive.extractfile(entry) if entry.isreg() else None
        if wanted is None or file is None or digest_of(file) != wanted:
            message = f"{entry.name} in the archive is damaged. Choose another archive."
            raise BackupError(message)
    if expected:
        message = f"The archive lacks {next(iter(expected))}. Choose another archive."
        raise BackupError(message)
