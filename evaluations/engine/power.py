"""Planning: how many rows a promise needs, and how likely a model of a given quality is to pass.

Shares (accuracy, precision, recall, specificity, and F1 through its overlap) are counted exactly (`shares`). Other
figures are rehearsed: the gate's own bound judges seeded draws from a population that has the true value (`rehearsal`).
Where none can be supposed, a normal distribution on the metric's scale stands in. ``method`` says which.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import special

from evaluations.engine.bootstrap import Floats
from evaluations.engine.gates import round_up, shared_confidence, support_floor
from evaluations.engine.intervals import normal_quantile, student_quantile
from evaluations.engine.metrics import REGISTRY, Metric
from evaluations.engine.protocols import Gate, Protocol
from evaluations.engine.rehearsal import Rehearsal, can_rehearse, draws_of, pass_chance
from evaluations.engine.scored import MacroRocArea, ScoreMethod
from evaluations.engine.shares import DEFAULT_POWER, MOST_ROWS, share_pass_chance, share_rows_needed
from evaluations.engine.supposed import class_scores, distance_with, even_table
from evaluations.engine.tabled import Proportion, TableMethod

_CURVE_POINTS = 41
_REHEARSED_POINTS = 11  # of them; the others lie on the line between, as normal quantiles
_CURVE_DRAWS = 1000
_CORRECTIONS = 12  # of the rows needed at most, each by a rehearsal with as many
_APART = 0.2  # logarithms of rows: from here on the rise between two rehearsals can be told
_ALIKE = 4  # rehearsals with about as many rows are enough
_PILOT = 1000.0  # rows: any number, as spread falls with their root
_SURE = 8.0  # normal quantile of a chance that no draw contradicted


@dataclass(frozen=True, slots=True)
class Shape:
    """What the rows look like, as far as planning needs it.

    ``shares`` are the classes' shares, the positive class last in a binary task.
    """

    shares: tuple[float, ...] = (0.5, 0.5)


# Any metric ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plan:
    """A gate put into one form: a share to be exceeded, or a scale with a spread."""

    metric: Metric
    gate: Gate
    task: str
    confidence: float
    shape: Shape
    quantile: float = 0.5

    @property
    def is_exact(self) -> bool:
        """Say that every outcome can be counted."""
        return isinstance(self.metric.method, Proportion)

    @property
    def draws(self) -> int:
        """Count the draws of a rehearsal; 0 where nothing is drawn."""
        if self.is_exact or not can_rehearse(self.metric.name, self.task, len(self.shape.shares)):
            return 0
        return draws_of(self.metric.name, self.shape.shares)

    @property
    def method(self) -> str:
        """Say in one sentence how the chance was found and what was supposed."""
        if self.is_exact:
            return "Counted exactly over every outcome, with the rows that the figure rests on taken as known."
        if not self.draws:
            return "From a normal approximation: take it as a rough guide."
        supposed = {
            "probabilities": "a model whose scores are normal in each class and whose probabilities are calibrated",
            "labels": "errors spread evenly over the classes",
            "values": "misses that are normal",
        }[self.metric.needs]
        if self.metric.name == "ece":
            supposed = "a model that misstates every probability by the same amount"
        return f"Simulated {self.draws:,} times with this promise’s own rule, supposing {supposed}."

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
        each = self._exact if self.is_exact else self._rehearsed
        return np.array([each(rows, float(value)) for value in truth])

    def curve(self, rows: int, true_values: Floats) -> Floats:
        """Give the chance along many true values: rehearsed at some, read off between them."""
        if self.is_exact or len(true_values) <= _REHEARSED_POINTS:
            return self.chance(rows, true_values)
        at = np.unique(np.linspace(0, len(true_values) - 1, _REHEARSED_POINTS).round().astype(np.intp))
        draws = min(_CURVE_DRAWS, self.draws) or None
        found = np.array([self._rehearsed(rows, float(true_values[i]), draws) for i in at])
        on_line = np.clip(special.ndtri(found), -_SURE, _SURE)
        return np.asarray(special.ndtr(np.interp(np.arange(len(true_values)), at, on_line)))

    def _rehearsed(self, rows: int, value: float, draws: int | None = None) -> float:
        """Let the gate judge draws; fall back on the normal approximation where nothing can be supposed."""
        low, high = self.metric.limits
        if not self.draws or not low < value < high:
            return self._normal(rows, value)
        if self.support(rows, value) < max(1, self.gate.minimum_support or 1, self.floor):
            return 0.0
        at_least = self.gate.direction == "at_least"
        case = Rehearsal(
            self.metric.name, self.task, self.gate.threshold, at_least, self.confidence, rows, value,
            self.shape.shares, self.quantile, draws or self.draws,
        )  # fmt: skip
        found = pass_chance(case)
        return self._normal(rows, value) if found is None else found

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
        few = support if isinstance(self.metric.method, ScoreMethod | MacroRocArea) else rows
        return float(special.ndtr(gap / error - student_quantile(self.confidence, max(1, few - 1))))

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
        rows = self._normal_rows_needed(true_value, power)
        return rows if rows is None or not self.draws else self._rehearsed_rows_needed(true_value, power, rows)

    def _normal_rows_needed(self, true_value: float, power: float) -> int | None:
        """Halve until the normal approximation just reaches the power."""
        high = 1
        while self._normal(high, true_value) < power:
            high *= 2
            if high > MOST_ROWS:
                return None
        low = high // 2
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self._normal(middle, true_value) >= power else (middle, high)
        return high

    def _rehearsed_rows_needed(self, true_value: float, power: float, rows: int) -> int | None:
        """Correct the number: the normal quantile of the chance rises with about the root of the rows.

        What rehearsals with about as many rows say is averaged, since one of them alone wobbles.
        """
        reach = normal_quantile(self.confidence)
        goal = math.log(normal_quantile(power) + reach)
        least = self.rows_floor()
        seen: list[tuple[float, float]] = []
        rise = 0.5
        for _ in range(_CORRECTIONS):
            quantile = float(np.clip(special.ndtri(self._rehearsed(rows, true_value)), 0.2 - reach, 3.0))
            seen.append((math.log(rows), math.log(quantile + reach)))
            if len(seen) > 1 and abs(run := seen[-1][0] - seen[-2][0]) > _APART:
                rise = min(max((seen[-1][1] - seen[-2][1]) / run, 0.4), 1.5)
            near = [x + (goal - y) / rise for x, y in seen if abs(x - seen[-1][0]) <= _APART]
            before, rows = rows, max(math.ceil(math.exp(sum(near) / len(near))), least)
            if rows > MOST_ROWS:
                return None
            if len(near) >= _ALIKE or rows == before:
                break
        return round_up(rows, 3)

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

    ROC AUC by Bamber's variance for normal scores, its mean over classes by the influence of drawn rows; average
    precision by Boyd, Eng and Page (2013); figures of the confusion table by the delta method on errors spread evenly;
    means from the spread that normal misses would have.
    """
    if found.name == "macro_roc_auc":
        return macro_area_spread(value, shape.shares) / math.sqrt(rows)
    if found.name == "roc_auc":
        few = rows * min(shape.shares)
        return area_spread(value, few, max(1.0, rows - few))
    if found.name == "average_precision":
        return math.sqrt(value * (1 - value) / max(1.0, rows * shape.shares[-1]))
    if isinstance(found.method, TableMethod):
        return _table_spread(found.method, value, shape) / math.sqrt(rows)
    if found.name == "r2":
        return 2 * math.sqrt(max(value, 0.0) + 0.05) * (1 - value) / math.sqrt(rows)
    usual = {"mae": 0.7555, "rmse": math.sqrt(0.5), "pinball": 0.7555, "mape": 0.7555}.get(found.name, 1.0)
    return usual * value / math.sqrt(rows)


@lru_cache(maxsize=512)
def macro_area_spread(value: float, shares: tuple[float, ...]) -> float:
    """Draw rows of a calibrated model with that mean of areas, and give the spread of one row's influence."""
    distance = distance_with("macro_roc_auc", value, shares)
    if distance is None:
        return area_spread(value, _PILOT * min(shares), _PILOT * (1 - min(shares))) * math.sqrt(_PILOT)
    return float(MacroRocArea().influence(class_scores(distance, shares)).std())


def area_spread(area: float, positives: float, negatives: float) -> float:
    """Give the standard error of a ROC area when both classes' scores are normal alike.

    Bamber's variance with both chances of a pair beating one row taken from the bivariate normal
    distribution (correlation one half), by Owen's T.
    """
    reach = float(special.ndtri(area))
    pair = area - 2 * float(special.owens_t(reach, 1 / math.sqrt(3)))
    spread = area * (1 - area) + (positives + negatives - 2) * (pair - area**2)
    return math.sqrt(max(spread, 1e-12) / (positives * negatives))


def _table_spread(method: TableMethod, value: float, shape: Shape) -> float:
    """Find the even table with that value, and its spread per row by the delta method."""
    low, high = 1 / len(shape.shares), 1.0
    for _ in range(50):
        middle = (low + high) / 2
        reached = float(method.statistic(even_table(middle, shape.shares)[None])[0]) >= value
        low, high = (low, middle) if reached else (middle, high)
    table = even_table(min(high, 1 - 1e-6), shape.shares)
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
    method: str
    refusal: str | None
    warning: str | None


def plan(gate: Gate, task: str, looks: int, shape: Shape, quantile: float = 0.5) -> Plan:
    """Put a gate and what is known of the rows together."""
    found = REGISTRY[gate.metric]
    if task not in found.tasks:
        message = f"{gate.metric} does not judge a {task} task"
        raise ValueError(message)
    return Plan(found, gate, task, shared_confidence(gate.confidence, looks), shape, quantile)


def assess(gate: Gate, protocol: Protocol, rows: int, shape: Shape) -> Feasibility:
    """Say whether that many acceptance rows (of the gate's slice) can decide a gate."""
    made = plan(gate, protocol.judged_as, protocol.looks, shape, protocol.quantile)
    values = curve_values(gate, made.metric)
    chances = made.curve(rows, values)
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
        about = "" if made.is_exact else "About "
        want = (
            f"{about}{needed:,} rows would give 80 %."
            if needed is not None
            else "No number of rows helps: the value expected does not exceed the promise."
        )
        warning = f"A model whose true value is {gate.expected:g} passes with a chance of {chance * 100:.0f} %. {want}"
    words = made.method
    if protocol.group_column or protocol.split.method == "grouped":
        words += " Rows that belong together were counted as independent; more will be needed."
    return Feasibility(gate, rows, floor, needed, chance, curve, not made.is_exact, words, refusal, warning)


def curve_values(gate: Gate, found: Metric) -> Floats:
    """Choose true values around the threshold for the drawn chance to pass."""
    low, high = found.limits
    room = [abs(end - gate.threshold) for end in (low, high) if math.isfinite(end)]
    half = min([*room, max(abs(gate.threshold) / 2, 0.05)])
    start = max(gate.threshold - half, low)
    return np.linspace(start, min(gate.threshold + half, high), _CURVE_POINTS)
