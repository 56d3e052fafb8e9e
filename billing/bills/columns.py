"""How one field of a charge is read from a bill's columns, a batch of rows at a time.

Every reader is called with a :class:`billing.bills.batches.Batch` and returns a column: ``Coded`` values or
``Amounts``. It works on the different cells of a column, not on each cell, and remembers what it has read
(bounded), because texts, dates and tags repeat a thousandfold in a bill.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from billing.bills import amounts, dates, tags

if TYPE_CHECKING:
    from billing.bills.batches import Batch
    from billing.bills.coded import Amounts, Coded

REMEMBERED = 20_000


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


Reader = Callable[["Batch"], Any]  # Coded values, or Amounts


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

    def __call__(self, batch: "Batch") -> "Coded":
        """Return one value per row of the batch."""
        read, what = self.memory.__getitem__, "text without NUL characters"
        found = batch.each(self.indexes[0], read, "not-text", what)
        for index in self.indexes[1:]:
            if all(found.values):
                break
            found = found.join(batch.each(index, read, "not-text", what), lambda first, second: first or second)
        return found


@dataclass(slots=True)
class Same:
    """One value for every row."""

    value: Any

    def __call__(self, batch: "Batch") -> "Coded":
        """Return one value per row of the batch."""
        return batch.same(self.value)


@dataclass(slots=True)
class Amount:
    """A column of exact decimals; nulls are None."""

    index: int
    group: str = ""
    point: str = "."

    def __call__(self, batch: "Batch") -> "Amounts":
        """Return one value per row of the batch."""
        return batch.amounts(self.index, self.read, plain=self.point == "." and self.group != ".")

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

    def __call__(self, batch: "Batch") -> "Coded":
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
    """A function of another field's values."""

    source: str
    make: Callable[[Any], Any]

    def __call__(self, batch: "Batch") -> "Coded":
        """Return one value per row of the batch."""
        found: Coded = batch.column(self.source).map(self.make)
        return found


@dataclass(slots=True)
class Day:
    """The date of a column of moments."""

    moment: Moment

    def __call__(self, batch: "Batch") -> "Coded":
        """Return one value per row of the batch."""
        return self.moment(batch).map(lambda moment: moment and moment.date())


@dataclass(slots=True)
class Category:
    """A charge category by the format's own words."""

    index: int
    words: dict[str, str]
    memory: Memory = field(init=False)

    def __post_init__(self) -> None:
        self.memory = Memory(lambda cell: self.words.get(clean_text(cell).casefold(), "other"))

    def __call__(self, batch: "Batch") -> "Coded":
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

    def __call__(self, batch: "Batch") -> "Coded":
        """Return one value per row of the batch."""
        return batch.raw(self.index).map_apart(self.memory.__getitem__)


@dataclass(slots=True)
class TagColumns:
    """One column per tag key; an empty cell is no tag."""

    keys: dict[int, str]
    memory: Memory = field(init=False)

    def __post_init__(self) -> None:
        self.memory = Memory(self.read)

    def __call__(self, batch: "Batch") -> "Coded":
        """Return one value per row of the batch."""
        what = "text without NUL characters"
        cells = [batch.each(index, clean_text, "not-text", what) for index in self.keys]
        return batch.together(cells).map_apart(self.memory.__getitem__)

    def read(self, row: tuple[str, ...]) -> dict[str, str]:
        """Make the tags of one row."""
        return {key: text for key, text in zip(self.keys.values(), row, strict=True) if text}


def month_of(moment: datetime | None) -> date | None:
    """Return the first day of the moment's month."""
    return moment and dates.month_start(moment.date())


def month_after(moment: datetime | None) -> date | None:
    """Return the first day of the month after the moment's."""
    return moment and dates.next_month(moment.date())


def day_after(moment: datetime | None) -> datetime | None:
    """Return the moment a day later: the exclusive end of a charge of one day."""
    return moment and moment + timedelta(days=1)
