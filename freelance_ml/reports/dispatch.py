"""The front desk of reports: make, send, answer; pages, links and the API all go through here."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from billing.queries.costs import milestone_cost
from evaluations.errors import ReportNotLatestError, VerdictPendingError
from evaluations.models import Report
from evaluations.queries.runs import deciding_run
from evaluations.services.reports import freeze_report, send_report
from freelance_ml.reports.milestone import job_usage, report_body
from projects.access import Actor, Role
from projects.dispatch import start_job
from projects.models import Decision, Milestone, ShareLink
from projects.queries.ledgers import ledger_of_engagement
from projects.services.decisions import record_decision
from projects.services.mail import queue_mail
from projects.services.milestones import Evidence, accept_milestone, set_milestone_status
from projects.services.shares import create_share_link
from projects.shares import Visit, label_of, purpose_named

DRAW_REPORT = "draw-report"
PURPOSE = "report"


@dataclass(frozen=True, slots=True)
class Sent:
    """A report on its way: its link, and the address that is shown this once."""

    report: Report
    link: ShareLink
    address: str


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
def send_to_client(
    *, report: Report, by: Actor, name: str = "", email: str = "", days: int = 14, passcode: str = ""
) -> Sent:
    """Submit the milestone with a report, make its link, and mail the link where an address is given."""
    sent = send_report(report=report, by=by)
    purpose = purpose_named(PURPOSE)
    assert purpose is not None  # noqa: S101  # registered when the roof starts
    made = create_share_link(
        subject=sent, purpose=purpose, by=by, days=days, recipient_name=name, recipient_email=email, passcode=passcode
    )
    address = settings.SITE_URL + reverse("projects:share-door", args=[made.token])
    if email:
        context = {"report": sent, "body": sent.body, "address": address, "name": name, "passcode": bool(passcode)}
        queue_mail(
            workspace=by.workspace,
            to=email,
            subject=f"{sent.body['milestone']['title']}: report {sent.number} from {sent.body['from']}",
            body=render_to_string("reports/mail_report.txt", context),
        )
    return Sent(sent, made.link, address)


@transaction.atomic
def answer_report(*, visit: Visit, report: Report, fields: dict[str, Any], consent: str) -> Decision:
    """Take the client's answer: accept the milestone, or send it back with what should change.

    Raises AlreadyAnsweredError, ReportNotLatestError for a superseded report, or IllegalTransitionError.
    """
    milestone = Milestone.objects.select_for_update().get(pk=report.milestone_id)
    if not report.is_latest:
        raise ReportNotLatestError(number=report.number)
    decision = record_decision(
        subject=label_of(report),
        document_digest=report.digest,
        answer=fields["answer"],
        name=fields["name"],
        email=fields["email"],
        message=fields.get("message", ""),
        consent=consent,
        by=visit.actor,
        agent=visit.agent,
        link=visit.link,
    )
    if decision.answer == Decision.Answer.ACCEPTED:
        evidence = Evidence(summary=f"Report {report.number}, {report.digest}", how="client")
        accept_milestone(milestone=milestone, evidence=evidence, by=visit.actor)
    else:
        # The answer itself moves the milestone: for this one step the holder of the link may write.
        client = replace(visit.actor, role=Role.MEMBER, scopes=frozenset({"read", "write"}))
        set_milestone_status(
            milestone=milestone, to=Milestone.Status.CHANGES_REQUESTED, by=client, reason=decision.message[:500]
        )
    _tell_owner(report, decision)
    return decision


def _tell_owner(report: Report, decision: Decision) -> None:
    creator = report.created_by
    if creator is None:
        return
    queue_mail(
        workspace=decision.workspace,
        to=creator.email,
        subject=f"{report.milestone}: {decision.get_answer_display().lower()} by {decision.name}",
        body=render_to_string(
            "reports/mail_answer.txt", {"report": report, "decision": decision, "site": settings.SITE_URL}
        ),
    )


def last_day_of_review(milestone: Milestone) -> Any:
    """Say on which day silence becomes acceptance; None if the contract does not say so."""
    days = milestone.engagement.review_days
    if days is None or milestone.submitted_at is None:
        return None
    return (milestone.submitted_at + timedelta(days=days)).date()
