"""What the pages, the API and the doctor ask about jobs."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Min, QuerySet

from projects.access import Actor
from projects.jobs import title_of
from projects.models.jobs import Job, JobLogLine, Schedule
from projects.prepared import Prepared

LOG_TAIL = 200
SHOWN = (
    *("kind", "title", "state", "started_at", "finished_at", "cancel_requested_at", "error_message"),
    *("phase", "phase_started_at", "progress_at", "progress_done", "progress_total"),
)


def jobs_of(
    actor: Actor | None, *, state: str = "", kind: str = "", subject: str = "", text: str = ""
) -> QuerySet[Job]:
    """List the jobs that the actor may see, newest first; empty filters keep all.

    ``state`` is one of the states, or "open" or "over".
    """
    jobs = Job.objects.visible_to(actor).select_related("created_by").order_by("-created_at", "pk")
    if state in ("open", "over"):
        jobs = jobs.filter(state__in=Job.OPEN if state == "open" else Job.OVER)
    elif state:
        jobs = jobs.filter(state=state)
    if kind:
        jobs = jobs.filter(kind=kind)
    if subject:
        jobs = jobs.filter(subject=subject)
    if text:
        jobs = jobs.filter(title__icontains=text)
    return jobs


def jobs_about(actor: Actor | None, *, label: str, pk: object) -> QuerySet[Job]:
    """List the jobs for one row, such as label="evaluations.dataset", newest first."""
    return jobs_of(actor, subject=f"{label}:{pk}")


def parts_of(job: Job) -> QuerySet[Job]:
    """List the parts of a job in the order they were made."""
    return Job.objects.filter(parent=job, workspace=job.workspace_id).order_by("created_at", "pk")


def log_of(job: Job, *, after: int = 0, limit: int = LOG_TAIL) -> list[JobLogLine]:
    """Return the lines after number ``after``, or without it the last ones, oldest first."""
    lines = JobLogLine.objects.filter(job=job)
    if after:
        return list(lines.filter(number__gt=after).order_by("number")[:limit])
    return list(reversed(lines.order_by("-number")[:limit]))


def tally_of(actor: Actor) -> Counter[tuple[str, str]]:
    """Count the actor's jobs by state and kind."""
    return Counter({(state, kind): count for state, kind, count in _tally(actor)})


@Prepared
def _tally(actor: Actor) -> QuerySet[Any, tuple[str, str, int]]:
    counts: QuerySet[Any, Any] = Job.objects.visible_to(actor).order_by().values_list("state", "kind")
    return counts.annotate(Count("pk"))


def listed_jobs(actor: Actor, *, state: str = "", kind: str = "", text: str = "") -> QuerySet[Job]:
    """List jobs without the parts of others, with what a list shows of each."""
    jobs = jobs_of(actor, state=state, kind=kind, text=text).filter(parent=None)
    return jobs.select_related(None).only(*SHOWN)


@Prepared
def first_jobs(actor: Actor, *, state: str, kind: str, limit: int) -> QuerySet[Job]:
    """List the first of all jobs."""
    return listed_jobs(actor, state=state, kind=kind)[:limit]


def counts_by_state(tally: Counter[tuple[str, str]]) -> dict[str, int]:
    """Sum a tally up by state, zeros included."""
    counts = dict.fromkeys(Job.State.values, 0)
    for (state, _), count in tally.items():
        counts[state] += count
    return counts


def something_runs(actor: Actor | None) -> bool:
    """Tell whether any job of the workspace is not over: as long as this holds, a page keeps polling."""
    return Job.objects.visible_to(actor).open().exists()


def kind_choices(tally: Counter[tuple[str, str]]) -> list[tuple[str, str]]:
    """List name and title of the kinds in a tally."""
    names = {kind for _, kind in tally}
    return sorted(((name, title_of(name)) for name in names), key=lambda choice: choice[1])


def schedules_of(actor: Actor | None) -> QuerySet[Schedule]:
    """List the schedules that the actor may see."""
    return Schedule.objects.visible_to(actor).select_related("created_by")


@dataclass(frozen=True, slots=True)
class QueueHealth:
    """How the machinery is doing, for the doctor, the health page and the metrics."""

    queued: int
    running: int
    waiting: int
    failed: int
    oldest_due_at: datetime | None  # the longest waiting job that could start now
    expired_leases: int


def queue_health(*, at: datetime) -> QueueHealth:
    """Count the jobs of the whole installation; operators only."""
    counts = dict(Job.objects.order_by().values_list("state").annotate(Count("pk")))
    return QueueHealth(
        queued=counts.get("queued", 0),
        running=counts.get("running", 0),
        waiting=counts.get("waiting", 0),
        failed=counts.get("failed", 0),
        oldest_due_at=Job.objects.due(at=at).order_by().aggregate(oldest=Min("run_at"))["oldest"],
        expired_leases=Job.objects.filter(state=Job.State.RUNNING, lease_until__lt=at).count(),
    )
