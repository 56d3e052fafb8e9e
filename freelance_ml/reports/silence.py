"""Silence: reminders while the review window runs, acceptance when it is over, where the contract says so."""

from datetime import date
from typing import Any

from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string

from evaluations.models import Report
from freelance_ml.reports.dispatch import last_day_of_review
from projects.access import Actor, Role
from projects.models import Decision, Engagement, Milestone, ShareLink
from projects.services.mail import queue_mail
from projects.services.milestones import CLOSED, Evidence, accept_milestone
from projects.shares import label_of

REMIND_BEFORE = (7, 2)  # days


@transaction.atomic
def answer_silence() -> dict[str, Any]:
    """Remind the clients that are due one, and accept what was met with silence; safe to run twice a day.

    A day ends where the workspace is. In an engagement that is over nothing is accepted any more.
    """
    reminded = accepted = 0
    running = Engagement.objects.exclude(status__in=CLOSED).filter(review_days__isnull=False)
    waiting = Milestone.objects.filter(status=Milestone.Status.SUBMITTED, engagement__in=running)
    list(running.filter(pk__in=waiting.values("engagement")).order_by("pk").select_for_update())  # before milestones
    waiting = waiting.order_by("engagement__client__workspace_id", "pk")  # the order in which trails are held
    for milestone in waiting.select_related("engagement__client__workspace").select_for_update(of=("self",)):
        today = milestone.engagement.client.workspace.today
        report = milestone.reports.filter(sent_at__isnull=False).order_by("-number").first()
        last = last_day_of_review(milestone)
        if report is None or last is None or _answered(report):
            continue
        if today > last:
            _accept(milestone, report)
            accepted += 1
        elif (last - today).days in REMIND_BEFORE:
            reminded += _remind(milestone, report, last, today)
    return {"reminded": reminded, "accepted": accepted}


def _answered(report: Report) -> bool:
    return Decision.objects.filter(subject=label_of(report), document_digest=report.digest).exists()


def _accept(milestone: Milestone, report: Report) -> None:
    workspace = milestone.engagement.client.workspace
    actor = Actor(workspace=workspace, role=Role.OWNER, via="job", name="Review window")
    days = milestone.engagement.review_days
    summary = f"Silence for {days} days after report {report.number}, {report.digest}"
    accept_milestone(milestone=milestone, evidence=Evidence(summary=summary, how="deemed"), by=actor)
    for email in _recipients(report):
        context = {"report": report, "milestone": milestone, "days": days}
        queue_mail(
            workspace=workspace,
            to=email,
            subject=f"{milestone}: accepted, as the review window is over",
            body=render_to_string("reports/mail_deemed.txt", context),
            key=f"deemed:{report.pk}:{email}",
        )


def _remind(milestone: Milestone, report: Report, last: date, today: date) -> int:
    recipients = _recipients(report)
    for email in recipients:
        context = {"report": report, "milestone": milestone, "last": last, "site": settings.SITE_URL}
        queue_mail(
            workspace=milestone.engagement.client.workspace,
            to=email,
            subject=f"{milestone}: your answer is wished by {last:%d %B %Y}",
            body=render_to_string("reports/mail_reminder.txt", context),
            key=f"remind:{report.pk}:{today.isoformat()}:{email}",
        )
    return len(recipients)


def _recipients(report: Report) -> list[str]:
    links = ShareLink.objects.filter(subject=label_of(report), revoked_at__isnull=True).exclude(recipient_email="")
    return sorted(set(links.values_list("recipient_email", flat=True)))
