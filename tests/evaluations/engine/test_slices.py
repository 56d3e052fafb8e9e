"""Every slice equals the same figure worked out on its rows alone."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from evaluations.engine import slice_areas
from evaluations.engine.measuring import measure
from evaluations.engine.metrics import REGISTRY
from evaluations.engine.slices import column, slice_all, weak_slices
from tests.evaluations.engine.tables import binary, multiclass, regression

ROWS = 3000


def columns(seed=1):
    rng = np.random.default_rng(seed)
    names = np.array(["north", "south", "east", ""])
    return [
        column("region", rng.choice(names, ROWS, p=[0.5, 0.3, 0.19, 0.01])),
        column("size", rng.integers(0, 7, ROWS)),
        column("lonely", np.arange(ROWS) == 5),
    ]


def rows_of(grouping, cell, by_name):
    codes = [by_name[name] for name in grouping.columns]
    if len(codes) == 1:
        return codes[0].codes == cell
    one, two = divmod(int(cell), len(codes[1].values))
    return (codes[0].codes == one) & (codes[1].codes == two)


@pytest.mark.parametrize(("ties", "piece"), [(False, 1 << 18), (True, 1 << 18), (False, 100), (True, 100)])
def test_each_slice_is_measured_as_if_alone(ties, piece, monkeypatch):
    """Also where the rows do not fit in one piece, and where ties are longer than a piece."""
    monkeypatch.setattr(slice_areas, "PIECE", piece)
    p = binary(ROWS, seed=2, ties=ties)
    given = columns()
    by_name = {each.name: each for each in given}
    checked = 0
    for grouping in slice_all(p, given, confidence=0.95, pairs=True):
        assert grouping.rows.sum() == ROWS
        for i, cell in enumerate(grouping.cells):
            alone = p.take(rows_of(grouping, cell, by_name))
            for name, (value, low, high) in grouping.figures.items():
                m = measure(REGISTRY[name], alone, 0.95, 0)
                if m.value is None:
                    assert np.isnan(value[i])
                    continue
                assert value[i] == pytest.approx(m.value, abs=1e-12)
                assert (low[i], high[i]) == pytest.approx(tuple(m.interval), abs=1e-9)
                assert grouping.support[name][i] == m.support
                checked += 1
    assert checked > 200


@pytest.mark.parametrize("digits", [1, 16])
def test_areas_agree_with_scikit_learn(digits):
    p = binary(ROWS, seed=3)
    scores = np.round(p.probability, digits)
    p = type(p)("binary", p.truth, p.predicted, scores, p.classes)
    given = column("size", np.random.default_rng(4).integers(0, 9, ROWS))
    areas = slice_all(p, [given], confidence=0.95)[0].figures["roc_auc"][0]
    for code, area in enumerate(areas):
        chosen = given.codes == code
        assert area == pytest.approx(roc_auc_score(p.truth[chosen], scores[chosen]), abs=1e-12)


def test_other_tasks_are_sliced_too():
    given = columns()
    p, q = multiclass(ROWS, seed=5), regression(ROWS, seed=6)
    shares = slice_all(p, given, confidence=0.95)[0]
    errors = slice_all(q, given, confidence=0.95)[0]
    for i, cell in enumerate(shares.cells):
        chosen = given[0].codes == cell
        assert shares.figures["accuracy"][0][i] == pytest.approx(np.mean((p.truth == p.predicted)[chosen]))
        assert errors.figures["mae"][0][i] == pytest.approx(np.abs(q.truth - q.predicted)[chosen].mean())
        assert errors.figures["bias"][0][i] == pytest.approx((q.predicted - q.truth)[chosen].mean())


def test_a_weak_slice_is_found_and_a_fair_model_has_none():
    p = binary(ROWS, seed=7)
    given = columns(8)
    by_name = {each.name: each for each in given}
    fair = weak_slices(slice_all(p, given, confidence=0.95, pairs=True), by_name, "accuracy")
    assert sum(entry.get("weak", False) for entry in fair) <= 1

    south = given[0].codes == given[0].values.index("south")
    flipped = np.where(south & (np.random.default_rng(9).random(ROWS) < 0.4), ~p.predicted, p.predicted)
    broken = type(p)("binary", p.truth, flipped, p.probability, p.classes)
    found = weak_slices(slice_all(broken, given, confidence=0.95), by_name, "accuracy")
    assert found[0]["where"] == {"region": "south"}
    assert found[0]["weak"]
    assert found[0]["q"] < 0.05


def test_small_slices_are_listed_last_and_never_called_weak():
    given = columns()
    found = weak_slices(slice_all(binary(ROWS, seed=10), given, confidence=0.95), {c.name: c for c in given}, "recall")
    small = [entry for entry in found if entry["rows"] < 30]
    assert small
    assert all(entry["too_small"] and not entry.get("weak") for entry in small)
    assert found[-len(small) :] == small


def test_a_column_of_names_is_no_slice():
    given = [column("id", np.arange(ROWS)), column("size", np.zeros(ROWS, int))]
    found = slice_all(binary(ROWS, seed=11), given, confidence=0.95, pairs=True)
    assert [grouping.columns for grouping in found] == [("size",)]
