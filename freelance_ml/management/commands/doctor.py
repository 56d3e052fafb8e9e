"""Look for what is wrong."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from freelance_ml.doctor import Row, State, examine

SIGNS = {State.OK: "ok   ", State.NOTE: "note ", State.ERROR: "ERROR"}


class Command(BaseCommand):
    """Show every row; the exit code is 1 when one is an error."""

    help = "Say what is configured, reachable, writable and outdated, and what to do."
    requires_system_checks = ()  # they are rows of their own

    def add_arguments(self, parser: CommandParser) -> None:
        """Take --json."""
        parser.add_argument("--json", action="store_true", dest="as_json", help="for programs")

    def handle(self, *, as_json: bool, **options: Any) -> None:
        """Examine and show."""
        rows = examine()
        if as_json:
            self.stdout.write(json.dumps([asdict(row) for row in rows], indent=1))
        else:
            for row in rows:
                self._show(row)
        if any(row.state is State.ERROR for row in rows):
            raise SystemExit(1)

    def _show(self, row: Row) -> None:
        style = {State.OK: self.style.SUCCESS, State.NOTE: self.style.WARNING, State.ERROR: self.style.ERROR}[row.state]
        self.stdout.write(f"{style(SIGNS[row.state])} {row.check:<18} {row.found}")
        if row.remedy:
            self.stdout.write(f"{'':>24} → {row.remedy}")
