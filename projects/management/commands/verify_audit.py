"""Checks the audit trail: exit code 0 when it is whole, 1 when it was touched, 2 when it could not be checked."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from projects.services.audit_checks import check_trail


class Command(BaseCommand):
    """Checks every chain; with a checkpoint file from elsewhere also whether its end was cut off."""

    help = "Check the audit trail for edits, deletions, insertions, reordering and, with a checkpoint, truncation."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the file of checkpoints that was kept outside."""
        parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="checkpoints that were kept elsewhere")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check, and name every row that is not as it was written."""
        path: Path | None = options["checkpoint"]
        try:
            outside = path.read_text(errors="replace").splitlines() if path else []
        except OSError as error:
            message = f"{path} cannot be read: {error.strerror}."
            raise CommandError(message, returncode=2) from error
        check = check_trail(outside=outside)
        for fault in check.faults:
            self.stderr.write(self.style.ERROR(str(fault)))
        counted = f"{check.entries} entries in {check.chains} chains, {check.checkpoints} checkpoints"
        if not check.is_whole:
            message = f"The audit trail was touched: {len(check.faults)} faults in {counted}."
            raise CommandError(message, returncode=1)
        self.stdout.write(self.style.SUCCESS(f"The audit trail is whole: {counted}."))
        if not path:
            self.stdout.write("Give --checkpoint FILE, kept on another machine, to see also that its end is there.")
