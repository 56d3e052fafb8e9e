"""Rows of the third storey, made through its own services with real children."""

import io

import numpy as np
import pandas as pd

from evaluations import dispatch
from evaluations.models import DatasetVersion
from evaluations.services import datasets, protocols
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
    upload = datasets.open_upload(name=name, size=len(content), by=actor)
    for index in range(upload.chunk_count):
        start = index * upload.chunk_size
        piece = content[start : start + upload.size_of(index)]
        datasets.store_chunk(upload=upload, index=index, content=io.BytesIO(piece), by=actor)
    return upload


def make_version(*, actor, content=None, name="churn.csv", dataset=None, target="left", **options):
    """A dataset version that has been read by a real child."""
    dataset = dataset or datasets.add_dataset(by=actor, name=f"Data of {name}", target=target)
    upload = send_file(content if content is not None else churn_csv(), actor=actor, name=name)
    version = dispatch.add_version(dataset=dataset, upload=upload, by=actor, options=options)
    work_off(version.job)
    return DatasetVersion.objects.filter(pk=version.pk).first()


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


def train(*, actor, protocol, recipes=("linear",)):
    """A training run whose models are stored; returns the proposed one."""
    run = dispatch.start_training(protocol=protocol, by=actor, recipes=list(recipes), budget_seconds=30)
    work_off(run.job)
    run.refresh_from_db()
    return run.models.get(proposed=True)


def look(*, actor, protocol, model=None, upload=None):
    """A look at the acceptance rows that has come to its end."""
    run = dispatch.start_look(protocol=protocol, by=actor, model=model, upload=upload)
    run.job = work_off(run.job)
    run.refresh_from_db()
    return run
