"""From a table of predictions to `Predictions`: the one place that knows the columns' names.

Columns: ``truth``; ``prediction`` or a probability; ``probability`` (of the positive class) or
``probability:<class>``; optional ``weight`` and ``group``; for an incumbent the same names behind
``baseline_``; columns to slice by under their own name, or behind ``slice:``.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from evaluations.engine.bootstrap import Floats
from evaluations.engine.coding import encode, number
from evaluations.engine.predictions import (
    Predictions,
    PredictionsError,
    check_probability,
    check_weights,
)
from evaluations.engine.protocols import Protocol

Table: TypeAlias = pd.DataFrame | pa.Table | Mapping[str, Any]
MOST_CLASSES = 100
TWO = 2


class Sheet:
    """Read-only columns of a table, as arrays of one length."""

    def __init__(self, table: Table) -> None:
        frame = table.to_pandas() if isinstance(table, pa.Table) else pd.DataFrame(table)
        self.frame = frame.reset_index(drop=True)

    def __len__(self) -> int:
        return len(self.frame)

    def __contains__(self, name: str) -> bool:
        return name in self.frame.columns

    def column(self, name: str) -> "pd.Series[Any]":
        """Give a column without missing values, or say what to do."""
        if name not in self:
            raise PredictionsError(column=name, problem="it is not in the predictions.", remedy="Add the column.")
        series = self.frame[name]
        gaps = int(series.isna().sum())
        if gaps:
            raise PredictionsError(
                column=name,
                problem=f"{gaps:,} of {len(self):,} rows hold nothing.",
                remedy="Fill them in, or leave these rows out on both sides.",
            )
        return series

    def numbers(self, name: str) -> Floats:
        """Give a column of finite numbers."""
        try:
            values = self.column(name).to_numpy(dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise PredictionsError(
                column=name, problem="some values are not numbers.", remedy="Correct them."
            ) from error
        if not np.isfinite(values).all():
            raise PredictionsError(column=name, problem="some values are infinite.", remedy="Correct them.")
        return values

    def labels(self, name: str) -> NDArray[Any]:
        """Give a column as text; whole numbers lose their ".0", so that 1 and 1.0 are one label."""
        return as_labels(self.column(name))

    def slice_values(self, name: str) -> NDArray[Any]:
        """Give a column to slice by; what is missing is a value of its own."""
        for spelling in (f"slice:{name}", name):
            if spelling in self:
                series = self.frame[spelling]
                blank = series.isna().to_numpy()
                labels = np.full(len(series), "(missing)", dtype=object)
                labels[~blank] = as_labels(series[~blank])
                return labels
        raise PredictionsError(
            column=name,
            problem="the protocol slices by it, but the predictions do not hold it.",
            remedy="Add the column.",
        )


def as_labels(series: "pd.Series[Any]") -> NDArray[Any]:
    """Write values as text; each distinct value is written once, however many rows hold it."""
    codes, values = pd.factorize(series)
    if pd.api.types.is_float_dtype(series.dtype):
        numbers = np.asarray(values, dtype=np.float64)
        if np.isfinite(numbers).all() and (numbers % 1 == 0).all():
            values = pd.Index(numbers.astype(np.int64))
    texts = np.array([str(value) for value in values], dtype=object)
    return texts[codes] if len(texts) else np.empty(len(codes), dtype=object)


def find_classes(protocol: Protocol, sheet: Sheet) -> tuple[str, ...]:
    """Name the classes, negative before positive; from the protocol, else from the truth."""
    positive = protocol.positive_class
    names = list(protocol.classes) or sorted(set(sheet.labels("truth").tolist()))
    if protocol.judged_as == "multiclass":
        _refuse_classes(len(names) > MOST_CLASSES, f"it holds {len(names):,} different labels.")
        return tuple(names)
    others = [name for name in names if name != positive]
    _refuse_classes(len(others) > 1, f"it holds {len(names):,} different labels, and a binary task has two.")
    return (others[0] if others else f"not {positive}", str(positive))


def _refuse_classes(wrong: bool, problem: str) -> None:  # noqa: FBT001 - a guard reads best so
    """Refuse a truth with too many labels."""
    if wrong:
        raise PredictionsError(column="truth", problem=problem, remedy="Check the target and the task of the protocol.")


def read_predictions(sheet: Sheet, protocol: Protocol, prefix: str = "") -> Predictions:
    """Check and encode the rows of a model, or of its incumbent with prefix ``baseline_``.

    Raises
    ------
    PredictionsError
        Names the column, what is wrong and what to do.
    """
    task = protocol.judged_as
    weights = check_weights(sheet.numbers("weight")) if "weight" in sheet and len(sheet) else None
    groups = number(sheet.labels("group")) if "group" in sheet else None
    if protocol.group_column is not None and groups is None:
        groups = number(sheet.slice_values(protocol.group_column))
    if task == "regression":
        return Predictions(
            task, sheet.numbers("truth"), sheet.numbers(f"{prefix}prediction"), weights=weights,
            groups=groups, quantile=protocol.quantile,
        )  # fmt: skip
    classes = find_classes(protocol, sheet)
    truth = encode(sheet.labels("truth"), classes, "truth")
    probability = _probability(sheet, classes, task, prefix)
    predicted = _predicted(sheet, classes, probability, protocol, prefix)
    if task == "binary":
        return Predictions(task, truth.astype(bool), predicted.astype(bool), probability, classes, weights, groups)
    return Predictions(task, truth, predicted, probability, classes, weights, groups)


def _probability(sheet: Sheet, classes: tuple[str, ...], task: str, prefix: str) -> Floats | None:
    """Read the probabilities, if there are any."""
    single = f"{prefix}probability"
    if task == "binary":
        positive = f"{single}:{classes[1]}"
        name = positive if positive in sheet else single
        return check_probability(sheet.numbers(name), 1) if name in sheet else None
    names = [f"{single}:{each}" for each in classes]
    if not any(name in sheet for name in names):
        return None
    table = np.stack([sheet.numbers(name) for name in names], axis=1)
    return check_probability(table, len(classes))


def _predicted(
    sheet: Sheet,
    classes: tuple[str, ...],
    probability: Floats | None,
    protocol: Protocol,
    prefix: str,
) -> NDArray[np.intp]:
    """Read the predicted labels, or derive them from the probabilities."""
    name = f"{prefix}prediction"
    if name in sheet:
        return encode(sheet.labels(name), classes, name)
    if probability is None:
        raise PredictionsError(
            column=name,
            problem="there is neither a prediction nor a probability.",
            remedy="Add one of the two columns.",
        )
    if probability.ndim == 1:
        return (probability >= protocol.cut_off).astype(np.intp)
    return np.argmax(probability, axis=1).astype(np.intp)
