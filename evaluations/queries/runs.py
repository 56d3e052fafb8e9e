"""What may be shown of an evaluation."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import F, FilteredRelation, Q, QuerySet

from evaluations.engine.sealing import seal
from evaluations.models import EvaluationRun, Look, Protocol, TrainedModel, TrainingRun
from evaluations.queries.protocols import look_budget, looks_left
from projects.access import Actor
from projects.models import Job, Milestone
from projects.prepared import Prepared, know

RUNS_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Evidence:
    """What stands behind a milestone's promise, and the one next step.

    ``step`` is one of write, edit, wait-draw, train, wait-train, look, wait-look, retry, again, report, over.
    """

    step: str
    protocol: Protocol | None = None
    draft: Protocol | None = None
    run: EvaluationRun | None = None
    sealed: bool = False
    looks_left: int = 0
    budget: int = 0
    gates: list[dict[str, Any]] = field(default_factory=list)
    runs: list[EvaluationRun] = field(default_factory=list)
    trainings: Sequence[TrainingRun] = ()
    proposed: TrainingRun | None = None  # the newest that proposed a model, as ``best_id`` and ``best_title``


def evidence_of(milestone: Milestone) -> Evidence:
    """Gather what a milestone's page shows of its evidence."""
    protocols = protocols_of(milestone)
    draft = next((p for p in protocols if p.state in {Protocol.State.DRAFT, Protocol.State.DRAWING}), None)
    frozen = next((p for p in protocols if p.state == Protocol.State.FROZEN), None)
    if frozen is None:
        return Evidence(step="write" if draft is None else _step_of_draft(draft), draft=draft)
    runs = [run for protocol in protocols for run in protocol.runs.all()]
    runs = sorted(runs, key=lambda run: run.created_at, reverse=True)[:RUNS_SHOWN]
    here = [row for row in runs if row.protocol_id == frozen.pk]
    trainings = trainings_of(frozen.pk)
    proposed = next((training for training in trainings if training.best_id), None)  # type: ignore[attr-defined]
    run = speaking(here)
    sealed = run is not None and is_sealed(run)
    judged = run.judged if run and not sealed else None  # type: ignore[attr-defined]  # annotated by ``_runs``
    return Evidence(
        step=_step(here, trainings, proposed, run, sealed=sealed),
        protocol=frozen,
        draft=draft,
        run=run,
        sealed=sealed,
        looks_left=looks_left(frozen),
        budget=look_budget(frozen),
        gates=judged or frozen.body["terms"]["gates"],
        runs=runs,
        trainings=trainings,
        proposed=proposed,
    )


def _step_of_draft(draft: Protocol) -> str:
    return "wait-draw" if draft.state == Protocol.State.DRAWING else "edit"


def _step(
    runs: list[EvaluationRun],
    trainings: Sequence[TrainingRun],
    proposed: TrainingRun | None,
    run: EvaluationRun | None,
    *,
    sealed: bool,
) -> str:
    """Name the one next step."""
    if run is not None and run.verdict == EvaluationRun.Verdict.PASS:
        return "report"
    unfinished = next((row for row in runs if row.finished_at is None), None)
    if unfinished is not None:
        return "wait-look" if _is_going(unfinished.job) else "retry"
    if run is not None:
        return "again" if sealed else "over"
    if proposed is not None:
        return "look"
    return "wait-train" if trainings and _is_going(trainings[0].job) else "train"


def _is_going(job: Job | None) -> bool:
    return job is not None and not job.is_over


def may_look(protocol: Protocol) -> bool:
    """Whether the acceptance rows may be opened now: in force, not passed, nothing running, budget left or owed."""
    if protocol.state != Protocol.State.FROZEN:
        return False
    rows = list(
        protocol.runs.filter(look__isnull=False).select_related("job").only("verdict", "finished_at", "job__state")
    )
    if any(row.verdict == EvaluationRun.Verdict.PASS or (not row.finished_at and _is_going(row.job)) for row in rows):
        return False
    return any(not row.finished_at for row in rows) or looks_left(protocol) > 0


def next_look(protocol: Protocol) -> int:
    """Return the number of the next look: one without a result is taken up again under its own number."""
    owed = protocol.looks.filter(run__finished_at__isnull=True).first()
    return owed.number if owed else protocol.looks.count() + 1


def protocols_of(milestone: Milestone) -> list[Protocol]:
    """List a milestone's protocols, the newest first, with looks and runs; read once for all parts of its page."""
    if "protocols" not in getattr(milestone, "_prefetched_objects_cache", {}):
        protocols = _protocols(milestone.pk)
        looks, runs = (_looks(milestone.pk), _runs(milestone.pk)) if protocols else ([], [])
        for protocol in protocols:
            know(
                protocol,
                looks=[look for look in looks if look.protocol_id == protocol.pk],
                runs=[run for run in runs if run.protocol_id == protocol.pk],
            )
        know(milestone, protocols=protocols)
    return list(milestone.protocols.all())


@Prepared
def _protocols(milestone: UUID) -> QuerySet[Protocol]:
    found: QuerySet[Protocol] = Protocol.objects.filter(milestone=milestone)
    return found


@Prepared
def _looks(milestone: UUID) -> QuerySet[Look]:
    found: QuerySet[Look] = Look.objects.filter(protocol__milestone=milestone)
    return found


@Prepared
def _runs(milestone: UUID) -> QuerySet[EvaluationRun]:
    found: QuerySet[EvaluationRun] = EvaluationRun.objects.filter(protocol__milestone=milestone)
    found = found.select_related("model", "predictions", "look", "job")
    return found.defer("result", "model__facts", "model__scores").annotate(judged=F("result__gates"))


@Prepared
def trainings_of(protocol: UUID) -> QuerySet[TrainingRun]:
    """List a protocol's trainings, the newest first, with the model that each proposed."""
    rows: QuerySet[TrainingRun] = TrainingRun.objects.filter(protocol=protocol).select_related("job").defer("result")
    best = FilteredRelation("models", condition=Q(models__proposed=True))
    return rows.annotate(best=best).annotate(best_id=F("best__pk"), best_title=F("best__title"))


def models_of(actor: Actor, words: str = "") -> QuerySet[TrainedModel]:
    """List the workspace's models, the newest first."""
    rows: QuerySet[TrainedModel] = TrainedModel.objects.visible_to(actor).select_related("run__protocol__milestone")
    return rows.filter(title__icontains=words).order_by("-created_at") if words else rows.order_by("-created_at")


def is_sealed(run: EvaluationRun) -> bool:
    """Whether only one bit of a look may be told: it did not pass, and the budget holds more looks."""
    return run.verdict not in {"", EvaluationRun.Verdict.PASS} and looks_left(run.protocol) > 0


def shown_result(run: EvaluationRun) -> dict[str, Any] | None:
    """Return the result as far as it may be shown; None while the evaluation is running."""
    if run.result is None:
        return None
    return seal(run.result) if is_sealed(run) else run.result


def frozen_protocol(milestone: Milestone) -> Protocol | None:
    """Return the protocol in force."""
    found: Protocol | None = milestone.protocols.filter(state=Protocol.State.FROZEN).first()
    return found


def deciding_run(milestone: Milestone) -> EvaluationRun | None:
    """Return the look that speaks for a milestone under its protocol in force."""
    looks = EvaluationRun.objects.filter(protocol__milestone=milestone, protocol__state=Protocol.State.FROZEN)
    return speaking(looks.select_related("protocol", "model", "predictions"))


def speaking(runs: Iterable[EvaluationRun]) -> EvaluationRun | None:
    """Choose among runs, the newest first, the one that speaks: a pass, else the latest that is over."""
    over = [run for run in runs if run.finished_at]
    return next((run for run in over if run.verdict == EvaluationRun.Verdict.PASS), over[0] if over else None)
