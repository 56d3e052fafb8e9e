"""One verified archive of database and files, which restores on SQLite and on PostgreSQL alike."""

from freelance_ml.backup.archive import Summary, write_archive
from freelance_ml.backup.errors import BackupError
from freelance_ml.backup.restoring import restore_archive

__all__ = ["BackupError", "Summary", "restore_archive", "write_archive"]
