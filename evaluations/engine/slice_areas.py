"""Every slice's exact area under the ROC curve, with DeLong's interval, ties counting half.

The rows are put in the order of their scores once, and cut there into pieces that a processor's cache
holds. In a piece, slice, place and truth fit in one small integer, so that one sort of plain numbers
brings each slice's rows together, still in the order of their scores; what a slice had in the pieces
before is carried on. So the cost grows with the rows, not faster.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from evaluations.engine.bootstrap import Floats

PIECE = 1 << 18  # rows: their keys and running counts stay in the cache, and slices are few beside them
Codes = NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows of neighbouring scores: no tie reaches over its edge, however long it is."""

    rows: slice
    bits: int  # that its tails need
    ties: bool


@dataclass(frozen=True, slots=True)
class Order:
    """The rows in the order of their scores.

    Attributes
    ----------
    rows : ndarray of int
        Where each stood; put labels and codes in order by it.
    tails : ndarray of uint32
        Place among the scores of its piece << 1 | truth.
    pieces : tuple of Piece
    """

    rows: NDArray[np.intp]
    tails: NDArray[np.uint32]
    pieces: tuple[Piece, ...]


def put_in_order(scores: Floats, truth: NDArray[np.bool_]) -> Order:
    """Order the scores once for all groupings; how ties are ordered shows in no figure."""
    rows = np.argsort(scores)
    ordered = scores[rows]
    new = np.empty(len(rows), dtype=np.bool_)
    new[:1] = True
    np.not_equal(ordered[1:], ordered[:-1], out=new[1:])
    tails = np.empty(len(rows), dtype=np.uint32)
    found = truth[rows].view(np.uint8)
    pieces = []
    for part in _cut(new):
        place = np.cumsum(new[part], dtype=np.uint32)
        place -= np.uint32(1)
        pieces.append(Piece(part, int(place[-1]).bit_length() + 1, ties=bool(place[-1] + 1 < len(place))))
        place <<= np.uint32(1)
        place |= found[part]
        tails[part] = place
    return Order(rows, tails, tuple(pieces))


def _cut(new: NDArray[np.bool_]) -> Iterator[slice]:
    """Cut before a new score, at most so many rows on; a longer tie stays whole."""
    start, size = 0, len(new)
    while start < size:
        stop = min(start + PIECE, size)
        if stop < size and not new[stop]:
            inside = np.flatnonzero(new[start + 1 : stop])
            if len(inside):
                stop = start + 1 + int(inside[-1])
            else:
                after = np.argmax(new[stop:])
                stop = stop + int(after) if new[stop + after] else size
        yield slice(start, stop)
        start = stop


@dataclass(frozen=True, slots=True)
class Sums:
    """How many rows of the other class stand below positives and negatives, summed and squared, by slice."""

    below_yes: Floats
    below_yes_squares: Floats
    below_no: Floats
    below_no_squares: Floats


class Counter:
    """Adds up the pieces of one grouping."""

    def __init__(self, order: Order, size: int) -> None:
        self.order = order
        self.size = size
        self.yes = np.zeros(size)  # positives that each slice had in the pieces before
        self.no = np.zeros(size)
        self.sums = Sums(*(np.zeros(size) for _ in range(4)))

    def add(self, piece: Piece, codes: Codes, yes: Floats, no: Floats) -> None:
        """Add a piece: its rows' slices, and the positives and negatives of each slice in it."""
        keys = self._keys(piece, codes)
        keys.sort()
        truth = (keys & keys.dtype.type(1)).astype(np.bool_)
        # The k-th positive of the piece stands at place i, so i - k negatives stand before it; those
        # of earlier slices are taken off, and the slice's own in earlier pieces put on.
        positive = _others_before(truth) + np.repeat(self.no - (np.cumsum(no) - no), yes.astype(np.intp))
        negative = _others_before(~truth) + np.repeat(self.yes - (np.cumsum(yes) - yes), no.astype(np.intp))
        if piece.ties:
            tied_yes, tied_no = _ties(keys, truth)
            positive -= tied_no[truth] / 2
            negative += tied_yes[~truth] / 2
        _add_runs(positive, yes, self.sums.below_yes, self.sums.below_yes_squares)
        _add_runs(negative, no, self.sums.below_no, self.sums.below_no_squares)
        self.yes += yes
        self.no += no

    def _keys(self, piece: Piece, codes: Codes) -> NDArray[Any]:
        """Put slice, place and truth into the fewest bits that hold them."""
        tails = self.order.tails[piece.rows]
        kind = np.dtype(np.uint32 if (self.size - 1).bit_length() + piece.bits <= 32 else np.uint64)
        keys = codes.astype(kind)
        keys <<= kind.type(piece.bits)
        keys |= tails
        return keys

    def areas(self, z: float) -> tuple[Floats, Floats, Floats]:
        """Give area, low and high end for every slice, nan where a class is missing."""
        yes, no, sums = self.yes, self.no, self.sums
        with np.errstate(divide="ignore", invalid="ignore"):
            area = sums.below_yes / (yes * no)
            spread = _spread(sums.below_yes_squares, yes, no, area)
            spread += _spread(sums.below_no_squares, no, yes, 1 - area)
            few = np.minimum(yes, no)
            reach = special.stdtrit(np.maximum(few - 1, 1), special.ndtr(z))
            middle = special.logit(area)
            half = reach * np.sqrt(spread) / (area * (1 - area))
            low, high = special.expit(middle - half), special.expit(middle + half)
        return area, *_perfect(area, low, high, few, z)


def _others_before(chosen: NDArray[np.bool_]) -> Floats:
    """Count, for each chosen row, the rows not chosen that stand before it."""
    places = np.flatnonzero(chosen)
    return np.subtract(places, np.arange(len(places)), dtype=np.float64)


def _add_runs(values: Floats, counts: Floats, sums: Floats, squares: Floats) -> None:
    """Add consecutive runs of so many values, and their squares, to each slice's sums."""
    used = np.flatnonzero(counts)
    if not len(used):
        return
    starts = (np.cumsum(counts) - counts)[used].astype(np.intp)
    sums[used] += np.add.reduceat(values, starts)
    values *= values
    squares[used] += np.add.reduceat(values, starts)


def _ties(keys: NDArray[Any], truth: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Count positives and negatives in each row's tie.

    Within a tie negatives come first: each positive has counted all of the tie's negatives, and
    each negative none of its positives; half of them belongs to each.
    """
    group = keys >> keys.dtype.type(1)
    first = np.concatenate(([0], np.flatnonzero(group[1:] != group[:-1]) + 1))
    sizes = np.diff(first, append=len(keys))
    yes = np.add.reduceat(truth, first, dtype=np.float64)
    return np.repeat(yes, sizes), np.repeat(sizes - yes, sizes)


def _spread(squares: Floats, own: Floats, other: Floats, mean: Floats) -> Floats:
    """Give DeLong's variance from one class's components, which are the shares of the other below."""
    return np.maximum(squares / other**2 - own * mean**2, 0) / np.maximum(own - 1, 1) / own


def _perfect(area: Floats, low: Floats, high: Floats, few: Floats, z: float) -> tuple[Floats, Floats]:
    """Bound areas without spread, or of a class of one row, by the rarer class alone, exactly."""
    stuck = np.isfinite(area) & ((few < 2) | ~(np.isfinite(low) & (high > low)))
    hits = area * few
    miss = float(special.ndtr(-z))
    with np.errstate(invalid="ignore", divide="ignore"):
        exact_low = np.where(hits > 0, special.betaincinv(hits, few - hits + 1, miss), 0.0)
        exact_high = np.where(hits < few, special.betaincinv(hits + 1, few - hits, 1 - miss), 1.0)
    return np.where(stuck, exact_low, low), np.where(stuck, exact_high, high)
