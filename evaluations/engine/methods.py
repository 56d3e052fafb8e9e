"""How a figure gets its interval: what all families of metrics share.

A method knows the figure, its support and the influence of every row. Independent rows get the
family's own interval; rows with weights or groups get one that sees them.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluations.engine.bootstrap import (
    Floats,
    Statistic,
    bca,
    in_order,
    resample,
)
from evaluations.engine.intervals import (
    Bounds,
    bounded_mean,
    from_spread,
    student_quantile,
)
from evaluations.engine.limits import CORRELATION as CORRELATION
from evaluations.engine.limits import POSITIVE as POSITIVE
from evaluations.engine.limits import UNIT as UNIT
from evaluations.engine.predictions import Predictions, dot

NOTHING = Bounds(None, None)
MOST_MARKS = 20_000_000  # rows times cells; beyond it the influence of rows is used instead
CLUSTERS_RESAMPLED = 5000  # above this many clusters their spread alone says enough


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval to show, the bounds a gate uses, and how each was made."""

    shown: Bounds
    gate: Bounds
    method: str
    gate_method: str


def same(bounds: Bounds, method: str) -> Interval:
    """Use one pair of bounds both to show and at the gate."""
    return Interval(bounds, bounds, method, method)


class Method(ABC):
    """A family of metrics that share a way to their interval."""

    limits: tuple[float, float]

    @abstractmethod
    def value(self, rows: Predictions) -> float:
        """Measure the figure; nan where it is undefined."""

    @abstractmethod
    def support(self, rows: Predictions) -> int:
        """Count the rows that the figure rests on."""

    @abstractmethod
    def plain(self, rows: Predictions, confidence: float, rng: np.random.Generator) -> Interval:
        """Bound the figure for independent rows of equal weight."""

    @abstractmethod
    def influence(self, rows: Predictions) -> Floats:
        """Give each row's influence on the figure; they average to zero by weight."""

    def sums(self, rows: Predictions) -> tuple[Floats, Statistic] | None:
        """Give per-row sums and the statistic of their totals, if the figure is made of sums."""
        del rows
        return None

    def interval(self, rows: Predictions, confidence: float, rng: np.random.Generator) -> Interval:
        """Bound the figure, minding weights and groups."""
        if rows.is_plain:
            return self.plain(rows, confidence, rng)
        if rows.groups is not None and rows.groups.max(initial=0) < CLUSTERS_RESAMPLED:
            bounds = self._resample_clusters(rows, confidence, rng)
            if bounds.low is not None and bounds.high is not None:
                return same(bounds, "cluster bootstrap, BCa")
        return self.robust(rows, confidence)

    def _resample_clusters(self, rows: Predictions, confidence: float, rng: np.random.Generator) -> Bounds:
        """Bound a figure made of sums by drawing whole clusters."""
        found = self.sums(rows)
        if found is None or rows.groups is None:
            return NOTHING
        per_row, statistic = found
        units = in_order(cluster_sums(per_row * rows.mass[:, None], rows.groups))
        counts = np.ones(len(units))
        if len(units) < 2:
            return NOTHING
        return bca(units, counts, statistic, confidence, resample(counts, rng))

    def robust(self, rows: Predictions, confidence: float) -> Interval:
        """Bound the figure by the spread of the influence of clusters or weighted rows."""
        error, units = standard_error(self.influence(rows), rows)
        value = self.value(rows)
        word = "influence of clusters" if rows.groups is not None else "influence of rows"
        inside = self.limits[0] < value < self.limits[1]
        if error > 0 and inside:
            quantile = student_quantile(confidence, max(1, units - 1))
            return same(from_spread(value, error, quantile, self.limits), word)
        return same(self.edge(value, effective_rows(rows), confidence), "exact, effective rows")

    def edge(self, value: float, units: float, confidence: float) -> Bounds:
        """Bound a figure that shows no spread, as a proportion of that many rows."""
        if self.limits == UNIT:
            return bounded_mean(value, units, confidence)
        if self.limits == CORRELATION:
            low, high = bounded_mean((value + 1) / 2, units, confidence)
            return Bounds(2 * (low or 0.0) - 1, 2 * (1.0 if high is None else high) - 1)
        return NOTHING


def cluster_sums(per_row: Floats, groups: NDArray[np.intp]) -> Floats:
    """Add up rows within clusters."""
    sums = [np.bincount(groups, column) for column in per_row.T]
    return np.stack(sums, axis=1).astype(np.float64)


def standard_error(influence: Floats, rows: Predictions) -> tuple[float, int]:
    """Measure the standard error from influences, and count the independent units."""
    parts = influence * rows.mass / rows.mass.sum()
    if rows.groups is not None:
        parts = np.bincount(rows.groups, parts).astype(np.float64)
    units = len(parts)
    if units < 2:
        return 0.0, units
    return math.sqrt(dot(parts, parts) * units / (units - 1)), units


def effective_rows(rows: Predictions) -> float:
    """Count independent rows: Kish's size for weights, clusters counted once."""
    mass = rows.mass
    if rows.groups is not None:
        mass = np.bincount(rows.groups, mass).astype(np.float64)
    return float(mass.sum()) ** 2 / dot(mass, mass)
