"""The roof's kinds of background work."""

from datetime import time
from pathlib import Path
from typing import Any

from django.db.models import QuerySet

from evaluations.models import Report
from evaluations.services.reports import store_rendering
from freelance_ml.reports.dispatch import DRAW_REPORT
from freelance_ml.reports.silence import answer_silence
from projects.jobs import QUICK, Kind, Prepared, register, subject_page
from projects.models import Job
from projects.sandbox import Limits
from projects.sandbox.task import GIBIBYTE

ANSWER_SILENCE = "answer-silence"


def _report_of(job: Job) -> QuerySet[Report]:
    return Report.objects.filter(pk=job.arguments["report"], milestone__engagement__client__workspace=job.workspace_id)


def prepare_drawing(job: Job) -> Prepared:
    """Hand the frozen curves over."""
    report = _report_of(job).get()
    return Prepared(arguments={"curves": report.body["curves"]})


def apply_drawing(job: Job, result: dict[str, Any], outputs: Path) -> dict[str, Any]:
    """Keep the pictures beside the frozen value."""
    report = _report_of(job).select_for_update().get()
    store_rendering(report=report, charts=result["charts"])
    return {"charts": len(result["charts"])}


def apply_silence(job: Job, result: dict[str, Any], outputs: Path) -> dict[str, Any]:
    """Remind clients whose review window runs, and take silence as acceptance where it is over."""
    return answer_silence()


register(
    Kind(
        name=DRAW_REPORT,
        title="Draw a report",
        page=subject_page("report"),
        work="freelance_ml.reports.drawing:run",
        prepare=prepare_drawing,
        apply=apply_drawing,
        limits=Limits(memory_bytes=4096 * GIBIBYTE),  # V8 reserves address space that it never touches
        lane=QUICK,
    )
)
register(Kind(name=ANSWER_SILENCE, title="Answer silence", apply=apply_silence, lane=QUICK, site_daily_at=time(6, 0)))
