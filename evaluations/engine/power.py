"""Planning: how many rows a promise needs, and how likely a model of a given quality is to pass.

Shares (accuracy, precision, recall, specificity, and F1 through its overlap) are exact: every
outcome of the binomial is run through the gate's own rule. All other metrics are approximated by a
normal distribution on the metric's scale; ``approximate`` says so.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from evaluations.engine.bootstrap import Floats
from evaluations.engine.gates import shared_confidence, support_floor
from evaluations.engine.intervals import SPARSE, normal_quantile
from evaluations.engine.metrics import REGISTRY, Metric
from evaluations.engine.protocols import Gate, Protocol
from evaluations.engine.scored import ScoreMethod
from evaluations.engine.tabled import Proportion, TableMethod

Whole = NDArray[np.int64]
MOST_ROWS = 10_000_000
DEFAULT_POWER = 0.8
_CURVE_POINTS = 41
_TEETH = 600
_ROUNDING = 1e-9  # keeps a count that is whole but for rounding from being raised by one


@dataclass(frozen=True, slots=True)
class Shape:
    """What the rows look like, as far as planning needs it.

    ``shares`` are the classes' shares, the positive class last in a binary task. ``spread`` is the
    standard deviation of one row's loss, if development rows have shown it.
    """

    shares: tuple[float, ...] = (0.5, 0.5)
    spread: float | None = None


def least_hits(rows: Whole, threshold: float, confidence: float, rule: str = "gate") -> Whole:
    """Count the hits among ``rows`` from which the lower bound reaches the threshold.

    Parameters
    ----------
    rows : ndarray of int
        Rows in the denominator, any shape.
    threshold, confidence : float
        The promise, "at least", and its one-sided confidence.
    rule : str
        "gate" (what a gate does), "wilson" or "clopper-pearson".

    Returns
    -------
    ndarray of int
        rows + 1 where not even a perfect score passes.
    """
    score = rows * threshold + normal_quantile(confidence) * np.sqrt(rows * threshold * (1 - threshold))
    by_wilson = np.minimum(np.ceil(score - _ROUNDING), rows + 1).astype(np.int64)
    if rule == "wilson":
        return by_wilson
    exact = most_under(confidence, rows, threshold) + 1
    if rule == "clopper-pearson":
        return exact
    sparse = int(SPARSE)
    moved = np.maximum(by_wilson, sparse)
    by_wilson = np.where(rows - moved >= sparse, moved, rows + 1)
    exact = np.where(np.minimum(exact, rows - exact) < sparse, exact, rows + 1)
    return np.minimum(by_wilson, exact)


def most_under(confidence: float, rows: Whole, share: float) -> Whole:
    """Count the hits that a share reaches or stays under with at least the given confidence.

    The binomial's quantile; by hand, as ``scipy.stats`` alone would weigh more than all else that pages load.
    """
    guess = np.ceil(special.bdtrik(confidence, rows, share))
    below = np.maximum(guess - 1, 0)
    enough = special.bdtr(below, rows, share) >= confidence
    return np.where(enough, below, guess).astype(np.int64)


def share_pass_chance(
    rows: Whole, threshold: float, true_share: float | Floats, confidence: float, rule: str = "gate"
) -> Floats:
    """Give the exact chance that a share's lower bound reaches the threshold.

    Parameters
    ----------
    rows : ndarray of int
        Rows in the denominator.
    threshold : float
        The promise, "at least".
    true_share : float or ndarray
        True values to plan for, in [0, 1]; broadcast with ``rows``.
    confidence : float
        One-sided confidence.
    rule : str
        As in `least_hits`.
    """
    rows = np.asarray(rows, dtype=np.int64)
    hits = least_hits(rows, threshold, confidence, rule)
    return np.where(hits > 0, special.bdtrc(np.maximum(hits - 1, 0), rows, true_share), 1.0)


def share_point_chance(rows: int, threshold: float, true_share: float) -> float:
    """Give the chance that the plain share reaches the threshold: the rule not to use."""
    hits = math.ceil(threshold * rows - 1e-9)
    return float(special.bdtrc(hits - 1, rows, true_share)) if hits > 0 else 1.0


def share_rows_needed(
    threshold: float,
    true_share: float,
    confidence: float = 0.95,
    power: float = DEFAULT_POWER,
    rule: str = "gate",
) -> int | None:
    """Count the rows from which a share passes with the wished chance, exactly.

    The chance saws up and down with n; from this n on it stays above the wished power.

    Returns
    -------
    int or None
        None if more than ten million rows would be needed, or the truth does not keep the promise.
    """
    if true_share <= threshold:
        return None
    low, high = 1, 64
    while high <= MOST_ROWS:
        rows = np.unique(np.linspace(low, high, _TEETH).astype(np.int64))
        chances = share_pass_chance(rows, threshold, true_share, confidence, rule)
        short = np.flatnonzero(chances < power)
        if not len(short):
            return low
        if short[-1] < len(rows) * 0.6:  # all of the rest is enough: the last tooth is inside
            last = int(rows[short[-1]])
            fine = np.arange(last, int(last * 1.15) + 40)  # the last tooth, tooth by tooth
            chances = share_pass_chance(fine, threshold, true_share, confidence, rule)
            return int(fine[np.flatnonzero(chances < power)[-1]]) + 1
        low, high = max(1, int(rows[short[-1]] * 0.8)), high * 2
    return None


# Any metric ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plan:
    """A gate put into one form: a share to be exceeded, or a scale with a spread."""

    metric: Metric
    gate: Gate
    confidence: float
    shape: Shape

    @property
    def is_exact(self) -> bool:
        """Say that every outcome can be counted."""
        return isinstance(self.metric.method, Proportion)

    def support(self, rows: int, true_value: float) -> int:
        """Count how many of ``rows`` the metric will rest on."""
        positive = self.shape.shares[-1]
        name = self.metric.name
        if name == "recall":
            share = positive
        elif name == "specificity":
            share = 1 - positive
        elif name == "precision":  # as many predicted positive as there are positives
            share = positive
        elif name == "f1":  # precision and recall taken as equal
            share = min(1.0, (2 - true_value) * positive)
        elif name == "average_precision":
            share = positive
        elif isinstance(self.metric.method, ScoreMethod) or name == "macro_roc_auc":
            share = min(self.shape.shares)
        else:
            share = 1.0
        return math.floor(rows * share + 1e-9)

    def chance(self, rows: int, true_values: Floats) -> Floats:
        """Give the chance to pass at each true value, with that many rows in all."""
        truth = np.atleast_1d(np.asarray(true_values, dtype=np.float64))
        each = self._exact if self.is_exact else self._normal
        return np.array([each(rows, float(value)) for value in truth])

    def _exact(self, rows: int, value: float) -> float:
        """Run every outcome through the gate's rule; "at most" counts misses instead of hits."""
        support = self.support(rows, value)
        threshold, value = self._as_share(value)
        if support < max(1, self.gate.minimum_support or 1):
            return 0.0
        return float(share_pass_chance(np.array(support), threshold, value, self.confidence))

    def _as_share(self, value: float) -> tuple[float, float]:
        """Put threshold and true value as a share that must be exceeded."""
        threshold = self.gate.threshold
        if self.metric.name == "f1":
            threshold, value = threshold / (2 - threshold), value / (2 - value)
        if self.gate.direction == "at_most":
            threshold, value = 1 - threshold, 1 - value
        return threshold, value

    def _normal(self, rows: int, value: float) -> float:
        """Let the estimate vary normally on the metric's scale, with its spread at the truth."""
        low, high = self.metric.limits
        support = self.support(rows, value)
        if support < max(1, self.gate.minimum_support or 1, self.floor):
            return 0.0
        if not low < value < high:
            best = high if self.gate.direction == "at_least" else low
            return 1.0 if value == best else 0.0
        scale, slope = _scale(self.metric.limits)
        gap = scale(value) - scale(self.gate.threshold)
        if self.gate.direction == "at_most":
            gap = -gap
        error = spread_of_estimate(self.metric, value, rows, self.shape) * slope(value)
        return float(special.ndtr(gap / error - normal_quantile(self.confidence)))

    @property
    def floor(self) -> int:
        """Count the support below which the gate cannot pass."""
        return support_floor(self.metric, self.gate, self.confidence)

    def rows_needed(self, true_value: float, power: float = DEFAULT_POWER) -> int | None:
        """Count the rows in all from which the gate passes with the wished chance."""
        if (true_value <= self.gate.threshold) == (self.gate.direction == "at_least"):
            return None
        if self.is_exact:
            return self._exact_rows_needed(true_value, power)
        high = 1
        while self.chance(high, np.array(true_value))[0] < power:
            high *= 2
            if high > MOST_ROWS:
                return None
        low = high // 2
        while high - low > 1:
            middle = (low + high) // 2
            enough = self.chance(middle, np.array(true_value))[0] >= power
            low, high = (low, middle) if enough else (middle, high)
        return high

    def _exact_rows_needed(self, true_value: float, power: float) -> int | None:
        """Scale the rows of the denominator up to rows in all."""
        threshold, value = self._as_share(true_value)
        need = share_rows_needed(threshold, value, self.confidence, power)
        if need is None:
            return None
        need = max(need, self.gate.minimum_support or 1)
        share = self.support(MOST_ROWS, true_value) / MOST_ROWS
        return math.ceil(need / share) if share > 0 else None

    def rows_floor(self) -> int:
        """Count the rows in all below which not even a perfect model passes."""
        best = self.metric.limits[1 if self.gate.direction == "at_least" else 0]
        if not math.isfinite(best):
            return 1
        need = max(self.floor, self.gate.minimum_support or 1)
        rows = need
        while rows < MOST_ROWS and self.support(rows, best) < need:
            rows = max(rows + 1, math.ceil(rows * 1.0005))
        return rows


def _scale(
    limits: tuple[float, float],
) -> tuple[Callable[[float], float], Callable[[float], float]]:
    """Give the scale that respects the limits, and its slope."""
    low, high = limits
    if limits == (0.0, 1.0):
        return lambda x: math.log(x / (1 - x)), lambda x: 1 / (x * (1 - x))
    if limits == (-1.0, 1.0):
        return math.atanh, lambda x: 1 / (1 - x * x)
    if low == 0.0 and math.isinf(high):
        return math.log, lambda x: 1 / x
    return lambda x: -math.log(1 - x), lambda x: 1 / (1 - x)


def spread_of_estimate(found: Metric, value: float, rows: int, shape: Shape) -> float:
    """Approximate the standard error of a metric at a true value.

    ROC AUC by Bamber's variance for normal scores; average precision by Boyd, Eng and Page (2013); figures of
    the confusion table by the delta method on errors spread evenly; means from ``shape.spread``, or
    else from the spread that normal misses would have.
    """
    if found.name in {"roc_auc", "macro_roc_auc"}:
        few = rows * min(shape.shares)
        return area_spread(value, few, max(1.0, rows - few))
    if found.name == "average_precision":
        return math.sqrt(value * (1 - value) / max(1.0, rows * shape.shares[-1]))
    if isinstance(found.method, TableMethod):
        return _table_spread(found.method, value, shape) / math.sqrt(rows)
    if found.name == "r2":
        return 2 * math.sqrt(max(value, 0.0) + 0.05) * (1 - value) / math.sqrt(rows)
    usual = {"mae": 0.7555, "rmse": math.sqrt(0.5), "pinball": 0.7555}.get(found.name, 1.0)
    spread = shape.spread if shape.spread is not None else usual * value
    return spread / math.sqrt(rows)


def area_spread(area: float, positives: float, negatives: float) -> float:
    """Give the standard error of a ROC area when both classes' scores are normal alike.

    Bamber's variance with both chances of a pair beating one row taken from the bivariate normal
    distribution (correlation one half), by Owen's T.
    """
    reach = float(special.ndtri(area))
    pair = area - 2 * float(special.owens_t(reach, 1 / math.sqrt(3)))
    spread = area * (1 - area) + (positives + negatives - 2) * (pair - area**2)
    return math.sqrt(max(spread, 1e-12) / (positives * negatives))


def _even_table(right: float, shares: tuple[float, ...]) -> Floats:
    """Build the table of shares in which every class is right with the same chance."""
    size = len(shares)
    table = np.full((size, size), (1 - right) / (size - 1)) * np.asarray(shares)[:, None]
    np.fill_diagonal(table, right * np.asarray(shares))
    return table


def _table_spread(method: TableMethod, value: float, shape: Shape) -> float:
    """Find the even table with that value, and its spread per row by the delta method."""
    low, high = 1 / len(shape.shares), 1.0
    for _ in range(50):
        middle = (low + high) / 2
        reached = float(method.statistic(_even_table(middle, shape.shares)[None])[0]) >= value
        low, high = (low, middle) if reached else (middle, high)
    table = _even_table(min(high, 1 - 1e-6), shape.shares)
    step = 1e-7
    slopes = np.zeros(table.size)
    for cell in range(table.size):
        pair = np.stack([table, table])
        pair[0].flat[cell] += step
        pair[1].flat[cell] -= step
        up, down = method.statistic(pair)
        slopes[cell] = (up - down) / (2 * step)
    mean = float(table.ravel() @ slopes)
    return math.sqrt(max(float(table.ravel() @ (slopes - mean) ** 2), 1e-12))


# A whole protocol ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Feasibility:
    """Whether the rows can decide one gate.

    ``refusal`` is a sentence if not even a perfect model could pass; ``warning`` if the chance at
    the expected value is below 80 %.
    """

    gate: Gate
    rows: int
    rows_floor: int
    rows_needed: int | None
    chance: float | None
    curve: tuple[tuple[float, float], ...]
    approximate: bool
    refusal: str | None
    warning: str | None


def plan(gate: Gate, task: str, looks: int, shape: Shape) -> Plan:
    """Put a gate and what is known of the rows together."""
    found = REGISTRY[gate.metric]
    if task not in found.tasks:
        message = f"{gate.metric} does not judge a {task} task"
        raise ValueError(message)
    return Plan(found, gate, shared_confidence(gate.confidence, looks), shape)


def assess(gate: Gate, protocol: Protocol, rows: int, shape: Shape) -> Feasibility:
    """Say whether that many acceptance rows (of the gate's slice) can decide a gate."""
    made = plan(gate, protocol.judged_as, protocol.looks, shape)
    values = curve_values(gate, made.metric)
    chances = made.chance(rows, values)
    curve = tuple((float(x), float(y)) for x, y in zip(values, chances, strict=True))
    floor = made.rows_floor()
    needed = chance = warning = refusal = None
    if gate.expected is not None:
        chance = float(made.chance(rows, np.array(gate.expected))[0])
        needed = made.rows_needed(gate.expected)
    if rows < floor:
        refusal = (
            f"{rows:,} rows cannot decide it: not even a perfect model would pass. "
            f"Set at least {floor:,} rows aside, or lower the promise."
        )
    elif chance is not None and chance < DEFAULT_POWER:
        want = (
            f"{needed:,} rows would give 80 %."
            if needed is not None
            else "No number of rows helps: the value expected does not exceed the promise."
        )
        warning = f"A model whose true value is {gate.expected:g} passes with a chance of {chance:.0%}. {want}"
    return Feasibility(gate, rows, floor, needed, chance, curve, not made.is_exact, refusal, warning)


def curve_values(gate: Gate, found: Metric) -> Floats:
    """Choose true values around the threshold for the drawn chance to pass."""
    low, high = found.limits
    room = [abs(end - gate.threshold) for end in (low, high) if math.isfinite(end)]
    half = min([*room, max(abs(gate.threshold) / 2, 0.05)])
    start = max(gate.threshold - half, low)
    return np.linspace(start, min(gate.threshold + half, high), _CURVE_POINTS)
