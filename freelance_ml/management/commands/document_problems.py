"""Keep the list of problem codes in docs/api.md complete."""

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from projects.api.problems import all_problems

APPS = ("projects", "billing", "evaluations", "freelance_ml")
START, END = "<!-- problems: written by manage.py document_problems -->", "<!-- end of problems -->"
SILENT = ("migrations", "management", "engine", "wsgi", "celery")  # nothing there answers a request


def import_everything() -> None:
    """Import the modules of all storeys, so that every error class is known."""
    for app in APPS:
        for name in _modules(app):
            import_module(name)


def _modules(package: str) -> Iterator[str]:
    for found in pkgutil.iter_modules(import_module(package).__path__, f"{package}."):
        if found.name.rpartition(".")[2] in SILENT:
            continue
        yield found.name
        if found.ispkg:
            yield from _modules(found.name)


def problem_table() -> str:
    """Write every problem as a line of a Markdown table."""
    rows = [
        f"| `{problem.code}` | {problem.status} | {(problem.sentence or problem.title).replace('|', '/')} |"
        for problem in all_problems()
    ]
    return "\n".join(["| code | status | sentence |", "| --- | --- | --- |", *rows])


class Command(BaseCommand):
    """Write the table of problems into the documentation."""

    help = "Write the list of problem codes into docs/api.md; with --check, only say whether it is complete."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the wish only to look."""
        parser.add_argument("--check", action="store_true", help="change nothing; fail if the list is not complete")

    def handle(self, *, check: bool, **options: Any) -> None:
        """Compare, and write unless only a look was wished."""
        import_everything()
        page = Path(settings.BASE_DIR) / "docs" / "api.md"
        text = page.read_text(encoding="utf-8")
        before, _, rest = text.partition(START)
        _, _, after = rest.partition(END)
        wanted = f"{before}{START}\n\n{problem_table()}\n\n{END}{after}"
        if text == wanted:
            self.stdout.write("The list of problems is complete.")
        elif check:
            raise CommandError("docs/api.md lacks problems. Run: python manage.py document_problems")
        else:
            page.write_text(wanted, encoding="utf-8")
            self.stdout.write("The list of problems was written.")
