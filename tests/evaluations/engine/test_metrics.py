"""Every metric against scikit-learn or a closed form, and every property of every metric."""

import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from evaluations.engine import pieces
from evaluations.engine.coding import encode
from evaluations.engine.measuring import measure
from evaluations.engine.metrics import REGISTRY, UnknownMetricError, metric, metrics_for
from evaluations.engine.predictions import Predictions, PredictionsError, check_weights
from tests.evaluations.engine.tables import binary, multiclass, regression

MAKERS = {"binary": binary, "multiclass": multiclass, "regression": regression}
CASES = [(row.name, task) for row in REGISTRY.values() for task in sorted(row.tasks)]
every_metric = pytest.mark.parametrize(("name", "task"), CASES)


def equal_mass_ece(truth, probability, bins=15):
    """The definition, written as slowly as it reads; for scores without ties."""
    order = np.argsort(probability)
    place = ((np.arange(len(order)) + 0.5) * bins / len(order)).astype(int)
    gaps = [abs(truth[order][place == b].sum() - probability[order][place == b].sum()) for b in range(bins)]
    return sum(gaps) / len(order)


def label_peer(function, **fixed):
    def peer(p):
        return function(p.truth, p.predicted, sample_weight=p.weights, **fixed)

    return peer


def score_peer(function, **fixed):
    def peer(p):
        return function(p.truth, p.probability, sample_weight=p.weights, **fixed)

    return peer


PEERS = {
    "accuracy": label_peer(sk.accuracy_score),
    "balanced_accuracy": label_peer(sk.balanced_accuracy_score),
    "precision": label_peer(sk.precision_score),
    "recall": label_peer(sk.recall_score),
    "specificity": label_peer(sk.recall_score, pos_label=0),
    "f1": label_peer(sk.f1_score),
    "mcc": label_peer(sk.matthews_corrcoef),
    "roc_auc": score_peer(sk.roc_auc_score),
    "average_precision": score_peer(sk.average_precision_score),
    "log_loss": score_peer(sk.log_loss),
    "brier": score_peer(sk.brier_score_loss),
    "ece": lambda p: equal_mass_ece(p.truth, p.probability),
    "macro_precision": label_peer(sk.precision_score, average="macro", zero_division=0),
    "macro_recall": label_peer(sk.recall_score, average="macro", zero_division=0),
    "macro_f1": label_peer(sk.f1_score, average="macro", zero_division=0),
    "weighted_precision": label_peer(sk.precision_score, average="weighted", zero_division=0),
    "weighted_recall": label_peer(sk.recall_score, average="weighted", zero_division=0),
    "weighted_f1": label_peer(sk.f1_score, average="weighted", zero_division=0),
    "macro_roc_auc": score_peer(sk.roc_auc_score, multi_class="ovr", average="macro"),
    "mae": label_peer(sk.mean_absolute_error),
    "rmse": label_peer(sk.root_mean_squared_error),
    "r2": label_peer(sk.r2_score),
    "mape": label_peer(sk.mean_absolute_percentage_error),
    "pinball": label_peer(sk.mean_pinball_loss, alpha=0.5),
}


def found(name, rows, confidence=0.95, seed=7):
    return measure(REGISTRY[name], rows, confidence, seed)


def shuffled(rows, order):
    return rows.take(order)


def test_every_metric_has_a_peer():
    assert set(PEERS) == set(REGISTRY)


@every_metric
@pytest.mark.parametrize("rows", [2, 40, 500])
def test_agrees_with_the_peer(name, task, rows):
    p = MAKERS[task](rows, seed=rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            expected = PEERS[name](p)
        except ValueError:
            expected = math.nan
    value = found(name, p).value
    if value is not None and not math.isnan(expected):
        assert value == pytest.approx(expected, abs=1e-12, rel=1e-10)
    else:
        assert rows == 2  # only two rows may lack a class


@every_metric
@pytest.mark.parametrize("ties", [False, True])
def test_rows_taken_in_pieces_give_the_same(name, task, ties, monkeypatch):
    rows = MAKERS[task](500, seed=5, ties=ties)
    whole = found(name, rows)
    monkeypatch.setattr(pieces, "PIECE", 37)
    in_pieces = found(name, replace(rows))  # a copy remembers nothing
    assert in_pieces.value == pytest.approx(whole.value, rel=1e-13)
    assert in_pieces.bounds == pytest.approx(whole.bounds, rel=1e-12)


@every_metric
def test_agrees_with_the_peer_on_weighted_rows(name, task):
    if name == "ece":
        pytest.skip("no peer weighs calibration error; see the test of repeated rows")
    p = MAKERS[task](300, seed=3)
    p = replace(p, weights=np.random.default_rng(4).uniform(0.1, 3, 300))
    assert found(name, p).value == pytest.approx(PEERS[name](p), rel=1e-10)


@every_metric
def test_agrees_with_the_peer_on_ties(name, task):
    p = MAKERS[task](400, seed=5, ties=True)
    if name != "ece":  # the definition above does not know ties
        assert found(name, p).value == pytest.approx(PEERS[name](p), rel=1e-10)
    else:
        assert found(name, p).value == pytest.approx(
            found(name, shuffled(p, np.random.default_rng(0).permutation(400))).value
        )


@every_metric
@pytest.mark.parametrize("kind", ["plain", "weights", "groups", "both"])
def test_intervals_hold_the_value_and_stay_in_range(name, task, kind):
    p = MAKERS[task](250, seed=11)
    rng = np.random.default_rng(12)
    if kind in {"weights", "both"}:
        p = replace(p, weights=rng.uniform(0.2, 2, 250))
    if kind in {"groups", "both"}:
        p = replace(p, groups=rng.integers(0, 60, 250).astype(np.intp))
    low, high = REGISTRY[name].limits
    m = found(name, p)
    for ends in (m.interval, m.bounds):
        assert low <= ends.low <= m.value <= ends.high <= high
        assert ends.low < ends.high
    assert m.method
    assert m.bound_method


@every_metric
def test_row_order_does_not_matter(name, task):
    p = MAKERS[task](200, seed=13)
    order = np.random.default_rng(14).permutation(200)
    one, two = found(name, p), found(name, shuffled(p, order))
    assert one.value == pytest.approx(two.value, rel=1e-12)
    assert one.interval == pytest.approx(two.interval, rel=1e-9)
    assert one.bounds == pytest.approx(two.bounds, rel=1e-9)


@every_metric
def test_same_seed_same_result(name, task):
    p = MAKERS[task](200, seed=15)
    again = MAKERS[task](200, seed=15)
    assert found(name, p) == found(name, again)


@every_metric
def test_repeated_rows_equal_weights(name, task):
    p = MAKERS[task](120, seed=17)
    times = np.random.default_rng(18).integers(1, 4, 120)
    if name == "ece":
        times[:] = 2  # equal weights; bins of equal mass move with unequal ones
    repeated = found(name, shuffled(p, np.repeat(np.arange(120), times))).value
    weighted = found(name, replace(p, weights=times.astype(float))).value
    assert repeated == pytest.approx(weighted, rel=1e-9)


@every_metric
def test_each_row_its_own_group_is_close_to_no_groups(name, task):
    p = MAKERS[task](600, seed=19)
    alone = found(name, p)
    grouped = found(name, replace(p, groups=np.arange(600)))
    width = alone.interval.high - alone.interval.low
    if name == "ece":  # one is a worst case over the noise of the bins, the other is not
        assert grouped.interval.low >= alone.interval.low - width
        return
    assert grouped.interval.low == pytest.approx(alone.interval.low, abs=0.2 * width)
    assert grouped.interval.high == pytest.approx(alone.interval.high, abs=0.2 * width)


@every_metric
def test_rows_in_tens_widen_the_interval(name, task):
    p = MAKERS[task](100, seed=21)
    ten = shuffled(p, np.repeat(np.arange(100), 10))
    honest = found(name, replace(ten, groups=np.repeat(np.arange(100), 10)))
    naive = found(name, ten)
    if name != "ece":
        honest_width = honest.interval.high - honest.interval.low
        assert honest_width > 2 * (naive.interval.high - naive.interval.low)


@every_metric
def test_more_confidence_is_wider(name, task):
    p = MAKERS[task](200, seed=23)
    one, two = found(name, p, 0.9), found(name, p, 0.99)
    assert two.interval.low <= one.interval.low
    assert two.interval.high >= one.interval.high


@every_metric
def test_mending_an_error_never_harms(name, task):
    p = MAKERS[task](150, seed=25)
    wrong = int(np.argmax(np.abs(p.truth.astype(float) - p.predicted)))
    predicted = p.predicted.copy()
    predicted[wrong] = p.truth[wrong]
    probability = None if p.probability is None else p.probability.copy()
    if task == "binary":
        probability[wrong] = float(p.truth[wrong])
    elif task == "multiclass":
        probability[wrong] = np.eye(3)[p.truth[wrong]]
    mended = replace(p, predicted=predicted, probability=probability)
    sign = 1 if REGISTRY[name].better == "higher" else -1
    slack = 0.02 if name == "ece" else 1e-12  # bins move, so calibration may shift a little
    assert sign * found(name, mended).value >= sign * found(name, p).value - slack


@every_metric
def test_perfection_is_never_certain(name, task):
    p = MAKERS[task](60, seed=27)
    probability = None
    if task == "binary":
        probability = np.where(p.truth, 0.9, 0.1)
    elif task == "multiclass":
        probability = np.where(np.eye(3)[p.truth] > 0, 0.9, 0.05)
    m = found(name, replace(p, predicted=p.truth.copy(), probability=probability))
    row = REGISTRY[name]
    if name in {"log_loss", "brier", "ece"}:
        return  # 0.9 is not certainty
    best = row.limits[1] if row.better == "higher" else row.limits[0]
    assert m.value == pytest.approx(best)
    if row.better == "higher" and name != "r2":
        assert m.bounds.low < 0.999
        assert m.bounds.high == pytest.approx(best)
    else:
        assert m.bounds.high is None or name == "r2"


def test_a_perfect_share_is_bounded_by_the_exact_limit():
    p = binary(100, seed=1)
    p = replace(p, predicted=p.truth.copy())
    m = found("recall", p)
    assert m.bounds.low == pytest.approx(0.05 ** (1 / m.support))


# What does not exist says so -----------------------------------------------------------------


def lists(task, truth, predicted, probability=None):
    kind = {"binary": bool, "multiclass": np.intp, "regression": float}[task]
    names = {"binary": ("no", "yes"), "multiclass": ("a", "b", "c"), "regression": ()}[task]
    given = None if probability is None else np.asarray(probability, dtype=float)
    return Predictions(task, np.asarray(truth, kind), np.asarray(predicted, kind), given, names)


@pytest.mark.parametrize(
    ("name", "rows", "reason"),
    [
        ("precision", lists("binary", [0, 1], [0, 0]), "no row was predicted positive"),
        ("recall", lists("binary", [0, 0], [0, 1]), "no row is positive"),
        ("specificity", lists("binary", [1, 1], [0, 1]), "no row is negative"),
        ("f1", lists("binary", [0, 0], [0, 0]), "no row is positive in truth or prediction"),
        ("mcc", lists("binary", [0, 1], [0, 0]), "only one class"),
        ("mcc", lists("multiclass", [1, 1], [0, 1]), "only one class"),
        ("balanced_accuracy", lists("binary", [1, 1], [0, 1]), "fewer than two classes"),
        ("roc_auc", lists("binary", [1, 1], [0, 1], [0.2, 0.6]), "only one class"),
        ("average_precision", lists("binary", [0, 0], [0, 1], [0.2, 0.6]), "no row is positive"),
        ("roc_auc", lists("binary", [0, 1], [0, 1]), "no probabilities"),
        ("log_loss", lists("multiclass", [0, 1], [0, 1]), "no probabilities"),
        ("macro_roc_auc", lists("multiclass", [0, 1], [0, 1], np.eye(3)[:2]), "does not occur"),
        ("r2", lists("regression", [2, 2], [1, 3]), "same value in every row"),
        ("mape", lists("regression", [0, 2], [1, 3]), "zero in some rows"),
        ("accuracy", lists("binary", [], []), "no row to judge"),
        ("roc_auc", lists("binary", [], [], []), "no row to judge"),
    ],
)
def test_what_is_undefined_gives_its_reason(name, rows, reason):
    m = found(name, rows)
    assert m.value is None
    assert m.interval == m.bounds == (None, None)
    assert reason in m.undefined


@every_metric
def test_one_row_is_judged_or_refused_without_noise(name, task):
    p = MAKERS[task](1, seed=2)
    m = found(name, p)
    assert (m.value is None) == (m.undefined is not None)
    for end in (*m.interval, *m.bounds):
        assert end is None or math.isfinite(end)


@every_metric
def test_extreme_probabilities_stay_finite(name, task):
    p = MAKERS[task](50, seed=3)
    if task == "binary":
        p = replace(p, probability=(~p.truth).astype(float))
    if task == "regression":
        p = replace(p, truth=p.truth * 1e150, predicted=p.predicted * -1e150)
    with np.errstate(over="ignore"):
        m = found(name, p)
    assert m.value is None or math.isfinite(m.value)


def test_an_unknown_metric_lists_the_known():
    with pytest.raises(UnknownMetricError, match="recall"):
        metric("recal", "binary")
    with pytest.raises(UnknownMetricError, match="mae"):
        metric("recall", "regression")


def test_every_row_of_the_registry_speaks():
    for row in REGISTRY.values():
        assert row.meaning.endswith(".")
        for words in (row.label, row.counted, row.undefined_when, row.formula, row.interval):
            assert words.strip()
        assert row.name in {other.name for task in row.tasks for other in metrics_for(task)}


def test_bad_weights_and_labels_are_refused():
    with pytest.raises(PredictionsError, match="weight"):
        check_weights(np.array([1.0, np.nan]))
    with pytest.raises(PredictionsError, match="“maybe” is not one of"):
        encode(np.array(["yes", "maybe"]), ("no", "yes"), "truth")


labels = st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 10)), min_size=1, max_size=60)


@settings(max_examples=60, deadline=None)
@given(labels)
def test_binary_metrics_hold_on_any_rows(rows):
    truth, predicted, score = map(np.array, zip(*rows, strict=True))
    p = Predictions("binary", truth, predicted, score / 10, ("no", "yes"))
    for row in metrics_for("binary"):
        m = measure(row, p, 0.95, 1)
        assert (m.value is None) == (m.undefined is not None)
        if m.value is not None:
            for ends in (m.interval, m.bounds):
                assert ends.low is None or row.limits[0] - 1e-12 <= ends.low <= m.value
                assert ends.high is None or m.value <= ends.high <= row.limits[1] + 1e-12


def test_an_area_on_one_positive_row_is_hardly_bounded():
    """DeLong alone would see no spread among the positives and call this sure."""
    rows = binary(400, seed=31)
    only = rows.truth & (np.cumsum(rows.truth) == 1)
    lonely = rows.take(only | ~rows.truth)
    low, high = found("roc_auc", lonely).bounds
    assert high - low > 0.8
    grouped = found("roc_auc", replace(lonely, groups=np.arange(lonely.rows)))
    assert grouped.bounds == pytest.approx((low, high))
