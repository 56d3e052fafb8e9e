"""The whole way: a table and a protocol in, one plain value out."""

import copy
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from evaluations.engine.evaluation import evaluate
from evaluations.engine.predictions import PredictionsError
from evaluations.engine.protocols import ProtocolError
from projects.canonical import canonical
from tests.evaluations.engine.tables import binary, multiclass, regression

GATE = {"metric": "recall", "direction": "at_least", "threshold": 0.6}
BINARY = {
    "dataset": "d", "task": "binary", "target": "churn", "positive_class": "yes", "looks": 1,
    "gates": [GATE, {**GATE, "primary": False, "slice": {"column": "region", "value": "north"}}],
    "slices": {"columns": ["region", "size"], "pairs": True},
    "baseline": {"kind": "constant", "metric": "roc_auc"},
}  # fmt: skip


def binary_table(rows=800, seed=1):
    p = binary(rows, seed, skill=2.5)
    names = np.array(["no", "yes"])
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "truth": names[p.truth.astype(int)],
            "prediction": names[p.predicted.astype(int)],
            "probability": p.probability,
            "region": rng.choice(["north", "south"], rows),
            "size": rng.choice([1.0, 2.0, np.nan], rows),
        }
    )


def test_a_binary_evaluation_holds_everything():
    result = evaluate(binary_table(), BINARY, 5)
    assert list(result) == [
        "schema", "seed", "facts", "metrics", "gates", "verdict", "slices", "comparison", "curves",
    ]  # fmt: skip
    assert len(result["metrics"]) == 12
    assert result["facts"]["classes"][1]["name"] == "yes"
    assert {gate["verdict"] for gate in result["gates"]} <= {"pass", "fail", "inconclusive"}
    assert result["gates"][1]["measure"]["rows"] < 800
    assert result["comparison"]["shown"]
    assert {"roc", "precision_recall", "reliability", "confusion"} == set(result["curves"])
    assert {"size": "(missing)"} in [row["where"] for row in result["slices"]["rows"]]


def test_a_promised_figure_has_one_interval():
    """The table of figures and the gate use one method and one level, also with several looks."""
    result = evaluate(binary_table(), {**BINARY, "looks": 3}, 5)
    of_gate = next(gate["measure"] for gate in result["gates"] if gate["slice"] is None)
    assert of_gate in result["metrics"]
    assert of_gate["bounds"]["confidence"] == pytest.approx(1 - 0.05 / 3)


def test_the_same_input_gives_the_same_bytes():
    one = canonical(evaluate(binary_table(), BINARY, 5))
    assert one == canonical(evaluate(binary_table(), BINARY, 5))
    assert one == canonical(evaluate(pa.Table.from_pandas(binary_table()), BINARY, 5))
    assert one == canonical(json.loads(one))


def test_the_seed_moves_only_what_is_drawn():
    one, two = (evaluate(binary_table(), BINARY, seed) for seed in (5, 6))
    values = [[m["value"] for m in result["metrics"]] for result in (one, two)]
    assert values[0] == values[1]
    assert one["metrics"] != two["metrics"]


def test_row_order_does_not_change_the_figures():
    table = binary_table()
    mixed = table.sample(frac=1, random_state=0)
    one, two = evaluate(table, BINARY, 5), evaluate(mixed, BINARY, 5)
    assert one["metrics"] == two["metrics"]
    assert one["gates"] == two["gates"]


def test_floats_carry_twelve_digits():
    text = json.dumps(evaluate(binary_table(), BINARY, 5))
    numbers = [part for part in text.replace(",", " ").replace("]", " ").split() if part.startswith("0.")]
    assert numbers
    assert max(len(number.rstrip("}").lstrip("0.").lstrip("0")) for number in numbers) <= 12


def protocol(**fields):
    return {**copy.deepcopy(BINARY), **fields}


def test_labels_may_be_numbers_and_the_prediction_derived():
    table = pd.DataFrame({"truth": [1, 0, 1, 0], "probability": [0.9, 0.4, 0.3, 0.6]})
    body = protocol(positive_class="1", gates=[GATE], slices=None, baseline=None)
    facts = evaluate(table, body, 1)
    assert [c["name"] for c in facts["facts"]["classes"]] == ["0", "1"]
    counts = {m["metric"]: m["value"] for m in facts["metrics"]}
    assert counts["accuracy"] == 0.5
    looser = evaluate(table, {**body, "cut_off": 0.35}, 1)
    assert {m["metric"]: m["value"] for m in looser["metrics"]}["precision"] == pytest.approx(1 / 3)


def test_an_incumbent_is_read_from_its_own_columns():
    table = binary_table()
    table["baseline_prediction"] = table["prediction"]
    table["baseline_probability"] = np.random.default_rng(0).random(len(table))
    body = protocol(baseline={"kind": "incumbent", "metric": "roc_auc"})
    found = evaluate(table, body, 1)["comparison"]
    assert found["baseline_value"] == pytest.approx(0.5, abs=0.05)
    assert found["shown"]


def test_groups_and_weights_are_seen():
    table = binary_table()
    table["group"] = np.arange(len(table)) // 10
    table["weight"] = 1.5
    facts = evaluate(table, BINARY, 1)["facts"]
    assert facts["groups"] == 80
    assert facts["weighted"]
    by_column = table.drop(columns="group").assign(customer=table["group"])
    same = evaluate(by_column, protocol(group_column="customer"), 1)
    assert same["facts"]["groups"] == 80


def test_multiclass_and_regression_run_through():
    p, q = multiclass(400, 1), regression(400, 1)
    names = np.array(["a", "b", "c"])
    table = {"truth": names[p.truth], "prediction": names[p.predicted]}
    table |= {f"probability:{name}": p.probability[:, i] for i, name in enumerate(names)}
    body = {
        "dataset": "d", "task": "multiclass", "target": "y", "baseline": {"kind": "constant", "metric": "macro_f1"},
        "gates": [{"metric": "macro_f1", "direction": "at_least", "threshold": 0.4}],
    }  # fmt: skip
    assert evaluate(table, body, 1)["verdict"]["verdict"] == "pass"
    body = {
        "dataset": "d", "task": "regression", "target": "y", "baseline": {"kind": "constant", "metric": "mae"},
        "gates": [{"metric": "mae", "direction": "at_most", "threshold": 0.3}], "quantile": 0.9,
    }  # fmt: skip
    result = evaluate({"truth": q.truth, "prediction": q.predicted}, body, 1)
    assert result["verdict"]["verdict"] == "fail"
    assert result["comparison"]["shown"]


def test_an_empty_table_is_inconclusive_not_a_crash():
    result = evaluate(binary_table().iloc[:0], BINARY, 1)
    assert result["verdict"]["verdict"] == "inconclusive"
    assert all(m["undefined"] == "there is no row to judge" for m in result["metrics"])


@pytest.mark.parametrize(
    ("change", "column", "words"),
    [
        (lambda t: t.drop(columns="truth"), "truth", "not in the predictions"),
        (lambda t: t.assign(truth=t["truth"].where(t.index > 2)), "truth", "3 of 800 rows hold nothing"),
        (lambda t: t.assign(prediction="perhaps"), "prediction", "perhaps"),
        (lambda t: t.assign(truth=np.resize(["a", "b", "yes"], 800)), "truth", "3 different labels"),
        (lambda t: t.assign(probability=t["probability"] * 100), "probability", "outside 0 to 1"),
        (lambda t: t.assign(probability="high"), "probability", "not numbers"),
        (lambda t: t.assign(weight=-1.0), "weight", "not negative"),
        (lambda t: t.drop(columns=["prediction", "probability"]), "prediction", "neither"),
        (lambda t: t.drop(columns="region"), "region", "do not hold it"),
    ],
)
def test_a_bad_table_names_column_and_remedy(change, column, words):
    with pytest.raises(PredictionsError, match=words) as caught:
        evaluate(change(binary_table()), BINARY, 1)
    assert caught.value.params["column"] == column


def test_a_bad_protocol_is_refused_first():
    with pytest.raises(ProtocolError, match="positive_class"):
        evaluate({}, protocol(positive_class=None), 1)
