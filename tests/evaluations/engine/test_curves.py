"""Charts as data: bounded, ordered, and equal to scikit-learn's where it has them."""

import numpy as np
import pytest
from sklearn import metrics as sk

from evaluations.engine.curves import (
    all_curves,
    confusion,
    precision_recall_curve,
    reliability,
    residuals,
    roc_curve,
)
from evaluations.engine.predictions import Predictions
from tests.evaluations.engine.tables import binary, multiclass, regression


def test_the_roc_curve_runs_on_scikit_learns():
    p = binary(5000, seed=1, ties=True)
    points = roc_curve(p)
    x = [point["false_positive_rate"] for point in points]
    y = [point["true_positive_rate"] for point in points]
    false, true, _ = sk.roc_curve(p.truth, p.probability, drop_intermediate=False)
    assert np.array([x, y]) == pytest.approx(np.array([false, true]))


@pytest.mark.parametrize("rows", [3, 199, 200, 201, 40_000])
def test_curves_hold_few_points_and_both_ends(rows):
    p = binary(rows, seed=2)
    points = roc_curve(p)
    assert len(points) <= 200
    assert (points[0]["false_positive_rate"], points[0]["true_positive_rate"]) == (0, 0)
    assert (points[-1]["false_positive_rate"], points[-1]["true_positive_rate"]) == (1, 1)
    x = [point["false_positive_rate"] for point in points]
    y = [point["true_positive_rate"] for point in points]
    assert np.trapezoid(y, x) == pytest.approx(sk.roc_auc_score(p.truth, p.probability), abs=0.01)
    pr = precision_recall_curve(p)
    assert len(pr) <= 200
    assert pr[-1]["recall"] == 1


def test_reliability_bins_hold_all_rows_once():
    p = binary(1003, seed=3)
    points = reliability(p, 0.95)
    assert len(points) == 12
    assert sum(point["rows"] for point in points) == 1003
    assert all(point["low"] <= point["observed"] <= point["high"] for point in points)
    stated = [point["predicted"] for point in points]
    assert stated == sorted(stated)


def test_one_score_for_all_is_one_bin():
    p = Predictions("binary", np.array([True, False, True]), np.ones(3, bool), np.full(3, 0.6), ("n", "y"))
    assert [point["rows"] for point in reliability(p, 0.95)] == [3]


def test_the_confusion_table_is_scikit_learns():
    p = multiclass(300, seed=4)
    assert confusion(p)["counts"] == sk.confusion_matrix(p.truth, p.predicted).tolist()
    q = binary(300, seed=4)
    assert confusion(q)["counts"] == sk.confusion_matrix(q.truth, q.predicted).tolist()


def test_many_classes_are_folded():
    rng = np.random.default_rng(5)
    truth = rng.integers(0, 50, 2000)
    p = Predictions("multiclass", truth, truth, None, tuple(str(i) for i in range(50)))
    table = confusion(p)
    assert len(table["classes"]) == 30
    assert table["classes"][-1] == "other"
    assert np.sum(table["counts"]) == 2000


def test_residuals_hold_all_rows_in_the_histogram():
    p = regression(5000, seed=6)
    charts = residuals(p)
    assert sum(charts["histogram"]["counts"]) == 5000
    assert len(charts["points"]) <= 200
    assert sum(band["rows"] for band in charts["bands"]) == 5000
    assert residuals(Predictions("regression", np.ones(3), np.ones(3)))["bands"]


def test_a_missing_class_leaves_the_curve_empty():
    p = Predictions("binary", np.zeros(4, bool), np.zeros(4, bool), np.linspace(0, 1, 4), ("n", "y"))
    charts = all_curves(p, 0.95)
    assert charts["roc"] == charts["precision_recall"] == []
    assert all_curves(p.take(np.zeros(4, bool)), 0.95) == {}
