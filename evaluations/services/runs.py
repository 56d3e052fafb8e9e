"""Training on the development rows at will; looks at the acceptance rows against the budget."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from evaluations import storage
from evaluations.errors import (
    AlreadyPassedError,
    LookNotChargedError,
    LookOverError,
    NoLooksLeftError,
    ProtocolNotFrozenError,
    StrangeModelError,
    VerdictPendingError,
)
from evaluations.models import (
    AcceptanceSet,
    EvaluationRun,
    Look,
    PredictionFile,
    Protocol,
    TrainedModel,
    TrainingRun,
    Upload,
)
from evaluations.queries.protocols import looks_left
from evaluations.services.datasets import file_row
from evaluations.services.protocols import terms_of
from evaluations.services.uploads import close_upload, forget_chunks, forget_upload
from projects.access import Actor
from projects.canonical import digest
from projects.models import Job
from projects.services import audit
from projects.storage import DamagedFileError


@transaction.atomic
def begin_training(
    *, protocol: Protocol, by: Actor, recipes: list[str], budget_seconds: int = 60, seed: int = 0
) -> TrainingRun:
    """Set up a training run on the development rows of a frozen protocol.

    Raises ProtocolNotFrozenError: before the freeze there are no development rows.
    """
    by.must_write()
    if protocol.state != Protocol.State.FROZEN:
        raise ProtocolNotFrozenError
    run = TrainingRun.objects.create(protocol=protocol, recipes=recipes, budget_seconds=budget_seconds, seed=seed)
    audit.record(by=by, action="training.started", target=run, detail={"recipes": recipes, "seconds": budget_seconds})
    return run


def finish_training(*, run_id: UUID, result: Mapping[str, Any]) -> TrainingRun:
    """Store the comparison and the models; called inside the transaction that ends the job."""
    run: TrainingRun = TrainingRun.objects.select_for_update().get(pk=run_id)
    workspace = run.protocol.workspace
    run.result = {key: value for key, value in result.items() if key != "stored"}
    run.finished_at = timezone.now()
    run.save(update_fields=["result", "finished_at"])
    for candidate in result["candidates"]:
        TrainedModel.objects.create(
            run=run,
            recipe=candidate["recipe"],
            title=candidate["title"],
            artifact=file_row(workspace=workspace, stored=result["stored"][candidate["recipe"]]),
            proposed=candidate["proposed"],
            scores={"measures": candidate["measures"], "behind": candidate["behind"], "score": candidate["score"]},
            facts={
                **{key: candidate[key] for key in KEPT_FACTS},
                "plan": result["plan"],
                "rows": result["rows"],
                "versions": result["versions"],
                "classes": result["classes"],
                "importance": result["importance"] if candidate["proposed"] else [],
                "development_sha256": run.protocol.acceptance_set.development.sha256,
            },
        )
    audit.record(
        by=Actor.job(workspace), action="training.finished", target=run, detail={"proposed": result["proposed"]}
    )
    return run


KEPT_FACTS = (
    "settings",
    "tried",
    "cut_short",
    "fold_scores",
    "bytes",
    "fit_cpu_seconds",
    "predict_cpu_seconds_per_thousand",
)


@transaction.atomic
def take_predictions(*, protocol: Protocol, upload: Upload, by: Actor) -> PredictionFile:
    """Take in a file of predictions for the acceptance rows, made by any framework."""
    by.must_write()
    if protocol.state != Protocol.State.FROZEN:
        raise ProtocolNotFrozenError
    closed = close_upload(upload=upload, by=by)
    return PredictionFile.objects.create(protocol=protocol, name=closed.name, upload=closed)


@transaction.atomic
def begin_look(
    *, protocol: Protocol, by: Actor, model: TrainedModel | None = None, predictions: PredictionFile | None = None
) -> EvaluationRun:
    """Open the acceptance rows once: writes the ledger before anything is computed.

    A look is charged when it is asked for. One that ended without a result, because its file did not fit or the
    machine failed, told nothing of the rows: the next one takes its place in the ledger and costs nothing more.

    Raises ProtocolNotFrozenError, StrangeModelError, VerdictPendingError, AlreadyPassedError or NoLooksLeftError.
    """
    by.must_write()
    locked: Protocol = Protocol.objects.select_for_update().get(pk=protocol.pk)
    if locked.state != Protocol.State.FROZEN:
        raise ProtocolNotFrozenError
    if model is not None:
        _must_not_know_the_rows(model, locked)
    looks = EvaluationRun.objects.filter(protocol=locked)
    if looks.filter(verdict=EvaluationRun.Verdict.PASS).exists():
        raise AlreadyPassedError
    if looks.filter(finished_at__isnull=True, job__state__in=Job.OPEN).exists():
        raise VerdictPendingError
    broken = looks.filter(look__isnull=False, finished_at__isnull=True).order_by("created_at").first()
    if broken is not None:
        return retry_look(run=broken, by=by, model=model, predictions=predictions)
    if not looks_left(locked):
        raise NoLooksLeftError(budget=terms_of(locked.body).looks)
    run = EvaluationRun.objects.create(protocol=locked, model=model, predictions=predictions, created_by=by.user)
    look = Look.objects.create(
        protocol=locked, number=locked.looks.count() + 1, run=run, by_name=by.name or str(by.user or "")
    )
    audit.record(
        by=by,
        action="protocol.looked",
        target=locked,
        detail={"look": look.number, "of": terms_of(locked.body).looks, "run": str(run.pk)},
    )
    return run


def _must_not_know_the_rows(model: TrainedModel, protocol: Protocol) -> None:
    """Raise StrangeModelError unless a model learned from the very rows that this protocol leaves for learning."""
    if model.run.protocol_id == protocol.pk:
        return
    if model.facts.get("development_sha256") != protocol.acceptance_set.development.sha256:
        raise StrangeModelError


@transaction.atomic
def retry_look(
    *, run: EvaluationRun, by: Actor, model: TrainedModel | None = None, predictions: PredictionFile | None = None
) -> EvaluationRun:
    """Set a look that ended without a result up anew under the same entry, with what is to be judged now.

    Without a model or predictions, the same ones are judged again.

    Raises LookOverError if the look has a result, VerdictPendingError while it is being computed.
    """
    by.must_write()
    locked: EvaluationRun = EvaluationRun.objects.select_for_update().get(pk=run.pk)
    if locked.finished_at is not None or not Look.objects.filter(run=locked).exists():
        raise LookOverError
    if locked.job is not None and not locked.job.is_over:
        raise VerdictPendingError
    before = locked.predictions
    if model is not None or predictions is not None:
        locked.model, locked.predictions = model, predictions
    locked.save(update_fields=["model", "predictions"])
    if before is not None and before != locked.predictions:
        _forget_predictions(before)
    audit.record(
        by=by,
        action="protocol.look_retried",
        target=locked.protocol,
        detail={
            "look": locked.look.number,
            "run": str(locked.pk),
            "reason": locked.job.error_code if locked.job else "",
        },
    )
    return locked


def _forget_predictions(predictions: PredictionFile) -> None:
    """Delete a file of predictions that did not fit and was replaced by another one."""
    upload = predictions.upload
    predictions.delete()
    if upload is not None:
        forget_upload(upload)


@transaction.atomic
def close_looks(*, protocol: Protocol, by: Actor) -> Protocol:
    """Give up the spare looks, so that the details of those taken may be read.

    Until then a look that did not pass tells one bit only; that is what keeps the shared risk honest.
    """
    by.must_write()
    locked: Protocol = Protocol.objects.select_for_update().get(pk=protocol.pk)
    if locked.state != Protocol.State.FROZEN:
        raise ProtocolNotFrozenError
    if locked.looks_closed_at is None:
        locked.looks_closed_at = timezone.now()
        locked.save(update_fields=["looks_closed_at"])
        audit.record(by=by, action="protocol.looks_closed", target=locked, detail={"taken": locked.looks.count()})
    return locked


def fetch_rows(*, run: EvaluationRun, target: Path) -> Path:
    """Lay the acceptance rows at ``target``, for a run that is in the ledger and for no other.

    Raises LookNotChargedError.
    """
    aside: AcceptanceSet = run.protocol.acceptance_set
    workspace_id = run.protocol.workspace.pk
    if not Look.objects.filter(run=run, protocol=run.protocol).exists():
        raise LookNotChargedError
    return storage.DATA.fetch(workspace_id, aside.acceptance.sha256, target)


def fetch_predictions(*, predictions: PredictionFile, target: Path) -> Path:
    """Lay a file of predictions as it arrived at ``target``."""
    workspace_id = predictions.protocol.workspace.pk
    if predictions.original is not None:
        return storage.DATA.fetch(workspace_id, predictions.original.sha256, target)
    upload = predictions.upload
    if upload is None:
        raise DamagedFileError(address=predictions.name)
    storage.join_chunks(upload.pk, upload.chunk_count, target)
    return target


def finish_run(*, run_id: UUID, result: Mapping[str, Any], stored: Mapping[str, Any]) -> EvaluationRun:
    """Freeze the result of an evaluation; called inside the transaction that ends the job."""
    run: EvaluationRun = EvaluationRun.objects.select_for_update().get(pk=run_id)
    run.result, run.digest = dict(result), digest(result)
    run.verdict, run.finished_at = result["verdict"]["verdict"], timezone.now()
    run.save(update_fields=["result", "digest", "verdict", "finished_at"])
    workspace = run.protocol.workspace
    if run.predictions is not None and run.predictions.original is None:
        run.predictions.original = file_row(workspace=workspace, stored=stored["predictions"])
        run.predictions.save(update_fields=["original"])
        if run.predictions.upload is not None:
            forget_chunks(run.predictions.upload)
    audit.record(
        by=Actor.job(workspace),
        action="evaluation.finished",
        target=run,
        detail={"verdict": run.verdict, "sha256": run.digest},
    )
    return run
