"""Signs how far the audit trail has come, to be kept on another machine."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from projects.services.audit_checks import as_dict, sign_checkpoints


class Command(BaseCommand):
    """Signs the end of every chain that moved, and writes the statements."""

    help = "Sign the end of every audit chain that moved; append the statements to a file or print them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the file that the statements are added to."""
        parser.add_argument("--to", type=Path, metavar="FILE", help="file that the statements are added to")

    def handle(self, *args: Any, **options: Any) -> None:
        """Sign and write one JSON object a line."""
        lines = [json.dumps(as_dict(checkpoint), sort_keys=True) for checkpoint in sign_checkpoints()]
        path: Path | None = options["to"]
        if path is None:
            self.stdout.write("\n".join(lines))
            return
        with path.open("a") as file:
            file.writelines(f"{line}\n" for line in lines)
        self.stdout.write(f"{len(lines)} chains signed. Keep {path} on another machine.")
