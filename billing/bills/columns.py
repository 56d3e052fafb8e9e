"""How one field of a charge is read from a bill's columns, a batch of rows at a time.

Every reader is called with a :class:`Batch` and returns one value per row. Texts, dates and tags
repeat a thousandfold in a bill, so readers remember what they have read (bounded).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from operator import itemgetter
from typing import Any, TypeVar

from billing.bills import amounts, dates, tags
from billing.bills.errors import BillError
from billing.bills.lines import FIELDS, ChargeLine

REMEMBERED = 20_000
SHOWN = 40
Value = TypeVar("Value")


class Memory(dict[Any, Any]):
    """What a function made of each cell, up to a bound."""

    def __init__(self, make: Callable[[Any], Any]) -> None:
        super().__init__()
        self.make = make

    def __missing__(self, text: Any) -> Any:
        if len(self) >= REMEMBERED:
            self.clear()
        value = self[text] = self.make(text)
        return value


def clean_text(text: str) -> str:
    """Strip a cell; the word NULL is none. ValueError for what no database keeps."""
    body = text.strip()
    if "\0" in body:
        raise ValueError(text)
    return "" if body in amounts.NULLS else body


@dataclass(slots=True)
class Batch:
    """Some rows of a bill, raw and by column; fields are read when they are asked for."""

    layout: "Layout"
    rows: list[list[str]]
    first_row: int  # the number of rows[0] among the rows of charges, from 1
    lines: Sequence[int]  # the line of the file on which each row begins
    kept_raw: dict[int, list[str]] = field(default_factory=dict)
    kept: dict[str, list[Any]] = field(default_factory=dict)
    kept_same: dict[int, bool] = field(default_factory=dict)
    kept_different: dict[int, set[str]] = field(default_factory=dict)

    def different(self, index: int) -> set[str]:
        """Return the different cells of one source column."""
        if index not in self.kept_different:
            cells = self.raw(index)
            self.kept_different[index] = {cells[0]} if self.is_same(index) else set(cells)
        return self.kept_different[index]

    def is_same(self, index: int) -> bool:
        """Say whether a source column has one and the same cell in all rows of the batch."""
        if index not in self.kept_same:
            cells = self.raw(index)
            self.kept_same[index] = cells[0] == cells[-1] and cells.count(cells[0]) == len(cells)
        return self.kept_same[index]

    def raw(self, index: int) -> list[str]:
        """Return the cells of one source column."""
        if index not in self.kept_raw:
            self.kept_raw[index] = list(map(itemgetter(index), self.rows))
        return self.kept_raw[index]

    def column(self, name: str) -> list[Any]:
        """Return the values of one field of ChargeLine."""
        if name not in self.kept:
            reader = self.layout.fields.get(name)
            default = {} if name == "tags" else ChargeLine.__dataclass_fields__[name].default
            self.kept[name] = reader(self) if reader else [default] * len(self.rows)
        return self.kept[name]

    def charge_lines(self) -> Iterator[ChargeLine]:
        """Yield the rows as charges."""
        columns = [self.column(name) for name in FIELDS]
        numbers = range(self.first_row, self.first_row + len(self.rows))
        yield from map(ChargeLine, numbers, *columns)

    def each(self, index: int, make: Callable[[str], Value], code: str, what: str) -> list[Value]:
        """Read a column cell by cell; a cell that cannot be read is named by its line."""
        cells = self.raw(index)
        try:
            if self.is_same(index):
                return [make(cells[0])] * len(cells)
            return list(map(make, cells))
        except (ValueError, OverflowError):
            raise self.broken_cell(index, make, code, what) from None

    def broken_cell(self, index: int, make: Callable[[str], Any], code: str, what: str) -> BillError:
        """Say which cell of a column is the first that cannot be read."""
        for line, cell in zip(self.lines, self.raw(index), strict=True):
            try:
                make(cell)
            except (ValueError, OverflowError):
                shown = cell if len(cell) <= SHOWN else f"{cell[:SHOWN]}…"
                name = self.layout.header[index]
                message = f"in the column “{name}”, “{shown}” is not {what}. Correct the file, "
                return BillError(code, message + "or map another column.", line=line)
        return BillError(code, f"A cell is not {what}. Correct the file.")  # pragma: no cover


Reader = Callable[[Batch], list[Any]]


@dataclass(frozen=True, slots=True)
class Layout:
    """What a format makes of one file's header: which reader fills which field."""

    format: str
    version: str
    title: str
    header: tuple[str, ...]
    fields: dict[str, Reader]
    skip: Callable[[Sequence[str]], str | None] | None = None
    notes: tuple[tuple[str, str], ...] = ()  # (code, sentence) about the whole file
    grown: bool = False  # rows may be shorter than the header (trailers of GCP)


@dataclass(slots=True)
class Text:
    """The first of some columns that is not empty."""

    indexes: tuple[int, ...]
    memory: Memory = field(default_factory=lambda: Memory(clean_text))

    def __call__(self, batch: Batch) -> list[Any]:
        """Return one value per row of the batch."""
        read, what = self.memory.__getitem__, "text without NUL characters"
        found = batch.each(self.indexes[0], read, "not-text", what)
        for index in self.indexes[1:]:
            if all(found):
                break
            other = batch.each(index, read, "not-text", what)
            found = [a or b for a, b in zip(found, other, strict=True)]
        return found


@dataclass(slots=True)
class Same:
    """One value for every row."""

    value: Any

    def __call__(self, batch: Batch) -> list[Any]:
        """Return one value per row of the batch."""
        return [self.value] * len(batch.rows)


@dataclass(slots=True)
class Amount:
    """A column of exact decimals; nulls are None."""

    index: int
    group: str = ""
    point: str = "."

    def __call__(self, batch: Batch) -> list[Any]:
        """Return one value per row of the batch."""
        quick = amounts.read_quickly(batch.raw(self.index)) if not self.group else None
        if quick is not None and self.point == ".":
            return quick
        return batch.each(self.index, self.read, "bad-amount", "an amount")

    def read(self, cell: str) -> Decimal | None:
        """Read one cell."""
        return amounts.read_amount(cell, group=self.group, point=self.point)


@dataclass(slots=True)
class Moment:
    """A column of dates or moments, as UTC; nulls are None. ``days`` are added to each."""

    index: int
    order: str = "iso"
    days: int = 0
    memory: Memory = field(init=False)

    def __post_init__(self) -> None:
        self.memory = Memory(self.read)

    def __call__(self, batch: Batch) -> list[Any]:
        """Return one value per row of the batch."""
        what = "a date that can be read (write 2026-11-20, or map the column with its order)"
        return batch.each(self.index, self.memory.__getitem__, "bad-date", what)

    def read(self, cell: str) -> datetime | None:
        """Read one cell."""
        if not clean_text(cell):
            return None
        return dates.read_moment(cell, self.order) + timedelta(days=self.days)


@dataclass(slots=True)
class Derived:
    """A function of another field's values, remembered."""

    source: str
    make: Callable[[Any], Any]
    memory: dict[Any, Any] = field(default_factory=dict)

    def __call__(self, batch: Batch) -> list[Any]:
        """Return one value per row of the batch."""
        memory, make = self.memory, self.make
        values = batch.column(self.source)
        for value in set(values).difference(memory):
            if len(memory) >= REMEMBERED:
                memory.clear()
            memory[value] = make(value)
        return [memory[value] if value in memory else make(value) for value in values]


@dataclass(slots=True)
class Day:
    """The date of a column of moments."""

    moment: Moment

    def __call__(self, batch: Batch) -> list[Any]:
        """Return one value per row of the batch."""
        return [moment and moment.date() for moment in self.moment(batch)]


@dataclass(slots=True)
class Category:
    """A charge category by the format's own words."""

    index: int
    words: dict[str, str]
    memory: Memory = field(init=False)

    def __post_init__(self) -> None:
        self.memory = Memory(lambda cell: self.words.get(clean_text(cell).casefold(), "other"))

    def __call__(self, batch: Batch) -> list[Any]:
        """Return one value per row of the batch."""
        return batch.each(self.index, self.memory.__getitem__, "not-text", "a category")


def tags_or_none(cell: str) -> dict[str, str]:
    """Read tags; what is not tags gives none, and the findings count it."""
    return tags.read_tags(cell) or {}


@dataclass(slots=True)
class Tags:
    """One column that holds all tags of the row."""

    index: int
    memory: Memory = field(default_factory=lambda: Memory(tags_or_none))

    def __call__(self, batch: Batch) -> list[Any]:
        """Return one value per row of the batch."""
        return list(map(self.memory.__getitem__, batch.raw(self.index)))


@dataclass(slots=True)
class TagColumns:
    """One column per tag key; an empty cell is no tag."""

    keys: dict[int, str]
    memory: dict[tuple[str, ...], dict[str, str]] = field(default_factory=dict)

    def __call__(self, batch: Batch) -> list[Any]:
        """Return one value per row of the batch."""
        cells = zip(*[batch.raw(index) for index in self.keys], strict=True)
        return [self.read(row) for row in cells]

    def read(self, row: tuple[str, ...]) -> dict[str, str]:
        """Make the tags of one row."""
        if row not in self.memory:
            if len(self.memory) >= REMEMBERED:
                self.memory.clear()
            texts = [clean_text(cell) for cell in row]
            pairs = zip(self.keys.values(), texts, strict=True)
            self.memory[row] = {key: text for key, text in pairs if text}
        return self.memory[row]


def month_of(moment: datetime | None) -> date | None:
    """Return the first day of the moment's month."""
    return moment and dates.month_start(moment.date())


def month_after(moment: datetime | None) -> date | None:
    """Return the first day of the month after the moment's."""
    return moment and dates.next_month(moment.date())


def day_after(moment: datetime | None) -> datetime | None:
    """Return the moment a day later: the exclusive end of a charge of one day."""
    return moment and moment + timedelta(days=1)
