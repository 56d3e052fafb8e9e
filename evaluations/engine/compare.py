"""Two models on the same rows: who is better, by how much, and how sure.

Always paired. ``gain`` is turned so that more is better for the challenger, whatever the metric.
"""

import math
from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np
from scipy import optimize, special, stats

from evaluations.engine import ranking
from evaluations.engine.bootstrap import Floats, bca, in_order, resample
from evaluations.engine.intervals import Bounds, normal_quantile, student_quantile
from evaluations.engine.measuring import missing
from evaluations.engine.methods import cluster_sums, standard_error
from evaluations.engine.metrics import Metric
from evaluations.engine.predictions import Predictions
from evaluations.engine.scored import RocArea, placed
from evaluations.engine.tabled import Proportion, TableMethod

EXACT_BELOW = 25  # discordant rows; the cut-off that MLflow uses as well
ROWS_RESAMPLED = 5000


@dataclass(frozen=True, slots=True)
class Comparison:
    """The challenger against a baseline, on one metric and the same rows.

    Attributes
    ----------
    value, baseline_value : float or None
        Both figures.
    gain : float or None
        Difference, positive where the challenger is better.
    interval : Bounds
        Two-sided interval of the gain; each end alone holds with ``confidence``.
    chance : float or None
        One-sided p value of "not better than -margin".
    shown : bool
        The low end exceeds -margin (margin 0: superior).
    """

    metric: str
    rows: int
    value: float | None
    baseline_value: float | None
    gain: float | None
    interval: Bounds
    chance: float | None
    margin: float
    shown: bool
    method: str
    confidence: float
    sentence: str
    undefined: str | None = None


def mcnemar(won: int, lost: int) -> float:
    """Test whether two models err equally often, two-sided.

    Parameters
    ----------
    won, lost : int
        Rows that only the challenger, or only the baseline, got right.

    Returns
    -------
    float
        p value: exact binomial under 25 discordant rows, else chi-square with continuity
        correction (McNemar 1947, Edwards 1948).
    """
    total = won + lost
    if total == 0:
        return 1.0
    if total < EXACT_BELOW:
        return min(1.0, 2 * float(special.bdtr(min(won, lost), total, 0.5)))
    return float(special.chdtrc(1, max(0, abs(won - lost) - 1) ** 2 / total))


def tango(won: int, lost: int, rows: int, confidence: float) -> Bounds:
    """Bound the difference of two paired shares by inverting Tango's score test.

    Parameters
    ----------
    won, lost, rows : int
        Discordant rows each way, and all rows.
    confidence : float
        One-sided confidence.

    References
    ----------
    Tango (1998), Equivalence test and confidence interval for the difference in proportions for
    the paired-sample design, Statistics in Medicine 17.
    """
    seen = (won - lost) / rows
    z = normal_quantile(confidence)

    def low_score(delta: float) -> float:
        return tango_score(won, lost, rows, delta) - z

    def high_score(delta: float) -> float:
        return tango_score(won, lost, rows, delta) + z

    edge = 1 - 1e-12
    low = -1.0 if low_score(-edge) < 0 else float(optimize.brentq(low_score, -edge, min(seen, edge)))
    high = 1.0 if high_score(edge) > 0 else float(optimize.brentq(high_score, max(seen, -edge), edge))
    return Bounds(min(low, seen), max(high, seen))


def tango_score(won: int, lost: int, rows: int, delta: float) -> float:
    """Give Tango's score statistic for a true difference of ``delta``; falls as delta grows."""
    two_a = 2 * rows
    b = -won - lost + (two_a - won + lost) * delta
    c = -lost * delta * (1 - delta)
    share = (math.sqrt(max(0.0, b * b - 4 * two_a * c)) - b) / (2 * two_a)
    spread = rows * (2 * share + delta * (1 - delta))
    top = won - lost - rows * delta
    if spread <= 0:
        return 0.0 if top == 0 else math.copysign(math.inf, top)
    return top / math.sqrt(spread)


def paired_delong(ours: Predictions, theirs: Predictions) -> tuple[float, float]:
    """Measure the difference of two ROC areas and its standard error (DeLong 1988).

    Both tables hold the same rows; returns area minus area, and its spread.
    """
    truth = ours.truth
    parts = []
    for rows in (ours, theirs):
        order = placed(rows)
        area, under, over = ranking.auc_parts(order)
        parts.append((area, under[order.place][truth], over[order.place][~truth]))
    (one, up_one, down_one), (two, up_two, down_two) = parts
    up, down = up_one - up_two, down_one - down_two
    spread = sum(float(np.var(x, ddof=1)) / len(x) if len(x) > 1 else 0.0 for x in (up, down))
    return one - two, math.sqrt(spread)


def compare(
    metric: Metric,
    ours: Predictions,
    theirs: Predictions,
    *,
    confidence: float,
    seed: int,
    margin: float = 0.0,
) -> Comparison:
    """Compare a challenger with a baseline on one metric.

    Shares of all rows by Tango (and McNemar's p), ROC area by paired DeLong, anything else by
    paired BCa up to 5,000 rows or clusters and by the paired influence above.

    Parameters
    ----------
    metric : Metric
        A row of the registry.
    ours, theirs : Predictions
        Challenger and baseline on the same rows in the same order.
    confidence : float
        One-sided confidence of each end.
    seed : int
        Fixes every draw.
    margin : float
        How much worse is still accepted (0 or more), in the metric's unit.
    """
    reason = missing(metric, ours) or missing(metric, theirs)
    values = [math.nan, math.nan] if reason else [metric.method.value(t) for t in (ours, theirs)]
    if not all(map(math.isfinite, values)):
        reason = reason or metric.undefined_when
        words = f"No comparison: {reason}."
        return Comparison(
            metric.name, ours.rows, None, None, None, Bounds(None, None), None, margin,
            shown=False, method="", confidence=confidence, sentence=words, undefined=reason,
        )  # fmt: skip
    sign = 1.0 if metric.better == "higher" else -1.0
    gain = sign * (values[0] - values[1])
    interval, chance, method = _bound(metric, ours, theirs, gain, margin=margin, confidence=confidence, seed=seed)
    shown = interval.low is not None and interval.low > -margin
    return Comparison(
        metric.name, ours.rows, values[0], values[1], gain, interval, chance, margin,
        shown=shown, method=method, confidence=confidence,
        sentence=describe(metric, values, interval, margin, shown=shown),
    )  # fmt: skip


def _bound(
    metric: Metric, ours: Predictions, theirs: Predictions, gain: float, *, margin: float,
    confidence: float, seed: int,
) -> tuple[Bounds, float | None, str]:  # fmt: skip
    """Choose the paired method for a metric, and give interval, p value and name."""
    plain = ours.is_plain
    if metric.name in {"accuracy", "weighted_recall"} and plain:
        return _bound_shares(ours, theirs, margin, confidence)
    if isinstance(metric.method, RocArea) and plain:
        _, error = paired_delong(ours, theirs)
        freedom = max(1, metric.method.support(ours) - 1)
        quantile = student_quantile(confidence, freedom)
        return _normal(gain, error, margin, quantile, freedom, "paired DeLong")
    units = ours.rows if ours.groups is None else int(ours.groups.max()) + 1
    if units <= ROWS_RESAMPLED and ours.weights is None:
        bounds = _resampled(metric, ours, theirs, confidence, seed)
        if bounds.low is not None and bounds.high is not None:
            sign = 1.0 if metric.better == "higher" else -1.0
            ends = sorted((sign * bounds.low, sign * bounds.high))
            return Bounds(ends[0], ends[1]), None, "paired bootstrap, BCa"
    sign = 1.0 if metric.better == "higher" else -1.0
    influence = sign * (metric.method.influence(ours) - metric.method.influence(theirs))
    error, count = standard_error(influence, ours)
    quantile = student_quantile(confidence, max(1, count - 1))
    return _normal(gain, error, margin, quantile, max(1, count - 1), "paired influence")


def _bound_shares(
    ours: Predictions, theirs: Predictions, margin: float, confidence: float
) -> tuple[Bounds, float, str]:
    """Compare two shares of the same rows."""
    right, other = ours.predicted == ours.truth, theirs.predicted == theirs.truth
    won, lost = int(np.count_nonzero(right & ~other)), int(np.count_nonzero(other & ~right))
    bounds = tango(won, lost, ours.rows, confidence)
    if margin > 0:
        chance = float(special.ndtr(-tango_score(won, lost, ours.rows, -margin)))
        return bounds, chance, "Tango score interval"
    total = won + lost
    if total < EXACT_BELOW:
        chance = float(stats.binom.sf(won - 1, total, 0.5)) if total else 1.0
        return bounds, chance, "Tango score interval, exact McNemar test"
    both = mcnemar(won, lost)
    chance = both / 2 if won > lost else 1 - both / 2
    return bounds, chance, "Tango score interval, McNemar test"


def _normal(
    gain: float, error: float, margin: float, quantile: float, freedom: int, method: str
) -> tuple[Bounds, float | None, str]:
    """Bound a difference by its standard error; without spread nothing is claimed."""
    if error <= 0:
        same = gain == 0
        return Bounds(0.0, 0.0) if same else Bounds(None, None), 1.0 if same else None, method
    score = (gain + margin) / error
    chance = special.stdtr(freedom, -score)
    return Bounds(gain - quantile * error, gain + quantile * error), float(chance), method


def _resampled(metric: Metric, ours: Predictions, theirs: Predictions, confidence: float, seed: int) -> Bounds:
    """Resample both models' sums with the same draws."""
    first, second = metric.method.sums(ours), metric.method.sums(theirs)
    if first is None or second is None:
        return Bounds(None, None)
    (one, of_one), (two, of_two) = first, second
    width = one.shape[1]
    units = np.concatenate([one, two], axis=1)
    if ours.groups is not None:
        units = cluster_sums(units, ours.groups)
    units = in_order(units)
    counts = np.ones(len(units))
    table = isinstance(metric.method, TableMethod | Proportion) and ours.groups is None
    if table:  # equal rows form cells: far fewer units to draw
        units, found = np.unique(units, axis=0, return_counts=True)
        counts = found.astype(np.float64)

    def difference(totals: Floats) -> Floats:
        """Apply both statistics to their half of the sums."""
        return of_one(totals[..., :width]) - of_two(totals[..., width:])

    rng = np.random.default_rng([seed, crc32(metric.name.encode()), 1])
    return bca(units, counts, difference, confidence, resample(counts, rng))


def describe(metric: Metric, values: list[float], interval: Bounds, margin: float, *, shown: bool) -> str:
    """Say in one sentence what the comparison showed."""
    name = metric.label
    pair = f"{name} is {values[0]:.3g} against {values[1]:.3g} for the baseline"
    if interval.low is None or interval.high is None:
        return f"{pair}; the difference cannot be bounded with these rows."
    size = f"the gain lies between {interval.low:+.3g} and {interval.high:+.3g}"
    if shown and margin == 0:
        return f"Better than the baseline: {pair}; {size}."
    if shown:
        return f"Not worse than the baseline by {margin:g} or more: {pair}; {size}."
    if interval.high < -margin:
        return f"Worse than the baseline: {pair}; {size}."
    return f"No difference shown yet: {pair}; {size}."


def constant_baseline(rows: Predictions, *, reference: Predictions | None = None) -> Predictions:
    """Predict the same for every row: the most frequent class and the shares, or the median.

    Parameters
    ----------
    rows : Predictions
        The rows to predict.
    reference : Predictions, optional
        Where the constant is learnt; the rows themselves by default, which favours the baseline.
    """
    learnt = (reference or rows).truth
    if rows.task == "regression":
        return replace(rows, predicted=np.full(rows.rows, float(np.median(learnt))))
    size = len(rows.classes)
    shares = np.bincount(learnt.astype(np.intp), minlength=size) / max(1, len(learnt))
    common = int(np.argmax(shares))
    if rows.task == "binary":
        predicted = np.full(rows.rows, bool(common))
        return replace(rows, predicted=predicted, probability=np.full(rows.rows, shares[1]))
    table = np.tile(shares, (rows.rows, 1))
    return replace(rows, predicted=np.full(rows.rows, common, dtype=np.intp), probability=table)
