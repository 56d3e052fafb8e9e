"""What reports add to the pages of the ground: a milestone's reports, and what waits for whom."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import Exists, F, OuterRef, QuerySet
from django.urls import reverse

from evaluations.models import Protocol, Report
from evaluations.queries.runs import is_sealed, protocols_of, speaking
from projects.access import Actor
from projects.addresses import address
from projects.attention import TO_DO, Need, register_needs
from projects.models import Milestone
from projects.palette import Entry, register_source
from projects.parts import Part, Step, register_part
from projects.prepared import Prepared
from projects.shares import Purpose, register

MADE_AT_MOST = 50


def reports_of_milestone(actor: Actor, milestone: Milestone) -> Part | None:
    """Show a milestone's reports, and offer to make one once there is a verdict."""
    frozen = [protocol for protocol in protocols_of(milestone) if protocol.state == Protocol.State.FROZEN]
    run = speaking(frozen[0].runs.all()) if frozen else None
    reports = _reports(milestone.pk)
    if run is None and not reports:
        return None
    values: dict[str, Any] = {
        "milestone": milestone,
        "reports": reports,
        "may_make": actor.may_write and run is not None and not is_sealed(run),
        "fresh": run is not None and any(report.run_id == run.pk for report in reports),
        "undecided": run is not None and run.verdict == "inconclusive" and not reports,
        "sealed": run is not None and is_sealed(run),
    }
    step = _step(milestone, reports, values)
    values["leads"] = step is not None and step.posts and not values["undecided"]  # the page's top has the button
    return Part("reports/_milestone_part.html", values, step)


def _step(milestone: Milestone, reports: list[Report], values: dict[str, Any]) -> Step | None:
    """Say that the verdict is to be reported, or that its report is to be sent."""
    if milestone.status not in (Milestone.Status.PLANNED, Milestone.Status.IN_PROGRESS):
        return None
    if values["may_make"] and not values["fresh"]:
        url = address("report-make", milestone.pk)
        return Step(f"“{milestone}” has its verdict: make the report.", "Make the report", url, posts=True)
    if reports and reports[0].sent_at is None:
        text = f"Report {reports[0].number} on “{milestone}” is ready: look at it as the client will, then send it."
        return Step(text, "Send the report", reverse("report", args=[reports[0].pk]))
    return None


def reports_to_send(actor: Actor) -> Iterable[Need]:
    """Name the reports that are made and not sent."""
    for report in _unsent(actor):
        yield Need(
            text=f"Report {report.number} on {report.milestone}",
            why="It is ready and has not been sent.",
            url=address("report", report.pk),
            action="Send it",
            harm=TO_DO,
            icon="send",
            at=report.created_at,
        )


@Prepared
def _reports(milestone: UUID) -> QuerySet[Report]:
    found: QuerySet[Report] = Report.objects.filter(milestone=milestone)
    return found.defer("body").annotate(verdict=F("body__verdict__verdict"))


@Prepared
def _unsent(actor: Actor) -> QuerySet[Report]:
    newer = Report.objects.filter(milestone=OuterRef("milestone"), number__gt=OuterRef("number"))
    found: QuerySet[Report] = Report.objects.visible_to(actor).filter(~Exists(newer), sent_at__isnull=True)
    return found.select_related("milestone").defer("body")[:MADE_AT_MOST]


def reports_by_name(actor: Actor, words: str, most: int) -> list[Entry]:
    """Find reports by their milestone's name."""
    rows = Report.objects.visible_to(actor).select_related("milestone").filter(milestone__title__icontains=words)
    return [Entry(str(report), address("report", report.pk), icon="file-text") for report in rows[:most]]


def register_all() -> None:
    """Add the parts, needs, names and the purpose of links."""
    register_part(page="milestone", name="reports", build=reports_of_milestone, order=70, leads=True)
    register_needs("reports", reports_to_send)
    register_source("Reports", reports_by_name)
    register(
        Purpose(
            name="report",
            title="Report",
            model="evaluations.report",
            page="report",
            room="freelance_ml.reports.shared.ReportRoom",
        )
    )
