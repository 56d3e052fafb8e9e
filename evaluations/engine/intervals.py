"""Confidence intervals in closed form; every function returns a (low, high) pair.

``confidence`` is one-sided everywhere: each end alone is passed by the truth with a chance of
1 - confidence, so the pair as a whole holds with 2 * confidence - 1.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from scipy import special

SPARSE = 10.0  # expected rows on the rarer side; below it Wilson's bound is not cautious enough


class Bounds(NamedTuple):
    """Both ends of an interval; None where nothing can be said on that side."""

    low: float | None
    high: float | None


def normal_quantile(confidence: float) -> float:
    """Give the standard normal quantile of ``confidence``."""
    return float(special.ndtri(confidence))


def student_quantile(confidence: float, freedom: float) -> float:
    """Give Student's t quantile of ``confidence`` with ``freedom`` degrees of freedom."""
    return float(special.stdtrit(freedom, confidence))


def wilson(hits: float, rows: float, confidence: float) -> Bounds:
    """Bound a proportion by Wilson's score interval.

    Parameters
    ----------
    hits, rows : float
        Successes and trials, 0 <= hits <= rows, rows > 0; may be effective sizes.
    confidence : float
        One-sided confidence, between 0.5 and 1.

    Returns
    -------
    Bounds
        Within [0, 1] and around hits / rows.

    References
    ----------
    Brown, Cai and DasGupta (2001), Interval Estimation for a Binomial Proportion.
    """
    z = normal_quantile(confidence)
    share = hits / rows
    weight = z * z / rows
    middle = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * math.sqrt(share * (1 - share) / rows + weight / (4 * rows))
    low = 0.0 if hits <= 0 else max(0.0, min(share, middle - half))
    high = 1.0 if hits >= rows else min(1.0, max(share, middle + half))
    return Bounds(low, high)


def clopper_pearson(hits: float, rows: float, confidence: float) -> Bounds:
    """Bound a proportion by the exact binomial limits of Clopper and Pearson.

    Parameters
    ----------
    hits, rows : float
        Successes and trials, 0 <= hits <= rows, rows > 0; need not be whole.
    confidence : float
        One-sided confidence, between 0.5 and 1.

    Returns
    -------
    Bounds
        Within [0, 1]; each end misses the truth with at most 1 - confidence.
    """
    miss = 1 - confidence
    low = 0.0 if hits <= 0 else float(special.betaincinv(hits, rows - hits + 1, miss))
    high = 1.0 if hits >= rows else float(special.betaincinv(hits + 1, rows - hits, confidence))
    return Bounds(low, high)


def is_sparse(hits: float, rows: float) -> bool:
    """Say whether either side of a proportion holds too few rows for Wilson at a gate."""
    return min(hits, rows - hits) < SPARSE


def gate_proportion(hits: float, rows: float, confidence: float) -> Bounds:
    """Bound a proportion for a gate: exact where a side is sparse, Wilson elsewhere.

    Where the rule changes over, an end never moves back: one more hit can not lower a bound, so it
    can not turn a pass into anything else.
    """
    if not is_sparse(hits, rows):
        return wilson(hits, rows, confidence)
    low, high = clopper_pearson(hits, rows, confidence)
    if rows >= 2 * SPARSE and low is not None and high is not None:
        if rows - hits < SPARSE:
            low = max(low, wilson(rows - SPARSE, rows, confidence).low or 0.0)
        else:
            edge = wilson(SPARSE, rows, confidence).high
            high = min(high, 1.0 if edge is None else edge)
    return Bounds(low, high)


def average_of_proportions(parts: Sequence[tuple[float, float]], confidence: float, *, exact: bool = False) -> Bounds:
    """Bound the plain mean of independent proportions by recovering their variances (MOVER).

    Parameters
    ----------
    parts : sequence of (hits, rows)
        One pair per proportion, rows > 0.
    confidence : float
        One-sided confidence.
    exact : bool
        Use the gate's limits of each part instead of Wilson's.

    References
    ----------
    Zou and Donner (2008), doi:10.1002/sim.3095; Newcombe (1998).
    """
    rule = gate_proportion if exact else wilson
    below = above = total = 0.0
    for hits, rows in parts:
        low, high = rule(hits, rows, confidence)
        share = hits / rows
        total += share
        below += (share - (low or 0.0)) ** 2
        above += ((1.0 if high is None else high) - share) ** 2
    count = len(parts)
    mean = total / count
    return Bounds(max(0.0, mean - math.sqrt(below) / count), min(1.0, mean + math.sqrt(above) / count))


def from_spread(value: float, spread: float, quantile: float, limits: tuple[float, float]) -> Bounds:
    """Bound a smooth figure from its standard error, on the scale that respects its limits.

    Logit for [0, 1], log for [0, inf), Fisher's z for [-1, 1], log(1 - x) for (-inf, 1].

    Parameters
    ----------
    value, spread : float
        The figure and its standard error (> 0), ``value`` strictly inside ``limits``.
    quantile : float
        Normal or Student quantile of the one-sided confidence.
    limits : (float, float)
        Smallest and largest possible value.
    """
    low, high = limits
    step = quantile * spread
    if limits == (0.0, 1.0):
        middle, wide = float(special.logit(value)), step / (value * (1 - value))
        return Bounds(float(special.expit(middle - wide)), float(special.expit(middle + wide)))
    if limits == (-1.0, 1.0):
        middle, wide = math.atanh(value), step / (1 - value * value)
        return Bounds(math.tanh(middle - wide), math.tanh(middle + wide))
    if low == 0.0 and math.isinf(high):
        factor = math.exp(min(700.0, step / value))
        return Bounds(value / factor, value * factor)
    if high == 1.0 and math.isinf(low):
        factor = math.exp(min(700.0, step / (1 - value)))
        return Bounds(1 - (1 - value) * factor, 1 - (1 - value) / factor)
    return Bounds(max(low, value - step), min(high, value + step))


def skewed_mean(mean: float, deviation: float, skewness: float, rows: float, confidence: float) -> Bounds:
    """Bound a mean by Hall's monotone correction of Student's t for skewness.

    Parameters
    ----------
    mean, deviation, skewness : float
        Sample mean, standard deviation (> 0) and standardised third moment.
    rows : float
        Number of independent rows, at least 2.
    confidence : float
        One-sided confidence.

    References
    ----------
    Hall (1992), On the Removal of Skewness by Transformation, doi:10.1111/j.2517-6161.1992.tb01876.x.
    """
    root = math.sqrt(rows)
    error = deviation / root
    t = student_quantile(confidence, rows - 1)

    def corrected(x: float) -> float:
        """Undo Hall's cubic g(t) = t + s(2t^2 + 1)/6 + s^2 t^3/27 with s = skewness / root n."""
        scaled = skewness / root
        if abs(scaled) < 1e-8:
            return x
        inside = 1 + scaled * (x - scaled / 6)
        return 3 / scaled * (math.copysign(abs(inside) ** (1 / 3), inside) - 1)

    low = mean - error * corrected(t)
    high = mean - error * corrected(-t)
    return Bounds(min(low, mean), max(high, mean))


def bounded_mean(mean: float, rows: float, confidence: float) -> Bounds:
    """Bound the mean of values in [0, 1] as if each were 0 or 1, the widest case."""
    return clopper_pearson(mean * rows, rows, confidence)
