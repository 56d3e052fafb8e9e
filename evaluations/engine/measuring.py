"""Measuring a metric on rows, with its interval."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from evaluations.engine.intervals import Bounds
from evaluations.engine.metrics import Metric, metric, metrics_for
from evaluations.engine.predictions import Predictions


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure with everything needed to trust it.

    ``interval`` holds with 2 * confidence - 1; each end of ``bounds`` alone with confidence.
    ``undefined`` says why there is no value; then there are no ends either.
    """

    metric: str
    value: float | None
    rows: int
    support: int
    interval: Bounds
    bounds: Bounds
    method: str
    bound_method: str
    confidence: float
    undefined: str | None = None


def measure(metric: Metric, rows: Predictions, confidence: float, seed: int) -> Measure:
    """Measure one metric with its interval.

    Parameters
    ----------
    metric : Metric
        A row of `REGISTRY`.
    rows : Predictions
        What to judge.
    confidence : float
        One-sided confidence of each bound.
    seed : int
        Fixes every draw; metrics do not disturb one another's draws.
    """
    reason = missing(metric, rows)
    if reason is None:
        with np.errstate(over="ignore"):
            value = metric.method.value(rows)
        if not math.isfinite(value):
            reason = metric.undefined_when
    if reason is not None:
        support = 0 if metric.needs == "probabilities" and rows.probability is None else None
        support = metric.method.support(rows) if support is None and rows.rows else 0
        none = Bounds(None, None)
        return Measure(metric.name, None, rows.rows, support, none, none, "", "", confidence, reason)
    rng = np.random.default_rng([seed, crc32(metric.name.encode())])
    found = metric.method.interval(rows, confidence, rng)
    return Measure(
        metric.name,
        value,
        rows.rows,
        metric.method.support(rows),
        around(value, found.shown),
        around(value, found.gate),
        found.method,
        found.gate_method,
        confidence,
    )


def around(value: float, bounds: Bounds) -> Bounds:
    """Keep rounding in the last digits from putting the value outside its interval."""
    low, high = bounds
    return Bounds(
        None if low is None or math.isnan(low) else min(low, value),
        None if high is None or math.isnan(high) else max(high, value),
    )


def missing(metric: Metric, rows: Predictions) -> str | None:
    """Say what the rows lack for a metric, if anything."""
    if rows.rows == 0:
        return "there is no row to judge"
    if metric.needs == "probabilities" and rows.probability is None:
        return "the predictions hold no probabilities"
    return None


def measure_all(rows: Predictions, confidence: float, seed: int, names: Iterable[str] | None = None) -> list[Measure]:
    """Measure every metric of the task, or the named ones."""
    chosen = metrics_for(rows.task) if names is None else [metric(n, rows.task) for n in names]
    return [measure(row, rows, confidence, seed) for row in chosen]
