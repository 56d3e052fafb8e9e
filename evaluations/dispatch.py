"""The front desk of the third storey: write the row, queue its job; pages, API and commands all start here."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from evaluations.engine.protocols import Protocol as Terms
from evaluations.kind_names import AUDIT_DATASET, DRAW_ROWS, EVALUATE, READ_DATASET, TRAIN
from evaluations.models import (
    Dataset,
    DatasetVersion,
    EvaluationRun,
    PredictionFile,
    Protocol,
    TrainedModel,
    TrainingRun,
    Upload,
)
from evaluations.services import datasets, protocols, runs
from projects.access import Actor
from projects.dispatch import start_job
from projects.models import Job


@transaction.atomic
def add_version(
    *,
    dataset: Dataset,
    upload: Upload,
    by: Actor,
    options: Mapping[str, Any] | None = None,
    new_dataset: bool = False,
) -> DatasetVersion:
    """Add a version for a finished upload and queue its reading.

    ``new_dataset`` says that the dataset was made for this file alone, and goes with it if it is no table.
    """
    version = datasets.add_version(dataset=dataset, upload=upload, by=by, options=options)
    return _queue_reading(version, by, new_dataset=new_dataset)


@transaction.atomic
def read_again(*, version: DatasetVersion, options: Mapping[str, Any], by: Actor) -> DatasetVersion:
    """Read a version anew as a person corrected it."""
    return _queue_reading(datasets.begin_reading(version=version, options=options, by=by), by)


@transaction.atomic
def audit_version(*, version: DatasetVersion, by: Actor, question: Mapping[str, Any]) -> Job:
    """Look for what is wrong with a version, given what is to be predicted.

    ``question`` may name ``target``, ``positive``, ``task`` and ``group``.
    Raises DatasetNotReadyError unless the version has been read.
    """
    by.must_write()
    datasets.must_be_ready(version)
    return start_job(
        kind=AUDIT_DATASET,
        workspace=by.workspace,
        arguments={"version": str(version.pk), "question": dict(question)},
        by=by,
        subject=version,
        title=f"Audit {version}",
    )


@transaction.atomic
def freeze_protocol(*, protocol: Protocol, by: Actor, reason: str = "") -> Protocol:
    """Check a draft, then have its acceptance rows drawn; it is frozen when they are set aside."""
    checked = protocols.begin_freezing(protocol=protocol, by=by, reason=reason)
    terms: Terms = protocols.terms_of(checked.body)
    checked.job = start_job(
        kind=DRAW_ROWS,
        workspace=by.workspace,
        arguments={"protocol": str(checked.pk), "salt": protocols.new_salt()},
        by=by,
        subject=checked,
        title=f"Set rows aside for {checked.milestone}",
        seed=terms.split.seed,
    )
    checked.save(update_fields=["job"])
    return checked


@transaction.atomic
def start_training(
    *, protocol: Protocol, by: Actor, recipes: list[str] | None = None, budget_seconds: int = 60, seed: int = 0
) -> TrainingRun:
    """Queue a training run on the development rows."""
    run = runs.begin_training(protocol=protocol, by=by, recipes=recipes or [], budget_seconds=budget_seconds, seed=seed)
    run.job = start_job(
        kind=TRAIN,
        workspace=by.workspace,
        arguments={"run": str(run.pk)},
        by=by,
        subject=run,
        title=f"Train for {protocol.milestone}",
        seed=seed,
    )
    run.save(update_fields=["job"])
    return run


@transaction.atomic
def start_look(
    *,
    protocol: Protocol,
    by: Actor,
    model: TrainedModel | None = None,
    upload: Upload | None = None,
) -> EvaluationRun:
    """Queue an evaluation on the acceptance rows, of a model or of an uploaded file of predictions."""
    predictions: PredictionFile | None = None
    if upload is not None:
        predictions = runs.take_predictions(protocol=protocol, upload=upload, by=by)
    return _queue_run(runs.begin_look(protocol=protocol, by=by, model=model, predictions=predictions), by)


@transaction.atomic
def retry_look(*, run: EvaluationRun, by: Actor) -> EvaluationRun:
    """Queue a look that ended without a result once more, under the same entry of the ledger."""
    return _queue_run(runs.retry_look(run=run, by=by), by)


def _queue_run(run: EvaluationRun, by: Actor) -> EvaluationRun:
    run.job = start_job(
        kind=EVALUATE,
        workspace=by.workspace,
        arguments={"run": str(run.pk)},
        by=by,
        subject=run,
        title=f"Evaluate {run.model or run.predictions} for {run.protocol.milestone}",
        seed=0,
    )
    run.save(update_fields=["job"])
    return run


def _queue_reading(version: DatasetVersion, by: Actor, *, new_dataset: bool = False) -> DatasetVersion:
    version.job = start_job(
        kind=READ_DATASET,
        workspace=by.workspace,
        arguments={"version": str(version.pk), "new_dataset": new_dataset},
        by=by,
        subject=version,
        title=f"Read {version.file_name}",
    )
    version.save(update_fields=["job"])
    return version
