"""Write everything into one archive while the application runs."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from freelance_ml.backup import BackupError, write_archive


class Command(BaseCommand):
    """Write the archive, read it back, say what is in it."""

    help = "Write one verified archive of database and files. The application may go on running."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the name of the archive."""
        parser.add_argument("archive", type=Path, help="file to write, for instance backup.tar")
        parser.add_argument(
            "--with-keys",
            action="store_true",
            help="put the keys in too: whoever has the archive can then read every sealed secret",
        )

    def handle(self, *, archive: Path, with_keys: bool, **options: Any) -> None:
        """Write all or nothing."""
        try:
            written = write_archive(archive.resolve(), with_keys=with_keys)
        except (BackupError, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            self.style.SUCCESS(
                f"{archive}: {written.rows} rows of {written.tables} tables, {written.files} files, "
                f"{written.bytes / 1e6:.1f} MB, read back without fault."
            )
        )
        if written.keys:
            self.stdout.write(self.style.WARNING("The keys are in it: keep it as secret as a password."))
        else:
            self.stdout.write("The keys are not in it: keep a copy of the folder keys in another place.")
