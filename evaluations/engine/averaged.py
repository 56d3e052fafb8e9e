"""Figures averaged over rows or made of a few sums, and how each gets its interval."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from evaluations.engine.bootstrap import (
    Floats,
    Statistic,
    bca,
    in_order,
    resample,
)
from evaluations.engine.intervals import (
    Bounds,
    from_spread,
    skewed_mean,
    student_quantile,
)
from evaluations.engine.methods import (
    CLUSTERS_RESAMPLED,
    NOTHING,
    POSITIVE,
    Interval,
    Method,
    same,
    standard_error,
)
from evaluations.engine.pieces import pieces
from evaluations.engine.predictions import Predictions, dot


@dataclass(frozen=True)
class MeanOfRows(Method):
    """The mean of one number per row, or its root."""

    loss: Callable[[Predictions], Floats]
    limits: tuple[float, float] = POSITIVE
    root: bool = False

    def finish(self, mean: float) -> float:
        """Take the root where the figure is one."""
        return math.sqrt(max(0.0, mean)) if self.root else mean

    def value(self, rows: Predictions) -> float:
        """Average by weight."""
        if rows.weights is None:
            return self.finish(self._moments(rows)[0])
        return self.finish(dot(self.loss(rows), rows.mass) / float(rows.mass.sum()))

    def _moments(self, rows: Predictions) -> tuple[float, float, float]:
        return rows.remember(f"moments of {self.loss}", lambda: moments(self._losses(rows)))

    def _losses(self, rows: Predictions) -> Floats:
        """Work out the losses piece by piece; each is of its row alone."""
        found = np.empty(rows.rows)
        for part in pieces(rows.rows):
            found[part] = self.loss(rows.take(part))
        return found

    def support(self, rows: Predictions) -> int:
        """Count all rows."""
        return rows.rows

    def influence(self, rows: Predictions) -> Floats:
        """Measure each row's distance from the mean, through the root if any."""
        loss = self.loss(rows)
        mean = dot(loss, rows.mass) / float(rows.mass.sum())
        gap = loss - mean
        return gap / (2 * math.sqrt(mean)) if self.root and mean > 0 else gap

    def sums(self, rows: Predictions) -> tuple[Floats, Statistic] | None:
        """Sum rows and losses."""
        per_row = np.stack([np.ones(rows.rows), self.loss(rows)], axis=1)

        def mean(totals: Floats) -> Floats:
            with np.errstate(invalid="ignore", divide="ignore"):
                found = totals[..., 1] / totals[..., 0]
            return np.sqrt(np.maximum(found, 0)) if self.root else found

        return per_row, mean

    def plain(self, rows: Predictions, confidence: float, rng: np.random.Generator) -> Interval:
        """Correct Student's t for skewness; without any spread only limits can speak."""
        del rng
        mean, deviation, skewness = self._moments(rows)
        if deviation <= 1e-12 * max(1e-300, abs(mean)):
            return same(self.edge(self.finish(mean), rows.rows, confidence), "exact, no spread")
        low, high = skewed_mean(mean, deviation, skewness, rows.rows, confidence)
        ends = [self.finish(min(max(end or 0.0, self.limits[0]), self.limits[1])) for end in (low, high)]
        return same(Bounds(ends[0], ends[1]), "Student's t, corrected for skewness (Hall)")


def moments(values: Floats) -> tuple[float, float, float]:
    """Give mean, standard deviation (n - 1) and skewness; no spread gives zeros."""
    mean = float(values.mean())
    if len(values) < 2 or not math.isfinite(mean):
        return mean, 0.0, 0.0
    scale = max(float(values.max()) - mean, mean - float(values.min()))
    if scale <= 0 or not math.isfinite(scale):
        return mean, 0.0, 0.0
    squares, cubes = [], []
    for part in pieces(len(values)):
        gaps = (values[part] - mean) / scale  # so that cubes of huge or tiny losses neither overflow nor vanish
        square = gaps * gaps
        squares.append(float(square.sum()))
        cubes.append(float((square * gaps).sum()))
    second = math.fsum(squares) / len(values)
    third = math.fsum(cubes) / len(values)
    deviation = scale * math.sqrt(second * len(values) / (len(values) - 1))
    return mean, deviation, third / second**1.5


@dataclass(frozen=True)
class FigureOfSums(Method):
    """A smooth function of a few sums over the rows, such as R²."""

    per_row: Callable[[Predictions], Floats]
    of: Statistic
    limits: tuple[float, float]

    def _totals(self, rows: Predictions) -> tuple[Floats, Floats]:
        per_row = self.per_row(rows)
        return per_row, rows.mass @ per_row / rows.mass.sum()

    def value(self, rows: Predictions) -> float:
        """Apply the function to the weighted sums."""
        return float(self.of(self._totals(rows)[1][None])[0])

    def support(self, rows: Predictions) -> int:
        """Count all rows."""
        return rows.rows

    def sums(self, rows: Predictions) -> tuple[Floats, Statistic] | None:
        """Hand out the sums and the function."""
        return self.per_row(rows), self.of

    def influence(self, rows: Predictions) -> Floats:
        """Differentiate the function in each sum."""
        per_row, means = self._totals(rows)
        steps = 1e-6 * np.maximum(np.abs(means), 1e-12)
        up, down = (means + sign * np.diag(steps) for sign in (1, -1))
        slope = (self.of(up) - self.of(down)) / (2 * steps)
        return (per_row - means) @ slope

    def plain(self, rows: Predictions, confidence: float, rng: np.random.Generator) -> Interval:
        """Resample rows (BCa) while they are few; use their influence when they are many."""
        if rows.rows <= CLUSTERS_RESAMPLED:
            counts = np.ones(rows.rows)
            bounds = bca(in_order(self.per_row(rows)), counts, self.of, confidence, resample(counts, rng))
            if bounds.low is not None:
                return same(bounds, "bootstrap of rows, BCa")
        error, units = standard_error(self.influence(rows), rows)
        value = self.value(rows)
        if error <= 0 or not self.limits[0] < value < self.limits[1]:
            return same(NOTHING, "influence")
        quantile = student_quantile(confidence, max(1, units - 1))
        return same(from_spread(value, error, quantile, self.limits), "influence")
