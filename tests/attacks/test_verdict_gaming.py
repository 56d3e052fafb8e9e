"""Someone who wants a pass that the model did not earn."""

import pandas as pd
import pytest

from evaluations import storage
from evaluations.engine.protocols import read_protocol
from evaluations.engine.work.evaluating import match_rows
from evaluations.errors import StrangeModelError
from evaluations.models import Look
from evaluations.services import protocols, runs
from projects.sandbox import TaskError
from tests.factories.evaluations import look, make_protocol, make_version, send_file, terms, train


def rows_to_predict(protocol, folder):
    features = protocol.acceptance_set.features
    path = storage.DATA.fetch(protocol.workspace.pk, features.sha256, folder / "features.parquet")
    return pd.read_parquet(path)


def bring(table, *, actor, protocol):
    return look(
        actor=actor, protocol=protocol, upload=send_file(table.to_csv(index=False).encode(), actor=actor, name="p.csv")
    )


def test_weights_brought_along_do_not_count(actor, tmp_path):
    """The easy rows count double: the frozen protocol knows of no weights."""
    protocol = make_protocol(actor=actor)
    rows = rows_to_predict(protocol, tmp_path)
    easy = (rows["tenure"] < 10) | (rows["tenure"] > 50)
    run = bring(
        rows[["row_id"]].assign(probability=1 - rows["tenure"] / 72, weight=easy.map({True: 1.0, False: 1e-6})),
        actor=actor, protocol=protocol,
    )  # fmt: skip
    assert run.result["facts"]["weighted"] is False


def test_groups_brought_along_do_not_replace_those_of_the_protocol(actor, tmp_path):
    """Every row a group of its own would make the interval too narrow."""
    protocol = make_protocol(actor=actor, group_column="plan")
    rows = rows_to_predict(protocol, tmp_path)
    table = rows[["row_id"]].assign(probability=1 - rows["tenure"] / 72, group=range(len(rows)))
    assert bring(table, actor=actor, protocol=protocol).result["facts"]["groups"] == rows["plan"].nunique()


def test_a_model_that_may_have_seen_the_rows_is_not_judged_on_them(actor):
    """It was trained under terms that set other rows aside."""
    version = make_version(actor=actor)
    before = make_protocol(actor=actor, version=version)
    model = train(actor=actor, protocol=before)
    draft = protocols.draft_protocol(milestone=before.milestone, by=actor)
    other = make_protocol(
        actor=actor, version=version, milestone=before.milestone,
        split={"method": "stratified", "share": 0.4, "seed": 8},
    )  # fmt: skip
    assert other.pk == draft.pk
    with pytest.raises(StrangeModelError):
        runs.begin_look(protocol=other, by=actor, model=model)
    assert not Look.objects.exists()


def test_a_model_of_the_same_rows_is_judged_under_new_gates(actor):
    version = make_version(actor=actor)
    model = train(actor=actor, protocol=make_protocol(actor=actor, version=version))
    gates = [{"metric": "roc_auc", "direction": "at_least", "threshold": 0.55}]
    again = make_protocol(actor=actor, version=version, gates=gates)
    assert look(actor=actor, protocol=again, model=model).verdict == "pass"


@pytest.mark.parametrize("filler", ["?", "inf"])
def test_one_row_of_the_sealed_truth_cannot_be_asked_for_alone(filler):
    """A file that is refused costs nothing, so what it is refused for must not answer a guess about one row."""
    protocol = read_protocol(
        terms(
            task="regression", target="tenure", positive_class=None, dataset="0" * 64,
            gates=[{"metric": "mae", "direction": "at_most", "threshold": 9}],
        )
    )  # fmt: skip
    rows = pd.DataFrame({"row_id": ["a", "b", "c"], "tenure": [3.0, 5.0, 8.0]})
    for guess in ("3", "4"):
        brought = pd.DataFrame({"row_id": ["a", "b", "c"], "prediction": 1.0, "truth": [guess, filler, filler]})
        with pytest.raises(TaskError, match="not the one that was set aside"):
            match_rows(rows, protocol, brought)
