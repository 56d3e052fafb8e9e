"""From many judgements to one: the milestone's verdict, and the price of asking often."""

from collections.abc import Sequence

import numpy as np

from evaluations.engine.bootstrap import Floats
from evaluations.engine.gates import GateResult, Verdict

_WORDS = {
    "pass": "Every promise was shown.",
    "fail": "At least one promise was not kept.",
    "inconclusive": "Not every promise could be shown with these rows, and none was broken.",
}


def combine(results: Sequence[GateResult]) -> Verdict:
    """Judge the milestone: all primary gates must pass, any failed one fails it.

    All must pass together (intersection-union), so each keeps its own risk without correction
    (Berger 1982).
    """
    primary = [result.verdict for result in results if result.gate.primary]
    if "fail" in primary:
        return "fail"
    return "pass" if primary and set(primary) == {"pass"} else "inconclusive"


def summarise(verdict: Verdict, results: Sequence[GateResult]) -> str:
    """Say the verdict in one sentence, with the counts behind it."""
    primary = [result for result in results if result.gate.primary]
    shown = sum(result.verdict == "pass" for result in primary)
    told = "" if len(primary) == len(results) else " that decide"
    return f"{_WORDS[verdict]} Shown: {shown} of {len(primary)}{told}."


def holm(chances: Sequence[float]) -> Floats:
    """Adjust p values so that any false claim among them keeps one risk (Holm 1979).

    Parameters
    ----------
    chances : sequence of float
        p values in any order.

    Returns
    -------
    ndarray
        Adjusted p values in the same order, at most 1.
    """
    given = np.asarray(chances, dtype=np.float64)
    order = np.argsort(given, kind="stable")
    steps = given[order] * np.arange(len(given), 0, -1)
    adjusted = np.empty_like(given)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted


def benjamini_hochberg(chances: Sequence[float]) -> Floats:
    """Adjust p values so that the share of false finds is held (Benjamini and Hochberg 1995)."""
    given = np.asarray(chances, dtype=np.float64)
    order = np.argsort(given, kind="stable")[::-1]
    steps = given[order] * len(given) / np.arange(len(given), 0, -1)
    adjusted = np.empty_like(given)
    adjusted[order] = np.minimum(np.minimum.accumulate(steps), 1)
    return adjusted
