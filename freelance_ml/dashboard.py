"""The dashboard: what needs me now, what runs, what comes, money in sight; each app is asked for its part."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from projects.access import Actor
from projects.addresses import address
from projects.attention import FAILED, Need, needs_of
from projects.models import Client, Job
from projects.prepared import Prepared
from projects.queries.engagements import coming_milestones, engagement_needs, money_in_sight, open_work

STOP_POLLING = 286  # htmx's own: swap this answer, then ask no more
FRESH = timedelta(days=7)
MOST_NEEDS = 12
MOST_JOBS = 8
MONEY = (
    ("open", "Still to earn", ""),
    ("unbilled", "Accepted, un-billed", "tone-accent"),
    ("outstanding", "Outstanding", ""),
    ("paid", "Paid", ""),
)


def dashboard_of(actor: Actor) -> dict[str, Any]:
    """Gather what the dashboard shows."""
    work, jobs = open_work(actor), jobs_that_matter(actor, timezone.now() - FRESH)
    needs = needs_of(actor, [*engagement_needs(work), *job_needs(jobs)])
    mine = [need for need in needs if need.who == "you"]
    money, running = money_in_sight(actor), [job for job in jobs if not job.is_over]
    return {
        "needs": mine[:MOST_NEEDS],
        "more_needs": max(len(mine) - MOST_NEEDS, 0),
        "theirs": [need for need in needs if need.who != "you"][:MOST_NEEDS],
        "running": running,
        "coming": coming_milestones(work),
        "money": _columns(money, actor.workspace.currency),
        "is_new": not (money or needs or running) and not Client.objects.visible_to(actor).exists(),
    }


def _columns(money: list[dict[str, Any]], own: str) -> list[dict[str, Any]]:
    """Turn the sums by currency into columns, the workspace's own first; nothing is said once, in that one."""
    money = sorted(money, key=lambda row: (row["currency"] != own, row["currency"]))
    columns = []
    for name, label, tone in MONEY:
        sums = [(row[name], row["currency"]) for row in money if row[name]]
        columns.append({"label": label, "sums": sums or [(0, own)], "tone": tone if sums else "quiet"})
    return columns if money else []


def running_jobs(actor: Actor) -> QuerySet[Job]:
    """List the jobs that are not over, without the parts of others."""
    jobs: QuerySet[Job] = Job.objects.visible_to(actor).open().filter(parent=None).order_by("created_at")[:MOST_JOBS]
    return jobs


def failed_jobs(actor: Actor, since: datetime) -> QuerySet[Job]:
    """List the jobs that failed since a moment and were not started again."""
    failed = Job.objects.visible_to(actor).filter(state=Job.State.FAILED, parent=None)
    jobs: QuerySet[Job] = failed.filter(finished_at__gte=since).order_by("-finished_at")[:MOST_NEEDS]
    return jobs


@Prepared
def jobs_that_matter(actor: Actor, since: datetime) -> QuerySet[Job]:
    """List what runs and what failed since a moment, the oldest first, with one query."""
    wanted = Q(pk__in=running_jobs(actor).values("pk")) | Q(pk__in=failed_jobs(actor, since).values("pk"))
    jobs: QuerySet[Job] = Job.objects.filter(wanted).defer("arguments", "versions", "result")
    return jobs.order_by("created_at")


def job_needs(jobs: Iterable[Job]) -> Iterator[Need]:
    """Say which jobs failed."""
    for job in jobs:
        if job.state != Job.State.FAILED:
            continue
        yield Need(
            text=f"“{job}” failed",
            why=job.error_message,
            url=address("projects:job", job.pk),
            action="See why",
            harm=FAILED,
            icon="circle-x",
            tone="bad",
            at=job.finished_at,
        )
