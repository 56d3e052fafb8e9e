"""Rows of the third storey, made through its own services with real children."""

import functools
import io

import numpy as np
import pandas as pd
from django.utils import timezone

from evaluations import dispatch
from evaluations.engine.evaluation import evaluate
from evaluations.engine.protocols import read_protocol
from evaluations.models import (
    AcceptanceSet,
    Column,
    Dataset,
    DatasetVersion,
    EvaluationRun,
    Look,
    PredictionFile,
    Protocol,
    StoredFile,
    TrainedModel,
    TrainingRun,
)
from evaluations.services import datasets, protocols, uploads
from projects.canonical import digest
from tests.factories.jobs import work_off
from tests.factories.projects import make_milestone


def churn_csv(rows=600, seed=0):
    """A small table with a signal that recipes can find."""
    rng = np.random.default_rng(seed)
    tenure = rng.integers(0, 72, rows)
    plan = rng.choice(["basic", "plus", "pro"], rows)
    logit = 1.5 - 0.08 * tenure + (plan == "basic")
    left = np.where(rng.random(rows) < 1 / (1 + np.exp(-logit)), "yes", "no")
    table = pd.DataFrame({"customer": [f"C{n:05d}" for n in range(rows)], "tenure": tenure, "plan": plan, "left": left})
    return table.to_csv(index=False).encode()


def send_file(content, *, actor, name="churn.csv"):
    """Upload bytes piece by piece."""
    upload = uploads.open_upload(name=name, size=len(content), by=actor)
    for index in range(upload.chunk_count):
        start = index * upload.chunk_size
        piece = content[start : start + upload.size_of(index)]
        uploads.store_chunk(upload=upload, index=index, content=io.BytesIO(piece), by=actor)
    return upload


def make_version(*, actor, content=None, name="churn.csv", dataset=None, target="left", **options):
    """A dataset version that has been read by a real child."""
    dataset = dataset or datasets.add_dataset(by=actor, name=f"Data of {name}", target=target)
    upload = send_file(content if content is not None else churn_csv(), actor=actor, name=name)
    version = dispatch.add_version(dataset=dataset, upload=upload, by=actor, options=options)
    work_off(version.job)
    return DatasetVersion.objects.filter(pk=version.pk).first()


def make_ready_version(*, actor, name="churn"):
    """A dataset version as reading leaves it, without the bytes: for tests of what is shown of it."""
    digest_of = ("cd" * 32, "ef" * 32)
    original, table = (
        StoredFile.objects.get_or_create(workspace=actor.workspace, sha256=one, defaults={"size": 1})[0]
        for one in digest_of
    )
    dataset = datasets.add_dataset(by=actor, name=f"Data of {name} {Dataset.objects.count()}", target="left")
    version = DatasetVersion.objects.create(
        dataset=dataset, number=1, file_name=f"{name}.csv", state="ready", original=original, table=table,
        rows=600, column_count=4,
    )  # fmt: skip
    tops = {
        "customer": ("text", 600, []),
        "tenure": ("integer", 72, []),
        "plan": ("text", 3, [("basic", 200), ("plus", 200), ("pro", 200)]),
        "left": ("text", 2, [("no", 360), ("yes", 240)]),
    }
    for position, (column, (kind, distinct, top)) in enumerate(tops.items()):
        facts = {
            "name": column, "type": kind, "n": 600, "missing": 0, "distinct": distinct,
            "top": [{"value": value, "n": n} for value, n in top],
        }  # fmt: skip
        Column.objects.create(version=version, position=position, name=column, kind=kind, facts=facts)
    return version


def terms(**changes):
    """The terms of a protocol that the small table can decide."""
    return {
        "task": "binary",
        "target": "left",
        "positive_class": "yes",
        "left_out": ["customer"],
        "split": {"method": "stratified", "share": 0.4, "seed": 7},
        "gates": [{"metric": "roc_auc", "direction": "at_least", "threshold": 0.6}],
        "looks": 2,
        **changes,
    }


def make_protocol(*, actor, version=None, milestone=None, frozen=True, **changes):
    """A protocol, frozen with its rows set aside unless ``frozen`` is False."""
    version = version or make_version(actor=actor)
    milestone = milestone or make_milestone(workspace=actor.workspace)
    protocol = protocols.draft_protocol(milestone=milestone, by=actor)
    protocol = protocols.edit_protocol(protocol=protocol, body=terms(**changes), dataset_version=version, by=actor)
    if frozen:
        work_off(dispatch.freeze_protocol(protocol=protocol, by=actor, reason="first").job)
        protocol.refresh_from_db()
    return protocol


def train(*, actor, protocol, recipes=("linear",), seconds=600):
    """A training run whose models are stored; returns the proposed one."""
    run = dispatch.start_training(protocol=protocol, by=actor, recipes=list(recipes), budget_seconds=seconds)
    work_off(run.job)
    run.refresh_from_db()
    return run.models.get(proposed=True)


def look(*, actor, protocol, model=None, upload=None):
    """A look at the acceptance rows that has come to its end."""
    run = dispatch.start_look(protocol=protocol, by=actor, model=model, upload=upload)
    run.job = work_off(run.job)
    run.refresh_from_db()
    return run


@functools.cache
def judged(threshold=0.6):
    """A frozen result on 240 rows, computed once for all tests."""
    rng = np.random.default_rng(1)
    truth = rng.random(240) < 0.4
    score = np.clip(0.3 + 0.35 * truth + rng.normal(0, 0.2, 240), 0, 1)
    table = {"truth": np.where(truth, "yes", "no"), "probability": score}
    body = terms(gates=[{"metric": "roc_auc", "direction": "at_least", "threshold": threshold}], dataset="0" * 64)
    return evaluate(table, body, 0)


def make_verdict(*, actor, milestone=None, threshold=0.6, looks=2):
    """A look with its verdict, written straight into the tables: for tests of what comes after it."""
    milestone = milestone or make_milestone(workspace=actor.workspace)
    file, _ = StoredFile.objects.get_or_create(workspace=actor.workspace, sha256="ab" * 32, defaults={"size": 1})
    dataset = datasets.add_dataset(by=actor, name=f"Data of {milestone.pk}", target="left")
    version = DatasetVersion.objects.create(
        dataset=dataset,
        number=1,
        file_name="churn.csv",
        state="ready",
        original=file,
        table=file,
        rows=600,
        column_count=4,
    )
    gates = [{"metric": "roc_auc", "direction": "at_least", "threshold": threshold}]
    body = {
        "terms": read_protocol(terms(gates=gates, dataset=file.sha256, looks=looks)).to_dict(),
        "acceptance": {"rows": 240, "sha256": file.sha256, "classes": {"no": 144, "yes": 96}, "salt": "s"},
        "development": {"rows": 360, "sha256": file.sha256},
    }
    protocol = Protocol.objects.create(
        milestone=milestone,
        number=1,
        dataset_version=version,
        state="frozen",
        body=body,
        digest=digest(body),
        frozen_at=timezone.now(),
    )
    AcceptanceSet.objects.create(
        protocol=protocol, acceptance=file, development=file, features=file, acceptance_rows=240, development_rows=360
    )
    predictions = PredictionFile.objects.create(protocol=protocol, name="predictions.csv", original=file)
    result = judged(threshold)
    run = EvaluationRun.objects.create(
        protocol=protocol,
        predictions=predictions,
        result=result,
        digest=digest(result),
        verdict=result["verdict"]["verdict"],
        finished_at=timezone.now(),
    )
    Look.objects.create(protocol=protocol, number=1, run=run, by_name="Alice")
    return run


def make_training(protocol, **fields):
    """A training run whose two models lie in the tables, without their files."""
    measures = [
        {
            "metric": "roc_auc", "label": "ROC AUC", "value": 0.81, "low": 0.78, "high": 0.84, "n": 144,
            "method": "DeLong", "undefined": None,
        }
    ]  # fmt: skip
    candidates = [
        {
            "recipe": recipe, "title": title, "proposed": proposed, "settings": {"C": 0.1}, "tried": 9,
            "cut_short": False,
            "fold_scores": [0.8, 0.82], "score": 0.81, "behind": {"mean": 0.0, "low": 0.0, "high": 0.0},
            "measures": measures, "bytes": 4096, "fit_cpu_seconds": 0.4, "predict_cpu_seconds_per_thousand": 0.01,
        }
        for recipe, title, proposed in (("linear", "Linear model", True), ("forest", "Random forest", False))
    ]  # fmt: skip
    plan = {
        "numeric": ["tenure"],
        "categorical": ["plan"],
        "text": [],
        "dates": [],
        "left_out": [["customer", "named"]],
    }
    result = {
        "rows": 360, "folds": 5, "metric": "roc_auc", "higher": True, "plan": plan, "classes": ["no", "yes"],
        "candidates": candidates, "proposed": "linear", "importance": [], "versions": {"scikit-learn": "1.9"},
    }  # fmt: skip
    run = TrainingRun.objects.create(protocol=protocol, result=result, **{"finished_at": timezone.now()} | fields)
    for candidate in candidates if run.finished_at else []:
        TrainedModel.objects.create(
            run=run, recipe=candidate["recipe"], title=candidate["title"], proposed=candidate["proposed"],
            scores={"measures": measures, "score": candidate["score"], "behind": candidate["behind"]},
            facts={
                **{k: candidate[k] for k in ("settings", "tried", "bytes", "fit_cpu_seconds",
                                             "predict_cpu_seconds_per_thousand")},
                "plan": plan, "rows": 360, "versions": {"scikit-learn": "1.9"}, "classes": ["no", "yes"],
                "importance": [{"column": "tenure", "mean": 0.2, "spread": 0.02, "n": 100}],
                "development_sha256": "ab" * 32,
            },
        )  # fmt: skip
    return run
