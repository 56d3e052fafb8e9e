"""Reports: frozen, hashed and signed; a newer one supersedes an older one, nothing edits either."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from evaluations.errors import ReportNotLatestError, VerdictPendingError
from evaluations.models import EvaluationRun, Report
from evaluations.queries.runs import is_sealed
from projects.access import Actor
from projects.canonical import canonical, digest
from projects.models import Milestone
from projects.secrets import sign
from projects.services import audit
from projects.services.milestones import lock_engagement_of, set_milestone_status


@transaction.atomic
def freeze_report(*, milestone: Milestone, run: EvaluationRun, body: Mapping[str, Any], by: Actor) -> Report:
    """Freeze what the roof put together about a milestone; the number is taken here.

    Raises VerdictPendingError while the run has no result, or its details are sealed.
    """
    by.must_write()
    lock_engagement_of(by, milestone.engagement_id)
    if run.result is None or is_sealed(run):
        raise VerdictPendingError
    number = (milestone.reports.aggregate(last=Max("number"))["last"] or 0) + 1
    frozen = {**body, "number": number}
    key_id, signature = sign(canonical(frozen))
    report = Report.objects.create(
        milestone=milestone,
        number=number,
        run=run,
        body=frozen,
        digest=digest(frozen),
        signature=signature,
        key_id=key_id,
        created_by=by.user,
    )
    audit.record(by=by, action="report.frozen", target=report, detail={"number": number, "sha256": report.digest})
    return report


@transaction.atomic
def send_report(*, report: Report, by: Actor) -> Report:
    """Submit the milestone with its latest report; sending it twice changes nothing.

    Raises ReportNotLatestError for an older report, IllegalTransitionError if the milestone cannot be submitted.
    """
    by.must_write()
    lock_engagement_of(by, report.milestone.engagement_id)  # before the milestone, as everyone does
    locked: Report = Report.objects.select_for_update().select_related("milestone").get(pk=report.pk)
    if locked.milestone.reports.filter(number__gt=locked.number).exists():
        raise ReportNotLatestError(number=locked.number)
    if locked.sent_at is None:
        locked.sent_at = timezone.now()
        locked.save(update_fields=["sent_at"])
        audit.record(by=by, action="report.sent", target=locked, detail={"sha256": locked.digest})
    if locked.milestone.status == Milestone.Status.PLANNED:
        set_milestone_status(milestone=locked.milestone, to=Milestone.Status.IN_PROGRESS, by=by)
    set_milestone_status(milestone=locked.milestone, to=Milestone.Status.SUBMITTED, by=by)
    return locked


def store_rendering(*, report: Report, charts: list[dict[str, str]]) -> Report:
    """Keep the drawn charts beside the frozen value; they can be drawn again from it at any time."""
    report.charts = list(charts)
    report.save(update_fields=["charts"])
    return report
