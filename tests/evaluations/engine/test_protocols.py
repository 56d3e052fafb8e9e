"""Reading, refusing and comparing protocols."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluations.engine.metrics import metrics_for
from evaluations.engine.protocols import ProtocolError, compare_protocols, read_protocol
from projects.canonical import digest

BODY = {
    "dataset": "ab" * 32,
    "task": "binary",
    "target": "Churn",
    "positive_class": "Yes",
    "left_out": ["customerID"],
    "split": {"method": "stratified", "share": 0.3, "seed": 4},
    "gates": [
        {"metric": "recall", "direction": "at_least", "threshold": 0.8},
        {
            "metric": "precision", "direction": "at_least", "threshold": 0.5, "confidence": 0.9, "primary": False,
            "slice": {"column": "Contract", "value": "Two year"}, "minimum_support": 40, "expected": 0.6,
        },
    ],
    "baseline": {"kind": "incumbent", "metric": "roc_auc", "aim": "not_worse", "margin": 0.01},
    "slices": {"columns": ["Contract"], "pairs": True},
}  # fmt: skip


def changed(**fields):
    return {**copy.deepcopy(BODY), **fields}


def problems_of(body):
    with pytest.raises(ProtocolError) as caught:
        read_protocol(body)
    return {problem.field: problem.text for problem in caught.value.problems}


def test_what_is_written_is_read_back():
    written = read_protocol(BODY).to_dict()
    assert read_protocol(written).to_dict() == written
    assert digest(written) == digest(read_protocol(BODY).to_dict())
    assert written["gates"][0]["confidence"] == 0.95
    assert written["looks"] == 3


def test_a_gate_takes_the_confidence_of_the_protocol():
    gates = read_protocol(changed(confidence=0.9)).gates
    assert [gate.confidence for gate in gates] == [0.9, 0.9]


def test_every_problem_is_named_at_once():
    found = problems_of({"task": "binary", "gates": [{"metric": "recal", "direction": "over"}]})
    assert set(found) == {
        "dataset", "target", "positive_class", "gates[0].metric", "gates[0].direction", "gates[0].threshold",
    }  # fmt: skip
    assert "Choose accuracy" in found["gates[0].metric"]


GATE = BODY["gates"][0]


@pytest.mark.parametrize(
    ("body", "field", "advice"),
    [
        (changed(surprise=1), "surprise", "Remove it"),
        (changed(task="ranking"), "task", "choose one of binary"),
        (changed(gates=[]), "gates", "Add at least one"),
        (changed(gates=[{**GATE, "primary": False}]), "gates", "Mark one primary"),
        (changed(gates=[{**GATE, "threshold": 1.5}]), "gates[0].threshold", "from 0 to 1"),
        (changed(gates=[{**GATE, "threshold": 1}]), "gates[0].threshold", "perfection"),
        (changed(gates=[{**GATE, "threshold": 0}]), "gates[0].threshold", "every model meets it"),
        (changed(gates=[{**GATE, "threshold": "0.8"}]), "gates[0].threshold", "give a number"),
        (changed(gates=[{**GATE, "threshold": float("nan")}]), "gates[0].threshold", "give a number"),
        (changed(gates=[{**GATE, "confidence": 0.3}]), "gates[0].confidence", "from 0.5"),
        (changed(gates=[{**GATE, "metric": "mae"}]), "gates[0].metric", "does not judge"),
        (changed(gates=[{**GATE, "slice": {"column": "x"}}]), "gates[0].slice.value", "missing"),
        (changed(gates=[{**GATE, "slice": "x"}]), "gates[0].slice", "named fields"),
        (changed(gates="recall"), "gates", "give a list"),
        (changed(split={"method": "grouped"}), "split.column", "Name it"),
        (changed(split={"share": 0.2, "rows": 5}), "split.share", "not both"),
        (changed(split={"share": 0}), "split.share", "above 0"),
        (changed(looks=0), "looks", "from 1"),
        (changed(looks=2.5), "looks", "whole number"),
        (changed(looks=True), "looks", "whole number"),
        (changed(left_out=["Churn"]), "left_out", "Remove it"),
        (changed(left_out=["a", "a"]), "left_out", "twice"),
        (changed(task="text"), "text_column", "Name it"),
        (changed(classes=["No", "Maybe"]), "positive_class", "not among"),
        (changed(baseline={"kind": "other", "metric": "f1"}), "baseline.kind", "constant"),
        (changed(baseline={"kind": "constant", "metric": "mae"}), "baseline.metric", "does not judge"),
        (changed(schema="freelance-ml/protocol/9"), "schema", "Convert"),
    ],
)
def test_a_problem_names_the_field_and_what_to_do(body, field, advice):
    assert advice in problems_of(body)[field]


def test_text_is_judged_as_the_classification_it_is():
    body = changed(task="text", text_column="message", baseline=None)
    assert read_protocol(body).judged_as == "binary"
    del body["positive_class"]
    body["gates"] = [{"metric": "macro_f1", "direction": "at_least", "threshold": 0.7}]
    assert read_protocol(body).judged_as == "multiclass"


def test_a_difference_reads_as_words():
    new = changed(looks=1)
    new["gates"][0]["threshold"] = 0.75
    del new["gates"][1]
    new["left_out"] = []
    changes = compare_protocols(read_protocol(BODY).to_dict(), read_protocol(new).to_dict())
    assert [(c.field, c.before, c.after) for c in changes] == [
        ("gates[0].threshold", "0.8", "0.75"),
        ("gates[1]", "Precision at least 0.5 where Contract is Two year", "none"),
        ("left_out", "customerID", "none"),
        ("looks", "3", "1"),
    ]
    same = read_protocol(BODY).to_dict()
    assert compare_protocols(same, same) == []


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted([*BODY, "looks", "confidence", "classes", "schema", "cut_off"])), anything)
def test_any_junk_in_a_field_is_read_or_refused_never_a_crash(field, junk):
    try:
        protocol = read_protocol(changed(**{field: junk}))
    except ProtocolError as error:
        assert error.problems
    else:
        digest(protocol.to_dict())


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_every_metric_can_be_promised(task):
    for row in metrics_for(task):
        side = "at_least" if row.better == "higher" else "at_most"
        gate = {"metric": row.name, "direction": side, "threshold": 0.7}
        body = changed(task=task, gates=[gate], baseline=None)
        assert read_protocol(body).gates[0].metric == row.name
