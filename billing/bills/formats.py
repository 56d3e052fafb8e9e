"""Which format a bill is of: the first rows tell, before any charge is read."""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO

from billing.bills import aws, azure, focus, gcp, mapped
from billing.bills.columns import Layout, Same
from billing.bills.errors import BillError
from billing.bills.mapped import ColumnMapping
from billing.bills.sources import Limits, open_text

SEARCHED = 40  # rows in which the header must stand
DELIMITERS = (",", ";", "\t", "|")
BLANKS = " \t\r\n,;|"
DETECTORS: tuple[tuple[str, Callable[[Sequence[str]], bool]], ...] = (
    ("focus", focus.detect),
    ("aws-cur", aws.detect),
    ("gcp-export", gcp.detect_export),
    ("gcp-table", gcp.detect_table),
    ("azure", azure.detect),
    ("gcp-items", gcp.detect_items),
)
KNOWN = "FOCUS, AWS CUR, an Azure cost export or a Google Cloud export"


@dataclass(frozen=True, slots=True)
class Reading:
    """How a bill is to be read, beyond what its header says.

    ``currency`` helps a bill that names none; ``basis`` says whether an Azure export, which has
    one cost only, is ``actual`` or ``amortised``.
    """

    mapping: ColumnMapping | None = None
    currency: str | None = None
    basis: str = "actual"
    limits: Limits = field(default_factory=Limits)


def detect(header: Sequence[str]) -> str | None:
    """Name the format that a header is of; None if it is of none that we know."""
    return next((name for name, is_ours in DETECTORS if is_ours(header)), None)


def find_layout(path: Path, reading: Reading) -> tuple[int, str, Layout]:
    """Look for a header that a format knows: (rows above it, separator, layout)."""
    delimiters: tuple[str, ...] = DELIMITERS
    if reading.mapping and reading.mapping.delimiter:
        delimiters = (reading.mapping.delimiter,)
    empty = True
    for delimiter in delimiters:
        with open_text(path, reading.limits) as (text, _):
            head = _head(text, delimiter)
        empty = empty and not any(cell.strip(BLANKS) for row in head for cell in row)
        for above, row in enumerate(head):
            layout = _layout(row, head[:above], reading)
            if layout:
                _check_header(row, reading.limits)
                return above, delimiter, layout
    if empty:
        raise BillError("empty-bill", "The file is empty. Download the bill again.")
    if reading.mapping:
        first = sorted(reading.mapping.wanted())
        message = f"No row of the file has all mapped columns ({', '.join(first)}). Change the map."
        raise BillError("missing-column", message)
    message = f"The header is not that of {KNOWN}. Map its columns once, then upload it again."
    raise BillError("unknown-format", message)


def _head(text: IO[str], delimiter: str) -> list[list[str]]:
    """Read the first rows; what is broken further down is found when it is read."""
    rows: list[list[str]] = []
    try:
        for row in islice(csv.reader(text, delimiter=delimiter), SEARCHED):
            rows.append(row)
    except csv.Error:
        return rows
    except UnicodeError as error:
        raise not_text() from error
    return rows


def _layout(header: list[str], above: Sequence[Sequence[str]], reading: Reading) -> Layout | None:
    """Return what the header's format makes of it."""
    if reading.mapping:
        known = mapped.detect(header, reading.mapping)
        return mapped.layout(header, reading.mapping) if known else None
    makers: dict[str, Callable[[], Layout]] = {
        "focus": lambda: focus.layout(header),
        "aws-cur": lambda: aws.layout(header),
        "azure": lambda: azure.layout(header, basis=reading.basis),
        "gcp-export": lambda: gcp.layout_export(header),
        "gcp-table": lambda: gcp.layout_table(header, above),
        "gcp-items": lambda: gcp.layout_items(header, currency=reading.currency),
    }
    name = detect(header)
    if name is None:
        return None
    layout = makers[name]()
    if reading.currency:
        layout.fields.setdefault("currency", Same(reading.currency))
    return layout


def _check_header(header: list[str], limits: Limits) -> None:
    """Refuse a header that is too wide."""
    if len(header) > limits.columns:
        message = f"The header has {len(header)} columns; {limits.columns} are the most."
        raise BillError("too-many-columns", message)


def not_text() -> BillError:
    """Say that the bytes are not text."""
    message = "The file is not text in UTF-8 or UTF-16. Save it as “CSV UTF-8” and upload it again."
    return BillError("not-text", message)
