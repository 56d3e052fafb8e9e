"""How a figure gets its interval: one class per family of metrics.

A method knows the figure, its support and the influence of every row. Independent rows get the
family's own interval; rows with weights or groups get one that sees them.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluations.engine import ranking
from evaluations.engine.bootstrap import (
    Floats,
    Statistic,
    bca,
    in_order,
    percentile,
    posterior_table,
    resample,
)
from evaluations.engine.intervals import (
    SPARSE,
    Bounds,
    average_of_proportions,
    bounded_mean,
    clopper_pearson,
    from_spread,
    gate_proportion,
    is_sparse,
    normal_quantile,
    skewed_mean,
    student_quantile,
    wilson,
)
from evaluations.engine.predictions import Predictions, dot

UNIT = (0.0, 1.0)
CORRELATION = (-1.0, 1.0)
POSITIVE = (0.0, math.inf)
SHARE_EXPLAINED = (-math.inf, 1.0)
NOTHING = Bounds(None, None)
_MARKS = 20_000_000  # rows times cells; beyond it the influence of rows is used instead
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
        if len(units) < 2:  # noqa: PLR2004 - one cluster shows no spread
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
    if units < 2:  # noqa: PLR2004 - one unit shows no spread
        return 0.0, units
    return math.sqrt(dot(parts, parts) * units / (units - 1)), units


def effective_rows(rows: Predictions) -> float:
    """Count independent rows: Kish's size for weights, clusters counted once."""
    mass = rows.mass
    if rows.groups is not None:
        mass = np.bincount(rows.groups, mass).astype(np.float64)
    return float(mass.sum()) ** 2 / dot(mass, mass)


# Metrics of the confusion table ---------------------------------------------------------------


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
        if rows.rows * rows.table.size > _MARKS:
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
        if len(used) * table.size > _MARKS:
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


# Metrics of rows ------------------------------------------------------------------------------


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
        return rows.remember(f"moments of {self.loss}", lambda: moments(self.loss(rows)))

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
    if len(values) < 2 or not math.isfinite(mean):  # noqa: PLR2004 - one row shows no spread
        return mean, 0.0, 0.0
    gaps = values - mean
    scale = float(max(gaps.max(), -gaps.min()))
    if scale <= 0 or not math.isfinite(scale):
        return mean, 0.0, 0.0
    gaps /= scale  # so that cubes of huge or tiny losses neither overflow nor vanish
    squares = gaps * gaps
    second = float(squares.mean())
    third = dot(squares, gaps) / len(values)
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


# Metrics of ranked scores ---------------------------------------------------------------------


class ScoreMethod(Method):
    """A figure of the order of the scores of a binary task."""

    limits = UNIT

    def support(self, rows: Predictions) -> int:
        """Count the rows of the rarer class, which decide how sure the order is."""
        positives = int(np.count_nonzero(rows.truth))
        return min(positives, rows.rows - positives)

    def undefined(self, rows: Predictions) -> bool:
        """Say that a class is missing or weighs nothing."""
        return not 0 < positive_mass(rows) < float(rows.mass.sum())

    def _bounded(self, value: float, error: float, rows: Predictions, confidence: float, word: str) -> Interval:
        """Bound on the logit scale; a perfect order is bounded by the rarer class alone."""
        if error > 0 and 0 < value < 1:
            bounds = from_spread(value, error, normal_quantile(confidence), UNIT)
            return same(bounds, word + ", logit scale")
        return same(
            clopper_pearson(value * self.support(rows), self.support(rows), confidence),
            "exact, rows of the rarer class",
        )


@dataclass(frozen=True)
class RocArea(ScoreMethod):
    """Area under the ROC curve, by DeLong."""

    def value(self, rows: Predictions) -> float:
        """Measure the area; nan if a class is missing."""
        return math.nan if self.undefined(rows) else self._delong(rows)[0]

    def _delong(self, rows: Predictions) -> tuple[float, float]:
        return rows.remember("delong", lambda: ranking.delong(ordered(rows)))

    def influence(self, rows: Predictions) -> Floats:
        """Give DeLong's structural components, scaled and centred."""
        order = placed(rows)
        _, positive, negative = ranking.auc_influence(order)
        return np.where(rows.truth, positive[order.place], negative[order.place])

    def plain(self, rows: Predictions, confidence: float, rng: np.random.Generator) -> Interval:
        """Use DeLong's standard error on the logit scale."""
        del rng
        value, error = self._delong(rows)
        return self._bounded(value, error, rows, confidence, "DeLong")


@dataclass(frozen=True)
class AveragePrecision(ScoreMethod):
    """Average precision, by its influence function."""

    def support(self, rows: Predictions) -> int:
        """Count the positive rows."""
        return int(np.count_nonzero(rows.truth))

    def undefined(self, rows: Predictions) -> bool:
        """Say that no positive row weighs anything."""
        return positive_mass(rows) <= 0

    def value(self, rows: Predictions) -> float:
        """Average the precision; nan without a positive row."""
        return math.nan if self.undefined(rows) else self._spread(rows)[0]

    def _spread(self, rows: Predictions) -> tuple[float, float]:
        """Give the figure and its standard error for independent rows."""

        def make() -> tuple[float, float]:
            order = ordered(rows)
            value, positive, negative = ranking.average_precision_influence(order)
            squares = dot(order.positives, positive * positive)
            squares += dot(order.negatives, negative * negative)
            # With few positives the influence is too narrow; the binomial spread of as many rows as
            # there are positives (Boyd, Eng and Page 2013) is then the wider one.
            binomial = value * (1 - value) / float(order.positives.sum())
            return value, math.sqrt(max(squares / rows.rows**2, binomial))

        return rows.remember("average precision", make)

    def influence(self, rows: Predictions) -> Floats:
        """Give each row's influence."""
        order = placed(rows)
        _, positive, negative = ranking.average_precision_influence(order)
        return np.where(rows.truth, positive[order.place], negative[order.place])

    def plain(self, rows: Predictions, confidence: float, rng: np.random.Generator) -> Interval:
        """Use the variance of the influences on the logit scale."""
        del rng
        value, error = self._spread(rows)
        return self._bounded(value, error, rows, confidence, "influence or binomial")


@dataclass(frozen=True)
class MacroRocArea(Method):
    """The mean, over the classes, of each class's area against the rest."""

    limits: tuple[float, float] = UNIT

    def support(self, rows: Predictions) -> int:
        """Count the rows of the rarest class."""
        return int(np.bincount(rows.truth, minlength=len(rows.classes)).min())

    def _each(self, rows: Predictions) -> list[ranking.Ranking]:
        assert rows.probability is not None  # noqa: S101 - the registry asked for probabilities
        return [
            ranking.rank_rows(rows.probability[:, i], rows.truth == i, rows.weights) for i in range(len(rows.classes))
        ]

    def value(self, rows: Predictions) -> float:
        """Average the areas; nan if a class is missing."""
        mass = np.bincount(rows.truth, rows.mass, minlength=len(rows.classes))
        if mass.min() <= 0 or len(rows.classes) < 2:  # noqa: PLR2004 - one class has no rest
            return math.nan
        return float(np.mean([ranking.auc_parts(each)[0] for each in self._each(rows)]))

    def influence(self, rows: Predictions) -> Floats:
        """Average the influences over the classes."""
        total = np.zeros(rows.rows)
        for code, each in enumerate(self._each(rows)):
            _, positive, negative = ranking.auc_influence(each)
            total += np.where(rows.truth == code, positive[each.place], negative[each.place])
        return total / len(rows.classes)

    def plain(self, rows: Predictions, confidence: float, rng: np.random.Generator) -> Interval:
        """Use the variance of the influences on the logit scale."""
        del rng
        value = self.value(rows)
        error, _ = standard_error(self.influence(rows), rows)
        if error > 0 and 0 < value < 1:
            bounds = from_spread(value, error, normal_quantile(confidence), UNIT)
            return same(bounds, "DeLong over classes, logit scale")
        size = self.support(rows)
        return same(clopper_pearson(value * size, size, confidence), "exact, rarest class")


def positive_mass(rows: Predictions) -> float:
    """Weigh the positive rows."""
    if rows.weights is None:
        return float(np.count_nonzero(rows.truth))
    return dot(rows.weights, rows.truth)


def ordered(rows: Predictions) -> ranking.Ranking:
    """Order the scores once per table; the fast way for rows of equal weight."""

    def make() -> ranking.Ranking:
        assert rows.probability is not None  # noqa: S101 - the registry asked for probabilities
        return ranking.rank(rows.probability, rows.truth)

    return rows.remember("ordered", make) if rows.weights is None else placed(rows)


def placed(rows: Predictions) -> ranking.Ranking:
    """Order the scores once per table and remember each row's place."""

    def make() -> ranking.Ranking:
        assert rows.probability is not None  # noqa: S101 - the registry asked for probabilities
        return ranking.rank_rows(rows.probability, rows.truth, rows.weights)

    return rows.remember("placed", make)


# Calibration ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class CalibrationError(Method):
    """Expected calibration error over bins of equal mass; scores that tie share a bin."""

    bins: int = 15
    limits: tuple[float, float] = UNIT

    def support(self, rows: Predictions) -> int:
        """Count all rows."""
        return rows.rows

    def _binned(self, rows: Predictions) -> tuple[Floats, Floats, Floats, Floats]:
        """Sum rows, positives, probabilities and p(1 - p) in each bin."""
        return rows.remember(f"calibration in {self.bins}", lambda: self._bin(rows))

    def _bin(self, rows: Predictions) -> tuple[Floats, Floats, Floats, Floats]:
        order = ordered(rows)
        sizes = order.positives + order.negatives
        starts = equal_mass_starts(sizes, self.bins)
        return (
            np.add.reduceat(sizes, starts),
            np.add.reduceat(order.positives, starts),
            np.add.reduceat(sizes * order.scores, starts),
            np.add.reduceat(sizes * order.scores * (1 - order.scores), starts),
        )

    def value(self, rows: Predictions) -> float:
        """Average the gaps between predicted and seen share, by rows in the bin."""
        sizes, positives, predicted, _ = self._binned(rows)
        return float(np.abs(positives - predicted).sum() / sizes.sum())

    def influence(self, rows: Predictions) -> Floats:
        """Give each row's signed gap, in the direction its bin errs."""
        order = placed(rows)
        sizes = order.positives + order.negatives
        starts = equal_mass_starts(sizes, self.bins)
        gaps = np.add.reduceat(order.positives - sizes * order.scores, starts)
        of_group = np.repeat(np.sign(gaps), np.diff(starts, append=len(sizes)))
        assert rows.probability is not None  # noqa: S101 - the registry asked for probabilities
        signed = of_group[order.place] * (rows.truth - rows.probability)
        return signed - dot(signed, rows.mass) / float(rows.mass.sum())

    def plain(self, rows: Predictions, confidence: float, rng: np.random.Generator) -> Interval:
        """Bound by the triangle inequality, so that noise in the bins is not taken for error.

        Seen error = |gap + noise| per bin: it exceeds the true error by at most the mean size of
        the noise (the low end), and falls short of it by at most the signed noise (the high end).
        """
        del rng
        sizes, positives, _, bernoulli = self._binned(rows)
        shares = positives / sizes
        total = sizes.sum()
        noise = np.sqrt(np.maximum(sizes * shares * (1 - shares), bernoulli)) / total
        quantile = normal_quantile(confidence)
        spread = math.sqrt(float(noise @ noise))
        value = self.value(rows)
        expected = math.sqrt(2 / math.pi) * float(noise.sum())
        low = value - expected - quantile * math.sqrt(1 - 2 / math.pi) * spread
        if spread <= 0:
            return same(bounded_mean(value, rows.rows, confidence), "exact, no spread")
        return same(Bounds(max(0.0, low), min(1.0, value + quantile * spread)), "noise of the bins")


def equal_mass_starts(sizes: Floats, bins: int) -> NDArray[np.intp]:
    """Cut tie groups into at most ``bins`` runs of about equal mass; give the first of each."""
    before = np.cumsum(sizes) - sizes / 2
    bin_of = np.minimum((before * bins / sizes.sum()).astype(np.intp), bins - 1)
    return np.concatenate(([0], np.flatnonzero(np.diff(bin_of)) + 1)).astype(np.intp)
