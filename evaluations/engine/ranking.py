"""Binary scores in order: the area under the ROC curve, average precision, and their influence.

Rows with the same score form one tie group, so that no figure depends on the order of the rows.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluations.engine.predictions import dot

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Ranking:
    """Tie groups of scores in rising order, with the mass of each label in them.

    Attributes
    ----------
    scores : ndarray of shape (groups,)
    positives, negatives : ndarray of shape (groups,)
        Rows (or weight) of each label at the score.
    place : ndarray of shape (n,), optional
        The tie group of every row, in the rows' own order.
    """

    scores: Floats
    positives: Floats
    negatives: Floats
    place: NDArray[np.intp] | None = None


def rank(scores: Floats, labels: NDArray[np.bool_]) -> Ranking:
    """Order scores by one sort of numbers; exact, no row keeps its name.

    A double in [0, 2) leaves its two highest bits unused, so score and label fit in one integer
    whose order is the order of the scores. Sorting plain integers is several times faster than
    sorting an index.
    """
    if not scores.size or scores.min() < 0 or scores.max() >= 2:
        return rank_rows(scores, labels, None)
    keys = (scores + 0.0).view(np.uint64)  # + 0.0 turns minus zero into zero
    keys <<= np.uint64(1)
    keys |= labels.view(np.uint8)
    keys.sort()
    label = (keys & np.uint64(1)).astype(np.float64)
    keys >>= np.uint64(1)
    starts = _starts(keys)
    values = keys.view(np.float64)
    if len(starts) == len(keys):
        return Ranking(values, label, 1.0 - label)
    positives = np.add.reduceat(label, starts)
    sizes = np.diff(starts, append=len(keys))
    return Ranking(values[starts], positives, sizes - positives)


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


def _starts(ordered: NDArray) -> NDArray[np.intp]:
    """Find where each run of equal values begins."""
    if not len(ordered):
        return np.zeros(0, dtype=np.intp)
    return np.concatenate(([0], np.flatnonzero(ordered[1:] != ordered[:-1]) + 1))


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
    positives, negatives = ranking.positives, ranking.negatives
    all_positives, all_negatives = float(positives.sum()), float(negatives.sum())
    under = np.cumsum(negatives)
    under -= negatives / 2
    under /= all_negatives
    over = np.cumsum(positives)
    over -= positives / 2
    over = 1 - over / all_positives
    return dot(positives, under) / all_positives, under, over


def delong(ranking: Ranking) -> tuple[float, float]:
    """Measure the area under the ROC curve and its standard error (unweighted rows)."""
    auc, under, over = auc_parts(ranking)
    positives, negatives = ranking.positives, ranking.negatives
    total_p, total_n = float(positives.sum()), float(negatives.sum())
    under = (under - auc) ** 2
    over = (over - auc) ** 2
    spread = dot(positives, under) / max(total_p - 1, 1) / total_p
    spread += dot(negatives, over) / max(total_n - 1, 1) / total_n
    return auc, float(np.sqrt(spread))


def auc_influence(ranking: Ranking) -> tuple[float, Floats, Floats]:
    """Give the area and the influence of a positive and of a negative row at each score.

    The rows' influences average to zero (by weight), and their variance over the number of rows is
    the variance of the area.
    """
    auc, under, over = auc_parts(ranking)
    total_p, total_n = ranking.positives.sum(), ranking.negatives.sum()
    total = total_p + total_n
    return auc, (under - auc) * total / total_p, (over - auc) * total / total_n


def precision_parts(ranking: Ranking) -> tuple[Floats, Floats]:
    """Give the mass of positives and of negatives at or above each score."""
    positives, negatives = ranking.positives, ranking.negatives
    return (
        positives.sum() - np.cumsum(positives) + positives,
        negatives.sum() - np.cumsum(negatives) + negatives,
    )


def average_precision(ranking: Ranking) -> float:
    """Average the precision over the positive rows, as scikit-learn does."""
    true, false = precision_parts(ranking)
    whole = np.maximum(true + false, np.finfo(float).tiny)
    return dot(ranking.positives, true / whole) / float(ranking.positives.sum())


def average_precision_influence(ranking: Ranking) -> tuple[float, Floats, Floats]:
    """Give average precision and the influence of a positive and of a negative row.

    A positive row brings its own precision and raises that of every positive below it; a negative
    row lowers it. Derived from AP = E[A / (A + B) | positive], where A and B are the masses at or
    above the score.
    """
    true, false = precision_parts(ranking)
    whole = np.maximum(true + false, np.finfo(float).tiny)
    positives = ranking.positives
    total = positives.sum() + ranking.negatives.sum()
    share = positives.sum() / total
    precision = true / whole
    value = dot(positives, precision) / float(positives.sum())
    step = positives / whole
    gain = np.cumsum(step * (1 - precision))
    loss = np.cumsum(step * precision)
    return value, (precision + gain - value) / share, -loss / share
