"""Pages of jobs: what is running, what went wrong."""

from functools import partial
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from projects import dispatch
from projects.errors import DomainError
from projects.filters import FIRST, chips, chosen, page_of, search_words
from projects.jobs import page_of as page_of_job
from projects.models import Job
from projects.queries.jobs import counts_by_state, first_jobs, kind_choices, listed_jobs, log_of, parts_of, tally_of
from projects.web import ActorRequest, member, render_page, writer

STOP_POLLING = 286  # htmx's own: swap this answer, then ask no more


@require_GET
@member
def job_list(request: ActorRequest) -> HttpResponse:
    """List jobs; htmx asks for the rows again as long as something runs."""
    states = [("open", "Open"), *Job.State.choices]
    tally = tally_of(request.actor)
    kinds = kind_choices(tally)
    state = chosen(request, "state", [name for name, _ in states])
    kind = chosen(request, "kind", [name for name, _ in kinds])
    words = search_words(request)
    counts = counts_by_state(tally)
    counts["open"] = sum(counts[name] for name in Job.OPEN)
    first = partial(first_jobs, request.actor, state=state, kind=kind, limit=FIRST)
    rows = partial(listed_jobs, request.actor, state=state, kind=kind, text=words)
    runs = bool(counts["open"])
    page = page_of(request, rows, first=None if words else first)
    context = {
        "page": page,
        "progresses": any(job.state == Job.State.RUNNING for job in page),
        "words": words,
        "filtered": bool(state or kind or words),
        "runs": runs,
        "chips": chips(request, "state", states, counts),
        "kinds": chips(request, "kind", kinds) if len(kinds) > 1 else [],
        "here": request.get_full_path(),
    }
    response = render_page(request, "projects/job_list.html", context, partial="rows")
    return _or_stop(request, response, runs=runs)


@require_GET
@member
def job_page(request: ActorRequest, job_id: UUID) -> HttpResponse:
    """Show one job; htmx asks for its state again until it is over."""
    job = _job(request, job_id)
    parts = list(parts_of(job))
    context = {
        "job": job,
        "parts": parts,
        "opens": page_of_job(job),
        "log": log_of(job),
        "crumbs": [("Jobs", reverse("projects:job-list"))]
        + ([(str(job.parent), reverse("projects:job", args=[job.parent_id]))] if job.parent else []),
    }
    response = render_page(request, "projects/job_page.html", context, partial="body")
    return _or_stop(request, response, runs=not job.is_over)


@require_POST
@writer
def job_cancel(request: ActorRequest, job_id: UUID) -> HttpResponse:
    """Ask for an end; a running job obeys within seconds."""
    job = dispatch.cancel_job(job=_job(request, job_id), by=request.actor)
    said = "is being cancelled" if job.state == Job.State.RUNNING else f"is {job.get_state_display().lower()}"
    messages.info(request, f"“{job}” {said}.")
    return redirect("projects:job", job.pk)


@require_POST
@writer
def job_retry(request: ActorRequest, job_id: UUID) -> HttpResponse:
    """Start a failed or cancelled job again, with a reason."""
    job = _job(request, job_id)
    try:
        dispatch.retry_job(job=job, by=request.actor, reason=request.POST.get("reason", "")[:500])
    except DomainError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"“{job}” is queued again.")
    return redirect("projects:job", job.pk)


def _job(request: ActorRequest, job_id: UUID) -> Job:
    mine = Job.objects.visible_to(request.actor).select_related("parent", "created_by")
    job: Job = get_object_or_404(mine, pk=job_id)
    return job


def _or_stop(request: ActorRequest, response: HttpResponse, *, runs: bool) -> HttpResponse:
    """Answer the last question of a polling page with htmx's stop."""
    if request.htmx and request.headers.get("X-Poll") and not runs:
        response.status_code = STOP_POLLING
    return response
