"""Where a model is weak: every value of chosen columns, and their pairs, judged at once.

One pass per grouping, over pieces of rows that a processor's cache holds; `slice_areas` says how the
ROC areas are found in it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from evaluations.engine.bootstrap import Floats
from evaluations.engine.gates import SLICE_ROWS
from evaluations.engine.intervals import normal_quantile
from evaluations.engine.pieces import pieces
from evaluations.engine.predictions import Predictions
from evaluations.engine.slice_areas import Codes, Counter, Order, put_in_order
from evaluations.engine.verdict import benjamini_hochberg

MOST_VALUES = 1000  # of one column; more are a measure, not a slice
MOST_CELLS = 200_000  # of a pair
SLICE_SUPPORT = 10  # positives or what the metric rests on; fewer show nothing
FALSE_FINDS = 0.05  # share of false finds among the slices called weak
EVERY_ROW = slice(None)


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
    z = normal_quantile(confidence)
    ready, columns = _prepare(rows, columns)
    wished = groupings(columns, pairs=pairs)
    if ready is not None:
        return [_judge_binary(ready, chosen, z) for chosen in wished]
    judge = _judge_classes if rows.task == "multiclass" else _judge_regression
    return [judge(rows, chosen, z) for chosen in wished]


@dataclass(frozen=True, slots=True)
class _Ready:
    """What is worked out once for all groupings of a binary task, in the order of the scores where there are any."""

    outcome: NDArray[np.uint8]  # 2 * truth + predicted
    order: Order | None
    parts: tuple[slice, ...]


def _prepare(rows: Predictions, columns: list[Column]) -> tuple[_Ready | None, list[Column]]:
    """Pack each row's outcome; bring outcomes and columns into the order of the scores."""
    if rows.task != "binary":
        return None, columns
    outcome = rows.truth.view(np.uint8) * np.uint8(2)
    outcome |= rows.predicted.view(np.uint8)
    if rows.probability is None or not rows.rows:
        return _Ready(outcome, None, tuple(pieces(rows.rows))), columns
    order = put_in_order(rows.probability, rows.truth)
    moved = [replace(each, codes=each.codes[order.rows]) for each in columns]
    return _Ready(outcome[order.rows], order, tuple(piece.rows for piece in order.pieces)), moved


def _codes(chosen: tuple[Column, ...], part: slice = EVERY_ROW) -> Codes:
    """Give each row the number of its slice in one column or pair."""
    if len(chosen) == 1:
        return chosen[0].codes[part]
    first, second = chosen
    width = len(second.values)
    kind = np.dtype(np.uint16 if len(first.values) * width < 2**16 else np.uint32)
    codes: Codes = first.codes[part].astype(kind)
    codes *= kind.type(width)
    codes += second.codes[part].astype(kind)
    return codes


def _judge_classes(rows: Predictions, chosen: tuple[Column, ...], z: float) -> Grouping:
    """Judge the accuracy of more than two classes."""
    codes, size = _codes(chosen), math.prod(len(each.values) for each in chosen)
    counts = np.bincount(codes, minlength=size)
    hits = np.bincount(codes[rows.truth == rows.predicted], minlength=size)
    there = np.flatnonzero(counts)
    number = counts[there].astype(np.float64)
    figure = _wilson(hits[there].astype(np.float64), number, z)
    return Grouping(tuple(each.name for each in chosen), there, number, {"accuracy": figure}, {"accuracy": number})


def _judge_binary(ready: _Ready, chosen: tuple[Column, ...], z: float) -> Grouping:
    """Judge shares by one count, and the ROC area by sorting, piece by piece."""
    size = math.prod(len(each.values) for each in chosen)
    table = np.zeros((size, 4))
    counter = Counter(ready.order, size) if ready.order is not None else None
    for i, part in enumerate(ready.parts):
        codes = _codes(chosen, part)
        packed = codes.astype(np.intp)
        packed <<= 2
        packed |= ready.outcome[part]
        counts = np.bincount(packed, minlength=size * 4).reshape(size, 4).astype(np.float64)
        table += counts
        if counter is not None:
            counter.add(counter.order.pieces[i], codes, counts[:, 2] + counts[:, 3], counts[:, 0] + counts[:, 1])
    number = table.sum(axis=1)
    there = np.flatnonzero(number)
    number = number[there]
    right_no, false_yes, false_no, right_yes = table[there].T
    shares = {
        "accuracy": (right_no + right_yes, number),
        "precision": (right_yes, right_yes + false_yes),
        "recall": (right_yes, right_yes + false_no),
        "specificity": (right_no, right_no + false_yes),
    }
    figures = {name: _wilson(hits, of, z) for name, (hits, of) in shares.items()}
    support = {name: of for name, (_, of) in shares.items()}
    if counter is not None:
        area, low, high = counter.areas(z)
        figures["roc_auc"] = (area[there], low[there], high[there])
        support["roc_auc"] = np.minimum(right_yes + false_no, right_no + false_yes)
    return Grouping(tuple(each.name for each in chosen), there, number, figures, support)


def _wilson(hits: Floats, rows: Floats, z: float) -> tuple[Floats, Floats, Floats]:
    """Give shares with Wilson's interval; nan where there are no rows."""
    with np.errstate(divide="ignore", invalid="ignore"):
        share = hits / rows
        weight = z * z / rows
        middle = (share + weight / 2) / (1 + weight)
        half = z / (1 + weight) * np.sqrt(share * (1 - share) / rows + weight / (4 * rows))
    return share, np.clip(middle - half, 0, share), np.clip(middle + half, share, 1)


def _judge_regression(rows: Predictions, chosen: tuple[Column, ...], z: float) -> Grouping:
    """Average misses and their size per slice, with Student's t."""
    codes, size = _codes(chosen), math.prod(len(each.values) for each in chosen)
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
    names = tuple(each.name for each in chosen)
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
