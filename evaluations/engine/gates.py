"""Judging one promise: pass, fail, or not decided yet, with a sentence that says why."""

import math
from dataclasses import dataclass
from typing import Literal

from evaluations.engine.digits import decimals
from evaluations.engine.intervals import normal_quantile
from evaluations.engine.measuring import Measure, measure
from evaluations.engine.metrics import Metric, metric
from evaluations.engine.predictions import Predictions
from evaluations.engine.protocols import Gate
from evaluations.engine.scored import MacroRocArea, ScoreMethod
from evaluations.engine.tabled import AverageOfProportions, Proportion

Verdict = Literal["pass", "fail", "inconclusive"]

SLICE_ROWS = 30  # a slice of fewer rows is shown, never judged
CHANCE_TO_DECIDE = 0.8
MOST_ROWS = 10_000_000  # beyond this, "more rows" is no advice
_EPSILON = 1e-12


@dataclass(frozen=True, slots=True)
class GateResult:
    """What became of one promise.

    ``confidence`` is what the gate used after sharing its risk among the looks. ``rows_to_decide``
    counts *more* rows of the kind ``counted``, for an 80 % chance to decide if the true value is
    the one seen; None when decided, or when no number of rows would help.
    """

    gate: Gate
    measure: Measure
    verdict: Verdict
    sentence: str
    reason: str
    confidence: float
    minimum_support: int
    rows_to_decide: int | None
    counted: str


def shared_confidence(confidence: float, looks: int) -> float:
    """Share a gate's risk among the looks, so that repeated tries do not add up to more.

    Holds under full adaptivity if a look that is not passed tells one bit only.
    """
    return 1 - (1 - confidence) / looks


def rows_floor(threshold: float, direction: str, confidence: float) -> int:
    """Count the rows below which even a perfect share could not pass: n >= ln(alpha) / ln(t)."""
    share = threshold if direction == "at_least" else 1 - threshold
    if not 0 < share < 1:
        return 1
    return math.ceil(math.log(1 - confidence) / math.log(share) - _EPSILON)


def support_floor(found: Metric, gate: Gate, confidence: float) -> int:
    """Count the support below which a gate cannot pass; 1 where no exact floor is known."""
    method = found.method
    if isinstance(method, Proportion):
        threshold = gate.threshold
        if found.name == "f1":  # the exact share beneath F1 is J = F1 / (2 - F1)
            threshold = threshold / (2 - threshold)
        return rows_floor(threshold, gate.direction, confidence)
    if isinstance(method, ScoreMethod | MacroRocArea | AverageOfProportions):
        return rows_floor(gate.threshold, gate.direction, confidence)
    return 1


def judge(gate: Gate, rows: Predictions, *, looks: int, seed: int) -> GateResult:
    """Judge a gate on the rows it is about.

    Parameters
    ----------
    gate : Gate
        The promise. Its slice, if any, is already taken from ``rows``.
    rows : Predictions
        All rows, or those of the slice.
    looks : int
        The budget of looks that share the gate's risk.
    seed : int
        Fixes every draw.
    """
    found = metric(gate.metric, rows.task)
    confidence = shared_confidence(gate.confidence, looks)
    measured = measure(found, rows, confidence, seed)
    floor = support_floor(found, gate, confidence) if gate.slice is not None else 1
    minimum = max(gate.minimum_support or 1, floor)
    verdict, reason = decide(gate, measured, minimum)
    more = None
    if verdict == "inconclusive":
        more = rows_to_decide(gate, measured, minimum, reason)
    sentence = describe(gate, measured, found, reason=reason, more=more, minimum=minimum)
    return GateResult(gate, measured, verdict, sentence, reason, confidence, minimum, more, found.counted)


def decide(gate: Gate, measured: Measure, minimum: int) -> tuple[Verdict, str]:
    """Compare the bounds with the threshold; too little support decides nothing."""
    if measured.undefined is not None:
        return "inconclusive", "undefined"
    if measured.support < minimum or (gate.slice is not None and measured.rows < SLICE_ROWS):
        return "inconclusive", "support"
    low, high = measured.bounds
    if gate.direction == "at_least":
        shown = low is not None and low >= gate.threshold
        broken = high is not None and high < gate.threshold
    else:
        shown = high is not None and high <= gate.threshold
        broken = low is not None and low > gate.threshold
    if shown:
        return "pass", "shown"
    if broken:
        return "fail", "broken"
    return "inconclusive", "open" if None not in measured.bounds else "unbounded"


def rows_to_decide(gate: Gate, measured: Measure, minimum: int, reason: str) -> int | None:
    """Estimate how many more rows would decide, if the true value is the one seen."""
    if reason == "support":
        return max(minimum - measured.support, SLICE_ROWS - measured.rows, 1)
    if reason != "open" or measured.value is None:
        return None
    low, high = measured.bounds
    gap = abs(measured.value - gate.threshold)
    if low is None or high is None or gap <= _EPSILON:
        return None
    reach = normal_quantile(measured.confidence)
    sure = (reach + normal_quantile(CHANCE_TO_DECIDE)) / reach
    needed = measured.support * ((high - low) / 2 / gap * sure) ** 2
    more = needed - measured.support
    return max(1, math.ceil(more)) if more < MOST_ROWS else None


def describe(gate: Gate, measured: Measure, found: Metric, *, reason: str, more: int | None, minimum: int) -> str:
    """Say in one or two plain sentences what became of a promise."""
    name = found.label if found.label[:2].isupper() or found.label == "R²" else found.label[0].lower() + found.label[1:]
    if found.name in {"f1", "brier", "mcc", "roc_auc", "macro_roc_auc", "macro_f1", "weighted_f1"}:
        name = found.label
    if gate.slice is not None:
        name = f"{name} where {gate.slice.column} is {gate.slice.value}"
    side = "" if gate.direction == "at_least" else "at most "
    if reason == "undefined":
        return f"Not shown yet: {name} does not exist, because {measured.undefined}."
    if reason == "support":
        return (
            f"Not shown yet: {name} rests on {measured.support:,} {found.counted} of "
            f"{measured.rows:,} rows, too few to judge. {_advice(more, 'rows')}"
        )
    low, high, threshold = _written(measured, gate.threshold)
    promise = f"the promise is {side}{threshold}"
    if reason == "shown":
        bound = f"at least {low}" if gate.direction == "at_least" else f"at most {high}"
        return f"Shown: {name} is {bound}, {promise}."
    if reason == "broken":
        bound = f"at most {high}" if gate.direction == "at_least" else f"at least {low}"
        return f"Not kept: {name} is {bound}, {promise}."
    if reason == "unbounded":
        return f"Not shown yet: {name} cannot be bounded with these rows, {promise}."
    advice = _advice(more, found.counted)
    return f"Not shown yet: {name} is between {low} and {high}, {promise}. {advice}"


def _advice(more: int | None, counted: str) -> str:
    """Say how many more rows would decide."""
    if more is None:
        return "It lies so close to the promise that more rows would hardly decide it."
    return f"About {round_up(more):,} more {counted} would decide it."


def round_up(count: int, digits: int = 2) -> int:
    """Round a count up to a few leading digits, since it is an estimate."""
    step = 10 ** max(0, len(str(count)) - digits)
    return math.ceil(count / step) * step


def _written(measured: Measure, threshold: float) -> tuple[str, str, str]:
    """Write both bounds and the threshold with just enough digits to tell them apart."""
    digits = decimals(threshold, [*measured.bounds, measured.value])
    low, high = ("unknown" if end is None else f"{end:,.{digits}f}" for end in measured.bounds)
    return low, high, f"{threshold:,.{digits}f}"
