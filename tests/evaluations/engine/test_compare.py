"""Paired comparison against closed forms, scipy and drawn rows."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from evaluations.engine.compare import (
    compare,
    constant_baseline,
    mcnemar,
    paired_delong,
    tango,
    tango_score,
)
from evaluations.engine.intervals import normal_quantile
from evaluations.engine.metrics import REGISTRY, metrics_for
from evaluations.engine.predictions import Predictions
from tests.evaluations.engine.tables import binary, multiclass, regression

MAKERS = {"binary": binary, "multiclass": multiclass, "regression": regression}
CASES = [(row.name, task) for task in MAKERS for row in metrics_for(task)]


def worse(p, seed):
    """The same rows with a part of the predictions replaced by noise."""
    rng = np.random.default_rng(seed)
    lost = rng.random(p.rows) < 0.3
    other = MAKERS[p.task](p.rows, seed + 1)
    order = rng.permutation(p.rows)
    predicted = np.where(lost, other.predicted[order], p.predicted)
    if p.probability is None:
        return replace(p, predicted=predicted)
    wide = lost if p.probability.ndim == 1 else lost[:, None]
    probability = np.where(wide, other.probability[order], p.probability)
    return replace(p, predicted=predicted, probability=probability)


def against(name, ours, theirs, **kwargs):
    return compare(REGISTRY[name], ours, theirs, confidence=0.95, seed=3, **kwargs)


@pytest.mark.parametrize(("won", "lost"), [(0, 0), (3, 9), (12, 12), (20, 4), (24, 0)])
def test_mcnemar_is_exact_when_few_differ(won, lost):
    expected = stats.binomtest(won, won + lost).pvalue if won + lost else 1.0
    assert mcnemar(won, lost) == pytest.approx(expected)


def test_mcnemar_uses_chi_square_when_many_differ():
    # 59 against 6 of 79 ... 144: the chi-square of 42.1 is 34.71 with the correction of Edwards
    assert mcnemar(150, 86) == pytest.approx(stats.chi2.sf((64 - 1) ** 2 / 236, 1))


@pytest.mark.parametrize(("won", "lost", "rows"), [(12, 2, 50), (0, 0, 30), (5, 0, 40), (40, 35, 500)])
def test_tango_inverts_its_score(won, lost, rows):
    low, high = tango(won, lost, rows, 0.95)
    assert -1 < low <= (won - lost) / rows <= high < 1
    z = normal_quantile(0.95)
    assert tango_score(won, lost, rows, low) == pytest.approx(z, abs=1e-6)
    assert tango_score(won, lost, rows, high) == pytest.approx(-z, abs=1e-6)
    mirror = tango(lost, won, rows, 0.95)
    assert (-mirror.high, -mirror.low) == pytest.approx((low, high), abs=1e-9)


def test_tango_agrees_with_its_paper():
    """Table I of Tango (1998), crossover of soft contact lenses: 44 pairs, 1 and 0 discordant."""
    low, high = tango(1, 0, 44, 0.975)
    assert low == pytest.approx(-0.0598, abs=2e-3)
    assert high == pytest.approx(0.1184, abs=2e-3)


def test_tango_covers_at_the_edge():
    rng = np.random.default_rng(5)
    draws = rng.multinomial(60, [0.12, 0.04, 0.84], size=2000)
    lows = np.array([tango(w, x, 60, 0.95).low for w, x, _ in draws])
    assert np.mean(lows <= 0.08) == pytest.approx(0.95, abs=0.02)


def slow_paired_delong(truth, one, two):
    parts = []
    for scores in (one, two):
        wins = (scores[truth][:, None] > scores[~truth]) + 0.5 * (scores[truth][:, None] == scores[~truth])
        parts.append(wins)
    gap = parts[0] - parts[1]
    spread = gap.mean(axis=1).var(ddof=1) / truth.sum() + gap.mean(axis=0).var(ddof=1) / (~truth).sum()
    return gap.mean(), np.sqrt(spread)


@pytest.mark.parametrize("ties", [False, True])
def test_paired_delong_agrees_with_all_pairs(ties):
    p = binary(150, seed=1, ties=ties)
    q = worse(p, 2)
    expected = slow_paired_delong(p.truth, p.probability, q.probability)
    assert paired_delong(p, q) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("name", "task"), CASES)
@pytest.mark.parametrize("kind", ["plain", "weights", "groups"])
def test_the_better_model_gains_and_the_mirror_loses(name, task, kind):
    p = MAKERS[task](400, seed=8)
    if kind == "weights":
        p = replace(p, weights=np.random.default_rng(0).uniform(0.5, 2, 400))
    if kind == "groups":
        p = replace(p, groups=np.arange(400) // 4)
    q = worse(p, 9)
    found, mirror = against(name, p, q), against(name, q, p)
    assert found.interval.low <= found.gain <= found.interval.high
    assert found.gain == pytest.approx(-mirror.gain)
    width = found.interval.high - found.interval.low
    assert found.interval.low == pytest.approx(-mirror.interval.high, abs=0.1 * width)
    assert found.shown == (found.interval.low > 0)
    if name != "ece":
        assert found.gain > 0


@pytest.mark.parametrize(("name", "task"), CASES)
def test_a_model_is_not_better_than_itself(name, task):
    p = MAKERS[task](120, seed=10)
    found = against(name, p, replace(p))
    assert found.gain == 0
    assert not found.shown
    if found.interval.low is not None:
        assert found.interval.low <= 0 <= found.interval.high


def test_pairs_are_sharper_than_two_intervals():
    p = binary(400, seed=12)
    q = worse(p, 13)
    found = against("roc_auc", p, q)
    alone = REGISTRY["roc_auc"].method.interval(p, 0.95, np.random.default_rng(0)).shown
    assert found.interval.high - found.interval.low < 1.2 * (alone.high - alone.low)


def test_a_margin_makes_not_worse_provable():
    p = binary(2000, seed=14)
    q = replace(p, predicted=p.predicted.copy())
    q.predicted[:15] = ~q.predicted[:15]
    tight, loose = against("accuracy", q, p), against("accuracy", q, p, margin=0.03)
    assert not tight.shown
    assert loose.shown
    assert loose.sentence.startswith("Not worse than the baseline by 0.03")
    assert loose.chance < 0.05


def test_sentences_follow_the_interval():
    p = binary(800, seed=15)
    q = worse(p, 16)
    assert against("roc_auc", p, q).sentence.startswith("Better than the baseline")
    assert against("roc_auc", q, p).sentence.startswith("Worse than the baseline")
    assert against("roc_auc", p, p).sentence.startswith("No difference shown yet")


def test_what_cannot_be_compared_says_why():
    p = binary(50, seed=17)
    found = against("roc_auc", p, replace(p, probability=None))
    assert found.gain is None
    assert "no probabilities" in found.sentence


@pytest.mark.parametrize(("task", "name", "value"), [("binary", "roc_auc", 0.5), ("regression", "r2", 0.0)])
def test_the_constant_baseline_knows_nothing(task, name, value):
    p = MAKERS[task](500, seed=18)
    measured = REGISTRY[name].method.value(constant_baseline(p))
    assert measured == pytest.approx(value, abs=0.1)  # the median is a little off the mean


def test_the_constant_baseline_predicts_the_common_class():
    p = multiclass(100, seed=19)
    assert set(constant_baseline(p).predicted.tolist()) == {0}
    few = Predictions("binary", np.array([True, True, False]), np.zeros(3, bool), None, ("no", "yes"))
    assert constant_baseline(few).predicted.all()
