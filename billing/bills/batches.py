"""Some rows of a bill by column: raw cells as they stand in the file, and the fields of charges read from them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import reduce
from typing import Any, Protocol

import pyarrow as pa

from billing.bills.coded import Amounts, Coded, strings
from billing.bills.columns import Layout
from billing.bills.errors import BillError
from billing.bills.lines import DECIMALS, FIELDS, LONGEST_TEXTS, ChargeLine

SHOWN = 40


class Cells(Protocol):
    """Raw cells by column, from wherever they were read."""

    def coded(self, index: int) -> Coded:
        """Return a column whose cells repeat."""
        ...

    def texts(self, index: int) -> pa.StringArray:
        """Return a column whose cells are mostly different."""
        ...


@dataclass(frozen=True, slots=True)
class Rows:
    """Raw cells as Python's csv module gives them."""

    rows: list[list[str]]

    def coded(self, index: int) -> Coded:
        """Return a column whose cells repeat."""
        return Coded.of([row[index] for row in self.rows])

    def texts(self, index: int) -> pa.StringArray:
        """Return a column whose cells are mostly different."""
        return strings([row[index] for row in self.rows])


@dataclass(slots=True)
class Batch:
    """Some rows of a bill; fields are read when they are asked for."""

    layout: Layout
    cells: Cells
    count: int
    first_row: int  # the number of the first row among the rows of charges, from 1
    lines: Sequence[int]  # the line of the file on which each row begins
    kept_raw: dict[int, Coded] = field(default_factory=dict)
    kept: dict[str, Any] = field(default_factory=dict)

    def raw(self, index: int) -> Coded:
        """Return the cells of one source column."""
        if index not in self.kept_raw:
            self.kept_raw[index] = self.cells.coded(index)
        return self.kept_raw[index]

    def column(self, name: str) -> Any:
        """Return one field of ChargeLine: Amounts, or Coded values."""
        if name not in self.kept:
            reader = self.layout.fields.get(name)
            self.kept[name] = reader(self) if reader else self._default(name)
        return self.kept[name]

    def _default(self, name: str) -> Any:
        if name in DECIMALS:
            return Amounts.nothing(self.count)
        return self.same({} if name == "tags" else ChargeLine.__dataclass_fields__[name].default)

    def same(self, value: Any) -> Coded:
        """Give every row the same value."""
        return Coded.same(value, self.count)

    def cell(self, index: int, row: int) -> str:
        """Return one cell."""
        column = self.raw(index)
        text: str = column.values[column.codes[row]]
        return text

    def together(self, columns: Sequence[Coded]) -> Coded:
        """Return the different rows of some columns, as tuples."""
        first = columns[0].map(lambda value: (value,))
        return reduce(lambda some, one: some.join(one, lambda left, right: (*left, right)), columns[1:], first)

    def charge_lines(self) -> Iterator[ChargeLine]:
        """Yield the rows as charges."""
        columns = [self.column(name) for name in FIELDS]
        yield from map(ChargeLine, range(self.first_row, self.first_row + self.count), *columns)

    def each(self, index: int, make: Callable[[str], Any], code: str, what: str) -> Coded:
        """Read a column; a cell that cannot be read is named by its line."""
        try:
            return self.raw(index).map(make)
        except (ValueError, OverflowError):
            raise self.broken_cell(index, make, code, what) from None

    def amounts(
        self, index: int, read: Callable[[str], Decimal | None], *, plain: bool, what: str = "an amount"
    ) -> Amounts:
        """Read a column of amounts; ``plain`` says that digits with a point need no closer look."""
        try:
            if plain:
                return Amounts.read(self.cells.texts(index), read)
            return Amounts.of(self.raw(index), read)
        except ValueError:
            raise self.broken_cell(index, read, "bad-amount", what) from None

    def must_fit(self, name: str) -> None:
        """Refuse a text that no database would keep where lines and bills are found by it."""
        texts: Coded = self.column(name)
        for place, text in enumerate(texts.values):
            if len(text.encode()) > LONGEST_TEXTS[name]:
                message = f"the {name.replace('_', ' ')} is longer than {LONGEST_TEXTS[name]} bytes. "
                message += "Correct the file, or map another column."
                raise BillError("text-too-long", message, line=self.lines[texts.firsts[place]])

    def broken_cell(self, index: int, make: Callable[[str], Any], code: str, what: str) -> BillError:
        """Say which cell of a column is the first that cannot be read."""
        column = self.raw(index)
        for row, cell in zip(column.firsts, column.values, strict=True):
            try:
                make(cell)
            except (ValueError, OverflowError):
                shown = cell if len(cell) <= SHOWN else f"{cell[:SHOWN]}…"
                name = self.layout.header[index]
                message = f"in the column “{name}”, “{shown}” is not {what}. Correct the file, "
                return BillError(code, message + "or map another column.", line=self.lines[row])
        return BillError(code, f"A cell is not {what}. Correct the file.")  # pragma: no cover
