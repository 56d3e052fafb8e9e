"""Figures of the confusion table, and how each gets its interval."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from evaluations.engine.bootstrap import (
    Floats,
    Statistic,
    bca,
    percentile,
    posterior_table,
    resample,
)
from evaluations.engine.intervals import (
    SPARSE,
    Bounds,
    average_of_proportions,
    gate_proportion,
    is_sparse,
    normal_quantile,
    student_quantile,
    wilson,
)
from evaluations.engine.methods import (
    MOST_MARKS,
    NOTHING,
    UNIT,
    Interval,
    Method,
    effective_rows,
    same,
    standard_error,
)
from evaluations.engine.predictions import Predictions


class TableMethod(Method):
    """A figure of the confusion table."""

    statistic: Statistic

    def value(self, rows: Predictions) -> float:
        """Measure the figure; nan where it is undefined."""
        return float(self.statistic(rows.table[None])[0])

    def influence(self, rows: Predictions) -> Floats:
        """Differentiate the statistic in the share of each cell that is in use."""
        shares = rows.table / rows.table.sum()
        slope = np.zeros(shares.size)
        for cell in np.flatnonzero(shares):
            step = min(1e-6, shares.flat[cell] / 2)
            pair = np.stack([shares, shares])
            pair[0].flat[cell] += step
            pair[1].flat[cell] -= step
            up, down = self.statistic(pair)
            slope[cell] = (up - down) / (2 * step)
        return slope[rows.cells]

    def sums(self, rows: Predictions) -> tuple[Floats, Statistic] | None:
        """Mark each row's cell, so that totals are tables."""
        shape = rows.table.shape
        if rows.rows * rows.table.size > MOST_MARKS:
            return None
        marks = np.zeros((rows.rows, rows.table.size))
        marks[np.arange(rows.rows), rows.cells] = 1
        return marks, lambda totals: self.statistic(totals.reshape(-1, *shape))


@dataclass(frozen=True)
class Proportion(TableMethod):
    """Hits among rows, or a rising function of such a share.

    ``ratio`` turns tables of shape (..., K, K) into hits and rows; ``finish`` maps the share.
    """

    ratio: Callable[[Floats], tuple[Floats, Floats]]
    finish: Callable[[Floats], Floats] = lambda share: share
    limits: tuple[float, float] = UNIT

    def statistic(self, tables: Floats) -> Floats:
        """Divide hits by rows."""
        hits, rows = self.ratio(tables)
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.finish(hits / rows)

    def counts(self, rows: Predictions) -> tuple[float, float]:
        """Give hits and rows of one table."""
        hits, whole = self.ratio(rows.table[None])
        return float(hits[0]), float(whole[0])

    def support(self, rows: Predictions) -> int:
        """Count the rows in the denominator, without weights."""
        if rows.weights is None:
            return int(self.counts(rows)[1])
        counts = np.bincount(rows.cells, minlength=rows.table.size).reshape(rows.table.shape)
        return int(self.ratio(counts[None].astype(np.float64))[1][0])

    def _finished(self, bounds: Bounds) -> Bounds:
        low, high = (float(self.finish(np.array(0.0 if b is None else b))) for b in bounds)
        return Bounds(low, high)

    def plain(self, rows: Predictions, confidence: float, rng: np.random.Generator) -> Interval:
        """Show Wilson's interval; the gate is exact where a side is sparse."""
        del rng
        return self._of(*self.counts(rows), confidence, "")

    def _of(self, hits: float, whole: float, confidence: float, note: str) -> Interval:
        exact = is_sparse(hits, whole)
        return Interval(
            self._finished(wilson(hits, whole, confidence)),
            self._finished(gate_proportion(hits, whole, confidence)),
            "Wilson" + note,
            ("Clopper-Pearson" if exact else "Wilson") + note,
        )

    def interval(self, rows: Predictions, confidence: float, rng: np.random.Generator) -> Interval:
        """Bound the share; weights and clusters change the effective number of rows.

        Korn and Graubard's effective size keeps a share near 0 or 1 honest, where a bootstrap of
        clusters collapses.
        """
        if rows.is_plain:
            return self.plain(rows, confidence, rng)
        hits, whole = self.counts(rows)
        share = hits / whole
        inside = Proportion(self.ratio)
        error, units = standard_error(inside.influence(rows), rows)
        size = share * (1 - share) / error**2 if error > 0 else self._reached(rows)
        size = min(size, self.support(rows))
        if units > 1 and error > 0:  # few clusters: widen as Student's t is wider than normal
            size *= (normal_quantile(confidence) / student_quantile(confidence, units - 1)) ** 2
        return self._of(share * size, size, confidence, ", effective rows")

    def _reached(self, rows: Predictions) -> float:
        """Count the effective rows of the denominator when they all agree."""
        table = np.eye(rows.table.size).reshape(-1, *rows.table.shape)
        asked = self.ratio(table)[1][rows.cells] > 0
        return effective_rows(rows.take(asked))


@dataclass(frozen=True)
class AverageOfProportions(TableMethod):
    """The plain mean of one share per true class."""

    limits: tuple[float, float] = UNIT

    def statistic(self, tables: Floats) -> Floats:
        """Average the recall over the classes that occur; nan if fewer than two do."""
        whole = tables.sum(axis=-1)
        hits = np.diagonal(tables, axis1=-2, axis2=-1)
        there = whole > 0
        shares = np.divide(hits, whole, out=np.zeros_like(hits), where=there)
        classes = there.sum(axis=-1)
        mean = shares.sum(axis=-1) / np.maximum(classes, 1)
        return np.where(classes > 1, mean, np.nan)

    def support(self, rows: Predictions) -> int:
        """Count all rows."""
        return rows.rows

    def plain(self, rows: Predictions, confidence: float, rng: np.random.Generator) -> Interval:
        """Combine the classes' own limits."""
        del rng
        whole = rows.table.sum(axis=1)
        parts = [(float(rows.table[i, i]), float(n)) for i, n in enumerate(whole) if n > 0]
        return Interval(
            average_of_proportions(parts, confidence),
            average_of_proportions(parts, confidence, exact=True),
            "MOVER, Wilson",
            "MOVER, Wilson or Clopper-Pearson",
        )


@dataclass(frozen=True)
class TableFigure(TableMethod):
    """Any other function of the confusion table."""

    of: Statistic
    limits: tuple[float, float] = UNIT

    def statistic(self, tables: Floats) -> Floats:
        """Apply the function to tables of shape (..., K, K)."""
        return self.of(tables)

    def support(self, rows: Predictions) -> int:
        """Count all rows."""
        return rows.rows

    def plain(self, rows: Predictions, confidence: float, rng: np.random.Generator) -> Interval:
        """Resample the table (BCa); where it holds too few errors, draw from Dirichlet."""
        table = rows.table
        errors = table.sum() - np.trace(table)
        used = np.flatnonzero(table)
        if len(used) * table.size > MOST_MARKS:
            return self.robust(rows, confidence)
        if min(errors, np.trace(table)) >= SPARSE:
            cells = np.zeros((len(used), table.size))
            cells[np.arange(len(used)), used] = 1
            bounds = bca(
                cells,
                table.flat[used],
                lambda totals: self.of(totals.reshape(-1, *table.shape)),
                confidence,
                resample(table.flat[used], rng),
            )
            if bounds.low is not None:
                return same(bounds, "multinomial bootstrap, BCa")
        drawn = self.of(posterior_table(table, weak_prior(table), rng))
        low, high = percentile(drawn, confidence)
        value = self.value(rows)
        if low is None or high is None:
            return same(NOTHING, "Dirichlet draws")
        return same(Bounds(min(low, value), max(high, value)), "Dirichlet draws")


def weak_prior(table: Floats) -> Floats:
    """Spread half a row on each class's hits and half on its errors (Jeffreys for two classes)."""
    classes = len(table)
    prior = np.full((classes, classes), 0.5 / max(1, classes - 1))
    np.fill_diagonal(prior, 0.5)
    prior[table.sum(axis=1) == 0] = 0  # a class that never occurs stays so
    return prior
