"""Pages of training and of what it leaves: models with their scores, importance and card."""

import math
from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_http_methods

from evaluations import dispatch
from evaluations.engine.training.cards import write_card
from evaluations.forms.training import TrainingForm
from evaluations.models import Protocol, TrainedModel, TrainingRun
from evaluations.queries.runs import may_look, next_look
from evaluations.queries.steps import of_model, of_training, standing
from evaluations.views.protocols import crumbs_of, find_protocol, poll
from projects.errors import DomainError
from projects.web import ActorRequest, member, render_page, writer


@require_http_methods(["GET", "POST"])
@writer
def training_new(request: ActorRequest, protocol_id: UUID) -> HttpResponse:
    """Choose recipes and a budget, and start."""
    protocol = find_protocol(request, protocol_id)
    form = TrainingForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            run = dispatch.start_training(protocol=protocol, by=request.actor, **form.cleaned_data)
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            return redirect("evaluations:training", run.pk)
    context = {"form": form, "protocol": protocol, "crumbs": crumbs_of(protocol, inside=True)}
    status = 422 if form.is_bound else 200
    return render_page(request, "evaluations/training_form.html", context, status=status)


@require_GET
@member
def training_page(request: ActorRequest, training_run_id: UUID) -> HttpResponse:
    """Show a training run: how far it is, then its candidates side by side."""
    mine = TrainingRun.objects.visible_to(request.actor).select_related(
        "protocol__milestone__engagement__client__workspace", "job"
    )
    run: TrainingRun = get_object_or_404(mine, pk=training_run_id)
    over = run.job is None or run.job.is_over
    if request.headers.get("X-Poll"):
        return poll(request, over, {"job": run.job, "here": request.path})
    models = {model.recipe: model for model in run.models.all()}
    proposed = next((model for model in models.values() if model.proposed), None)
    number = next_look(run.protocol) if proposed and may_look(run.protocol) else 0
    context = {
        "run": run,
        "over": over,
        "here": request.path,
        "step": of_training(run, proposed=proposed, number=number) if over and run.finished_at else None,
        "proposed": proposed,
        "candidates": sorted((run.result or {}).get("candidates", []), key=partial(_rank, higher=_is_higher(run))),
        "models": models,
        "job": run.job,
        "crumbs": crumbs_of(run.protocol, inside=True),
    }
    return render_page(request, "evaluations/training_page.html", context)


@require_GET
@member
def model_page(request: ActorRequest, trained_model_id: UUID) -> HttpResponse:
    """Show a model: what it is, how it compares, what it rests on."""
    model = _model(request, trained_model_id)
    protocol = model.run.protocol
    runs = list(model.runs.select_related("look").order_by("-created_at"))
    number = next_look(protocol) if may_look(protocol) else 0
    context = {
        "model": model,
        "protocol": protocol,
        "gates": standing(protocol, model.scores.get("measures", [])),
        "rivals": sorted(model.run.models.all(), key=lambda rival: _rank(rival.scores, higher=_is_higher(model.run))),
        "training": model.run,
        "runs": runs,
        "step": of_model(protocol, model=model, runs=runs, number=number),
        "crumbs": crumbs_of(protocol, inside=True),
    }
    return render_page(request, "evaluations/model_page.html", context)


def _is_higher(run: TrainingRun) -> bool:
    return bool((run.result or {}).get("higher"))


def _rank(scored: Mapping[str, Any], *, higher: bool) -> float:
    """Place a candidate among its rivals, the best first; one without a score comes last."""
    score: float | None = scored.get("score")
    if score is None:
        return math.inf
    return -score if higher else score


@require_GET
@member
def model_card(request: ActorRequest, trained_model_id: UUID) -> HttpResponse:
    """Download a model's card: Markdown with the metadata that model hubs read."""
    model = _model(request, trained_model_id)
    response = HttpResponse(write_card(card_values(model)), content_type="text/markdown; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="model-card-{model.recipe}-{str(model.pk)[:8]}.md"'
    return response


@require_http_methods(["POST"])
@writer
def model_look(request: ActorRequest, trained_model_id: UUID) -> HttpResponse:
    """Judge a model on the acceptance rows: one look."""
    model = _model(request, trained_model_id)
    try:
        run = dispatch.start_look(protocol=model.run.protocol, by=request.actor, model=model)
    except DomainError as error:
        messages.error(request, str(error))
        return redirect("evaluations:model", model.pk)
    return redirect("evaluations:run", run.pk)


def card_values(model: TrainedModel) -> dict[str, object]:
    """Gather what a model's card says, as plain values."""
    protocol: Protocol = model.run.protocol
    version = protocol.dataset_version
    dataset = version.dataset if version else None
    return {
        "title": model.title,
        "recipe": model.recipe,
        "made_on": model.created_at.date().isoformat(),
        "milestone": protocol.milestone.title,
        "promise": protocol.milestone.promise,
        "terms": protocol.body.get("terms", {}),
        "protocol_number": protocol.number,
        "protocol_sha256": protocol.digest,
        "facts": model.facts,
        "scores": model.scores,
        "rivals": [{"title": rival.title, "score": rival.scores.get("score")} for rival in model.run.models.all()],
        "metric": model.run.result.get("metric", ""),
        "artifact_sha256": model.artifact.sha256 if model.artifact else "",
        "data": {
            "name": dataset.name if dataset else "",
            "version": version.number if version else None,
            "source": dataset.source if dataset else "",
            "owner": dataset.owner if dataset else "",
            "licence": dataset.licence if dataset else "",
        },
    }


def _model(request: ActorRequest, trained_model_id: UUID) -> TrainedModel:
    mine = TrainedModel.objects.visible_to(request.actor).select_related(
        "artifact", "run__protocol__milestone__engagement__client__workspace", "run__protocol__dataset_version__dataset"
    )
    model: TrainedModel = get_object_or_404(mine, pk=trained_model_id)
    return model
