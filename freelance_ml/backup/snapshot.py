"""The database at one moment, while the application goes on writing."""

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from freelance_ml.backup.errors import BackupError
from freelance_ml.up.instance import private_folder

ALIAS = "snapshot"


@contextmanager
def snapshot() -> Iterator[BaseDatabaseWrapper]:
    """Lend a connection on which nothing changes any more."""
    if connection.in_atomic_block:
        message = "A backup cannot be taken inside a transaction: SQLite would wait for its end for ever."
        raise BackupError(message)
    if connection.vendor == "sqlite":
        with _copied_sqlite() as copy:
            yield copy
    else:
        with _one_moment_of_postgresql() as moment:
            yield moment


@contextmanager
def _copied_sqlite() -> Iterator[BaseDatabaseWrapper]:
    """Copy by SQLite's own backup, never the live file, and check the copy."""
    scratch = private_folder(Path(settings.VAR_DIR) / "scratch")
    with tempfile.TemporaryDirectory(dir=scratch, prefix="backup-") as folder:
        path = Path(folder) / "copy.sqlite3"
        connection.ensure_connection()
        copy = sqlite3.connect(path)
        try:
            connection.connection.backup(copy)
            found = copy.execute("PRAGMA integrity_check").fetchone()[0]
        finally:
            copy.close()
        if found != "ok":
            message = f"The database is damaged ({found}). Restore an earlier backup; this one was not written."
            raise BackupError(message)
        wrapper = type(connections[DEFAULT_DB_ALIAS])({**connection.settings_dict, "NAME": path, "OPTIONS": {}}, ALIAS)
        try:
            yield wrapper
        finally:
            wrapper.close()


@contextmanager
def _one_moment_of_postgresql() -> Iterator[BaseDatabaseWrapper]:
    """Read in one transaction that sees the database as it was at its start."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield connection
