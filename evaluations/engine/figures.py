"""The figures themselves: functions of confusion tables and losses of rows."""

from typing import Any

import numpy as np

from evaluations.engine.bootstrap import Floats
from evaluations.engine.predictions import Predictions
from evaluations.engine.tabled import TableFigure

# Functions of confusion tables, shape (..., K, K), truth in rows -----------------------------


def accuracy(tables: Floats) -> tuple[Floats, Floats]:
    """Count hits of all classes among all rows."""
    return np.trace(tables, axis1=-2, axis2=-1), tables.sum(axis=(-2, -1))


def precision(tables: Floats) -> tuple[Floats, Floats]:
    """Count hits among rows predicted positive."""
    return tables[..., 1, 1], tables[..., :, 1].sum(axis=-1)


def recall(tables: Floats) -> tuple[Floats, Floats]:
    """Count hits among positive rows."""
    return tables[..., 1, 1], tables[..., 1, :].sum(axis=-1)


def specificity(tables: Floats) -> tuple[Floats, Floats]:
    """Count negative rows left alone."""
    return tables[..., 0, 0], tables[..., 0, :].sum(axis=-1)


def overlap(tables: Floats) -> tuple[Floats, Floats]:
    """Count hits among rows that are positive in truth or prediction; F1 rises with this share."""
    hits = tables[..., 1, 1]
    return hits, hits + tables[..., 0, 1] + tables[..., 1, 0]


def f1_of_overlap(share: Floats) -> Floats:
    """Turn the share of the overlap into F1."""
    return 2 * share / (1 + share)


def correlation(tables: Floats) -> Floats:
    """Correlate truth and prediction (Gorodkin's multiclass form of Matthews); nan if a margin has one class."""
    size = tables.sum(axis=(-2, -1))
    truth, said = tables.sum(axis=-1), tables.sum(axis=-2)
    hits = np.trace(tables, axis1=-2, axis2=-1)
    above = hits * size - (truth * said).sum(axis=-1)
    one = size**2 - (truth**2).sum(axis=-1)
    two = size**2 - (said**2).sum(axis=-1)
    floor = 1e-12 * size**4
    ok = (one * two) > floor
    return np.where(ok, above / np.sqrt(np.where(ok, one * two, 1)), np.nan)


def per_class(tables: Floats, kind: str) -> tuple[Floats, Floats, Floats]:
    """Score each class alone (0 where it has no denominator), with its rows and its presence."""
    hits = np.diagonal(tables, axis1=-2, axis2=-1)
    truth, said = tables.sum(axis=-1), tables.sum(axis=-2)
    top, bottom = {
        "precision": (hits, said),
        "recall": (hits, truth),
        "f1": (2 * hits, truth + said),
    }[kind]
    scores = np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)
    return scores, truth, (truth + said) > 0


def macro(kind: str) -> TableFigure:
    """Average a per-class score over the classes that occur."""

    def figure(tables: Floats) -> Floats:
        scores, _, there = per_class(tables, kind)
        return (scores * there).sum(axis=-1) / np.maximum(there.sum(axis=-1), 1)

    return TableFigure(figure)


def weighted(kind: str) -> TableFigure:
    """Average a per-class score by the rows of the class."""

    def figure(tables: Floats) -> Floats:
        scores, truth, _ = per_class(tables, kind)
        return (scores * truth).sum(axis=-1) / truth.sum(axis=-1)

    return TableFigure(figure)


# Losses per row ------------------------------------------------------------------------------

_TINY = float(np.finfo(np.float64).eps)  # as in scikit-learn: keeps the log of a zero finite


def probability(rows: Predictions) -> Any:
    """Give the probabilities, which the registry asked for."""
    assert rows.probability is not None  # noqa: S101 - `missing` asked before
    return rows.probability


def log_loss(rows: Predictions) -> Floats:
    """Take the surprise of each row in nats."""
    given = probability(rows)
    if rows.task == "binary":
        given = np.where(rows.truth, given, 1 - given)
    else:
        given = given[np.arange(rows.rows), rows.truth] / given.sum(axis=1)
    return -np.log(np.clip(given, _TINY, 1 - _TINY))


def brier(rows: Predictions) -> Floats:
    """Square the distance of the probability from the truth."""
    gap = probability(rows) - rows.truth
    return gap * gap


def absolute(rows: Predictions) -> Floats:
    """Take the size of each miss."""
    return np.abs(rows.truth - rows.predicted)


def squared(rows: Predictions) -> Floats:
    """Square each miss."""
    gap = rows.truth - rows.predicted
    return gap * gap


def relative(rows: Predictions) -> Floats:
    """Take each miss as a share of the truth."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.abs((rows.truth - rows.predicted) / rows.truth)


def pinball(rows: Predictions) -> Floats:
    """Weigh misses above and below the quantile."""
    gap = rows.truth - rows.predicted
    return np.maximum(rows.quantile * gap, (rows.quantile - 1) * gap)


def squares(rows: Predictions) -> Floats:
    """Sum 1, y, y² and e², with y moved to its mean so that no digits are lost."""
    centred = rows.truth - rows.truth.mean()
    return np.stack([np.ones(rows.rows), centred, centred**2, squared(rows)], axis=1)


def explained(sums: Floats) -> Floats:
    """Compare the squared misses with the spread of the target."""
    count, total, squares, errors = np.moveaxis(sums, -1, 0)
    spread = squares - total**2 / count
    ok = spread > 1e-12 * np.maximum(squares, 1e-300)
    return np.where(ok, 1 - errors / np.where(ok, spread, 1), np.nan)
