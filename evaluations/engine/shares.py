"""Planning of shares, exactly: every outcome of the binomial is run through the gate's own rule."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

from evaluations.engine.bootstrap import Floats
from evaluations.engine.intervals import SPARSE, normal_quantile

Whole = NDArray[np.int64]
MOST_ROWS = 10_000_000
DEFAULT_POWER = 0.8
_TEETH = 600
_ROUNDING = 1e-9  # keeps a count that is whole but for rounding from being raised by one


def least_hits(rows: Whole, threshold: float, confidence: float, rule: str = "gate") -> Whole:
    """Count the hits among ``rows`` from which the lower bound reaches the threshold.

    Parameters
    ----------
    rows : ndarray of int
        Rows in the denominator, any shape.
    threshold, confidence : float
        The promise, "at least", and its one-sided confidence.
    rule : str
        "gate" (what a gate does), "wilson" or "clopper-pearson".

    Returns
    -------
    ndarray of int
        rows + 1 where not even a perfect score passes.
    """
    if threshold <= 0:
        return np.zeros_like(rows)
    score = rows * threshold + normal_quantile(confidence) * np.sqrt(rows * threshold * (1 - threshold))
    by_wilson: Whole = np.minimum(np.ceil(score - _ROUNDING), rows + 1).astype(np.int64)
    if rule == "wilson":
        return by_wilson
    exact = most_under(confidence, rows, threshold) + 1
    if rule == "clopper-pearson":
        return exact
    sparse = int(SPARSE)
    moved = np.maximum(by_wilson, sparse)
    by_wilson = np.where(rows - moved >= sparse, moved, rows + 1)
    exact = np.where(np.minimum(exact, rows - exact) < sparse, exact, rows + 1)
    return np.asarray(np.minimum(by_wilson, exact))


def most_under(confidence: float, rows: Whole, share: float) -> Whole:
    """Count the hits that a share reaches or stays under with at least the given confidence.

    The binomial's quantile; by hand, as ``scipy.stats`` alone would weigh more than all else that pages load.
    """
    guess = np.ceil(special.bdtrik(confidence, rows, share))
    below = np.maximum(guess - 1, 0)
    enough = special.bdtr(below, rows, share) >= confidence
    return np.where(enough, below, guess).astype(np.int64)


def share_pass_chance(
    rows: Whole, threshold: float, true_share: float | Floats, confidence: float, rule: str = "gate"
) -> Floats:
    """Give the exact chance that a share's lower bound reaches the threshold.

    Parameters
    ----------
    rows : ndarray of int
        Rows in the denominator.
    threshold : float
        The promise, "at least".
    true_share : float or ndarray
        True values to plan for, in [0, 1]; broadcast with ``rows``.
    confidence : float
        One-sided confidence.
    rule : str
        As in `least_hits`.
    """
    rows = np.asarray(rows, dtype=np.int64)
    hits = least_hits(rows, threshold, confidence, rule)
    return np.where(hits > 0, special.bdtrc(np.maximum(hits - 1, 0), rows, true_share), 1.0)


def share_point_chance(rows: int, threshold: float, true_share: float) -> float:
    """Give the chance that the plain share reaches the threshold: the rule not to use."""
    hits = math.ceil(threshold * rows - 1e-9)
    return float(special.bdtrc(hits - 1, rows, true_share)) if hits > 0 else 1.0


def share_rows_needed(
    threshold: float,
    true_share: float,
    confidence: float = 0.95,
    power: float = DEFAULT_POWER,
    rule: str = "gate",
) -> int | None:
    """Count the rows from which a share passes with the wished chance, exactly.

    The chance saws up and down with n; from this n on it stays above the wished power.

    Returns
    -------
    int or None
        None if more than ten million rows would be needed, or the truth does not keep the promise.
    """
    if true_share <= threshold:
        return None
    low, high = 1, 64
    while high <= MOST_ROWS:
        rows = np.unique(np.linspace(low, high, _TEETH).astype(np.int64))
        chances = share_pass_chance(rows, threshold, true_share, confidence, rule)
        short = np.flatnonzero(chances < power)
        if not len(short):
            return low
        if short[-1] < len(rows) * 0.6:  # all of the rest is enough: the last tooth is inside
            last = int(rows[short[-1]])
            fine = np.arange(last, int(last * 1.15) + 40)  # the last tooth, tooth by tooth
            chances = share_pass_chance(fine, threshold, true_share, confidence, rule)
            return int(fine[np.flatnonzero(chances < power)[-1]]) + 1
        low, high = max(1, int(rows[short[-1]] * 0.8)), high * 2
    return None
