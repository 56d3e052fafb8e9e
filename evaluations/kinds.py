"""The third storey's kinds of background work: what each prepares, where it works, what it changes."""

from dataclasses import asdict
from datetime import time
from pathlib import Path
from typing import Any
from uuid import UUID

from django.urls import reverse

from evaluations import storage
from evaluations.kind_names import AUDIT_DATASET, DRAW_ROWS, EVALUATE, READ_DATASET, SWEEP_UPLOADS, TRAIN
from evaluations.models import DatasetVersion, EvaluationRun, Protocol, TrainingRun
from evaluations.services import datasets, protocols, runs
from evaluations.services.uploads import sweep_uploads
from projects.jobs import QUICK, Kind, Prepared, register, subject_page
from projects.models import Job
from projects.sandbox import Limits
from projects.sandbox.task import GIBIBYTE
from projects.services.job_places import folder_of

READING = Limits(memory_bytes=4 * GIBIBYTE, file_bytes=20 * GIBIBYTE, disk_bytes=30 * GIBIBYTE, wall_seconds=3_600)
LEARNING = Limits(memory_bytes=8 * GIBIBYTE, cpu_seconds=14_400, wall_seconds=7_200)
WORK = "evaluations.engine.work"
UNREADABLE = "unreadable-file"  # as evaluations.engine.work.intake says it; the engine stays out of this process


def _inputs(job: Job) -> Path:
    """Make the folder in which this attempt's inputs are laid."""
    folder = folder_of(job) / "inputs"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _put(job: Job, path: Path) -> dict[str, Any]:
    return asdict(storage.DATA.put(_workspace_of(job), path))


def _workspace_of(job: Job) -> UUID:
    assert job.workspace_id is not None  # noqa: S101  # these kinds are only started in a workspace
    return job.workspace_id


# --- reading and auditing a dataset ---------------------------------------------------------------
def _version_of(job: Job) -> DatasetVersion:
    return DatasetVersion.objects.select_related("dataset", "original", "table", "upload").get(
        pk=job.arguments["version"], dataset__workspace=job.workspace_id
    )


def prepare_reading(job: Job) -> Prepared:
    """Lay the file as it arrived beside the options that a person gave."""
    version = _version_of(job)
    original = datasets.fetch_original(version=version, target=_inputs(job) / "original")
    return Prepared(
        arguments={"name": version.file_name, "options": version.options, "question": _question_of(version)},
        files={"original": original},
    )


def _question_of(version: DatasetVersion) -> dict[str, str]:
    return {"target": version.dataset.target} if version.dataset.target else {}


def store_reading(job: Job, result: dict[str, Any], outputs: Path) -> dict[str, Any]:
    """Put the original and its table into the storage, before the transaction begins."""
    stored = {"original": _put(job, folder_of(job) / "inputs" / "original")}
    table = outputs / "table.parquet"
    if table.exists():
        stored["table"] = _put(job, table)
    return result | {"stored": stored}


def apply_reading(job: Job, result: dict[str, Any], outputs: Path) -> dict[str, Any]:
    """Write what was found into the version."""
    version = datasets.finish_reading(version_id=UUID(job.arguments["version"]), result=result)
    return {"outcome": version.report["outcome"], "rows": version.rows, "columns": version.column_count}


def reading_ended(job: Job) -> None:
    """Take a file that is no table out again; keep one whose reading broke off."""
    version_id = UUID(job.arguments["version"])
    if job.error_code == UNREADABLE:
        datasets.discard_version(
            version_id=version_id, message=job.error_message, with_dataset=job.arguments.get("new_dataset", False)
        )
    else:
        datasets.break_off_reading(version_id=version_id, message=job.error_message or "The reading was cancelled.")


def prepare_audit(job: Job) -> Prepared:
    """Lay the table beside what is to be predicted."""
    version = _version_of(job)
    assert version.table is not None  # noqa: S101  # dispatch only audits what has been read
    table = storage.DATA.fetch(_workspace_of(job), version.table.sha256, _inputs(job) / "table.parquet")
    return Prepared(arguments={"question": job.arguments["question"]}, files={"table": table})


def apply_audit(job: Job, result: dict[str, Any], outputs: Path) -> dict[str, Any]:
    """Replace the version's findings."""
    datasets.store_findings(
        version_id=UUID(job.arguments["version"]),
        findings=result["findings"],
        target=job.arguments["question"].get("target", ""),
    )
    return {"findings": len(result["findings"])}


# --- setting rows aside ----------------------------------------------------------------------------
def prepare_drawing(job: Job) -> Prepared:
    """Lay the whole table beside the terms."""
    protocol = Protocol.objects.select_related("dataset_version__table").get(pk=job.arguments["protocol"])
    version = protocol.dataset_version
    assert version is not None  # noqa: S101  # checked before the draft was sent here
    assert version.table is not None  # noqa: S101  # as above
    table = storage.DATA.fetch(_workspace_of(job), version.table.sha256, _inputs(job) / "table.parquet")
    return Prepared(arguments={"protocol": protocol.body, "salt": job.arguments["salt"]}, files={"table": table})


def store_drawing(job: Job, result: dict[str, Any], outputs: Path) -> dict[str, Any]:
    """Put the parts into the storage."""
    stored = {name: _put(job, outputs / f"{name}.parquet") for name in ("acceptance", "development", "features")}
    return result | {"stored": {**stored, "features_csv": _put(job, outputs / "features.csv")}}


def apply_drawing(job: Job, result: dict[str, Any], outputs: Path) -> dict[str, Any]:
    """Freeze the protocol."""
    protocol = protocols.finish_freezing(
        job=job, protocol_id=UUID(job.arguments["protocol"]), salt=job.arguments["salt"], result=result
    )
    return {"acceptance_rows": result["acceptance_rows"], "sha256": protocol.digest}


def drawing_ended(job: Job) -> None:
    """Give the draft back."""
    protocols.abandon_freezing(protocol_id=UUID(job.arguments["protocol"]), problem=job.error_message)


# --- training ----------------------------------------------------------------------------------------
def prepare_training(job: Job) -> Prepared:
    """Lay the development rows, and nothing else, beside the terms."""
    run = TrainingRun.objects.select_related("protocol__acceptance_set__development").get(pk=job.arguments["run"])
    development = run.protocol.acceptance_set.development
    table = storage.DATA.fetch(_workspace_of(job), development.sha256, _inputs(job) / "development.parquet")
    return Prepared(
        arguments={"protocol": run.protocol.body["terms"], "recipes": run.recipes, "budget": run.budget_seconds},
        files={"development": table},
    )


def store_training(job: Job, result: dict[str, Any], outputs: Path) -> dict[str, Any]:
    """Put the models into the storage."""
    names = [candidate["recipe"] for candidate in result["candidates"]]
    return result | {"stored": {name: _put(job, outputs / f"{name}.skops") for name in names}}


def apply_training(job: Job, result: dict[str, Any], outputs: Path) -> dict[str, Any]:
    """Keep the comparison and the models."""
    runs.finish_training(run_id=UUID(job.arguments["run"]), result=result)
    return {"proposed": result["proposed"], "candidates": len(result["candidates"])}


# --- judging -----------------------------------------------------------------------------------------
def prepare_evaluation(job: Job) -> Prepared:
    """Lay the acceptance rows, which only the ledger opens, beside a model or a file of predictions."""
    run = EvaluationRun.objects.select_related("model__artifact", "predictions__upload", "protocol").get(
        pk=job.arguments["run"]
    )
    folder = _inputs(job)
    files = {"acceptance": runs.fetch_rows(run=run, target=folder / "acceptance.parquet")}
    arguments: dict[str, Any] = {"protocol": run.protocol.body["terms"]}
    if run.model is not None:
        assert run.model.artifact is not None  # noqa: S101  # a model is stored with its file
        files["model"] = storage.DATA.fetch(_workspace_of(job), run.model.artifact.sha256, folder / "model.skops")
        arguments |= {"plan": run.model.facts["plan"], "classes": run.model.facts["classes"]}
    if run.predictions is not None:
        files["predictions"] = runs.fetch_predictions(predictions=run.predictions, target=folder / "predictions")
        arguments["name"] = run.predictions.name
    return Prepared(arguments=arguments, files=files)


def store_evaluation(job: Job, result: dict[str, Any], outputs: Path) -> dict[str, Any]:
    """Put the predictions as they arrived into the storage."""
    predictions = folder_of(job) / "inputs" / "predictions"
    return {"result": result, "stored": {"predictions": _put(job, predictions)} if predictions.exists() else {}}


def apply_evaluation(job: Job, result: dict[str, Any], outputs: Path) -> dict[str, Any]:
    """Freeze the result."""
    run = runs.finish_run(run_id=UUID(job.arguments["run"]), result=result["result"], stored=result["stored"])
    return {"sha256": run.digest}


# --- tidying up -----------------------------------------------------------------------------------------
def apply_sweep(job: Job, result: dict[str, Any], outputs: Path) -> dict[str, Any]:
    """Delete the uploads that nobody goes on with."""
    return {"uploads": sweep_uploads()}


register(
    Kind(
        name=READ_DATASET,
        title="Read a file",
        page=lambda job: reverse("evaluations:dataset-reading", args=[job.pk]),
        work=f"{WORK}.intake:run",
        prepare=prepare_reading,
        store=store_reading,
        apply=apply_reading,
        ended=reading_ended,
        limits=READING,
    )
)
register(
    Kind(
        name=AUDIT_DATASET,
        title="Audit a dataset",
        page=subject_page("evaluations:dataset-version"),
        work=f"{WORK}.intake:audit",
        prepare=prepare_audit,
        apply=apply_audit,
        limits=READING,
    )
)
register(
    Kind(
        name=DRAW_ROWS,
        title="Set acceptance rows aside",
        page=subject_page("evaluations:protocol"),
        work=f"{WORK}.drawing:run",
        prepare=prepare_drawing,
        store=store_drawing,
        apply=apply_drawing,
        ended=drawing_ended,
        limits=READING,
    )
)
register(
    Kind(
        name=TRAIN,
        title="Train models",
        page=subject_page("evaluations:training"),
        work=f"{WORK}.training:run",
        prepare=prepare_training,
        store=store_training,
        apply=apply_training,
        limits=LEARNING,
    )
)
register(
    Kind(
        name=EVALUATE,
        title="Evaluate",
        page=subject_page("evaluations:run"),
        work=f"{WORK}.evaluating:run",
        prepare=prepare_evaluation,
        store=store_evaluation,
        apply=apply_evaluation,
        limits=LEARNING,
    )
)
register(
    Kind(name=SWEEP_UPLOADS, title="Sweep abandoned uploads", apply=apply_sweep, lane=QUICK, site_daily_at=time(3, 45))
)
