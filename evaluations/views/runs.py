"""Pages of evaluations: the verdict and all that stands behind it, or one bit while details are sealed."""

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evaluations import dispatch
from evaluations.forms.training import PredictionsForm
from evaluations.models import EvaluationRun
from evaluations.queries.protocols import look_budget, looks_left
from evaluations.queries.runs import is_sealed, may_look, shown_result
from evaluations.queries.steps import of_run
from evaluations.services.uploads import store_whole
from evaluations.views.protocols import crumbs_of, find_protocol, poll
from projects.errors import DomainError
from projects.web import ActorRequest, member, render_page, writer


@require_http_methods(["GET", "POST"])
@writer
def predictions_new(request: ActorRequest, protocol_id: UUID) -> HttpResponse:
    """Bring predictions of any framework for the acceptance rows: one look."""
    protocol = find_protocol(request, protocol_id)
    form = PredictionsForm(request.POST or None, request.FILES or None, actor=request.actor)
    if request.method == "POST" and form.is_valid():
        upload, file = form.cleaned_data["upload"], form.cleaned_data["file"]
        try:
            if upload is None:
                upload = store_whole(file=file, name=file.name or "predictions.csv", size=file.size, by=request.actor)
            run = dispatch.start_look(protocol=protocol, by=request.actor, upload=upload)
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            return redirect("evaluations:run", run.pk)
    context = {
        "form": form,
        "largest": settings.UPLOAD_MAX_BYTES,
        "protocol": protocol,
        "terms": protocol.body.get("terms", protocol.body),
        "left": looks_left(protocol),
        "budget": look_budget(protocol),
        "may_look": may_look(protocol),
        "crumbs": crumbs_of(protocol, inside=True),
    }
    status = 422 if request.method == "POST" else 200
    return render_page(request, "evaluations/predictions_form.html", context, status=status)


@require_GET
@member
def run_page(request: ActorRequest, evaluation_run_id: UUID) -> HttpResponse:
    """Show an evaluation as far as it may be shown."""
    run = _run(request, evaluation_run_id)
    over = run.finished_at is not None or run.job is None or run.job.is_over
    if request.headers.get("X-Poll"):
        return poll(request, over, {"job": run.job, "here": request.path})
    protocol, sealed = run.protocol, is_sealed(run)
    look = getattr(run, "look", None)
    context = {
        "run": run,
        "title": f"Look {look.number}" if look else "Evaluation",
        "protocol": protocol,
        "look": look,
        "over": over,
        "step": of_run(run),
        "sealed": sealed,
        "result": shown_result(run),
        "left": looks_left(protocol),
        "budget": look_budget(protocol),
        "job": run.job,
        "here": request.path,
        "crumbs": crumbs_of(protocol, inside=True),
    }
    return render_page(request, "evaluations/run_page.html", context)


@require_POST
@writer
def run_retry(request: ActorRequest, evaluation_run_id: UUID) -> HttpResponse:
    """Compute a look that ended without a result once more, under the same entry of the ledger."""
    run = _run(request, evaluation_run_id)
    try:
        dispatch.retry_look(run=run, by=request.actor)
    except DomainError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, "The look is computed again. It is not charged a second time.")
    return redirect("evaluations:run", run.pk)


def _run(request: ActorRequest, evaluation_run_id: UUID) -> EvaluationRun:
    mine = (
        EvaluationRun.objects.visible_to(request.actor)
        .select_related(
            "protocol__milestone__engagement__client__workspace", "model", "predictions", "job", "look", "created_by"
        )
        .prefetch_related("protocol__looks")
    )
    run: EvaluationRun = get_object_or_404(mine, pk=evaluation_run_id)
    return run
