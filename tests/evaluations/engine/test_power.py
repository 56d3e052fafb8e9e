"""Planning against published and simulated tables, and against the gates themselves."""

import numpy as np
import pytest

from evaluations.engine.gates import judge
from evaluations.engine.intervals import clopper_pearson, gate_proportion, wilson
from evaluations.engine.power import Shape, area_spread, assess, plan
from evaluations.engine.protocols import Gate, Protocol, Split
from evaluations.engine.shares import least_hits, share_pass_chance, share_point_chance, share_rows_needed
from tests.evaluations.engine.drawn import achieved, supposed_rows
from tests.evaluations.engine.tables import binary
from tests.evaluations.engine.test_gates import recalled

TRUE = np.array([0.78, 0.80, 0.82, 0.84, 0.86])


@pytest.mark.parametrize(
    ("rows", "point", "bound"),
    [
        (200, [0.28, 0.54, 0.80, 0.95, 0.99], [0.008, 0.043, 0.155, 0.394, 0.701]),
        (500, [0.15, 0.53, 0.89, 0.99, 1], [0.003, 0.050, 0.303, 0.751, 0.975]),
        (1000, [0.07, 0.52, 0.95, 1, 1], [0.001, 0.051, 0.487, 0.952, 1]),
    ],
)
def test_the_chance_to_pass_at_080(rows, point, bound):
    assert share_pass_chance(np.array(rows), 0.8, TRUE, 0.95) == pytest.approx(bound, abs=6e-4)
    assert [share_point_chance(rows, 0.8, t) for t in TRUE] == pytest.approx(point, abs=6e-3)


# Both columns of simulated figures moved in coarse steps of n; the exact chance saws, so the count
# from which it *stays* above the power lies up to a sixth higher.
@pytest.mark.parametrize(
    ("threshold", "true", "eighty", "ninety"),
    [
        (0.80, 0.82, 2425, 3300), (0.80, 0.85, 365, 500), (0.80, 0.90, 80, 110), (0.90, 0.92, 1300, 1800),
        (0.90, 0.95, 180, 240), (0.95, 0.97, 600, 850), (0.95, 0.98, 230, 310), (0.99, 0.995, 1800, 2525),
    ],
)  # fmt: skip
def test_rows_needed_by_wilson(threshold, true, eighty, ninety):
    for power, table in ((0.8, eighty), (0.9, ninety)):
        rows = share_rows_needed(threshold, true, power=power, rule="wilson")
        assert 0.97 * table <= rows <= 1.21 * table
        assert share_pass_chance(np.arange(rows, rows + 300), threshold, true, 0.95, "wilson").min() >= power
        assert share_pass_chance(np.array(rows - 1), threshold, true, 0.95, "wilson") < power


@pytest.mark.parametrize(
    ("threshold", "true", "table", "chance", "wrong"),
    [
        (0.80, 0.85, 404, 0.55, 0.28),
        (0.85, 0.90, 333, 0.65, 0.26),
        (0.85, 0.88, 874, 0.30, 0.26),
        (0.90, 0.92, 1411, 0.18, 0.23),
        (0.95, 0.97, 655, 0.28, 0.17),
    ],
)
def test_rows_needed_by_the_exact_bound(threshold, true, table, chance, wrong):
    rows = share_rows_needed(threshold, true, rule="clopper-pearson")
    assert rows == pytest.approx(table, rel=0.10)
    found = share_pass_chance(np.array(200), threshold, true, 0.95, "clopper-pearson")
    assert found == pytest.approx(chance, abs=0.006)
    assert share_point_chance(200, threshold, threshold - 0.02) == pytest.approx(wrong, abs=0.006)


@pytest.mark.parametrize("rule", ["gate", "wilson", "clopper-pearson"])
@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.8, 0.97])
def test_the_least_hits_are_those_of_the_bound(rule, threshold):
    bound = {"gate": gate_proportion, "wilson": wilson, "clopper-pearson": clopper_pearson}[rule]
    for rows in [*range(1, 80), 203]:
        passing = [k for k in range(rows + 1) if bound(k, rows, 0.95).low >= threshold]
        assert int(least_hits(np.array(rows), threshold, 0.95, rule)) == min(passing, default=rows + 1)


@pytest.mark.parametrize("positives", [14, 60, 200])
def test_the_chance_is_that_of_real_gates(positives):
    gate = Gate("recall", "at_least", 0.8)
    counts = np.arange(positives + 1)
    passed = [judge(gate, recalled(k, positives), looks=1, seed=1).verdict == "pass" for k in counts]
    expected = np.random.default_rng(1).binomial(positives, 0.9, 200_000)
    simulated = np.mean(np.array(passed)[expected])
    exact = plan(gate, "binary", 1, Shape((0.5, 0.5))).chance(2 * positives, np.array([0.9]))
    assert exact[0] == pytest.approx(simulated, abs=0.005)


def test_a_truth_at_the_promise_needs_endless_rows():
    assert share_rows_needed(0.8, 0.8) is None
    assert plan(Gate("roc_auc", "at_least", 0.8), "binary", 1, Shape()).rows_needed(0.79) is None


KINDS = [
    ("binary", "roc_auc", 0.8, 0.86),
    ("binary", "average_precision", 0.7, 0.8),
    ("binary", "mcc", 0.4, 0.55),
    ("binary", "log_loss", 0.5, 0.4),
    ("binary", "ece", 0.1, 0.05),
    ("multiclass", "macro_f1", 0.7, 0.8),
    ("multiclass", "macro_roc_auc", 0.8, 0.86),
    ("regression", "rmse", 1.0, 0.85),
    ("regression", "r2", 0.6, 0.72),
]


@pytest.mark.parametrize(("task", "metric", "threshold", "true"), KINDS)
def test_rehearsed_plans_reach_their_power_and_keep_their_risk(task, metric, threshold, true):
    side = "at_least" if true > threshold else "at_most"
    made = plan(Gate(metric, side, threshold), task, 1, Shape((0.5, 0.3, 0.2) if task == "multiclass" else (0.7, 0.3)))
    rows = made.rows_needed(true)
    assert made.chance(rows, np.array(true))[0] == pytest.approx(0.8, abs=0.035)
    assert made.chance(rows, np.array(threshold))[0] <= 0.075
    course = made.curve(rows, np.linspace(threshold, true, 21))
    assert (np.diff(course) >= -0.02).all()


@pytest.mark.parametrize(
    ("task", "metric", "threshold", "true"),
    [("binary", "mcc", 0.4, 0.55), ("binary", "brier", 0.2, 0.17), ("regression", "mae", 0.7, 0.6)],
)
def test_the_real_gate_passes_about_as_often_as_planned(task, metric, threshold, true):
    """Rows drawn one by one, and judged by the gate itself; benchmarks.power does it for every metric."""
    gate = Gate(metric, "at_least" if true > threshold else "at_most", threshold)
    rows = plan(gate, task, 1, Shape((0.6, 0.4))).rows_needed(true)
    passed = achieved(gate, lambda rng: supposed_rows(metric, task, true, rows, rng), 150)
    assert passed == pytest.approx(0.8, abs=0.1)  # three standard deviations of 150 runs


def test_the_spread_of_an_area_is_that_of_drawn_rows():
    rng = np.random.default_rng(1)
    areas = []
    for _ in range(3000):
        up, down = rng.normal(1.2, size=30), rng.normal(size=50)
        areas.append((up[:, None] > down).mean())
    assert area_spread(float(np.mean(areas)), 30, 50) == pytest.approx(np.std(areas), rel=0.05)


def test_the_auc_plan_matches_simulated_gates():
    """Binormal scores of true area 0.86, promise 0.80, 150 rows."""
    gate = Gate("roc_auc", "at_least", 0.8)
    skill = 1.5278  # sqrt(2) times the normal quantile of 0.86
    rows = [binary(150, seed=s, share=0.4, skill=skill) for s in range(400)]
    passed = np.mean([judge(gate, each, looks=1, seed=1).verdict == "pass" for each in rows])
    planned = plan(gate, "binary", 1, Shape((0.6, 0.4))).chance(150, np.array(0.86))[0]
    assert planned == pytest.approx(passed, abs=0.07)


PROTOCOL = Protocol("d", "binary", "y", (Gate("recall", "at_least", 0.9),), looks=1)


def test_a_gate_that_no_model_can_pass_is_refused_with_the_number():
    found = assess(PROTOCOL.gates[0], PROTOCOL, 100, Shape((0.8, 0.2)))
    assert found.rows_floor == 145  # 29 positives at 20 %
    assert "not even a perfect model would pass" in found.refusal
    assert "145" in found.refusal
    assert assess(PROTOCOL.gates[0], PROTOCOL, 145, Shape((0.8, 0.2))).refusal is None


def test_a_weak_chance_is_warned_of():
    gate = Gate("recall", "at_least", 0.9, expected=0.92)
    found = assess(gate, PROTOCOL, 1000, Shape((0.8, 0.2)))
    assert found.refusal is None
    assert found.chance < 0.5
    assert f"{found.rows_needed:,}" in found.warning
    assert len(found.curve) == 41
    assert not found.approximate
    assert found.method.startswith("Counted exactly")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("metric", ["accuracy", "f1", "mcc", "roc_auc"])
@pytest.mark.parametrize("side", ["at_least", "at_most"])
@pytest.mark.parametrize("threshold", [0.0, 1.0])
@pytest.mark.parametrize("rows", [0, 1, 50])
def test_promises_at_the_edge_on_hardly_any_rows_are_planned(metric, side, threshold, rows):
    gate = Gate(metric, side, threshold)
    found = assess(gate, Protocol("d", "binary", "y", (gate,)), rows, Shape((0.7, 0.3)))
    assert all(0 <= chance <= 1 for _, chance in found.curve)
    if metric == "accuracy" and (side == "at_least") == (threshold == 0.0):
        assert {chance for _, chance in found.curve} == {float(rows > 0)}  # what always holds


def test_a_plan_says_how_it_was_made():
    gate = Gate("roc_auc", "at_least", 0.8, expected=0.82)
    protocol = Protocol("d", "binary", "y", (gate,), looks=1, split=Split("grouped"), group_column="customer")
    found = assess(gate, protocol, 200, Shape((0.7, 0.3)))
    assert found.approximate
    assert "Simulated 2,000 times" in found.method
    assert "normal in each class" in found.method
    assert "counted as independent" in found.method
    assert "About " in found.warning


@pytest.mark.parametrize(
    ("task", "gate"),
    [
        ("binary", Gate("f1", "at_least", 0.7, expected=0.8)),
        ("binary", Gate("balanced_accuracy", "at_least", 0.7, expected=0.8)),
        ("binary", Gate("ece", "at_most", 0.1, expected=0.05)),
        ("binary", Gate("log_loss", "at_most", 0.4, expected=0.3)),
        ("multiclass", Gate("macro_f1", "at_least", 0.7, expected=0.8)),
        ("multiclass", Gate("macro_roc_auc", "at_least", 0.8, expected=0.9)),
        ("regression", Gate("rmse", "at_most", 5.0, expected=4.5)),
        ("regression", Gate("r2", "at_least", 0.5, expected=0.6)),
    ],
)
def test_every_kind_of_gate_can_be_planned(task, gate):
    protocol = Protocol("d", task, "y", (gate,), positive_class="1", looks=1)
    found = assess(gate, protocol, 500, Shape((0.4, 0.3, 0.3) if task == "multiclass" else (0.7, 0.3)))
    assert 0 < found.chance <= 1
    assert found.rows_needed > 0
