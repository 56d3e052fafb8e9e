"""Read an archive into an empty installation."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from freelance_ml.backup import BackupError, restore_archive
from freelance_ml.start import run_folder
from freelance_ml.up.instance import is_running


class Command(BaseCommand):
    """Make the tables, read the archive, say what came."""

    help = "Restore an archive of `manage.py backup` into an empty installation, on SQLite or PostgreSQL."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the archive."""
        parser.add_argument("archive", type=Path, help="archive that `manage.py backup` wrote")

    def handle(self, *, archive: Path, **options: Any) -> None:
        """Restore all or nothing."""
        if is_running(run_folder()):
            message = "Freelance ML runs on this folder. Stop it, then restore."
            raise CommandError(message)
        try:
            restored = restore_archive(archive)
        except (BackupError, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            self.style.SUCCESS(
                f"{restored.rows} rows of {restored.tables} tables and {restored.files} files are back, digests equal."
            )
        )
        if not restored.keys:
            self.stdout.write("The archive has no keys: put your copy of the folder keys back before you start.")
