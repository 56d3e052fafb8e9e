"""The one next step of each page on the way from data to acceptance; the milestone's own is in ``attention``."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.urls import reverse

from evaluations.models import DatasetVersion, EvaluationRun, Look, Protocol, TrainedModel, TrainingRun
from evaluations.queries.protocols import look_budget
from evaluations.queries.runs import is_sealed
from projects.models import Milestone
from projects.parts import Step

UNDECIDED = (Milestone.Status.PLANNED, Milestone.Status.IN_PROGRESS, Milestone.Status.CHANGES_REQUESTED)


def opens_rows(number: int, budget: int) -> str:
    """Write what is asked before the sealed rows are opened."""
    return (
        f"This opens the sealed rows: look {number} of {budget}. "
        "It is written into the ledger and cannot be taken back."
    )


def of_data(version: DatasetVersion, *, target: str, used_by: Protocol | None) -> Step | None:
    """Lead from data that has been read to its column, and on to the promise that it can carry."""
    if not target:
        return Step("Say which column is to be predicted: leaks and rare classes show only then.")
    if used_by is not None:
        return _on(used_by.milestone, f"“{used_by.milestone}” is judged on these rows.")
    if version.dataset.engagement is None:
        edit = reverse("evaluations:dataset-edit", args=[version.dataset_id])
        return Step("Say which engagement this data belongs to, so that a promise can rest on it.", "Choose one", edit)
    return _of_engagement(version)


def _of_engagement(version: DatasetVersion) -> Step:
    """Lead on to the promise of the data's engagement that nothing judges yet; among several, people choose."""
    engagement = version.dataset.engagement
    rows = Milestone.objects.filter(engagement=engagement, status__in=UNDECIDED)
    frozen = Protocol.objects.filter(state__in=[Protocol.State.FROZEN, Protocol.State.DRAWING])
    found = list(rows.exclude(protocols__in=frozen)[:2])
    if len(found) != 1:
        url = reverse("projects:engagement", args=[version.dataset.engagement_id])
        what = "Open the promise of" if found else "Add the promise to"
        return Step(f"{what} “{engagement}” that is to be judged on these rows.", "Open it", f"{url}#milestones")
    (milestone,) = found
    start = reverse("evaluations:protocol-start", args=[milestone.pk])
    text = f"Write down how “{milestone}” will be judged on these rows."
    return Step(text, "Write the protocol", start, posts=True)


def of_protocol(protocol: Protocol, *, looks: Sequence[Look], training: TrainingRun | None) -> Step | None:
    """Lead from a frozen protocol to training, to the look, and to what it said."""
    if protocol.state != Protocol.State.FROZEN:
        return None
    if looks:
        last = max(looks, key=lambda look: look.number)
        return Step(f"Look {last.number} was taken.", "See what it said", _page("run", last.run_id))
    going = training is not None and training.job is not None and not training.job.is_over
    if training is None or not (going or training.best_id):  # type: ignore[attr-defined]  # annotated by ``trainings_of``
        text = "The promise is fixed: train on the other rows, or bring predictions made elsewhere."
        return Step(text, "Train models", _page("training-new", protocol.pk))
    if going:
        return Step("Models are being trained.", "Open", _page("training", training.pk), who="machine")
    return _judge(training.best_id, training.best_title, number=1, budget=look_budget(protocol))  # type: ignore[attr-defined]


def of_training(run: TrainingRun, *, proposed: TrainedModel | None, number: int) -> Step | None:
    """Lead from trained models to the look; ``number`` is the next look's, 0 where none may be taken."""
    if proposed is not None and number:
        return _judge(proposed.pk, proposed.title, number=number, budget=look_budget(run.protocol))
    return _on(run.protocol.milestone, "The milestone says what was shown, and what is next.")


def of_model(protocol: Protocol, *, model: TrainedModel, runs: Sequence[EvaluationRun], number: int) -> Step | None:
    """Lead from a model to its look, or to what its look said; ``number`` as in ``of_training``."""
    if runs:
        return Step("This model was judged on the sealed rows.", "See what it said", _page("run", runs[0].pk))
    if number:
        return _judge(model.pk, "", number=number, budget=look_budget(protocol))
    return _on(protocol.milestone, "The milestone says what was shown, and what is next.")


def of_run(run: EvaluationRun) -> Step | None:
    """Lead from what a look said to what it means for the promise; None while it says nothing."""
    if run.finished_at is None:
        return None
    protocol, milestone = run.protocol, run.protocol.milestone
    if run.verdict == EvaluationRun.Verdict.PASS:
        waits = milestone.status in UNDECIDED
        return _on(milestone, f"The promise is shown{': report it to the client' if waits else ''}.")
    if is_sealed(run):
        text = "A better model may show it: train further, or bring other predictions."
        return Step(text, "Train further", _page("training-new", protocol.pk))
    return _on(milestone, "Report the verdict as it is, or agree on a new version with more rows.")


def standing(protocol: Protocol, measures: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Set what a model reached on the development rows beside each promise over all rows; no verdict is in it."""
    found = {m["metric"]: m for m in measures if m["value"] is not None}
    gates = protocol.body.get("terms", {}).get("gates", [])
    return [
        {**gate, "measure": _on_development_rows(m, protocol)}
        for gate in gates
        if not gate.get("slice") and (m := found.get(gate["metric"]))
    ]


def _on_development_rows(measure: Mapping[str, Any], protocol: Protocol) -> dict[str, Any]:
    """Put a figure of the training as those of an evaluation are, with the words for its rows."""
    ends = {name: measure.get(name) for name in ("low", "high", "method")}
    confidence = protocol.body["terms"].get("confidence")
    found = {name: measure.get(name) for name in ("metric", "value", "n")}
    return {**found, "of": "development rows, by cross-validation", "bounds": {**ends, "confidence": confidence}}


def _judge(model_id: object, title: str, *, number: int, budget: int) -> Step:
    text = f"Judge {title or 'this model'} on the sealed rows: look {number} of {budget}."
    return Step(text, "Evaluate", _page("model-look", model_id), posts=True, question=opens_rows(number, budget))


def _on(milestone: Milestone, text: str) -> Step:
    return Step(text, "On to the milestone", reverse("projects:milestone", args=[milestone.pk]))


def _page(name: str, pk: object) -> str:
    return reverse(f"evaluations:{name}", args=[pk])
