"""One block of the swift way: its bytes are checked, pyarrow parses it, and its values are checked again."""

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from evaluations.engine.reading.bytewise import CR, LF, QUOTE, Look, look_at
from evaluations.engine.reading.dialects import Layout
from evaluations.engine.reading.shapes import ColumnShapes, Decision, add_cells, decide
from evaluations.engine.reading.values import ReadLimits, ReadOptions

PARSE_BLOCK = 2 * 2**20
CODE = r"^\s*[+-]?\d+\s*$"
SIMPLE = {"", "plain", "iso", "zone"}
WORDED = {"integer", "number", "date"}


class IrregularError(Exception):
    """Something in the file asks for the careful way."""


class WidenError(Exception):
    """A block, which it carries, holds cells that the chosen types cannot hold."""

    def __init__(self, block: bytes) -> None:
        super().__init__()
        self.block = block


@dataclass(slots=True)
class Plan:
    """How the whole file is laid out, and what its columns were found to be so far."""

    layout: Layout
    names: list[str]
    options: ReadOptions
    limits: ReadLimits
    shapes: list[ColumnShapes]
    decisions: list[Decision] = field(default_factory=list)
    separator: int = 44
    missing: list[Any] = field(default_factory=list)
    codes: set[int] = field(default_factory=set)  # columns that are text only for their leading zeros or length
    worded: set[int] = field(default_factory=set)  # columns of numbers or dates with words for missing cells
    late_words: bool = False  # words came after the sample: they are looked for in all such columns

    def decide(self) -> None:
        """Choose types from the shapes seen so far; step back if one is not simple."""
        self.decisions = [decide(s, self.options.decimal) for s in self.shapes]
        self.codes = {
            at for at, d in enumerate(self.decisions) if d.type == "text" and self.shapes[at].total("zeros", "long")
        }
        self.worded = {
            at
            for at, d in enumerate(self.decisions)
            if d.type in WORDED and (self.late_words or self.shapes[at].spelled)
        }
        for at, decision in enumerate(self.decisions):
            if set(decision.oddities) - {"empty"} or decision.form not in SIMPLE:
                raise IrregularError(self.names[at])


@dataclass(slots=True)
class Parsed:
    """The typed rows of a block."""

    table: Any
    spelled: dict[str, Counter[str]]  # by column, how often each spelling of a missing cell was met


def parse_block(block: bytes, plan: Plan, schema: pa.Schema) -> Parsed:
    """Convert a block of whole records, or say that it is irregular or needs wider types."""
    if block.startswith(b"\xef\xbb\xbf"):
        raise IrregularError  # pyarrow would take it for a byte order mark and drop it
    look = look_at(block, plan.separator)
    breaks = _check_bytes(block, look)
    quoted = bool(plan.layout.dialect.quote) and look.quotes > 0
    if quoted:
        _check_quotes(block, plan)
    integers = [n for n, d in zip(plan.names, plan.decisions, strict=True) if d.type == "integer"]
    if integers and look.zeros:
        _check_zeros(block, plan, integers, quoted=quoted)
    try:
        table = _read(block, plan, _with_words(schema, plan), quoted=quoted)
        _check_rows(table, block, breaks, quoted=quoted)
        return _check_values(table, plan, schema)
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise WidenError(block) from error


def _with_words(schema: pa.Schema, plan: Plan) -> pa.Schema:
    """Have columns with words for missing cells read as text first."""
    for at in plan.worded:
        schema = schema.set(at, schema.field(at).with_type(pa.string()))
    return schema


def _check_bytes(block: bytes, look: Look) -> int:
    if look.low != look.lf + look.cr + look.tabs:
        raise IrregularError
    if look.cr and look.lf and (look.cr != look.lf or block.count(b"\r\n") != look.cr):
        raise IrregularError
    return look.lf or look.cr


def _check_quotes(block: bytes, plan: Plan) -> None:
    """Step back unless every quote opens a cell, closes one, or is doubled."""
    data = np.frombuffer(b"\n" + block + b"\n", np.uint8)
    at = np.flatnonzero(data == QUOTE)
    before, after = data[at - 1], data[at + 1]
    edge_before = (before == plan.separator) | (before == LF) | (before == CR) | (before == QUOTE)
    edge_after = (after == plan.separator) | (after == LF) | (after == CR) | (after == QUOTE)
    opens = np.arange(len(at)) % 2 == 0
    if len(at) % 2 or not bool(np.where(opens, edge_before, edge_after).all()):
        raise IrregularError


def _check_zeros(block: bytes, plan: Plan, integers: list[str], *, quoted: bool) -> None:
    schema = pa.schema([(name, pa.string()) for name in plan.names])
    table = _read(block, plan, schema, quoted=quoted, only=integers)
    for column in table.columns:
        if pc.any(pc.match_substring_regex(column, pattern="^ *[+-]?0[0-9xX]")).as_py():
            raise IrregularError


def _read(block: bytes, plan: Plan, schema: pa.Schema, *, quoted: bool, only: list[str] | None = None) -> Any:
    # Two-letter words would make more cells missing than the careful way: only "" is missing here.
    spans = quoted and _spans_lines(block)
    return pacsv.read_csv(
        pa.BufferReader(block),
        read_options=pacsv.ReadOptions(
            column_names=plan.names, block_size=len(block) + 1 if spans else PARSE_BLOCK, use_threads=True
        ),
        parse_options=pacsv.ParseOptions(
            delimiter=plan.layout.dialect.separator,
            quote_char='"' if plan.layout.dialect.quote else False,
            double_quote=bool(plan.layout.dialect.quote),
            newlines_in_values=spans,
            ignore_empty_lines=True,
        ),
        convert_options=pacsv.ConvertOptions(
            column_types=schema,
            include_columns=only or [],
            null_values=[""],
            true_values=["true", "True", "TRUE"],
            false_values=["false", "False", "FALSE"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    )


def _spans_lines(block: bytes) -> bool:
    """Tell whether some line end stands inside quotes."""
    data = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero((data == LF) | (data == CR))
    quotes = np.flatnonzero(data == QUOTE)
    return bool((np.searchsorted(quotes, ends) % 2).any())


def learn_block(block: bytes, plan: Plan) -> None:
    """Look at the cells of a block that did not fit, and step back unless wider types will do."""
    quoted = bool(plan.layout.dialect.quote) and b'"' in block
    strings = pa.schema([(name, pa.string()) for name in plan.names])
    try:
        table = _read(block, plan, strings, quoted=quoted).combine_chunks()
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise IrregularError from error
    before = [(d.type, d.form) for d in plan.decisions]
    words = plan.worded
    lines = pa.array(np.arange(table.num_rows), pa.int64())
    for at, shapes in enumerate(plan.shapes):
        cells = table.column(at)
        for chunk in cells.chunks if hasattr(cells, "chunks") else [cells]:
            add_cells(shapes, chunk, lines.slice(0, len(chunk)), plan.missing[at])
    typed = {at for at, d in enumerate(plan.decisions) if d.type in WORDED}
    plan.late_words = plan.late_words or any(plan.shapes[at].spelled for at in typed - words)
    plan.decide()
    if before == [(d.type, d.form) for d in plan.decisions] and words == plan.worded:
        raise IrregularError


def _check_rows(table: Any, block: bytes, breaks: int, *, quoted: bool) -> None:
    lines = breaks + (not block.endswith((b"\n", b"\r")))
    if table.num_rows != lines and not (quoted and _spans_lines(block)):
        raise IrregularError
    if table.num_rows and all(column.null_count for column in table.columns):
        gone = table.column(0).is_null()
        for column in table.columns[1:]:
            gone = pc.and_(gone, column.is_null())
        if pc.any(gone).as_py():
            raise IrregularError


def _check_values(table: Any, plan: Plan, schema: pa.Schema) -> Parsed:
    columns = []
    spelled: dict[str, Counter[str]] = {}
    for at, (column, decision) in enumerate(zip(table.columns, plan.decisions, strict=True)):
        checked = column
        if at in plan.worded:
            checked = pc.cast(_null_spelled(column, at, plan, spelled), schema.field(at).type)
        if decision.type == "number" and not _finite(checked):
            raise IrregularError
        if decision.type == "text":
            checked = _null_spelled(column, at, plan, spelled)
            if at in plan.codes and not pc.all(pc.match_substring_regex(checked, CODE), min_count=0).as_py():
                raise IrregularError
            if "empty" in decision.oddities and checked.null_count < len(checked):
                raise IrregularError
        columns.append(checked)
    return Parsed(pa.Table.from_arrays(columns, schema=schema), spelled)


def _finite(column: Any) -> bool:
    # A finite sum has finite terms; an infinite one may just have overflown.
    return math.isfinite(pc.sum(column, min_count=0).as_py()) or bool(pc.all(pc.is_finite(column), min_count=0).as_py())


def _null_spelled(column: Any, at: int, plan: Plan, spelled: dict[str, Counter[str]]) -> Any:
    found = pc.is_in(column, value_set=plan.missing[at])
    if not pc.any(found, min_count=0).as_py():
        return column
    counts = pc.value_counts(column.filter(found)).to_pylist()
    spelled[plan.names[at]] = Counter({row["values"]: row["counts"] for row in counts})
    return pc.if_else(found, pa.scalar(None, pa.string()), column)
