"""Gates, their sentences, the support rule, and the verdict made of them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from evaluations.engine.gates import judge, round_up, rows_floor, shared_confidence
from evaluations.engine.predictions import Predictions
from evaluations.engine.protocols import Gate, Slice
from evaluations.engine.sealing import one_bit, seal
from evaluations.engine.verdict import benjamini_hochberg, combine, holm, summarise
from tests.evaluations.engine.tables import regression


def recalled(hits, positives, negatives=50):
    """Rows with so many positives found, and every negative left alone."""
    truth = np.r_[np.ones(positives, bool), np.zeros(negatives, bool)]
    predicted = np.r_[np.arange(positives) < hits, np.zeros(negatives, bool)]
    return Predictions("binary", truth, predicted, None, ("no", "yes"))


RECALL = Gate("recall", "at_least", 0.8)


def verdict_of(gate, rows, looks=1):
    return judge(gate, rows, looks=looks, seed=1)


@pytest.mark.parametrize(
    ("hits", "verdict"), [(200, "pass"), (170, "pass"), (168, "inconclusive"), (154, "inconclusive"), (148, "fail")]
)
def test_a_share_is_judged_by_its_bounds(hits, verdict):
    assert verdict_of(RECALL, recalled(hits, 200)).verdict == verdict


def test_the_bounds_agree_with_scipy():
    bounds = verdict_of(RECALL, recalled(16, 20)).measure.bounds
    exact = stats.binomtest(16, 20).proportion_ci(0.9, method="exact")
    assert bounds == pytest.approx((exact.low, exact.high))
    assert verdict_of(RECALL, recalled(16, 20)).measure.bound_method == "Clopper-Pearson"


def test_the_sentence_of_an_open_gate_says_what_would_decide():
    result = verdict_of(RECALL, recalled(78, 100))
    assert result.sentence == (
        "Not shown yet: recall is between 0.705 and 0.840, the promise is 0.800. "
        "About 2,600 more positive rows would decide it."
    )
    assert result.rows_to_decide is not None
    assert 2500 < result.rows_to_decide <= 2600


def test_that_many_rows_do_decide_four_times_in_five():
    """The promise of the advice, by exact binomial: 0.78 true, 0.80 promised."""
    rows = 100 + verdict_of(RECALL, recalled(78, 100)).rows_to_decide
    counts = range(int(0.74 * rows), int(0.80 * rows))
    most = max(k for k in counts if verdict_of(RECALL, recalled(k, rows, 1)).verdict == "fail")
    assert stats.binom.cdf(most, rows, 0.78) == pytest.approx(0.8, abs=0.05)


@pytest.mark.parametrize(
    ("gate", "hits", "sentence"),
    [
        (RECALL, 195, "Shown: recall is at least 0.948, the promise is 0.800."),
        (RECALL, 100, "Not kept: recall is at most 0.558, the promise is 0.800."),
        (replace(RECALL, slice=Slice("region", "north")), 195, "where region is north"),
        (Gate("recall", "at_most", 0.99), 100, "Shown: recall is at most 0.558, the promise is at most 0.990."),
    ],
)
def test_sentences_of_decided_gates(gate, hits, sentence):
    assert sentence in verdict_of(gate, recalled(hits, 200)).sentence


def test_numbers_that_round_to_the_promise_are_told_apart():
    sentence = verdict_of(Gate("recall", "at_least", 0.7991), recalled(845, 1000)).sentence
    assert "0.7991" in sentence


def test_a_gate_on_what_does_not_exist_is_open():
    result = verdict_of(Gate("precision", "at_least", 0.8), recalled(0, 20))
    assert result.verdict == "inconclusive"
    assert "no row was predicted positive" in result.sentence


def test_errors_are_promised_at_most():
    rows = regression(400, seed=1)
    assert verdict_of(Gate("mae", "at_most", 1.0), rows).verdict == "pass"
    assert verdict_of(Gate("mae", "at_most", 0.4), rows).verdict == "fail"


@pytest.mark.parametrize(
    ("threshold", "plain", "holm10"), [(0.8, 14, 24), (0.9, 29, 51), (0.95, 59, 104), (0.99, 299, 528)]
)
def test_the_floor_under_a_slice(threshold, plain, holm10):
    assert rows_floor(threshold, "at_least", 0.95) == plain
    assert rows_floor(threshold, "at_least", 0.995) == holm10
    gate = Gate("recall", "at_least", threshold)
    assert verdict_of(gate, recalled(plain, plain)).verdict == "pass"
    assert verdict_of(gate, recalled(plain - 1, plain - 1)).verdict == "inconclusive"


def test_a_small_slice_decides_nothing():
    gate = replace(RECALL, slice=Slice("region", "north"))
    result = verdict_of(gate, recalled(0, 10, 15))
    assert result.verdict == "inconclusive"
    assert "too few to judge" in result.sentence


def test_a_wished_support_is_kept():
    gate = replace(RECALL, minimum_support=300)
    result = verdict_of(gate, recalled(200, 200))
    assert result.verdict == "inconclusive"
    assert result.rows_to_decide == 100


def test_looks_share_the_risk():
    assert shared_confidence(0.95, 5) == pytest.approx(0.99)
    assert verdict_of(RECALL, recalled(170, 200)).verdict == "pass"
    assert verdict_of(RECALL, recalled(170, 200), looks=5).verdict == "inconclusive"


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 120), st.data())
def test_a_lower_promise_is_never_harder(positives, data):
    hits = data.draw(st.integers(0, positives))
    order = {"fail": 0, "inconclusive": 1, "pass": 2}
    verdicts = [
        order[verdict_of(Gate("recall", "at_least", t), recalled(hits, positives)).verdict]
        for t in (0.9, 0.7, 0.5, 0.3)
    ]
    assert verdicts == sorted(verdicts)


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ("pass pass", "pass"),
        ("pass inconclusive", "inconclusive"),
        ("inconclusive fail", "fail"),
        ("pass fail", "fail"),
    ],
)
def test_the_milestone_needs_every_primary_gate(verdicts, expected):
    one = verdict_of(RECALL, recalled(195, 200))
    results = [replace(one, verdict=v) for v in verdicts.split()]
    aside = replace(one, verdict="fail", gate=replace(RECALL, primary=False))
    assert combine([*results, aside]) == expected
    shown = verdicts.split().count("pass")
    assert summarise(expected, results).endswith(f" Shown: {shown} of {len(results)}.")
    assert summarise(expected, [*results, aside]).endswith(f" Shown: {shown} of {len(results)} that decide.")


def test_a_spare_look_tells_one_bit():
    assert one_bit("fail") == one_bit("inconclusive") == "not_pass"
    result = {"schema": "x", "seed": 1, "verdict": {"verdict": "fail"}, "gates": ["secret"]}
    open_one = {**result, "verdict": {"verdict": "inconclusive"}}
    assert seal(result) == seal(open_one)
    assert "gates" not in seal(result)
    passed = {**result, "verdict": {"verdict": "pass"}}
    assert seal(passed) == passed


chances = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@given(chances)
def test_benjamini_hochberg_agrees_with_scipy(given_chances):
    expected = stats.false_discovery_control(given_chances)
    assert benjamini_hochberg(given_chances) == pytest.approx(expected)


def test_holm_agrees_with_its_paper():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@pytest.mark.parametrize(("count", "rounded"), [(7, 7), (99, 99), (101, 110), (392, 400), (12_301, 13_000)])
def test_estimates_are_rounded_up_to_two_digits(count, rounded):
    assert round_up(count) == rounded
