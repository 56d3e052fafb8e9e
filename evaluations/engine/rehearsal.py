"""Planning by rehearsal: draw acceptance rows from a supposed population, and let the gate's own bound judge each draw.

For figures that are no plain shares. The draws are seeded, and the same for every true value, so that a
chance rises with the value; what is drawn are counts of kinds of rows (`supposed`), so that a million
rows cost what a hundred do.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from evaluations.engine import figures, supposed
from evaluations.engine.bootstrap import Floats, Statistic
from evaluations.engine.intervals import average_of_proportions, normal_quantile, skewed_mean, student_quantile
from evaluations.engine.metrics import REGISTRY
from evaluations.engine.tabled import AverageOfProportions, TableMethod

if TYPE_CHECKING:
    from evaluations.engine.intervals import Bounds

DRAWS = 2000
SEED = 20_261_121
MOST_CLASSES = 10  # more make tables too large to draw so often
_WORK = 3_000_000  # numbers that one rehearsal of tables may touch per cell
_FEWEST_DRAWS = 300
_STEP = 1e-3
BINS = 15  # of the calibration error
_SCORE_FIGURES = frozenset({"roc_auc", "average_precision"})
_MISS_FIGURES = frozenset({"mae", "rmse", "mape", "pinball"})


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What is rehearsed: a gate on so many rows, and a model of a supposed true value."""

    metric: str
    task: str
    threshold: float
    at_least: bool
    confidence: float
    rows: int
    value: float
    shares: tuple[float, ...]
    quantile: float = 0.5
    draws: int = DRAWS


@lru_cache(maxsize=4096)
def pass_chance(case: Rehearsal) -> float | None:
    """Give the share of draws that pass; None where no supposed population has the value."""
    rng = np.random.default_rng(SEED)
    found = _bounds_of(case)(case, rng)
    if found is None:
        return None
    passed = found >= case.threshold if case.at_least else found <= case.threshold
    return float(passed.mean())


def draws_of(metric: str, shares: tuple[float, ...]) -> int:
    """Count the draws of one rehearsal: fewer where tables are large."""
    method = REGISTRY[metric].method
    if not isinstance(method, TableMethod) or isinstance(method, AverageOfProportions):
        return DRAWS
    return int(np.clip(_WORK // len(shares) ** 4, _FEWEST_DRAWS, DRAWS))


Ends = Callable[[Rehearsal, np.random.Generator], Floats | None]


def can_rehearse(metric: str, task: str, classes: int) -> bool:
    """Say that a population can be supposed for a figure."""
    if metric in _MISS_FIGURES or metric == "r2":
        return True
    if task == "multiclass":
        table = isinstance(REGISTRY[metric].method, TableMethod)
        return metric == "log_loss" or (table and classes <= MOST_CLASSES)
    return task == "binary"


def _bounds_of(case: Rehearsal) -> Ends:
    """Choose how the bounds of a figure are drawn."""
    if case.metric in _SCORE_FIGURES:
        return _score_ends
    if case.metric in {"log_loss", "brier"}:
        return _loss_ends
    if case.metric in _MISS_FIGURES:
        return _miss_ends
    return {"ece": _calibration_ends, "r2": _explained_ends}.get(case.metric, _table_ends)


def _split(case: Rehearsal) -> tuple[int, int]:
    """Count positives and negatives as a stratified split sets them aside."""
    positives = math.floor(case.rows * case.shares[-1] + 1e-9)
    return positives, case.rows - positives


# Binary scores -------------------------------------------------------------------------------


def _drawn_scores(case: Rehearsal, rng: np.random.Generator) -> tuple[supposed.Scores, Floats, Floats] | None:
    """Draw how many rows of each class fall into each bin of the scores."""
    scores = supposed.scores_with(case.metric, case.value, case.shares[-1])
    positives, negatives = _split(case)
    if scores is None or not (positives and negatives):
        return None
    yes = rng.multinomial(positives, scores.positives, case.draws).astype(np.float64)
    no = rng.multinomial(negatives, scores.negatives, case.draws).astype(np.float64)
    return scores, yes, no


def _score_ends(case: Rehearsal, rng: np.random.Generator) -> Floats | None:
    """Bound ROC area or average precision of every draw as the gate does."""
    drawn = _drawn_scores(case, rng)
    if drawn is None:
        return None
    _, yes, no = drawn
    positives, negatives = _split(case)
    if case.metric == "roc_auc":
        value, error = _areas(yes, no)
        few = min(positives, negatives)
    else:
        value, error = _average_precisions(yes, no)
        few = positives
    return _logit_end(value, error, few, case)


def _areas(yes: Floats, no: Floats) -> tuple[Floats, Floats]:
    """Give each draw's area and DeLong's error."""
    positives, negatives = float(yes[0].sum()), float(no[0].sum())
    under = (np.cumsum(no, axis=1) - no / 2) / negatives
    over = 1 - (np.cumsum(yes, axis=1) - yes / 2) / positives
    area = (yes * under).sum(axis=1) / positives
    spread = (yes * (under - area[:, None]) ** 2).sum(axis=1) / max(positives - 1, 1) / positives
    spread += (no * (over - area[:, None]) ** 2).sum(axis=1) / max(negatives - 1, 1) / negatives
    return area, np.sqrt(spread)


def _average_precisions(yes: Floats, no: Floats) -> tuple[Floats, Floats]:
    """Give each draw's average precision and its error: of the influence, or binomial where that is larger."""
    positives, rows = float(yes[0].sum()), float(yes[0].sum() + no[0].sum())
    true = np.cumsum(yes[:, ::-1], axis=1)[:, ::-1]
    whole = np.maximum(true + np.cumsum(no[:, ::-1], axis=1)[:, ::-1], np.finfo(float).tiny)
    precision, share = true / whole, positives / rows
    value = (yes * precision).sum(axis=1) / positives
    step = yes / whole
    gain = np.cumsum(step * (1 - precision), axis=1)
    loss = np.cumsum(step * precision, axis=1) / share
    squares = (yes * ((precision + gain - value[:, None]) / share) ** 2).sum(axis=1) + (no * loss**2).sum(axis=1)
    return value, np.sqrt(np.maximum(squares / rows**2, value * (1 - value) / positives))


def _logit_end(value: Floats, error: Floats, few: int, case: Rehearsal) -> Floats:
    """Bound on the logit scale with Student's t; a perfect order by the rarer class alone."""
    sign = -1.0 if case.at_least else 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = student_quantile(case.confidence, max(few - 1, 1)) * error / (value * (1 - value))
        end = special.expit(special.logit(value) + sign * reach)
        miss = 1 - case.confidence
        hits = value * few
        exact = special.betaincinv(hits, few - hits + 1, miss)
        if not case.at_least:
            exact = np.where(hits < few, special.betaincinv(hits + 1, few - hits, case.confidence), 1.0)
    return np.where((error > 0) & (value > 0) & (value < 1) & (few > 1), end, exact)


def _loss_ends(case: Rehearsal, rng: np.random.Generator) -> Floats | None:
    """Bound log loss or Brier score: Hall's correction of Student's t."""
    if case.task == "multiclass":
        kinds = supposed.surprises(case.value, case.shares)
        if kinds is None:
            return None
        return _mean_end(rng.multinomial(case.rows, kinds[0], case.draws).astype(np.float64), kinds[1], case)
    drawn = _drawn_scores(case, rng)
    if drawn is None:
        return None
    scores, yes, no = drawn
    return _mean_end(np.concatenate([yes, no], axis=1), np.concatenate(supposed.losses(case.metric, scores)), case)


# Means of rows -------------------------------------------------------------------------------


def _miss_ends(case: Rehearsal, rng: np.random.Generator) -> Floats | None:
    """Bound a mean of misses, or its root."""
    share, loss = supposed.misses(case.metric, case.value, case.quantile)
    end = _mean_end(rng.multinomial(case.rows, share, case.draws).astype(np.float64), loss, case)
    return np.sqrt(np.maximum(end, 0)) if case.metric == "rmse" else end


def _mean_end(counts: Floats, loss: Floats, case: Rehearsal) -> Floats:
    """Bound each draw's mean loss."""
    rows = float(counts[0].sum())
    mean = counts @ loss / rows
    gaps = loss - mean[:, None]
    second = (counts * gaps**2).sum(axis=1) / rows
    third = (counts * gaps**3).sum(axis=1) / rows
    ends = np.empty(len(mean))
    side = 0 if case.at_least else 1
    for i, (middle, two, three) in enumerate(zip(mean.tolist(), second.tolist(), third.tolist(), strict=True)):
        bounds: Bounds | tuple[float, float] = (middle, middle)
        if two > 0 and rows > 1:
            bounds = skewed_mean(middle, math.sqrt(two * rows / (rows - 1)), three / two**1.5, rows, case.confidence)
        end = bounds[side]
        ends[i] = middle if end is None else end
    return ends


def _calibration_ends(case: Rehearsal, rng: np.random.Generator) -> Floats | None:
    """Bound the calibration error of a model whose statements are all off by the same amount."""
    scores = supposed.scores_with("roc_auc", 0.8, case.shares[-1])  # how far it tells the classes apart hardly matters
    if scores is None:
        return None
    if case.rows < BINS:  # not a row for each bin
        return np.full(case.draws, -np.inf if case.at_least else np.inf)
    mass = case.shares[-1] * scores.positives + (1 - case.shares[-1]) * scores.negatives
    at = (np.arange(BINS) + 0.5) / BINS
    happens = np.interp(at, np.cumsum(mass) - mass / 2, scores.stated)
    stated = np.where(happens < 1 - case.value, happens + case.value, happens - case.value)
    sizes = np.diff(np.round(np.linspace(0, case.rows, BINS + 1)))
    hits = rng.binomial(sizes.astype(np.int64), happens, (case.draws, BINS)).astype(np.float64)
    value = np.abs(hits - sizes * stated).sum(axis=1) / sizes.sum()
    shares = hits / sizes
    noise = np.sqrt(np.maximum(sizes * shares * (1 - shares), sizes * stated * (1 - stated))) / sizes.sum()
    spread, reach = np.sqrt((noise**2).sum(axis=1)), normal_quantile(case.confidence)
    if not case.at_least:
        return np.asarray(np.minimum(1.0, value + reach * spread))
    low = value - math.sqrt(2 / math.pi) * noise.sum(axis=1) - reach * math.sqrt(1 - 2 / math.pi) * spread
    return np.asarray(np.maximum(0.0, low))


# Confusion tables and sums -------------------------------------------------------------------


def _table_ends(case: Rehearsal, rng: np.random.Generator) -> Floats | None:
    """Bound a figure of the confusion table."""
    method = REGISTRY[case.metric].method
    if not isinstance(method, TableMethod):
        return None
    table = supposed.table_with(method.statistic, case.value, case.shares)
    if table is None:
        return None
    rows = [math.floor(case.rows * share + 1e-9) for share in case.shares]
    if not sum(rows):  # fewer rows than classes
        return np.full(case.draws, -np.inf if case.at_least else np.inf)
    drawn = [rng.multinomial(n, part / part.sum(), case.draws) for n, part in zip(rows, table, strict=True)]
    tables = np.stack(drawn, axis=1).astype(np.float64)
    if isinstance(method, AverageOfProportions):
        return _balanced_ends(tables, case)
    size = len(case.shares)
    cells = np.eye(size * size)

    def of(sums: Floats) -> Floats:
        return method.statistic(sums.reshape(*sums.shape[:-1], size, size))

    return second_order_end(tables.reshape(len(tables), -1), cells, of, case.confidence, low=case.at_least)


def _balanced_ends(tables: Floats, case: Rehearsal) -> Floats:
    """Bound balanced accuracy: the classes' own limits, combined."""
    whole = tables.sum(axis=2)
    hits = np.diagonal(tables, axis1=1, axis2=2)
    side = 0 if case.at_least else 1
    ends = [
        average_of_proportions([(h, n) for h, n in zip(*row, strict=True) if n], case.confidence, exact=True)[side]
        for row in zip(hits.tolist(), whole.tolist(), strict=True)
    ]
    return np.array(ends, dtype=np.float64)


def _explained_ends(case: Rehearsal, rng: np.random.Generator) -> Floats | None:
    """Bound R²."""
    if not 0 < case.value < 1:
        return None
    share, sums = supposed.explained_part(case.value)
    counts = rng.multinomial(case.rows, share, case.draws).astype(np.float64)
    return second_order_end(counts, sums, figures.explained, case.confidence, low=case.at_least)


def second_order_end(counts: Floats, units: Floats, statistic: Statistic, confidence: float, *, low: bool) -> Floats:
    """Bound a smooth statistic of sums for many samples, as the bootstrap (BCa) would, without drawing again.

    Parameters
    ----------
    counts : ndarray of shape (samples, kinds)
        How many rows of each kind a sample holds.
    units : ndarray of shape (kinds, k)
        The sums that a row of each kind adds.
    statistic : callable
        Of sums of shape (..., k), the same for twice the rows.
    confidence : float
        One-sided.
    low : bool
        Which end.

    References
    ----------
    DiCiccio and Efron (1992), More Accurate Confidence Intervals in Exponential Families: ABC.
    """
    rows = counts.sum(axis=1, keepdims=True)
    share = counts / rows
    mean = share @ units
    middle = statistic(mean)
    ways = units - mean[:, None, :]
    up, down = statistic(mean[:, None, :] + _STEP * ways), statistic(mean[:, None, :] - _STEP * ways)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = (up - down) / (2 * _STEP)
        bend = (up - 2 * middle[:, None] + down) / _STEP**2
        used = share > 0
        square = (share * slope**2).sum(axis=1, where=used)
        size = rows[:, 0]
        error = np.sqrt(square / size)
        speed = (share * slope**3).sum(axis=1, where=used) / (6 * np.sqrt(size) * square**1.5)
        bias = (share * bend).sum(axis=1, where=used) / (2 * size)
        toward = np.where(used, share * slope, 0) @ units / (size * error)[:, None]
        step = _STEP / np.maximum(np.abs(toward).max(axis=1, keepdims=True), 1e-300)
        curve = statistic(mean + step * toward) - 2 * middle + statistic(mean - step * toward)
        curve /= 2 * step[:, 0] ** 2 * error
        shift = speed - (bias / error - curve)
        level = normal_quantile(1 - confidence if low else confidence)
        moved = shift + level
        moved /= (1 - speed * moved) ** 2
        end = statistic(mean + moved[:, None] * toward)
    worst = -np.inf if low else np.inf
    return np.where(np.isfinite(end), end, worst)
