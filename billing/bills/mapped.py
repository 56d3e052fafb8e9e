"""Any CSV as a bill, through a saved mapping of its columns."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from billing.bills import dates
from billing.bills.columns import (
    Amount,
    Category,
    Day,
    Derived,
    Layout,
    Moment,
    Reader,
    Same,
    TagColumns,
    Tags,
    Text,
    day_after,
    month_after,
    month_of,
)
from billing.bills.errors import BillError
from billing.bills.lines import CATEGORIES, DECIMALS, FIELDS

DELIMITERS = {",", ";", "\t", "|"}
DAYS = {"period_start", "period_end"}
MOMENTS = {"usage_start", "usage_end"}
CONSTANTS = {name for name in FIELDS if name not in DECIMALS | DAYS | MOMENTS | {"tags"}}
MAPS = ("columns", "constants", "tags", "categories")
POINTS = {".": ",", ",": "."}  # decimal point -> the sign that may group thousands


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """Which column of a file fills which field of a charge; saved by the user as JSON.

    ``columns`` maps a field to a header, ``constants`` gives a field one value for all rows,
    ``tags`` maps a tag key to a header, ``categories`` maps the file's words to ours. Rows whose
    first cell is a word of ``total_words`` are left out and counted.
    """

    columns: Mapping[str, str]
    constants: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    categories: Mapping[str, str] = field(default_factory=dict)
    date_order: str = "iso"
    decimal_point: str = "."
    delimiter: str = ""
    total_words: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> "ColumnMapping":
        """Read a saved mapping; BillError names the part that is wrong."""
        unknown = sorted(set(saved) - set(cls.__dataclass_fields__))
        if unknown:
            raise bad(f"It has no part “{unknown[0]}”. Remove it.")
        parts = {name: _texts(saved.get(name, {}), name) for name in MAPS}
        mapping = cls(
            **parts,
            date_order=str(saved.get("date_order", "iso")),
            decimal_point=str(saved.get("decimal_point", ".")),
            delimiter=str(saved.get("delimiter", "")),
            total_words=tuple(str(word) for word in saved.get("total_words", ())),
        )
        mapping.check()
        return mapping

    def to_dict(self) -> dict[str, Any]:
        """Return the mapping as plain JSON values."""
        return asdict(self) | {"total_words": list(self.total_words)}

    def check(self) -> None:
        """Raise BillError unless the mapping can work."""
        rules = (
            (set(self.columns) - set(FIELDS), f"There is no field “{{}}”. The fields: {', '.join(FIELDS)}."),
            (set(self.constants) - CONSTANTS, "The field “{}” cannot be a constant."),
            (set(self.categories.values()) - set(CATEGORIES), "There is no category “{}”."),
            ({self.date_order} - set(dates.ORDERS), "“{}” is no date order: use iso, mdy or dmy."),
            ({self.decimal_point} - set(POINTS), "“{}” is no decimal point: use . or ,"),
            ({self.delimiter} - {"", *DELIMITERS}, "“{}” does not separate columns."),
        )
        for wrong, sentence in rules:
            if wrong:
                raise bad(sentence.format(sorted(wrong)[0]))
        if not set(self.columns) & {"billed", "effective"}:
            raise bad("Map the column that holds the cost to “billed” or “effective”.")
        if not set(self.columns) & (MOMENTS | DAYS):
            raise bad("Map the column that holds the date to “usage_start” or “period_start”.")
        if "currency" not in {*self.columns, *self.constants}:
            raise bad("Map a column to “currency”, or give the currency as a constant.")

    def wanted(self) -> set[str]:
        """Return the headers that the file must have."""
        return {name.strip() for name in (*self.columns.values(), *self.tags.values())}


def bad(sentence: str) -> BillError:
    """Say what is wrong with a mapping."""
    return BillError("bad-mapping", f"The column mapping cannot be used. {sentence}")


def _texts(value: Any, name: str) -> dict[str, str]:
    """Take a flat object of texts."""
    if not isinstance(value, Mapping):
        raise bad(f"“{name}” must be an object of texts.")
    return {str(key): str(text) for key, text in value.items()}


def detect(header: Sequence[str], mapping: ColumnMapping) -> bool:
    """Say whether a header holds every column that the mapping names."""
    return {name.strip() for name in header} >= mapping.wanted()


def layout(header: Sequence[str], mapping: ColumnMapping) -> Layout:
    """Build the readers that a mapping asks for."""
    at: dict[str, int] = {}
    for index, name in enumerate(header):
        at.setdefault(name.strip(), index)
    fields: dict[str, Reader] = {name: Same(text) for name, text in mapping.constants.items()}
    for name, column in mapping.columns.items():
        fields[name] = _reader(name, at[column.strip()], mapping)
    if mapping.tags:
        fields["tags"] = TagColumns({at[name.strip()]: key for key, name in mapping.tags.items()})
    if "usage_start" in fields:
        fields.setdefault("usage_end", Derived("usage_start", day_after))
        fields.setdefault("period_start", Derived("usage_start", month_of))
        fields.setdefault("period_end", Derived("usage_start", month_after))
    else:
        fields.setdefault("period_end", Derived("period_start", lambda day: day and dates.next_month(day)))
    skip = SkipWords(mapping.total_words) if mapping.total_words else None
    title = "CSV with a column mapping"
    return Layout("mapped", "", title, tuple(header), fields, skip=skip, grown=bool(skip))


def _reader(name: str, index: int, mapping: ColumnMapping) -> Reader:
    """Choose the reader for one field."""
    if name in DECIMALS:
        point = mapping.decimal_point
        return Amount(index, group=POINTS[point], point=point)
    if name in MOMENTS:
        return Moment(index, mapping.date_order)
    if name in DAYS:
        return Day(Moment(index, mapping.date_order))
    if name == "category":
        words = {word.casefold(): word for word in CATEGORIES}
        words |= {word.casefold(): ours for word, ours in mapping.categories.items()}
        return Category(index, words)
    return Tags(index) if name == "tags" else Text((index,))


class SkipWords:
    """Rows that begin with one of some words are totals, not charges."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = {word.strip().casefold() for word in words}

    def __call__(self, row: Sequence[str]) -> str | None:
        """Return why the row is no charge, or None."""
        first = next((cell.strip() for cell in row if cell.strip()), "")
        return "total" if first.casefold() in self.words else None
