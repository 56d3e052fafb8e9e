"""Which columns a model may learn from, and how each is laid out.

The plan reads types and counts only, so nothing is learned from rows that a fold holds out; it is stored
beside the model.
"""

from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from pandas.api import types

TEXT_WORDS = 4.0  # words a value on average; fewer is a category or an identifier
TEXT_DISTINCT = 0.3  # share of distinct values; fewer repeats too much to be prose
IDENTIFIER_DISTINCT = 0.95
SAMPLE = 5_000  # values looked at to tell prose from categories
MISSING = "(missing)"
DATE_PARTS = ("day", "month", "weekday", "hour")


class NoFeaturesError(ValueError):
    """Raised when no column is left to learn from."""


@dataclass(frozen=True, slots=True)
class FeaturePlan:
    """The columns by the way they enter a model, and those left out with the reason."""

    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    text: tuple[str, ...]
    dates: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...]

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> Self:
        """Read a plan written by ``to_dict``."""
        return cls(
            numeric=tuple(value["numeric"]),
            categorical=tuple(value["categorical"]),
            text=tuple(value["text"]),
            dates=tuple(value["dates"]),
            left_out=tuple((name, why) for name, why in value["left_out"]),
        )

    def to_dict(self) -> dict[str, Any]:
        """Write the plan as plain values."""
        return {key: [list(v) if isinstance(v, tuple) else v for v in values] for key, values in asdict(self).items()}

    @property
    def date_columns(self) -> list[str]:
        """The numeric columns that dates are turned into."""
        return [f"{name}·{part}" for name in self.dates for part in DATE_PARTS]


def plan_features(table: pd.DataFrame, *, target: str, left_out: list[str]) -> FeaturePlan:
    """Decide how each column enters a model.

    Parameters
    ----------
    table : DataFrame of shape (n_rows, n_columns)
        The development rows.
    target : str
        The column to predict; never a feature.
    left_out : list of str
        Columns that the protocol leaves out.

    Raises
    ------
    NoFeaturesError
        If no column is left.
    """
    found: dict[str, list[str]] = {"numeric": [], "categorical": [], "text": [], "dates": []}
    reasons: list[tuple[str, str]] = []
    for name in table.columns:
        if name == target:
            continue
        if name in left_out:
            reasons.append((name, "left out by the protocol"))
            continue
        kind, why = _kind_of(table[name])
        if kind:
            found[kind].append(name)
        else:
            reasons.append((name, why))
    if not any(found.values()):
        message = "No column is left to learn from: all are left out, constant or identifiers."
        raise NoFeaturesError(message)
    return FeaturePlan(**{key: tuple(value) for key, value in found.items()}, left_out=tuple(reasons))


def lay_out(table: pd.DataFrame, plan: FeaturePlan) -> pd.DataFrame:
    """Lay the planned columns out in the types that the pipelines expect, row by row without learning.

    Raises ValueError if a planned column is absent.
    """
    absent = [n for n in (*plan.numeric, *plan.categorical, *plan.text, *plan.dates) if n not in table.columns]
    if absent:
        message = f"These columns are missing from the table: {', '.join(absent)}."
        raise ValueError(message)
    parts: dict[str, Any] = {}
    for name in plan.numeric:
        numbers = pd.to_numeric(table[name], errors="coerce").to_numpy(dtype="float64", na_value=np.nan)
        parts[name] = np.where(np.isfinite(numbers), numbers, np.nan)
    for name in plan.categorical:
        parts[name] = _words(table[name], MISSING)
    for name in plan.text:
        parts[name] = _words(table[name], "")
    for name in plan.dates:
        parts |= _date_parts(name, table[name])
    return pd.DataFrame(parts, index=table.index)


def _kind_of(values: pd.Series) -> tuple[str, str]:
    distinct = values.nunique(dropna=True)
    if distinct == 0 or (distinct == 1 and not values.isna().any()):
        return "", "holds one value only"
    if types.is_datetime64_any_dtype(values):
        return "dates", ""
    if types.is_bool_dtype(values):
        return "categorical", ""
    if types.is_numeric_dtype(values):
        return ("", "is a row number") if _counts_rows(values) else ("numeric", "")
    return _kind_of_words(values, distinct)


def _kind_of_words(values: pd.Series, distinct: int) -> tuple[str, str]:
    present = values.dropna()
    words = present.head(SAMPLE).astype(str).str.count(r"\S+").mean()
    share = distinct / len(present)
    if words >= TEXT_WORDS and share >= TEXT_DISTINCT:
        return "text", ""
    if share >= IDENTIFIER_DISTINCT and len(present) > 20:  # too few rows tell nothing
        return "", "looks like an identifier"
    return "categorical", ""


def _counts_rows(values: pd.Series) -> bool:
    if not types.is_integer_dtype(values) or values.isna().any() or len(values) < 20:  # as above
        return False
    steps = np.diff(np.sort(values.to_numpy(dtype="float64")))
    # Rows drawn from a numbered file keep distinct numbers that cover the range evenly.
    return bool((steps > 0).all() and values.is_monotonic_increasing)


def _words(values: pd.Series, missing: str) -> np.ndarray:
    words = values.astype("object").where(values.notna(), missing)
    return words.map(str).to_numpy(dtype=object)


def _date_parts(name: str, values: pd.Series) -> dict[str, np.ndarray]:
    moments = pd.to_datetime(values, utc=True)
    days = (moments - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1)
    return {
        f"{name}·day": days.to_numpy(dtype="float64", na_value=np.nan),
        f"{name}·month": moments.dt.month.to_numpy(dtype="float64", na_value=np.nan),
        f"{name}·weekday": moments.dt.day_of_week.to_numpy(dtype="float64", na_value=np.nan),
        f"{name}·hour": moments.dt.hour.to_numpy(dtype="float64", na_value=np.nan),
    }
