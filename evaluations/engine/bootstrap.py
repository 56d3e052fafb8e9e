"""Bootstrap intervals over units that carry sums: rows, clusters or cells of a table."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import special

from evaluations.engine.intervals import Bounds

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]
"""Turns sums of shape (..., k) into values of shape (...), nan where undefined."""

DRAWS = 2000
_CELLS_AT_ONCE = 4_000_000  # numbers held while a statistic is applied to the draws
_LOST_AT_MOST = 0.05  # share of draws on which a statistic may be undefined


def resample(counts: Floats, rng: np.random.Generator, draws: int = DRAWS) -> Floats:
    """Draw how often each unit appears in a resample of the same size.

    Parameters
    ----------
    counts : ndarray of shape (units,)
        How many rows each unit stands for; ones for rows and clusters.
    rng : numpy.random.Generator
        The only source of chance.

    Returns
    -------
    ndarray of shape (draws, units)
    """
    size = round(float(counts.sum()))
    return rng.multinomial(size, counts / counts.sum(), size=draws).astype(np.float64)


def in_order(units: Floats) -> Floats:
    """Sort units by their sums, so that a resample does not depend on the order of the rows."""
    return units[np.lexsort(units.T[::-1])]


def posterior_table(table: Floats, prior: Floats, rng: np.random.Generator, draws: int = DRAWS) -> Floats:
    """Draw tables of shares around ``table``, from a Dirichlet with a weak prior.

    For tables that hold too few errors to resample: a bootstrap of no errors shows no errors,
    which would claim certainty.
    """
    shares = rng.standard_gamma((table + prior).ravel(), size=(draws, table.size))
    whole = shares / shares.sum(axis=1, keepdims=True)
    return np.asarray(whole * table.sum(), dtype=np.float64).reshape(draws, *table.shape)


def apply_in_parts(sums: Floats, statistic: Statistic) -> Floats:
    """Apply a statistic to many sums without holding large intermediates at once."""
    step = max(1, _CELLS_AT_ONCE // max(1, sums.shape[-1]))
    return np.concatenate([statistic(sums[i : i + step]) for i in range(0, len(sums), step)])


def percentile(replicates: Floats, confidence: float) -> Bounds:
    """Take the plain quantiles of the replicates."""
    kept = replicates[np.isfinite(replicates)]
    if kept.size < (1 - _LOST_AT_MOST) * replicates.size:
        return Bounds(None, None)
    low, high = np.quantile(kept, [1 - confidence, confidence])
    return Bounds(float(low), float(high))


def bca(
    units: Floats,
    counts: Floats,
    statistic: Statistic,
    confidence: float,
    draws: Floats,
) -> Bounds:
    """Bound a statistic of sums by the bias-corrected and accelerated bootstrap.

    Parameters
    ----------
    units : ndarray of shape (units, k)
        The sums that one member of each unit adds.
    counts : ndarray of shape (units,)
        How many members each unit has.
    statistic : callable
        From sums of shape (..., k) to values of shape (...).
    confidence : float
        One-sided confidence.
    draws : ndarray of shape (draws, units)
        From `resample`.

    Returns
    -------
    Bounds
        Without ends if the statistic is undefined on more than 5 % of the draws or never varies.

    References
    ----------
    Efron (1987), Better Bootstrap Confidence Intervals; DiCiccio and Efron (1996).
    """
    total = counts @ units
    value = float(statistic(total[None, :])[0])
    replicates = apply_in_parts(draws @ units, statistic)
    kept = replicates[np.isfinite(replicates)]
    if kept.size < (1 - _LOST_AT_MOST) * replicates.size or np.ptp(kept) == 0:
        return Bounds(None, None)
    below = np.mean(kept < value) + np.mean(kept == value) / 2
    below = min(max(float(below), 0.5 / kept.size), 1 - 0.5 / kept.size)
    bias = float(special.ndtri(below))
    speed = acceleration(apply_in_parts(total - units, statistic), counts)
    ends = []
    for level in (1 - confidence, confidence):
        shifted = bias + float(special.ndtri(level))
        corrected = special.ndtr(bias + shifted / (1 - speed * shifted))
        ends.append(float(np.quantile(kept, corrected)))
    return Bounds(min(ends[0], value), max(ends[1], value))


def acceleration(jackknife: Floats, counts: Floats) -> float:
    """Measure how fast the spread changes with the value, from leave-one-out values."""
    good = np.isfinite(jackknife)
    values, weights = jackknife[good], counts[good]
    if not values.size:
        return 0.0
    gaps = np.average(values, weights=weights) - values
    squares = float(np.sum(weights * gaps**2))
    if squares <= 0:
        return 0.0
    return float(np.sum(weights * gaps**3)) / (6 * squares**1.5)
