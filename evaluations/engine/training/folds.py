"""The folds on which all candidates are compared, and what their differences are worth."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold, TimeSeriesSplit

FOLDS = 5

Fold = tuple[NDArray[np.intp], NDArray[np.intp]]


@dataclass(frozen=True, slots=True)
class Difference:
    """A mean difference over folds with its corrected interval."""

    mean: float
    low: float
    high: float


def make_folds(
    truth: NDArray[np.generic],
    *,
    classifies: bool,
    groups: NDArray[np.generic] | None = None,
    moments: NDArray[np.generic] | None = None,
    seed: int = 0,
    count: int = FOLDS,
) -> list[Fold]:
    """Cut the development rows the way the protocol cuts the acceptance rows.

    Parameters
    ----------
    truth : ndarray of shape (n,)
        What is to be predicted; classes are spread evenly over the folds.
    classifies : bool
        Whether ``truth`` holds classes.
    groups : ndarray of shape (n,), optional
        Rows of one group stay in one fold.
    moments : ndarray of shape (n,), optional
        Later rows are predicted from earlier ones.
    seed : int
        Fixes the draw.
    count : int
        How many folds; fewer if a class or the groups are too few.

    Returns
    -------
    list of (train, test) index arrays

    Raises
    ------
    ValueError
        If fewer than two folds are possible.
    """
    rows = np.arange(len(truth))
    if moments is not None:
        order = np.argsort(moments, kind="stable")
        cut = TimeSeriesSplit(n_splits=min(count, max(2, len(rows) - 1)))
        return [(order[train], order[test]) for train, test in cut.split(order)]
    possible = count
    if classifies:
        possible = min(possible, int(np.unique(truth, return_counts=True)[1].min()))
    if groups is not None:
        possible = min(possible, len(np.unique(groups)))
    if possible < 2:  # one fold tests nothing
        message = "A class or the groups are too few to compare models on at least two folds; add rows."
        raise ValueError(message)
    if groups is not None and classifies:
        return list(StratifiedGroupKFold(possible, shuffle=True, random_state=seed).split(rows, truth, groups))
    if groups is not None:
        return list(GroupKFold(possible, shuffle=True, random_state=seed).split(rows, truth, groups))
    cut = (
        StratifiedKFold(possible, shuffle=True, random_state=seed)
        if classifies
        else KFold(possible, shuffle=True, random_state=seed)
    )
    return list(cut.split(rows, truth))


def corrected_difference(
    one: NDArray[np.float64], other: NDArray[np.float64], folds: list[Fold], *, confidence: float = 0.95
) -> Difference:
    """Compare two models fold by fold, allowing for the rows that the folds' training parts share.

    Parameters
    ----------
    one, other : ndarray of shape (n_folds,)
        Scores on the same folds.
    folds : list of (train, test)
        For the share of test to training rows.
    confidence : float
        Of the two-sided interval.

    Returns
    -------
    Difference
        Of ``one - other``.

    References
    ----------
    Nadeau and Bengio (2003), Inference for the generalization error, doi:10.1023/A:1024068626366.
    """
    gaps = one - other
    count = len(gaps)
    mean = float(gaps.mean())
    spread = float(gaps.var(ddof=1)) if count > 1 else 0.0
    ratio = float(np.mean([len(test) / len(train) for train, test in folds]))
    half = stats.t.ppf((1 + confidence) / 2, max(count - 1, 1)) * math.sqrt((1 / count + ratio) * spread)
    return Difference(mean, mean - half, mean + half)
