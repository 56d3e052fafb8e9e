"""Populations that planning supposes: of a given true value, and of few kinds of rows.

Nobody knows before the work how a model's scores will be spread. Planning supposes the plainest law that has the true
value asked for, and says so: normal scores of equal spread in each class with probabilities that are calibrated, errors
spread evenly over the wrong classes, normal misses. Each law is cut into a few kinds of rows with a share each, so that
drawing any number of rows costs the same.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import special

from evaluations.engine import figures
from evaluations.engine.bootstrap import Floats, Statistic
from evaluations.engine.metrics import REGISTRY
from evaluations.engine.predictions import Predictions

SCORE_BINS = 48
FINE_BINS = 128  # for average precision, which ties in a bin would lower
MISS_BINS = 81
CLASS_ROWS = 12_000  # drawn of more than two classes
LOSS_KINDS = 250
NODES = 8  # of Gauss and Hermite, exact for moments up to the fifteenth
WIDEST = 8.0  # between the classes' mean scores, in standard deviations
FARTHEST = 6.0  # between more classes
_COURSE_POINTS = 31
_REACH = 4.5
_STEPS = 30  # halvings


@dataclass(frozen=True, slots=True)
class Scores:
    """A binary model: how far apart its classes are, how each spreads over bins of rising score, and what it states."""

    distance: float
    positives: Floats
    negatives: Floats
    stated: Floats


def scores_apart(distance: float, prevalence: float, bins: int = SCORE_BINS) -> Scores:
    """Put the classes' normal scores so many standard deviations apart."""
    edges = np.linspace(-_REACH, distance + _REACH, bins + 1)
    edges[0], edges[-1] = -np.inf, np.inf
    negatives, positives = np.diff(special.ndtr(edges)), np.diff(special.ndtr(edges - distance))
    mass = prevalence * positives
    return Scores(distance, positives, negatives, mass / (mass + (1 - prevalence) * negatives))


def losses(metric: str, scores: Scores) -> tuple[Floats, Floats]:
    """Give the loss of a positive and of a negative row in each bin."""
    if metric == "brier":
        return (1 - scores.stated) ** 2, scores.stated**2
    tiny = np.finfo(np.float64).eps
    stated = np.clip(scores.stated, tiny, 1 - tiny)
    return -np.log(stated), -np.log(1 - stated)


def _score_value(metric: str, scores: Scores, prevalence: float) -> float:
    """Work out the true value of a figure."""
    if metric in {"log_loss", "brier"}:
        yes, no = losses(metric, scores)
        return float(prevalence * scores.positives @ yes + (1 - prevalence) * scores.negatives @ no)
    if metric == "average_precision":
        true = np.cumsum(scores.positives[::-1])[::-1] * prevalence
        false = np.cumsum(scores.negatives[::-1])[::-1] * (1 - prevalence)
        return float(scores.positives @ (true / (true + false)))
    below = np.cumsum(scores.negatives) - scores.negatives / 2
    return float(scores.positives @ below)


def scores_with(metric: str, value: float, prevalence: float) -> Scores | None:
    """Find the scores of which a figure has the value; None where no calibrated model has it."""
    falls = metric in {"log_loss", "brier"}
    bins = FINE_BINS if metric == "average_precision" else SCORE_BINS

    def gap(distance: float) -> float:
        found = _score_value(metric, scores_apart(distance, prevalence, bins), prevalence) - value
        return -found if falls else found

    distance = _root(gap, 0.0, WIDEST)
    return None if distance is None else scores_apart(distance, prevalence, bins)


def even_table(right: float, shares: tuple[float, ...]) -> Floats:
    """Build the table of shares in which every class is right with the same chance."""
    size = len(shares)
    table: Floats = np.full((size, size), (1 - right) / (size - 1)) * np.asarray(shares)[:, None]
    np.fill_diagonal(table, right * np.asarray(shares))
    return table


def table_with(statistic: Statistic, value: float, shares: tuple[float, ...]) -> Floats | None:
    """Find the even table of which a figure has the value."""
    right = _root(lambda x: float(statistic(even_table(x, shares)[None])[0]) - value, 1 / len(shares), 1 - 1e-9)
    return None if right is None else even_table(right, shares)


def class_scores(distance: float, shares: tuple[float, ...], rows: int = CLASS_ROWS) -> Predictions:
    """Draw rows of more classes: normal scores, that of its own class higher; probabilities by Bayes’ rule."""
    rng = np.random.default_rng(0)
    size = len(shares)
    counts = np.maximum(np.round(np.asarray(shares) * rows), 2).astype(np.int64)
    parts = []
    for count in counts:  # each row and its mirror image, so that means wobble less
        half = rng.standard_normal(((count + 1) // 2, size))
        parts.append(np.concatenate([half, -half])[:count])
    truth = np.repeat(np.arange(size), counts)
    odds = np.log(counts / counts.sum()) + distance * np.concatenate(parts)
    odds[np.arange(len(truth)), truth] += distance**2
    return Predictions("multiclass", truth, truth, special.softmax(odds, axis=1), tuple(map(str, range(size))))


@lru_cache(maxsize=64)
def _course(metric: str, shares: tuple[float, ...]) -> tuple[Floats, Floats]:
    """Measure a figure at distances between the classes from none to far."""
    distances = np.linspace(0, FARTHEST, _COURSE_POINTS)
    method = REGISTRY[metric].method
    return distances, np.array([method.value(class_scores(x, shares)) for x in distances])


def distance_with(metric: str, value: float, shares: tuple[float, ...]) -> float | None:
    """Find how far apart the classes are where a figure has the value; None where it never has."""
    distances, values = _course(metric, shares)
    if not values.min() <= value <= values.max():
        return None
    rising = values[-1] > values[0]
    return float(np.interp(value, values if rising else values[::-1], distances if rising else distances[::-1]))


@lru_cache(maxsize=256)
def surprises(value: float, shares: tuple[float, ...]) -> tuple[Floats, Floats] | None:
    """Cut the log losses of a calibrated model of more classes into kinds: their shares, and the loss of each."""
    distance = distance_with("log_loss", value, shares)
    if distance is None:
        return None
    found = figures.log_loss(class_scores(distance, shares))
    found *= value / found.mean()
    parts = np.array_split(np.sort(found), LOSS_KINDS)
    return np.array([len(part) for part in parts]) / len(found), np.array([part.mean() for part in parts])


def misses(metric: str, value: float, quantile: float) -> tuple[Floats, Floats]:
    """Cut normal misses into kinds; give each kind's share and its loss, squared where a root is taken of the mean."""
    edges = np.linspace(-_REACH, _REACH, MISS_BINS + 1)
    middle = (edges[1:] + edges[:-1]) / 2
    edges[0], edges[-1] = -np.inf, np.inf
    share = np.diff(special.ndtr(edges))
    if metric == "rmse":
        loss, goal = middle**2, value**2
    elif metric == "pinball":
        gap = middle - float(special.ndtri(quantile))
        loss, goal = np.maximum(quantile * gap, (quantile - 1) * gap), value
    else:
        loss, goal = np.abs(middle), value
    return share, loss * goal / float(share @ loss)


def explained_part(value: float) -> tuple[Floats, Floats]:
    """Cut a normal target, of which so much is explained, into kinds: their shares, and their 1, y, y² and e²."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    weights = weights / weights.sum()
    share = np.outer(weights, weights).ravel()
    said, missed = (each.ravel() for each in np.meshgrid(nodes, nodes, indexing="ij"))
    missed = missed * math.sqrt(1 - value)
    target = said * math.sqrt(value) + missed
    return share, np.stack([np.ones_like(target), target, target**2, missed**2], axis=1)


def _root(rising: Callable[[float], float], low: float, high: float) -> float | None:
    """Halve until a rising function is zero; None if it is not between the ends."""
    if rising(low) > 0 or rising(high) < 0:
        return None
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if rising(middle) >= 0 else (middle, high)
    return high
