"""Import a cloud bill from the command line: the same upload, preview and commit as in the page."""

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing import dispatch
from billing.models import BillImport, ColumnMapping
from billing.queries.bills import difference_of
from projects.access import Actor, Role
from projects.errors import DomainError
from projects.models import Job
from projects.models.people import Workspace
from projects.services.job_claims import claim_job
from projects.services.job_runs import carry_out

PAUSE = 0.3  # seconds between two looks at a job that another worker has taken


class Command(BaseCommand):
    """Read a bill, show what it holds and changes, and store it with --commit."""

    help = "Read a cloud bill, show what it holds and would change, and store it with --commit."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the file, the workspace and how to read it."""
        parser.add_argument("file", type=Path, help="CSV, or a CSV packed as .gz or .zip")
        parser.add_argument("--workspace", default="", help="name of the workspace; needless where there is one only")
        parser.add_argument("--mapping", default="", help="name of a saved column mapping")
        parser.add_argument("--currency", default="", help="where the file does not say it, such as EUR")
        parser.add_argument("--basis", choices=BillImport.Basis.values, default="actual", help="Azure only")
        parser.add_argument("--export", default="", help="where one account delivers several files for one month")
        parser.add_argument("--commit", action="store_true", help="store it; else it waits in the page")
        parser.add_argument("--beside", action="store_true", help="count it beside another export of the same month")

    def handle(self, *args: Any, **options: Any) -> None:
        """Take the file in, read it here, and store it if that is wanted."""
        if not options["file"].is_file():
            raise CommandError(f"There is no file {options['file']}.")
        by = self._actor(options["workspace"])
        try:
            source = dispatch.receive_bill(
                path=options["file"],
                name=options["file"].name,
                by=by,
                mapping=self._mapping(options["mapping"], by),
                currency=options["currency"],
                basis=options["basis"],
                export=options["export"],
            )
            source = self._work(source)
            self._show(source)
            if options["commit"]:
                source = self._work(dispatch.commit_bill(source=source, by=by, beside=options["beside"]))
        except DomainError as error:
            raise CommandError(str(error)) from error
        if source.error_message:
            raise CommandError(source.error_message)
        self.stdout.write(f"{source.name}: {BillImport.State(source.state).label.lower()}.")

    def _actor(self, name: str) -> Actor:
        found = Workspace.objects.filter(name=name) if name else Workspace.objects.all()
        if found.count() != 1:
            names = ", ".join(sorted(Workspace.objects.values_list("name", flat=True))[:20])
            raise CommandError(f"Name one workspace with --workspace: {names}.")
        return Actor(workspace=found.get(), role=Role.MEMBER, via="command", name="Command line")

    def _mapping(self, name: str, by: Actor) -> ColumnMapping | None:
        if not name:
            return None
        found: ColumnMapping | None = ColumnMapping.objects.visible_to(by).filter(name=name).first()
        if found is None:
            raise CommandError(f"There is no mapping named “{name}”.")
        return found

    def _work(self, source: BillImport) -> BillImport:
        """Carry out the job here, unless a worker was quicker; then wait for it."""
        working = (BillImport.State.READING, BillImport.State.COMMITTING)
        while source.state in working and source.job is not None:
            claimed = claim_job(hint=source.job.pk)
            if claimed is None:
                if Job.objects.get(pk=source.job.pk).is_over:
                    source.refresh_from_db()
                    break
                time.sleep(PAUSE)
            else:
                carry_out(claimed)
            source.refresh_from_db()
        return source

    def _show(self, source: BillImport) -> None:
        if source.state != BillImport.State.READY:
            raise CommandError(source.error_message or "The bill could not be read.")
        preview = source.preview
        self.stdout.write(f"{preview['title']}: {preview['rows']} lines")
        for currency, tallies in preview["tallies"].items():
            for name, tally in tallies.items():
                self.stdout.write(f"  {name:<11} {tally['total']:>30} {currency}")
        for part in difference_of(source):
            where = f"{part.billing_account or 'one account'} {part.period[:7]}".strip()
            change = f"{part.rows_before} → {part.rows} lines, change {part.change:f} {part.currency}"
            self.stdout.write(f"  {where}: {part.state}, {change}")
        for finding in [*preview["warnings"], *preview["findings"]]:
            self.stdout.write(f"  ! {finding['message']} ({finding['count']})")
