"""Where a model is weak: every value of chosen columns, and their pairs, judged at once.

One pass per grouping. Slice, rank of the score and truth are packed into one integer, so that one
sort of plain numbers puts each slice's rows in the order of their scores; running counts then give
every slice's exact ROC area and DeLong's spread, ties counting half.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from evaluations.engine.bootstrap import Floats
from evaluations.engine.gates import SLICE_ROWS
from evaluations.engine.intervals import normal_quantile
from evaluations.engine.predictions import Predictions
from evaluations.engine.verdict import benjamini_hochberg

MOST_VALUES = 1000  # of one column; more are a measure, not a slice
MOST_CELLS = 200_000  # of a pair
SLICE_SUPPORT = 10  # positives or what the metric rests on; fewer show nothing
FALSE_FINDS = 0.05  # share of false finds among the slices called weak
Codes = NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True)
class Column:
    """A column to slice by: codes 0..k-1 per row, and the k names."""

    name: str
    codes: Codes
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Grouping:
    """The slices of one column or pair, one entry of each array per slice that has rows.

    Attributes
    ----------
    columns : tuple of str
        One name, or two.
    cells : ndarray of int
        Slice numbers; in a pair, first code * values of the second + second code.
    rows : ndarray of int
        Rows per slice.
    figures : dict of str to (value, low, high)
        Arrays per metric; nan where undefined.
    support : dict of str to ndarray
        The rows that each metric rests on.
    """

    columns: tuple[str, ...]
    cells: NDArray[np.intp]
    rows: Floats
    figures: dict[str, tuple[Floats, Floats, Floats]]
    support: dict[str, Floats]


def column(name: str, values: NDArray[Any]) -> Column:
    """Give the values of a column their numbers; missing ones are a slice of their own."""
    codes, found = pd.factorize(np.asarray(values, dtype=object), sort=True)
    kind = np.uint16 if len(found) < 2**16 else np.int64
    return Column(name, codes.astype(kind), tuple(str(each) for each in found))


def groupings(columns: list[Column], *, pairs: bool) -> list[tuple[Column, ...]]:
    """List single columns and, if wished, pairs; leave out what has too many values."""
    kept = [each for each in columns if len(each.values) <= MOST_VALUES]
    singles: list[tuple[Column, ...]] = [(each,) for each in kept]
    if not pairs:
        return singles
    both = [pair for pair in combinations(kept, 2) if len(pair[0].values) * len(pair[1].values) <= MOST_CELLS]
    return [*singles, *both]


def slice_all(rows: Predictions, columns: list[Column], *, confidence: float, pairs: bool = False) -> list[Grouping]:
    """Judge every slice of the columns, and of their pairs.

    Parameters
    ----------
    rows : Predictions
        Binary (accuracy, precision, recall, specificity, ROC area), multiclass (accuracy) or
        regression (mean absolute error, bias). Weights and groups are not used here; callers show
        slices of such tables without them.
    columns : list of Column
        Codes for the same rows.
    confidence : float
        One-sided confidence of each end of the intervals.
    pairs : bool
        Look at all pairs of columns too.
    """
    ready = _prepare(rows)
    return [_judge(rows, ready, chosen, normal_quantile(confidence)) for chosen in groupings(columns, pairs=pairs)]


@dataclass(frozen=True, slots=True)
class _Ready:
    """What is worked out once for all groupings, in the order of the scores where there are any."""

    outcome: NDArray[np.uint8] | None  # 2 * truth + predicted, in the rows' own order
    tail: NDArray[np.uint64] | None  # rank << 1 | truth, in the order of the scores
    bits: int
    ties: bool


def _prepare(rows: Predictions) -> _Ready:
    """Rank the scores once, and pack each row's outcome."""
    if rows.task != "binary":
        return _Ready(None, None, 0, ties=False)
    outcome = rows.truth.astype(np.uint8) * np.uint8(2) + rows.predicted.astype(np.uint8)
    if rows.probability is None or not rows.rows:
        return _Ready(outcome, None, 0, ties=False)
    order = np.argsort(rows.probability, kind="stable")
    ordered = rows.probability[order]
    new = np.concatenate(([False], ordered[1:] != ordered[:-1]))
    rank = np.cumsum(new, dtype=np.int64).astype(np.uint64)
    ties = bool(not new[1:].all())
    tail = (rank << np.uint64(1)) | rows.truth[order].view(np.uint8)
    place = np.empty(rows.rows, dtype=np.uint64)
    place[order] = tail
    bits = int(rank[-1]).bit_length() + 1
    return _Ready(outcome, place, bits, ties)


def _codes(chosen: tuple[Column, ...]) -> tuple[Codes, int]:
    """Give each row the number of its slice in one column or pair."""
    if len(chosen) == 1:
        return chosen[0].codes, len(chosen[0].values)
    first, second = chosen
    width = len(second.values)
    size = len(first.values) * width
    kind = np.dtype(np.uint16 if size < 2**16 else np.uint32)
    codes: Codes = first.codes.astype(kind) * kind.type(width) + second.codes.astype(kind)
    return codes, size


def _judge(rows: Predictions, ready: _Ready, chosen: tuple[Column, ...], z: float) -> Grouping:
    """Judge all slices of one grouping."""
    codes, size = _codes(chosen)
    names = tuple(each.name for each in chosen)
    if ready.outcome is not None:
        return _judge_binary(ready, names, codes, size, z)
    if rows.task == "multiclass":
        counts = np.bincount(codes, minlength=size)
        hits = np.bincount(codes[rows.truth == rows.predicted], minlength=size)
        there = np.flatnonzero(counts)
        number = counts[there].astype(np.float64)
        figure = _wilson(hits[there].astype(np.float64), number, z)
        return Grouping(names, there, number, {"accuracy": figure}, {"accuracy": number})
    return _judge_regression(rows, names, codes, size, z)


def _judge_binary(ready: _Ready, names: tuple[str, ...], codes: Codes, size: int, z: float) -> Grouping:
    """Judge shares by one count, and the ROC area by one sort."""
    assert ready.outcome is not None  # noqa: S101 - binary tasks have it
    packed = (codes.astype(np.intp) << 2) | ready.outcome
    table = np.bincount(packed, minlength=size * 4).reshape(size, 4).astype(np.float64)
    number = table.sum(axis=1)
    there = np.flatnonzero(number)
    table, number = table[there], number[there]
    right_no, false_yes, false_no, right_yes = table.T
    shares = {
        "accuracy": (right_no + right_yes, number),
        "precision": (right_yes, right_yes + false_yes),
        "recall": (right_yes, right_yes + false_no),
        "specificity": (right_no, right_no + false_yes),
    }
    figures = {name: _wilson(hits, of, z) for name, (hits, of) in shares.items()}
    support = {name: of for name, (_, of) in shares.items()}
    if ready.tail is not None:
        positives = right_yes + false_no
        figures["roc_auc"] = _areas(ready, codes, number, positives, z)
        support["roc_auc"] = np.minimum(positives, number - positives)
    return Grouping(names, there, number, figures, support)


def _areas(ready: _Ready, codes: Codes, number: Floats, positives: Floats, z: float) -> tuple[Floats, Floats, Floats]:
    """Give every slice's exact ROC area with DeLong's interval on the logit scale.

    ``number`` and ``positives`` are the counts of the slices that have rows, in the order of their
    codes; after the sort each is one run.
    """
    assert ready.tail is not None  # noqa: S101 - asked by the caller
    keys = _packed(ready, codes)
    keys.sort()
    truth = (keys & keys.dtype.type(1)).astype(np.bool_)
    negatives = number - positives
    # The k-th positive of all stands at place i, so i - k negatives stand before it; those of
    # earlier slices are taken off again. The same, mirrored, for negatives.
    below = _others_before(truth) - _spread_out(np.cumsum(negatives) - negatives, positives)
    above = _spread_out(np.cumsum(positives), negatives) - _others_before(~truth)
    if ready.ties:
        yes, no = _ties(keys, truth)
        below -= no[truth] / 2
        above -= yes[~truth] / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        area = _sum_runs(below, positives) / (positives * negatives)
        spread = _spread(below, positives, negatives, area)
        spread += _spread(above, negatives, positives, area)
        few = np.minimum(positives, negatives)
        reach = special.stdtrit(np.maximum(few - 1, 1), special.ndtr(z))
        middle = special.logit(area)
        half = reach * np.sqrt(spread) / (area * (1 - area))
        low, high = special.expit(middle - half), special.expit(middle + half)
    return area, *_perfect(area, low, high, few, z)


def _packed(ready: _Ready, codes: Codes) -> NDArray[Any]:
    """Put slice, rank and truth into the fewest bits that hold them."""
    assert ready.tail is not None  # noqa: S101 - asked by the caller
    top = int(codes.max()).bit_length() if len(codes) else 0
    if top + ready.bits <= 32:
        return (codes.astype(np.uint32) << np.uint32(ready.bits)) | ready.tail.astype(np.uint32)
    return (codes.astype(np.uint64) << np.uint64(ready.bits)) | ready.tail


def _others_before(chosen: NDArray[np.bool_]) -> Floats:
    """Count, for each chosen row, the rows not chosen that stand before it."""
    places = np.flatnonzero(chosen)
    return np.subtract(places, np.arange(len(places)), dtype=np.float64)


def _spread_out(per_slice: Floats, counts: Floats) -> Floats:
    """Repeat a number of each slice for so many rows."""
    return np.repeat(per_slice, counts.astype(np.intp))


def _sum_runs(values: Floats, counts: Floats) -> Floats:
    """Add up consecutive runs of so many values; empty runs give zero."""
    sums = np.zeros(len(counts))
    used = np.flatnonzero(counts)
    if len(used):
        starts = (np.cumsum(counts) - counts)[used].astype(np.intp)
        sums[used] = np.add.reduceat(values, starts)
    return sums


def _ties(keys: NDArray[Any], truth: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Count positives and negatives in each row's tie.

    Within a tie negatives come first: each positive has counted all of the tie's negatives, and
    each negative all of its positives; half of them is taken back.
    """
    group = keys >> keys.dtype.type(1)
    first = np.concatenate(([0], np.flatnonzero(group[1:] != group[:-1]) + 1))
    sizes = np.diff(first, append=len(keys))
    yes = np.add.reduceat(truth, first, dtype=np.float64)
    return np.repeat(yes, sizes), np.repeat(sizes - yes, sizes)


def _spread(counts: Floats, own: Floats, other: Floats, area: Floats) -> Floats:
    """Give DeLong's variance from one class's components."""
    squares = _sum_runs(counts * counts, own) / other**2
    return np.maximum(squares - own * area**2, 0) / np.maximum(own - 1, 1) / own


def _perfect(area: Floats, low: Floats, high: Floats, few: Floats, z: float) -> tuple[Floats, Floats]:
    """Bound areas without spread, or of a class of one row, by the rarer class alone, exactly."""
    stuck = np.isfinite(area) & ((few < 2) | ~(np.isfinite(low) & (high > low)))
    hits = area * few
    miss = float(special.ndtr(-z))
    with np.errstate(invalid="ignore", divide="ignore"):
        exact_low = np.where(hits > 0, special.betaincinv(hits, few - hits + 1, miss), 0.0)
        exact_high = np.where(hits < few, special.betaincinv(hits + 1, few - hits, 1 - miss), 1.0)
    return np.where(stuck, exact_low, low), np.where(stuck, exact_high, high)


def _wilson(hits: Floats, rows: Floats, z: float) -> tuple[Floats, Floats, Floats]:
    """Give shares with Wilson's interval; nan where there are no rows."""
    with np.errstate(divide="ignore", invalid="ignore"):
        share = hits / rows
        weight = z * z / rows
        middle = (share + weight / 2) / (1 + weight)
        half = z / (1 + weight) * np.sqrt(share * (1 - share) / rows + weight / (4 * rows))
    return share, np.clip(middle - half, 0, share), np.clip(middle + half, share, 1)


def _judge_regression(rows: Predictions, names: tuple[str, ...], codes: Codes, size: int, z: float) -> Grouping:
    """Average misses and their size per slice, with Student's t."""
    number = np.bincount(codes, minlength=size).astype(np.float64)
    there = np.flatnonzero(number)
    count = number[there]
    gap = rows.predicted - rows.truth
    figures = {}
    for name, values in (("mae", np.abs(gap)), ("bias", gap)):
        total = np.bincount(codes, values, minlength=size)[there]
        squares = np.bincount(codes, values * values, minlength=size)[there]
        mean = total / count
        spread = np.maximum(squares / count - mean**2, 0) / np.maximum(count - 1, 1)
        quantile = special.stdtrit(np.maximum(count - 1, 1), special.ndtr(z))
        half = np.where(count > 1, quantile * np.sqrt(spread), np.nan)
        low = np.maximum(mean - half, 0) if name == "mae" else mean - half
        figures[name] = (mean, low, mean + half)
    return Grouping(names, there, count, figures, {"mae": count, "bias": count})


# Reading the slices ----------------------------------------------------------------------------


def weak_slices(
    found: list[Grouping],
    columns: Mapping[str, Column],
    metric: str,
    *,
    lower_is_better: bool = False,
    confidence: float = 0.95,
    most: int = 200,
) -> list[dict[str, Any]]:
    """List slices from the weakest, with the chance that the rest of the rows is no better.

    Each slice is tested one-sided against all other rows of the same grouping; the p values are
    adjusted over all slices (Benjamini and Hochberg), since nobody named them beforehand. Slices
    under 30 rows, or under 10 that the figure rests on, are listed as too small and never called weak.

    Parameters
    ----------
    found : list of Grouping
        From `slice_all`.
    columns : mapping
        Names to columns, for the values.
    metric : str
        Which figure to read: its spread is taken from its interval.
    lower_is_better : bool
        For errors.
    confidence : float
        Of the ends of the intervals, as given to `slice_all`.
    most : int
        Longest list; the weakest are kept.
    """
    entries: list[dict[str, Any]] = []
    chances: list[float] = []
    for grouping in found:
        if metric not in grouping.figures:
            continue
        value, low, high = grouping.figures[metric]
        support = grouping.support[metric]
        error = (high - low) / (2 * normal_quantile(confidence))
        chance = _against_rest(value, error, support, lower_is_better=lower_is_better)
        small = (grouping.rows < SLICE_ROWS) | (support < SLICE_SUPPORT) | ~np.isfinite(chance)
        for i, cell in enumerate(grouping.cells):
            entries.append(
                {
                    "where": _where(grouping.columns, int(cell), columns),
                    "rows": int(grouping.rows[i]),
                    "support": int(support[i]),
                    "value": _number(value[i]),
                    "low": _number(low[i]),
                    "high": _number(high[i]),
                    "too_small": bool(small[i]),
                }
            )
            chances.append(1.0 if small[i] else float(chance[i]))
    tested = [i for i, entry in enumerate(entries) if not entry["too_small"]]
    adjusted = benjamini_hochberg([chances[i] for i in tested])
    for i, q in zip(tested, adjusted, strict=True):
        entries[i]["q"] = float(q)
        entries[i]["weak"] = bool(q <= FALSE_FINDS)
    worst = -1.0 if lower_is_better else 1.0

    def badness(entry: dict[str, Any]) -> tuple[bool, float, float]:
        value = entry["value"]
        return (entry["too_small"], entry.get("q", 2.0), worst * (0.0 if value is None else value))

    return sorted(entries, key=badness)[:most]


def _number(value: float) -> float | None:
    """Give a plain number, or none for what is undefined."""
    return float(value) if np.isfinite(value) else None


def _where(names: tuple[str, ...], cell: int, columns: Mapping[str, Column]) -> dict[str, str]:
    """Name a slice by column and value."""
    if len(names) == 1:
        return {names[0]: columns[names[0]].values[cell]}
    first, second = (columns[name] for name in names)
    one, two = divmod(cell, len(second.values))
    return {first.name: first.values[one], second.name: second.values[two]}


def _against_rest(value: Floats, error: Floats, support: Floats, *, lower_is_better: bool) -> Floats:
    """Test each slice against the support-weighted mean of the others, one-sided."""
    known = np.isfinite(value) & np.isfinite(error) & (support > 0)
    weight = np.where(known, support, 0.0)
    total = float(weight.sum())
    summed = float(weight @ np.where(known, value, 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        rest = (summed - weight * value) / (total - weight)
        gap = value - rest if lower_is_better else rest - value
        score = gap / error
    chance = special.ndtr(-score)
    return np.where(known & (total > weight) & (error > 0), chance, np.nan)
