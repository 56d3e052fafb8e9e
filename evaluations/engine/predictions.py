"""The rows that are judged: truth beside prediction, and how they are grouped and weighted."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from evaluations.engine.pieces import pieces
from projects.errors import DomainError

Floats = NDArray[np.float64]
Found = TypeVar("Found")
Task = Literal["binary", "multiclass", "regression"]


class PredictionsError(DomainError):
    """Raised when a table of predictions cannot be judged as it is."""

    code = "predictions-unusable"
    template = "Column “{column}”: {problem} {remedy}"


@dataclass(frozen=True)
class Predictions:
    """Truth and prediction of the same rows, in one order.

    Attributes
    ----------
    task : str
        "binary", "multiclass" or "regression" (text is judged as one of the first two).
    truth : ndarray of shape (n,)
        Binary: bool, true for the positive class. Multiclass: codes into ``classes``. Regression:
        float.
    predicted : ndarray of shape (n,)
        The same kind as ``truth``.
    probability : ndarray of shape (n,) or (n, classes), optional
        Of the positive class, or of every class.
    classes : tuple of str
        Names of the classes; binary: (negative, positive).
    weights : ndarray of shape (n,), optional
        How much each row counts, finite and not negative.
    groups : ndarray of shape (n,), optional
        Codes 0..g-1 of the customers, sessions, … whose rows hang together.
    quantile : float
        Which quantile the pinball loss asks for.
    """

    task: Task
    truth: NDArray[Any]
    predicted: NDArray[Any]
    probability: Floats | None = None
    classes: tuple[str, ...] = ()
    weights: Floats | None = None
    groups: NDArray[np.intp] | None = None
    quantile: float = 0.5

    @property
    def rows(self) -> int:
        """Count the rows."""
        return len(self.truth)

    @property
    def is_plain(self) -> bool:
        """Say that rows are independent and count the same."""
        return self.weights is None and self.groups is None

    @cached_property
    def mass(self) -> Floats:
        """Give the weight of every row, ones if none were given."""
        return np.ones(self.rows) if self.weights is None else self.weights

    @cached_property
    def cells(self) -> NDArray[np.intp]:
        """Give each row's cell of the confusion table, truth * classes + predicted."""
        width = len(self.classes)
        if self.task == "binary":
            packed = (self.truth.view(np.uint8) << 1) | self.predicted.view(np.uint8)
            return packed.astype(np.intp)
        return self.truth.astype(np.intp) * width + self.predicted.astype(np.intp)

    @cached_property
    def table(self) -> Floats:
        """Count (or weigh) the confusion table, truth in rows, prediction in columns."""
        width = len(self.classes)
        if self.task == "binary" and self.weights is None:
            both = np.count_nonzero(self.truth & self.predicted)
            truth, said = np.count_nonzero(self.truth), np.count_nonzero(self.predicted)
            rest = self.rows - truth - said + both
            return np.array([[rest, said - both], [truth - both, both]], dtype=np.float64)
        counts = np.bincount(self.cells, self.weights, minlength=width * width)
        return counts.astype(np.float64).reshape(width, width)

    def remember(self, name: str, make: Callable[[], Found]) -> Found:
        """Work something out once for these rows, which never change."""
        if name not in self._known:
            self._known[name] = make()
        found: Found = self._known[name]
        return found

    @cached_property
    def _known(self) -> dict[str, Any]:
        return {}

    def take(self, chosen: NDArray[np.bool_] | slice) -> "Predictions":
        """Keep the chosen rows."""
        return replace(
            self,
            truth=self.truth[chosen],
            predicted=self.predicted[chosen],
            probability=None if self.probability is None else self.probability[chosen],
            weights=None if self.weights is None else self.weights[chosen],
            groups=None if self.groups is None else compact(self.groups[chosen]),
        )


def compact(codes: NDArray[np.intp]) -> NDArray[np.intp]:
    """Give codes new numbers 0..g-1 in their order, so that none is unused."""
    return np.unique(codes, return_inverse=True)[1].astype(np.intp)


def check_weights(weights: Floats) -> Floats:
    """Refuse weights that no average can be taken with."""
    if not np.isfinite(weights).all() or (weights < 0).any() or weights.sum() <= 0:
        raise PredictionsError(
            column="weight",
            problem="weights must be finite, not negative, and not all zero.",
            remedy="Correct or remove the column.",
        )
    return weights


def check_probability(probability: Floats, classes: int) -> Floats:
    """Refuse what is not a probability, and rows of classes that do not add up to one."""
    if not np.isfinite(probability).all():
        raise PredictionsError(
            column="probability",
            problem="some rows hold no number.",
            remedy="Give every row a probability between 0 and 1, or drop the column.",
        )
    if probability.size and (probability.min() < 0 or probability.max() > 1):
        raise PredictionsError(
            column="probability",
            problem="some values lie outside 0 to 1.",
            remedy="Give probabilities, not scores or percentages.",
        )
    wide = probability.ndim == 2
    if wide and (probability.shape[1] != classes or np.abs(probability.sum(axis=1) - 1).max(initial=0) > 1e-3):
        raise PredictionsError(
            column="probability",
            problem=f"every row needs {classes} probabilities that add up to 1.",
            remedy="Give one column per class, in shares of one.",
        )
    return probability


def dot(one: Floats, two: NDArray[Any]) -> float:
    """Sum products pairwise: as exact as numpy's sum, and the same on any number of cores."""
    return math.fsum(float((one[part] * two[part]).sum()) for part in pieces(len(one)))
