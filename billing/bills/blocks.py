"""A regular bill in blocks of bytes that pyarrow splits into columns, only those that are asked for.

Regular is what Python's strict csv module would read as the very same cells, one line per row: checked on the
bytes of every block. All else is irregular, and its file is read row by row instead.
"""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from csv import field_size_limit
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from billing.bills.batches import Batch
from billing.bills.coded import Coded
from billing.bills.columns import Layout
from billing.bills.sources import Limits, encoding_of, open_bytes

FIRST = 1 << 15  # bytes of the first block, from which it is learnt which columns are asked for
BLOCK = 3 << 19  # more is faster and takes more memory, 130 MB with 2 MB
BOM = b"\xef\xbb\xbf"
LF, QUOTE = 10, 34
TEXT = pa.string()
REPEATED = pa.dictionary(pa.int32(), TEXT)


class IrregularError(Exception):
    """Raised when a file must be read row by row."""


@dataclass(slots=True)
class Plan:
    """How the blocks of one file are split, and which columns were asked for so far."""

    delimiter: str
    width: int
    asked: dict[int, Any] = field(default_factory=dict)  # column -> type
    ends: Any = field(init=False)  # which bytes may stand beside a quote
    blank: re.Pattern[bytes] = field(init=False)  # a line that may hold empty cells alone

    def __post_init__(self) -> None:
        self.blank = re.compile(rb'\n(?:[^!-~\n]|["%b])*(?:\n|\Z)' % re.escape(self.delimiter.encode()))
        self.ends = np.zeros(256, bool)
        self.ends[[LF, QUOTE, ord(self.delimiter)]] = True

    def parse(self, block: bytes, wanted: dict[int, Any]) -> pa.Table:
        """Split a block into some of its columns."""
        # Without columns all would come; the first one tells the number of rows.
        types = {str(index): kind for index, kind in (wanted or {0: TEXT}).items()}
        try:
            return pacsv.read_csv(
                pa.BufferReader(block),
                read_options=pacsv.ReadOptions(
                    column_names=[str(index) for index in range(self.width)],
                    block_size=len(block) + 1,
                    use_threads=False,
                ),
                parse_options=pacsv.ParseOptions(delimiter=self.delimiter, newlines_in_values=False),
                convert_options=pacsv.ConvertOptions(
                    column_types=types, include_columns=list(types), null_values=[], strings_can_be_null=False
                ),
            )
        except pa.ArrowInvalid as error:
            raise IrregularError from error


@dataclass(slots=True)
class Block:
    """The raw cells of a block by column; one that is asked for the first time is split off now and from now on."""

    plan: Plan
    bytes: bytes
    table: pa.Table
    more: dict[int, pa.Array] = field(default_factory=dict)

    def coded(self, index: int) -> Coded:
        """Return a column whose cells repeat."""
        column = self._column(index, REPEATED)
        return Coded.of_dictionary(column.dictionary_encode() if column.type == TEXT else column)

    def texts(self, index: int) -> pa.StringArray:
        """Return a column whose cells are mostly different."""
        return self._column(index, TEXT).cast(TEXT)

    def _column(self, index: int, kind: Any) -> Any:
        name = str(index)
        if index in self.plan.asked and name in self.table.column_names:
            return self.table.column(name).chunk(0)
        if index not in self.more:
            self.plan.asked.setdefault(index, kind)
            self.more[index] = self.plan.parse(self.bytes, {index: self.plan.asked[index]}).column(name).chunk(0)
        return self.more[index]


@contextmanager
def open_blocks(
    path: Path, limits: Limits, delimiter: str, layout: Layout
) -> Iterator[tuple[Iterator[Batch], Callable[[], float]]]:
    """Open a bill whose header is its first line, with the share that is read."""
    with open_bytes(path, limits) as (stream, share), ThreadPoolExecutor(1) as pool:
        if encoding_of(stream) not in {"utf-8", "utf-8-sig"}:
            raise IrregularError
        plan = Plan(delimiter, len(layout.header))
        header = stream.readline(field_size_limit())
        if not header.endswith(b"\n"):
            raise IrregularError
        _check(header.removeprefix(BOM), plan)
        yield _batches(stream, plan, layout, pool), share


def _batches(stream: BufferedReader, plan: Plan, layout: Layout, pool: ThreadPoolExecutor) -> Iterator[Batch]:
    """Yield the blocks as batches; the next one is read and split while one is worked on."""
    blocks, done = _cut(stream), 0
    coming: Future[Block | None] = pool.submit(_next_block, blocks, plan)
    while block := coming.result():
        coming = pool.submit(_next_block, blocks, plan)
        count = block.table.num_rows
        yield Batch(layout, block, count, done + 1, range(done + 2, done + 2 + count))
        done += count


def _cut(stream: BufferedReader) -> Iterator[bytes]:
    """Cut the bytes into blocks of whole lines."""
    rest, size = b"", FIRST
    while data := stream.read(size):
        size = BLOCK
        end = data.rfind(b"\n") + 1
        if end:
            yield rest + data[:end]
            rest = data[end:]
        else:
            rest += data
    if rest:
        yield rest


def _next_block(blocks: Iterator[bytes], plan: Plan) -> Block | None:
    """Check and split the next block."""
    block = next(blocks, None)
    if block is None:
        return None
    lines = _check(block, plan)
    table = plan.parse(block, dict(plan.asked))
    if table.num_rows != lines:
        raise IrregularError  # an empty line, or a line break inside a cell
    return Block(plan, block, table)


def _check(block: bytes, plan: Plan) -> int:
    """Count the lines of a block, or find it irregular."""
    breaks = block.count(b"\n")
    returns = block.count(b"\r")
    if returns and not returns == breaks == block.count(b"\r\n"):
        raise IrregularError
    if b"\0" in block or block.startswith(BOM):
        raise IrregularError
    if plan.blank.search(b"\n" + block.removesuffix(b"\n")):
        raise IrregularError  # such a row is left out and counted
    if not block.isascii():
        try:
            block.decode()
        except UnicodeError as error:
            raise IrregularError from error
    data = np.frombuffer(block, np.uint8)
    _check_quotes(data, plan, returns=bool(returns))
    ends = np.flatnonzero(data == LF)
    if np.diff(ends, prepend=-1, append=len(data)).max() > field_size_limit():
        raise IrregularError
    return breaks + (not block.endswith(b"\n"))


def _check_quotes(data: Any, plan: Plan, *, returns: bool) -> None:
    """See that every first, third … quote opens a cell or is doubled, and every other closes one or is doubled."""
    quotes = np.flatnonzero(data == QUOTE)
    if not len(quotes):
        return
    opening, closing = quotes[::2], quotes[1::2]
    if len(opening) != len(closing):
        raise IrregularError
    before = data[opening[opening > 0] - 1]
    after = data[closing[closing < len(data) - 1] + 1]
    closed = plan.ends[after]
    if returns:  # all of them stand before a line end
        closed |= after == ord("\r")
    if not (plan.ends[before].all() and closed.all()):
        raise IrregularError
