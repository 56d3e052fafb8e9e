"""Closed forms against scipy and published values."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evaluations.engine import bootstrap, intervals, ranking

COUNTS = [(0, 5), (5, 5), (1, 30), (18, 20), (450, 500), (9, 19), (11, 1000)]


@pytest.mark.parametrize(("hits", "rows"), COUNTS)
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.995])
def test_shares_agree_with_scipy(hits, rows, confidence):
    both = 2 * confidence - 1
    test = stats.binomtest(hits, rows)
    for ours, method in ((intervals.wilson, "wilson"), (intervals.clopper_pearson, "exact")):
        peer = test.proportion_ci(both, method=method)
        assert ours(hits, rows, confidence) == pytest.approx((peer.low, peer.high), abs=1e-12)


@given(st.integers(1, 300), st.floats(0.5001, 0.999))
def test_one_more_hit_never_lowers_a_gate_bound(rows, confidence):
    ends = [intervals.gate_proportion(k, rows, confidence) for k in range(rows + 1)]
    assert all(a.low <= b.low + 1e-12 for a, b in pairwise(ends))
    assert all(a.high <= b.high + 1e-12 for a, b in pairwise(ends))


@given(st.integers(0, 400), st.integers(0, 400), st.floats(0.51, 0.999))
def test_shares_are_bounded_and_mirror(hits, misses, confidence):
    rows = hits + misses
    if not rows:
        return
    for rule in (intervals.wilson, intervals.clopper_pearson, intervals.gate_proportion):
        low, high = rule(hits, rows, confidence)
        assert 0 <= low <= hits / rows <= high <= 1
        mirror = rule(misses, rows, confidence)
        assert (1 - high, 1 - low) == pytest.approx(tuple(mirror), abs=1e-9)


def test_the_mean_of_one_share_is_that_share():
    assert intervals.average_of_proportions([(45, 50)], 0.95) == pytest.approx(intervals.wilson(45, 50, 0.95))


def test_without_skew_the_mean_is_students():
    low, high = intervals.skewed_mean(10, 2, 0, 16, 0.95)
    half = stats.t.ppf(0.95, 15) * 2 / 4
    assert (low, high) == pytest.approx((10 - half, 10 + half))


def test_skew_moves_both_ends_to_the_long_side():
    plain = intervals.skewed_mean(10, 2, 0, 30, 0.95)
    skewed = intervals.skewed_mean(10, 2, 2, 30, 0.95)
    assert skewed.low > plain.low
    assert skewed.high > plain.high


def test_skewed_mean_is_near_scipys_bca():
    sample = np.random.default_rng(1).lognormal(size=200)
    skew = float(stats.skew(sample))
    ours = intervals.skewed_mean(sample.mean(), sample.std(ddof=1), skew, 200, 0.95)
    peer = stats.bootstrap(
        (sample,), np.mean, confidence_level=0.9, n_resamples=9999, rng=np.random.default_rng(2)
    ).confidence_interval
    width = peer.high - peer.low
    assert ours.low == pytest.approx(peer.low, abs=0.1 * width)
    assert ours.high == pytest.approx(peer.high, abs=0.1 * width)


@pytest.mark.parametrize(
    ("value", "limits"),
    [(0.9, (0.0, 1.0)), (-0.4, (-1.0, 1.0)), (3.0, (0.0, math.inf)), (-2.0, (-math.inf, 1.0))],
)
def test_scales_respect_the_limits_and_agree_when_narrow(value, limits):
    wide = intervals.from_spread(value, 5.0, 1.645, limits)
    assert limits[0] <= wide.low < value < wide.high <= limits[1]
    narrow = intervals.from_spread(value, 1e-6, 1.645, limits)
    assert narrow == pytest.approx((value - 1.645e-6, value + 1.645e-6), abs=1e-9)


def test_bca_agrees_with_scipy():
    sample = np.random.default_rng(3).gamma(1.5, size=80)
    units = np.stack([np.ones(80), sample], axis=1)
    rng = np.random.default_rng(4)
    ours = bootstrap.bca(
        units, np.ones(80), lambda s: s[..., 1] / s[..., 0], 0.95, bootstrap.resample(np.ones(80), rng, 20_000)
    )  # fmt: skip
    peer = stats.bootstrap(
        (sample,), np.mean, confidence_level=0.9, n_resamples=20_000, rng=np.random.default_rng(5)
    ).confidence_interval
    assert ours == pytest.approx((peer.low, peer.high), abs=0.01)


def test_bca_says_nothing_about_what_never_varies():
    units = np.ones((10, 2))
    draws = bootstrap.resample(np.ones(10), np.random.default_rng(0))
    assert bootstrap.bca(units, np.ones(10), lambda s: s[..., 1] / s[..., 0], 0.95, draws) == (None, None)


def slow_delong(scores, labels):
    """DeLong, DeLong and Clarke-Pearson's definition, all pairs."""
    up, down = scores[labels], scores[~labels]
    wins = (up[:, None] > down) + 0.5 * (up[:, None] == down)
    spread = wins.mean(axis=1).var(ddof=1) / len(up) + wins.mean(axis=0).var(ddof=1) / len(down)
    return wins.mean(), math.sqrt(spread)


@pytest.mark.parametrize("digits", [1, 2, 15])
@pytest.mark.parametrize("shift", [0.0, -3.0])
def test_delong_agrees_with_all_pairs(digits, shift):
    rng = np.random.default_rng(digits)
    labels = rng.random(120) < 0.3
    scores = np.round(rng.random(120) * 0.7 + 0.3 * labels * rng.random(120), digits) + shift
    expected = slow_delong(scores, labels)
    assert ranking.delong(ranking.rank(scores, labels)) == pytest.approx(expected, abs=1e-12)
    placed = ranking.rank_rows(scores, labels, None)
    assert ranking.delong(placed) == pytest.approx(expected, abs=1e-12)


def test_zero_and_minus_zero_tie():
    order = ranking.rank(np.array([0.0, -0.0, 0.5]), np.array([True, False, True]))
    assert len(order.scores) == 2


def test_influence_of_average_precision_is_its_slope():
    rng = np.random.default_rng(9)
    labels = rng.random(300) < 0.3
    scores = np.round(rng.normal(size=300) + labels, 1)
    order = ranking.rank_rows(scores, labels, None)
    value, up, down = ranking.average_precision_influence(order)
    influence = np.where(labels, up[order.place], down[order.place])
    assert influence.sum() == pytest.approx(0, abs=1e-9)
    for row in (0, 17, 101, 250):
        mass = np.ones(300)
        mass[row] += 1e-4
        moved = ranking.average_precision(ranking.rank_rows(scores, labels, mass))
        assert (moved - value) / 1e-4 * 300 == pytest.approx(influence[row], abs=1e-3)
