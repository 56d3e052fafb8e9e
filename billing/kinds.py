"""The second storey's kinds of background work: what each prepares, where it works, what it changes."""

from datetime import time
from pathlib import Path
from typing import Any
from uuid import UUID

from billing import storage
from billing.bills.lines import LINES_FILE
from billing.kind_names import ALLOCATE, CHECK_BUDGETS, COMMIT_BILL, READ_BILL
from billing.models import BillImport, Budget
from billing.services import bills
from billing.services.budgets import check_budgets
from billing.services.compute import book_job
from billing.services.rules import allocate_charges, rules_as_data
from projects.jobs import QUICK, Kind, Prepared, on_end, register, subject_page
from projects.models import Job
from projects.models.people import Workspace
from projects.sandbox import Limits
from projects.sandbox.task import GIBIBYTE
from projects.services.job_places import folder_of

WORK = "billing.bills.work:run"
READING = Limits(memory_bytes=1 * GIBIBYTE, file_bytes=8 * GIBIBYTE, disk_bytes=9 * GIBIBYTE, wall_seconds=1_800)


def _import_of(job: Job) -> BillImport:
    return BillImport.objects.select_related("mapping", "workspace").get(
        pk=job.arguments["import"], workspace=job.workspace_id
    )


def _lay(job: Job, source: BillImport) -> Path:
    folder = folder_of(job) / "inputs"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return storage.BILLS.fetch(source.workspace_id, source.sha256, folder / "bill")


def prepare_reading(job: Job) -> Prepared:
    """Lay the bill beside how it is to be read; nothing is written yet."""
    source = _import_of(job)
    return Prepared(source.reading_arguments() | {"write": False}, {"bill": _lay(job, source)})


def apply_reading(job: Job, result: dict[str, Any], outputs: Path) -> dict[str, Any]:
    """Keep what the bill holds, for its page."""
    bills.finish_reading(job=job, source_id=UUID(job.arguments["import"]), preview=result)
    return {"rows": result["rows"], "format": result["format"]}


def prepare_commit(job: Job) -> Prepared:
    """Lay the bill; every line carries the key of its import and that of its rule."""
    source = _import_of(job)
    wishes = {"constants": {"source_id": str(source.pk)}, "rules": rules_as_data(source.workspace)}
    return Prepared(source.reading_arguments() | wishes, {"bill": _lay(job, source)})


def apply_commit(job: Job, result: dict[str, Any], outputs: Path) -> dict[str, Any]:
    """Store the lines."""
    return bills.finish_commit(
        source_id=UUID(job.arguments["import"]),
        preview={name: part for name, part in result.items() if name != "rules"},
        lines=outputs / LINES_FILE,
        rules=result["rules"],
    )


def reading_ended(job: Job) -> None:
    """Say on the import why it was not read or stored."""
    bills.reading_failed(job=job, source_id=UUID(job.arguments["import"]))


def apply_allocation(job: Job, result: dict[str, Any], outputs: Path) -> dict[str, Any]:
    """Give every line of the workspace its rule."""
    workspace = Workspace.objects.select_for_update(of=("self",)).get(jobs=job)
    moved = allocate_charges(workspace=workspace)
    check_budgets(workspace=workspace)
    return {"moved": moved}


def apply_checks(job: Job, result: dict[str, Any], outputs: Path) -> dict[str, Any]:
    """Look at all budgets, as a month may end worse than it began."""
    wanted = Budget.objects.values_list("engagement__client__workspace", flat=True).distinct()
    told = [check_budgets(workspace=workspace) for workspace in Workspace.objects.filter(pk__in=wanted)]
    return {"alerts": sum(map(len, told))}


def book(job: Job) -> None:
    """Book the machine time of a job that is over."""
    book_job(job)


register(
    Kind(
        name=READ_BILL,
        title="Read a bill",
        page=subject_page("billing:bill-import"),
        work=WORK,
        prepare=prepare_reading,
        apply=apply_reading,
        ended=reading_ended,
        limits=READING,
    )
)
register(
    Kind(
        name=COMMIT_BILL,
        title="Store a bill",
        page=subject_page("billing:bill-import"),
        work=WORK,
        prepare=prepare_commit,
        apply=apply_commit,
        ended=reading_ended,
        limits=READING,
    )
)
register(Kind(name=ALLOCATE, title="Allocate spend by the rules", apply=apply_allocation))
register(
    Kind(name=CHECK_BUDGETS, title="Look at the budgets", apply=apply_checks, lane=QUICK, site_daily_at=time(5, 15))
)
on_end("billing", book)
