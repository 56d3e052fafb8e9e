"""Setting rows aside for the verdict, before anything is trained."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from projects.errors import DomainError

Indices = NDArray[np.intp]
FEWEST = 2  # rows on either side


class SplitError(DomainError):
    """Raised when the rows cannot be cut as the protocol wishes."""

    code = "split-impossible"
    template = "The rows cannot be set aside as wished: {problem} {remedy}"


@dataclass(frozen=True, slots=True)
class Draw:
    """Which rows are set aside and which may be trained on; both in the order of the table."""

    acceptance: Indices
    development: Indices


def how_many(rows: int, *, share: float | None, fixed: int | None) -> int:
    """Say how many of ``rows`` a share or a fixed number sets aside.

    Raises SplitError if either side would keep too few.
    """
    wanted = fixed if fixed is not None else round(rows * (share or 0.0))
    if not FEWEST <= wanted <= rows - FEWEST:
        raise SplitError(
            problem=f"{wanted} of {rows} rows would be set aside.", remedy="Choose another share or bring more rows."
        )
    return wanted


def draw_stratified(classes: NDArray[np.generic] | None, rows: int, wanted: int, seed: int) -> Draw:
    """Draw rows at random, each class in its share; without classes, plainly at random.

    Parameters
    ----------
    classes : ndarray of shape (rows,), optional
        Class of each row.
    rows, wanted : int
        Rows of the table and rows to set aside.
    seed : int
        Fixes the draw.
    """
    rng = np.random.default_rng(seed)
    if classes is None:
        return _cut(rng.permutation(rows)[:wanted], rows)
    codes = np.unique(classes, return_inverse=True)[1]
    sizes = np.bincount(codes)
    if sizes.min() < FEWEST:
        raise SplitError(
            problem="a class has a single row.", remedy="Merge or drop that class, or bring more rows of it."
        )
    quota = _by_largest_remainder(sizes, wanted)
    chosen = [rng.permutation(np.flatnonzero(codes == code))[:count] for code, count in enumerate(quota)]
    return _cut(np.concatenate(chosen), rows)


def draw_groups(groups: NDArray[np.generic], wanted: int, seed: int) -> Draw:
    """Set whole groups aside, at random, until at least ``wanted`` rows are reached.

    Raises SplitError if that would take all groups.
    """
    codes = np.unique(groups, return_inverse=True)[1]
    sizes = np.bincount(codes)
    order = np.random.default_rng(seed).permutation(len(sizes))
    last = int(np.searchsorted(np.cumsum(sizes[order]), wanted))
    if last + 1 >= len(sizes):
        raise SplitError(
            problem="the groups are too few or too large to keep some on either side.",
            remedy="Choose a smaller share or another group column.",
        )
    return _cut(np.flatnonzero(np.isin(codes, order[: last + 1])), len(codes))


def draw_latest(moments: NDArray[np.generic] | None, rows: int, wanted: int) -> Draw:
    """Set the latest rows aside; rows of the boundary's moment all stay on the later side.

    Parameters
    ----------
    moments : ndarray of shape (rows,), optional
        When each row happened; without it the order of the table is the order in time.
    """
    if moments is None:
        return _cut(np.arange(rows - wanted, rows), rows)
    boundary = np.sort(moments, kind="stable")[rows - wanted]
    chosen = np.flatnonzero(moments >= boundary)
    if len(chosen) > rows - FEWEST:
        raise SplitError(
            problem="nearly all rows carry the same moment.", remedy="Choose a time column that tells rows apart."
        )
    return _cut(chosen, rows)


def row_ids(rows: Indices, salt: str) -> list[str]:
    """Name rows so that a file of predictions can be matched and their place cannot be read off.

    Parameters
    ----------
    rows : ndarray of int
        Places in the table.
    salt : str
        Kept with the protocol.

    Returns
    -------
    list of str
        16 hex digits each.
    """
    head = hashlib.sha256(salt.encode())
    names = []
    for row in rows.tolist():
        each = head.copy()
        each.update(row.to_bytes(8, "big"))
        names.append(each.hexdigest()[:16])
    return names


def _cut(chosen: Indices, rows: int) -> Draw:
    aside = np.zeros(rows, dtype=bool)
    aside[chosen] = True
    return Draw(np.flatnonzero(aside), np.flatnonzero(~aside))


def _by_largest_remainder(sizes: NDArray[np.int_], wanted: int) -> list[int]:
    """Share ``wanted`` rows out by class, leaving at least one row of each on either side."""
    exact = sizes * (wanted / sizes.sum())
    quota = np.clip(np.floor(exact).astype(int), 1, sizes - 1)
    order = np.argsort(-(exact - np.floor(exact)), kind="stable")
    step = 1 if quota.sum() < wanted else -1
    while quota.sum() != wanted:
        before = quota.sum()
        for code in order if step > 0 else order[::-1]:
            if quota.sum() == wanted:
                break
            if 1 <= quota[code] + step <= sizes[code] - 1:
                quota[code] += step
        if quota.sum() == before:
            raise SplitError(problem="a class is too small.", remedy="Merge or drop it, or choose another share.")
    return [int(count) for count in quota]
