"""Binary scores in order: the area under the ROC curve, average precision, and their influence.

Rows with the same score form one tie group, so that no figure depends on the order of the rows. What
is counted along the scores is counted piece by piece (`pieces` says why).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluations.engine.pieces import pieces
from evaluations.engine.predictions import dot

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Ranking:
    """Tie groups of scores in rising order, with the mass of each label in them.

    Attributes
    ----------
    scores : ndarray of shape (groups,)
    positives, negatives : ndarray of shape (groups,)
        Rows of each label at the score, in whole numbers of few bytes, or their weight.
    place : ndarray of shape (n,), optional
        The tie group of every row, in the rows' own order.
    """

    scores: Floats
    positives: NDArray[Any]
    negatives: NDArray[Any]
    place: NDArray[np.intp] | None = None

    @cached_property
    def totals(self) -> tuple[float, float]:
        """Give the mass of all positives and of all negatives."""
        return float(self.positives.sum()), float(self.negatives.sum())

    def walk(self) -> Iterator["Stretch"]:
        """Go up through the scores, piece by piece."""
        positives = negatives = 0.0
        for part in pieces(len(self.scores)):
            here = Stretch(
                part,
                self.positives[part].astype(np.float64),
                self.negatives[part].astype(np.float64),
                positives,
                negatives,
            )
            yield here
            positives += float(here.positives.sum())
            negatives += float(here.negatives.sum())


@dataclass(frozen=True, slots=True)
class Stretch:
    """Neighbouring tie groups, with the mass of each label below them."""

    part: slice
    positives: Floats
    negatives: Floats
    positives_below: float
    negatives_below: float


def rank(scores: Floats, labels: NDArray[np.bool_]) -> Ranking:
    """Order scores by one sort of numbers; exact, no row keeps its name.

    A double in [0, 2) leaves its two highest bits unused, so score and label fit in one integer
    whose order is the order of the scores. Sorting plain integers is several times faster than
    sorting an index.
    """
    if not scores.size or scores.min() < 0 or scores.max() >= 2:
        return rank_rows(scores, labels, None)
    keys = np.empty(len(scores), dtype=np.uint64)
    for part in pieces(len(scores)):
        key = (scores[part] + 0.0).view(np.uint64)  # + 0.0 turns minus zero into zero
        key <<= np.uint64(1)
        key |= labels[part].view(np.uint8)
        keys[part] = key
    keys.sort()
    label = np.empty(len(keys), dtype=np.uint8)
    for part in pieces(len(keys)):
        label[part] = keys[part] & np.uint64(1)
        keys[part] >>= np.uint64(1)
    values = keys.view(np.float64)
    new = keys[1:] != keys[:-1]
    if new.all():
        return Ranking(values, label, 1 - label)
    starts = np.concatenate(([0], np.flatnonzero(new) + 1))
    positives = np.add.reduceat(label, starts, dtype=np.int32)
    sizes = np.diff(starts, append=len(keys))
    return Ranking(values[starts], positives, np.subtract(sizes, positives, dtype=np.int32))


def rank_rows(scores: Floats, labels: NDArray[np.bool_], mass: Floats | None) -> Ranking:
    """Order scores and remember every row's place, for weights, clusters and pairs."""
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    starts = _starts(ordered)
    place = np.empty(len(scores), dtype=np.intp)
    place[order] = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(scores)))
    weight = np.ones(len(scores)) if mass is None else mass
    positives = np.bincount(place, weight * labels, minlength=len(starts)).astype(np.float64)
    negatives = np.bincount(place, weight * ~labels, minlength=len(starts)).astype(np.float64)
    return Ranking(ordered[starts] if len(starts) else ordered, positives, negatives, place)


def _starts(ordered: NDArray[Any]) -> NDArray[np.intp]:
    """Find where each run of equal values begins."""
    if not len(ordered):
        return np.zeros(0, dtype=np.intp)
    return np.concatenate(([0], np.flatnonzero(ordered[1:] != ordered[:-1]) + 1))


def _components(ranking: Ranking) -> Iterator[tuple[Stretch, Floats, Floats]]:
    """Give DeLong's components: the share of negatives under a positive, and of positives over a negative."""
    all_positives, all_negatives = ranking.totals
    for here in ranking.walk():
        under = np.cumsum(here.negatives) + here.negatives_below
        under -= here.negatives / 2
        under /= all_negatives
        over = np.cumsum(here.positives) + here.positives_below
        over -= here.positives / 2
        over /= all_positives
        np.subtract(1.0, over, out=over)
        yield here, under, over


def auc(ranking: Ranking) -> float:
    """Measure the area under the ROC curve."""
    parts = [dot(here.positives, under) for here, under, _ in _components(ranking)]
    return math.fsum(parts) / ranking.totals[0]


def auc_parts(ranking: Ranking) -> tuple[float, Floats, Floats]:
    """Measure the area under the ROC curve and DeLong's structural components.

    Returns
    -------
    auc : float
        Chance that a positive row scores above a negative one, ties counting half.
    above, below : ndarray of shape (groups,)
        Share of negatives beneath a positive, and of positives over a negative, at each score.

    References
    ----------
    DeLong, DeLong and Clarke-Pearson (1988); Sun and Xu (2014) for the use of midranks.
    """
    under, over = np.empty(len(ranking.scores)), np.empty(len(ranking.scores))
    for here, above, below in _components(ranking):
        under[here.part], over[here.part] = above, below
    return auc(ranking), under, over


def delong(ranking: Ranking) -> tuple[float, float]:
    """Measure the area under the ROC curve and its standard error (unweighted rows)."""
    area = auc(ranking)
    total_p, total_n = ranking.totals
    of_positives, of_negatives = [], []
    for here, under, over in _components(ranking):
        of_positives.append(dot(here.positives, np.square(under - area)))
        of_negatives.append(dot(here.negatives, np.square(over - area)))
    spread = math.fsum(of_positives) / max(total_p - 1, 1) / total_p
    spread += math.fsum(of_negatives) / max(total_n - 1, 1) / total_n
    return area, math.sqrt(spread)


def auc_influence(ranking: Ranking) -> tuple[float, Floats, Floats]:
    """Give the area and the influence of a positive and of a negative row at each score.

    The rows' influences average to zero (by weight), and their variance over the number of rows is
    the variance of the area.
    """
    area, under, over = auc_parts(ranking)
    total_p, total_n = ranking.totals
    total = total_p + total_n
    return area, (under - area) * total / total_p, (over - area) * total / total_n


def precision_parts(ranking: Ranking) -> tuple[Floats, Floats]:
    """Give the mass of positives and of negatives at or above each score."""
    total_p, total_n = ranking.totals
    positives, negatives = ranking.positives, ranking.negatives
    true = total_p - np.cumsum(positives, dtype=np.float64)
    false = total_n - np.cumsum(negatives, dtype=np.float64)
    true += positives
    false += negatives
    return true, false


def _precisions(ranking: Ranking) -> Iterator[tuple[Stretch, Floats, Floats]]:
    """Give the precision of predicting every row from each score up, and the mass of those rows."""
    total_p, total_n = ranking.totals
    for here in ranking.walk():
        true = total_p - (np.cumsum(here.positives) + here.positives_below) + here.positives
        false = total_n - (np.cumsum(here.negatives) + here.negatives_below) + here.negatives
        whole = np.maximum(true + false, np.finfo(float).tiny)
        yield here, true / whole, whole


def average_precision(ranking: Ranking) -> float:
    """Average the precision over the positive rows, as scikit-learn does."""
    parts = [dot(here.positives, precision) for here, precision, _ in _precisions(ranking)]
    return math.fsum(parts) / ranking.totals[0]


def _precision_influence(ranking: Ranking, value: float) -> Iterator[tuple[Stretch, Floats, Floats]]:
    """Give the influence of a positive and of a negative row on average precision at each score.

    A positive row brings its own precision and raises that of every positive below it; a negative
    row lowers it. Derived from AP = E[A / (A + B) | positive], where A and B are the masses at or
    above the score.
    """
    total_p, total_n = ranking.totals
    share = total_p / (total_p + total_n)
    gained = lost = 0.0
    for here, precision, whole in _precisions(ranking):
        step = here.positives / whole
        loss = step * precision
        gain = np.cumsum(step - loss) + gained
        loss = np.cumsum(loss) + lost
        gained, lost = float(gain[-1]), float(loss[-1])
        yield here, (precision + gain - value) / share, -loss / share


def average_precision_influence(ranking: Ranking) -> tuple[float, Floats, Floats]:
    """Give average precision and the influence of a positive and of a negative row at each score."""
    value = average_precision(ranking)
    positive, negative = np.empty(len(ranking.scores)), np.empty(len(ranking.scores))
    for here, of_positives, of_negatives in _precision_influence(ranking, value):
        positive[here.part], negative[here.part] = of_positives, of_negatives
    return value, positive, negative


def average_precision_squares(ranking: Ranking) -> tuple[float, float]:
    """Give average precision and the sum of the rows' squared influences."""
    value = average_precision(ranking)
    squares = []
    for here, positive, negative in _precision_influence(ranking, value):
        squares.append(dot(here.positives, positive * positive))
        squares.append(dot(here.negatives, negative * negative))
    return value, math.fsum(squares)
