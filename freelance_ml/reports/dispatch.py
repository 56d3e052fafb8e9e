"""The front desk of reports: make, send, answer; pages, links and the API all go through here."""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from billing.queries.costs import milestone_cost
from evaluations.errors import ReportNotLatestError, VerdictPendingError
from evaluations.models import Report
from evaluations.queries.runs import deciding_run
from evaluations.services.reports import freeze_report, send_report
from freelance_ml.reports.milestone import job_usage, report_body
from projects.access import Actor
from projects.dispatch import start_job
from projects.models import Decision, Milestone
from projects.queries.ledgers import ledger_of_engagement
from projects.services.milestones import Evidence, accept_milestone, lock_engagement_of, set_milestone_status
from projects.services.sending import Letter, Sent, send_link, take_answer, writing
from projects.shares import Visit

DRAW_REPORT = "draw-report"


@transaction.atomic
def make_report(*, milestone: Milestone, by: Actor) -> Report:
    """Freeze a report on the look that speaks for a milestone, and have its charts drawn.

    Raises VerdictPendingError without such a look, or while its details are sealed.
    """
    by.must_write()
    run = deciding_run(milestone)
    if run is None:
        raise VerdictPendingError
    cost = {**job_usage(milestone), "spend": milestone_cost(milestone).to_dict()["costs"]}
    ledger = ledger_of_engagement(milestone.engagement)
    body = report_body(milestone=milestone, run=run, cost=cost, ledger=ledger, at=timezone.now())
    report = freeze_report(milestone=milestone, run=run, body=body, by=by)
    start_job(
        kind=DRAW_REPORT,
        workspace=by.workspace,
        arguments={"report": str(report.pk)},
        by=by,
        subject=report,
        title=f"Draw report {report.number} on {milestone}",
    )
    return report


@transaction.atomic
def send_to_client(*, report: Report, by: Actor, days: int = 14, **to: str) -> Sent[Report]:
    """Submit the milestone with a report, and send a link to it; ``to``: see ``send_link``."""
    sent = send_report(report=report, by=by)
    subject = f"{sent.body['milestone']['title']}: report {sent.number} from {sent.body['from']}"
    return send_link(row=sent, letter=Letter(subject, "reports/mail_report.txt"), by=by, days=days, **to)


@transaction.atomic
def answer_report(*, visit: Visit, report: Report, fields: dict[str, Any], consent: str) -> Decision:
    """Take the client's answer: accept the milestone, or send it back with what should change.

    Raises AlreadyAnsweredError, EngagementClosedError, IllegalTransitionError, or ReportNotLatestError for a
    superseded report.
    """
    lock_engagement_of(visit.actor, report.milestone.engagement_id)
    milestone = Milestone.objects.select_for_update().get(pk=report.milestone_id)
    if not report.is_latest:
        raise ReportNotLatestError(number=report.number)
    about = f"{report.milestone}:"
    decision = take_answer(visit=visit, row=report, about=about, fields=fields, consent=consent)
    if decision.answer == Decision.Answer.ACCEPTED:
        evidence = Evidence(summary=f"Report {report.number}, {report.digest}", how="client")
        accept_milestone(milestone=milestone, evidence=evidence, by=visit.actor)
    else:
        to, reason = Milestone.Status.CHANGES_REQUESTED, decision.message[:500]
        set_milestone_status(milestone=milestone, to=to, by=writing(visit.actor), reason=reason)
    return decision


def last_day_of_review(milestone: Milestone) -> Any:
    """Say on which day silence becomes acceptance; None if the contract does not say so."""
    days = milestone.engagement.review_days
    if days is None or milestone.submitted_at is None:
        return None
    zone = milestone.engagement.client.workspace.zone
    return timezone.localdate(milestone.submitted_at, zone) + timedelta(days=days)
