"""Figures of the order of scores and of their calibration, and how each gets its interval."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluations.engine import ranking
from evaluations.engine.bootstrap import (
    Floats,
)
from evaluations.engine.intervals import (
    Bounds,
    bounded_mean,
    clopper_pearson,
    from_spread,
    normal_quantile,
    student_quantile,
)
from evaluations.engine.methods import (
    UNIT,
    Interval,
    Method,
    same,
    standard_error,
)
from evaluations.engine.pieces import pieces
from evaluations.engine.predictions import Predictions, dot


class ScoreMethod(Method):
    """A figure of the order of the scores of a binary task."""

    limits = UNIT

    def support(self, rows: Predictions) -> int:
        """Count the rows of the rarer class, which decide how sure the order is."""
        positives = int(np.count_nonzero(rows.truth))
        return min(positives, rows.rows - positives)

    def undefined(self, rows: Predictions) -> bool:
        """Say that a class is missing or weighs nothing."""
        whole = rows.rows if rows.weights is None else float(rows.weights.sum())
        return not 0 < positive_mass(rows) < whole

    def _bounded(self, value: float, error: float, rows: Predictions, confidence: float, word: str) -> Interval:
        """Bound on the logit scale, with Student's t for the rows of the rarer class.

        With few rows of a class its share of the spread is itself a guess; the normal quantile would
        hold too rarely. A perfect order, or a class of one row, is bounded by the rarer class alone.
        """
        few = self.support(rows)
        if error > 0 and 0 < value < 1 and few > 1:
            bounds = from_spread(value, error, student_quantile(confidence, few - 1), UNIT)
            return same(bounds, word + ", logit scale")
        return same(clopper_pearson(value * few, few, confidence), "exact, rows of the rarer class")

    def robust(self, rows: Predictions, confidence: float) -> Interval:
        """Bound by the spread of the influence, unless one class has a single row."""
        if self.support(rows) > 1:
            return super().robust(rows, confidence)
        return self._bounded(self.value(rows), 0.0, rows, confidence, "")


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
            value, squares = ranking.average_precision_squares(order)
            # With few positives the influence is too narrow; the binomial spread of as many rows as
            # there are positives (Boyd, Eng and Page 2013) is then the wider one.
            binomial = value * (1 - value) / order.totals[0]
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
        if mass.min() <= 0 or len(rows.classes) < 2:
            return math.nan
        return float(np.mean([ranking.auc(each) for each in self._each(rows)]))

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
        size = self.support(rows)
        if error > 0 and 0 < value < 1 and size > 1:
            bounds = from_spread(value, error, student_quantile(confidence, size - 1), UNIT)
            return same(bounds, "DeLong over classes, logit scale")
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
        stops = [*starts[1:].tolist(), len(sizes)]
        sums = []
        for start, stop in zip(starts.tolist(), stops, strict=True):
            mass, scores = sizes[start:stop], order.scores[start:stop]
            stated, spread = dot(mass, scores), dot(mass, scores * (1 - scores))
            sums.append((float(mass.sum()), float(order.positives[start:stop].sum()), stated, spread))
        found = np.array(sums)
        return found[:, 0], found[:, 1], found[:, 2], found[:, 3]

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


def equal_mass_starts(sizes: NDArray[Any], bins: int) -> NDArray[np.intp]:
    """Cut tie groups into at most ``bins`` runs of about equal mass; give the first of each."""
    total, below, last = float(sizes.sum()), 0.0, -1
    starts: list[int] = []
    for part in pieces(len(sizes)):
        mass = sizes[part].astype(np.float64)
        before = np.cumsum(mass) + below
        below = float(before[-1])
        before -= mass / 2
        bin_of = np.minimum((before * bins / total).astype(np.intp), bins - 1)
        starts += (np.flatnonzero(np.diff(bin_of, prepend=last)) + part.start).tolist()
        last = int(bin_of[-1])
    return np.array(starts, dtype=np.intp)
