"""Turning cells of text into typed columns, one batch at a time."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from evaluations.engine.reading.shapes import GROUP, PATTERNS, Decision

ARROW = {
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "text": pa.string(),
}
CLOCK = r"(?:[T ](?P<h>\d{1,2}):(?P<i>\d{2})(?::(?P<s>\d{2})(?:\.(?P<f>\d{1,9}))?)?)?"
DATE_FORMS = {
    "iso": r"^(?P<y>\d{4})-(?P<m>\d{2})-(?P<d>\d{2})" + CLOCK + "$",
    "year_first": r"^(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})" + CLOCK + "$",
    "day_first": r"^(?P<d>\d{1,2})[-/.](?P<m>\d{1,2})[-/.](?P<y>\d{4})" + CLOCK + "$",
    "month_first": r"^(?P<m>\d{1,2})[-/.](?P<d>\d{1,2})[-/.](?P<y>\d{4})" + CLOCK + "$",
}
NUMBER_FORMS = {
    "plain": rf"^(?:{PATTERNS['float']}|{PATTERNS['integer']})$",
    "decimal_comma": rf"^(?:[+-]?\d+|{PATTERNS['comma_decimal']}|[+-]?\d{{1,3}}(\.\d{{3}})+)$",
    "grouped_comma": r"^[+-]?(\d+|\d{1,3}(,\d{3})+)?(\.\d*)?$",
    "space_group": rf"^[+-]?(\d+|\d{{1,3}}({GROUP}\d{{3}})+)(\.\d+)?$",
}


def arrow_type(decision: Decision) -> pa.DataType:
    """Name the Arrow type that a decision is stored as."""
    if decision.type == "timestamp" and decision.form == "zone":
        return pa.timestamp("us", "UTC")
    return ARROW[decision.type]


def convert(cells: Any, decision: Decision, missing: Any) -> tuple[Any, Any]:
    """Convert one batch of a column.

    Parameters
    ----------
    cells : pyarrow.StringArray
        The cells as read.
    decision : Decision
        The column's type and form.
    missing : pyarrow.StringArray
        The spellings that mean missing.

    Returns
    -------
    tuple of (array, mask)
        The typed array, and a boolean array: true where a cell holds something that does not fit
        the type and was made missing.
    """
    gone = pc.or_(
        pc.fill_null(pc.equal(cells, ""), fill_value=True),
        pc.fill_null(pc.is_in(cells, value_set=missing), fill_value=False),
    )
    cells = pc.if_else(gone, pa.scalar(None, pa.string()), cells)
    if decision.type == "text":
        return cells, pa.array(np.zeros(len(cells), bool))
    trimmed = pc.utf8_trim_whitespace(cells)
    typed = _typed(trimmed, decision)
    return typed, pc.and_(pc.is_null(typed), pc.is_valid(cells))


def _typed(cells: Any, decision: Decision) -> Any:
    if decision.type == "boolean":
        lowered = pc.utf8_lower(cells)
        known = pc.is_in(lowered, value_set=pa.array(["true", "false"]))
        return pc.if_else(known, pc.equal(lowered, "true"), pa.scalar(None, pa.bool_()))
    if decision.type in {"date", "timestamp"}:
        return _dates(cells, decision)
    return _numbers(cells, decision)


def _numbers(cells: Any, decision: Decision) -> Any:
    form = decision.form or "plain"
    kind = ARROW[decision.type]
    if form == "plain":
        try:
            return _finite(pc.cast(cells, kind))
        except pa.ArrowInvalid:
            pass
    cells = _keep(cells, NUMBER_FORMS[form])
    if form == "decimal_comma":
        cells = pc.replace_substring_regex(cells, pattern=rf"[.]|{GROUP}", replacement="")
        cells = pc.replace_substring(cells, pattern=",", replacement=".")
    elif form in {"grouped_comma", "space_group"}:
        cells = pc.replace_substring_regex(cells, pattern=rf"[,]|{GROUP}", replacement="")
    cells = pc.replace_substring_regex(cells, pattern=r"^\+", replacement="")
    cells = _keep(cells, rf"^(?:{PATTERNS['float']})$")
    if decision.type == "integer":
        whole = _keep(cells, r"^[+-]?0*\d{1,18}(\.0*)?$")
        return pc.cast(pc.replace_substring_regex(whole, pattern=r"\.0*$", replacement=""), pa.int64())
    return _finite(pc.cast(cells, pa.float64()))


def _keep(cells: Any, pattern: str) -> Any:
    fits = pc.match_substring_regex(cells, pattern=pattern)
    return pc.if_else(fits, cells, pa.scalar(None, pa.string()))


def _finite(numbers: Any) -> Any:
    if not pa.types.is_floating(numbers.type):
        return numbers
    return pc.if_else(pc.is_finite(numbers), numbers, pa.scalar(None, pa.float64()))


def _dates(cells: Any, decision: Decision) -> Any:
    if decision.form == "zone":
        return _zoned(cells)
    form = decision.form or "iso"
    found = pc.extract_regex(cells, pattern=DATE_FORMS[form])
    parts = {name: _part(found, name) for name in "ymdhis"}
    valid = pc.is_valid(found).to_numpy(zero_copy_only=False)
    months = (parts["y"] - 1970) * 12 + parts["m"] - 1
    first = months.astype("datetime64[M]").astype("datetime64[D]")
    days = first + (parts["d"] - 1)
    valid &= (parts["m"] >= 1) & (parts["m"] <= 12) & (parts["d"] >= 1)
    valid &= days.astype("datetime64[M]") == months.astype("datetime64[M]")
    valid &= (parts["h"] < 24) & (parts["i"] < 60) & (parts["s"] < 60)
    if decision.type == "date":
        return pa.array(days, mask=~valid, type=pa.date32())
    seconds = parts["h"] * 3600 + parts["i"] * 60 + parts["s"]
    moments = days.astype("datetime64[us]") + (seconds * 1_000_000 + _micros(found))
    return pa.array(moments, mask=~valid, type=pa.timestamp("us"))


def _part(found: Any, name: str) -> Any:
    text = pc.fill_null(pc.struct_field(found, name), "")
    text = pc.if_else(pc.equal(text, ""), "0", text)
    return pc.cast(text, pa.int64()).to_numpy(zero_copy_only=False)


def _micros(found: Any) -> Any:
    text = pc.fill_null(pc.struct_field(found, "f"), "")
    text = pc.utf8_slice_codeunits(pc.utf8_rpad(text, width=6, padding="0"), 0, 6)
    return pc.cast(text, pa.int64()).to_numpy(zero_copy_only=False)


def _zoned(cells: Any) -> Any:
    kind = pa.timestamp("us", "UTC")
    try:
        return pc.cast(cells, kind)
    except pa.ArrowInvalid:
        return pa.array([_moment(cell) for cell in cells.to_pylist()], type=kind)


def _moment(cell: str | None) -> datetime | None:
    if cell is None:
        return None
    try:
        moment = datetime.fromisoformat(cell)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else None
