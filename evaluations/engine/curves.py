"""Charts as plain data: few points, however many rows."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluations.engine import ranking
from evaluations.engine.bootstrap import Floats
from evaluations.engine.intervals import wilson
from evaluations.engine.predictions import Predictions
from evaluations.engine.scored import equal_mass_starts, ordered

MOST_POINTS = 200
RELIABILITY_BINS = 12
RESIDUAL_BINS = 30
MOST_CLASSES = 30


def roc_curve(rows: Predictions, most: int = MOST_POINTS) -> list[dict[str, float]]:
    """Give false and true positive rates from the highest cut-off down, at most ``most`` points."""
    order = ordered(rows)
    true, false = ranking.precision_parts(order)
    total, rest = true[0], false[0]
    if total <= 0 or rest <= 0:
        return []
    rates = np.stack([false / rest, true / total, order.scores], axis=1)[::-1]
    kept = _along(rates[:, 0] + rates[:, 1], most - 1)
    points = [{"false_positive_rate": 0.0, "true_positive_rate": 0.0, "cut_off": 1.0}]
    for false_rate, true_rate, cut in rates[kept].tolist():
        points.append({"false_positive_rate": false_rate, "true_positive_rate": true_rate, "cut_off": cut})
    return points


def precision_recall_curve(rows: Predictions, most: int = MOST_POINTS) -> list[dict[str, float]]:
    """Give recall and precision from the highest cut-off down, at most ``most`` points."""
    order = ordered(rows)
    true, false = ranking.precision_parts(order)
    whole = true + false
    seen = whole > 0
    if true[0] <= 0:
        return []
    found = np.stack([true[seen] / true[0], true[seen] / whole[seen], order.scores[seen]], axis=1)[::-1]
    kept = _along(found[:, 0], most)
    return [
        {"recall": recall, "precision": precision, "cut_off": cut} for recall, precision, cut in found[kept].tolist()
    ]


def _along(course: Floats, most: int) -> NDArray[np.intp]:
    """Choose points at equal steps along a rising course, ends included."""
    if len(course) <= most:
        return np.arange(len(course))
    goals = np.linspace(course[0], course[-1], most)
    at = np.searchsorted(course, goals, side="left")
    return np.unique(np.clip(np.append(at, [0, len(course) - 1]), 0, len(course) - 1))[:most]


def reliability(
    rows: Predictions, confidence: float, bins: int = RELIABILITY_BINS
) -> list[dict[str, float | int | None]]:
    """Compare stated probability with what happened, in bins of equal mass, with Wilson's interval."""
    order = ordered(rows)
    sizes = order.positives + order.negatives
    if not len(sizes) or sizes.sum() <= 0:
        return []
    starts = equal_mass_starts(sizes, bins)
    count = np.add.reduceat(sizes, starts, dtype=np.float64)
    yes = np.add.reduceat(order.positives, starts, dtype=np.float64)
    said = np.add.reduceat(sizes * order.scores, starts)
    points: list[dict[str, float | int | None]] = []
    for size, hits, stated in zip(count.tolist(), yes.tolist(), said.tolist(), strict=True):
        if size <= 0:
            continue
        low, high = wilson(hits, size, confidence)
        points.append(
            {
                "predicted": stated / size,
                "observed": hits / size,
                "low": low,
                "high": high,
                "rows": round(size),
            }
        )
    return points


def confusion(rows: Predictions, most: int = MOST_CLASSES) -> dict[str, Any]:
    """Give the confusion table, truth in rows; rare classes beyond ``most`` become "other"."""
    table = np.bincount(rows.cells, minlength=len(rows.classes) ** 2)
    table = table.reshape(len(rows.classes), -1)
    names = list(rows.classes)
    if len(names) > most:
        common = np.sort(np.argsort(-table.sum(axis=1), kind="stable")[: most - 1])
        rest = np.setdiff1d(np.arange(len(names)), common)
        fold = np.zeros((most, len(names)), dtype=table.dtype)
        fold[np.arange(most - 1), common] = 1
        fold[most - 1, rest] = 1
        table = fold @ table @ fold.T
        names = [*(names[i] for i in common), "other"]
    return {"classes": names, "counts": table.tolist()}


def residuals(rows: Predictions, most: int = MOST_POINTS) -> dict[str, Any]:
    """Give the misses of a regression: their histogram, and their quantiles along the prediction."""
    gap = rows.truth - rows.predicted
    low, high = (float(x) for x in np.quantile(gap, [0.001, 0.999]))
    if high <= low:
        high = low + max(abs(low), 1.0) * 1e-6
    counts, edges = np.histogram(np.clip(gap, low, high), bins=RESIDUAL_BINS, range=(low, high))
    order = np.argsort(rows.predicted, kind="stable")
    bands = []
    for part in np.array_split(order, min(RELIABILITY_BINS, len(order))):
        cuts = np.quantile(gap[part], [0.1, 0.5, 0.9])
        bands.append(
            {
                "predicted": float(rows.predicted[part].mean()),
                "low": float(cuts[0]),
                "middle": float(cuts[1]),
                "high": float(cuts[2]),
                "rows": len(part),
            }
        )
    step = max(1, math.ceil(len(order) / most))
    shown = order[::step]
    points = [{"predicted": float(rows.predicted[i]), "residual": float(gap[i])} for i in shown.tolist()]
    return {
        "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
        "bands": bands,
        "points": points,
    }


def all_curves(rows: Predictions, confidence: float) -> dict[str, Any]:
    """Give every chart that fits the task."""
    if not rows.rows:
        return {}
    if rows.task == "regression":
        return {"residuals": residuals(rows)}
    charts: dict[str, Any] = {"confusion": confusion(rows)}
    if rows.task == "binary" and rows.probability is not None:
        charts["roc"] = roc_curve(rows)
        charts["precision_recall"] = precision_recall_curve(rows)
        charts["reliability"] = reliability(rows, confidence)
    return charts
