"""What the cells of a column look like, counted over the whole file, and the type that follows."""

from dataclasses import dataclass, field
from typing import Any

import pyarrow.compute as pc

MISSING = (
    *("NA", "N/A", "n/a", "#N/A", "#NA", "<NA>", "NaN", "nan", "-nan", "-NaN", "NULL", "null"),
    *(" ", "  ", "   "),
)
MISSING_WORDS = {
    *("unknown", "missing", "none", "n.a.", "na", "n/a", "not available", "unspecified", "undefined"),
    *("?", "-", "--", "---", ".", "..", "nil", "not known", "no data", "#value!", "#ref!", "#div/0!", "tbd"),
}
TIME = r"([T ]\d{1,2}:\d{2}(:\d{2}(\.\d{1,9})?)?)?"
GROUP = "[ \u00a0\u202f']"
SHAPES = (
    ("integer", r"[+-]?(0|[1-9]\d{0,17})"),
    ("zeros", r"[+-]?0\d+"),
    ("long", r"[+-]?[1-9]\d{18,}"),
    ("dot_group", r"[+-]?[1-9]\d{0,2}\.\d{3}"),
    ("float", r"[+-]?(\d+\.\d*|\.\d+|\d+)([eE][+-]?\d+)?"),
    ("infinite", r"(?i)[+-]?inf(inity)?"),
    ("comma_unclear", r"[+-]?[1-9]\d{0,2},\d{3}"),
    ("comma_decimal", rf"[+-]?(\d+|\d{{1,3}}(\.\d{{3}})+|\d{{1,3}}({GROUP}\d{{3}})+),\d+"),
    ("comma_group", r"[+-]?\d{1,3}((,\d{3})+(\.\d*)?)"),
    ("dot_groups", r"[+-]?\d{1,3}(\.\d{3}){2,}"),
    ("space_group", rf"[+-]?\d{{1,3}}({GROUP}\d{{3}})+(\.\d+)?"),
    ("boolean", r"(?i)true|false"),
    ("iso_date", r"\d{4}-\d{2}-\d{2}"),
    ("iso_time", r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?"),
    ("iso_zone", r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}(:?\d{2})?)"),
    ("year_first", rf"\d{{4}}[/.]\d{{1,2}}[/.]\d{{1,2}}{TIME}"),
    ("dots_date", rf"\d{{1,2}}\.\d{{1,2}}\.\d{{4}}{TIME}"),
    ("day_first", rf"(1[3-9]|2\d|3[01])[/-](0?[1-9]|1[0-2])[/-]\d{{4}}{TIME}"),
    ("month_first", rf"(0?[1-9]|1[0-2])[/-](1[3-9]|2\d|3[01])[/-]\d{{4}}{TIME}"),
    ("date_unclear", rf"(0?[1-9]|1[0-2])[/-](0?[1-9]|1[0-2])[/-]\d{{4}}{TIME}"),
)
PATTERNS = dict(SHAPES)
CHECKED_TEXTS = 20_000  # after that many words and few numbers, a column is text
NUMERIC = {"integer", "float", "dot_group", "zeros", "long", "infinite"}
NUMERIC |= {"comma_unclear", "comma_decimal", "comma_group", "dot_groups", "space_group"}
DATES = {"iso_date", "iso_time", "iso_zone", "year_first", "dots_date"}
DATES |= {"day_first", "month_first", "date_unclear"}


@dataclass(slots=True)
class ColumnShapes:
    """Counts of the shapes of a column's cells, with the first odd ones."""

    n: int = 0
    missing: int = 0
    spelled: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    other: int = 0
    examples: dict[str, list[int]] = field(default_factory=dict)
    timed: int = 0
    settled_text: bool = False
    longest: int = 0
    longest_line: int = 0

    def total(self, *names: str) -> int:
        """Add up the counts of some shapes."""
        return sum(self.counts.get(name, 0) for name in names)


def add_cells(shapes: ColumnShapes, cells: Any, lines: Any, missing: Any) -> None:
    """Count one batch of a column's cells.

    Parameters
    ----------
    shapes : ColumnShapes
        Changed in place.
    cells : pyarrow.StringArray
        The cells as text; null for a cell that the line does not have.
    lines : pyarrow.Int64Array
        The line number of each cell.
    missing : pyarrow.StringArray
        The spellings that mean missing.
    """
    _measure(shapes, cells, lines)
    gone = pc.fill_null(pc.equal(cells, ""), fill_value=True)
    spelled = pc.fill_null(pc.is_in(cells, value_set=missing), fill_value=False)
    if pc.any(spelled).as_py():
        for row in pc.value_counts(cells.filter(spelled)).to_pylist():
            shapes.spelled[row["values"]] = shapes.spelled.get(row["values"], 0) + row["counts"]
        gone = pc.or_(gone, spelled)
    shapes.missing += pc.sum(gone).as_py() or 0
    present = pc.invert(gone)
    left, at = cells.filter(present), lines.filter(present)
    shapes.n += len(left)
    if shapes.settled_text or not len(left):
        return
    _count_shapes(shapes, pc.utf8_trim_whitespace(left), at)
    if shapes.other > CHECKED_TEXTS and shapes.other * 2 > shapes.n:
        shapes.settled_text = True


def _measure(shapes: ColumnShapes, cells: Any, lines: Any) -> None:
    sizes = pc.binary_length(cells)
    longest = pc.max(sizes).as_py() or 0
    if longest > shapes.longest:
        shapes.longest = longest
        shapes.longest_line = lines[pc.index(sizes, longest).as_py()].as_py()


def _count_shapes(shapes: ColumnShapes, left: Any, at: Any) -> None:
    for name, pattern in SHAPES:
        found = pc.match_substring_regex(left, pattern=f"^(?:{pattern})$")
        n = pc.sum(found).as_py() or 0
        if not n:
            continue
        shapes.counts[name] = shapes.counts.get(name, 0) + n
        if name in DATES and name not in {"iso_date", "iso_time", "iso_zone"}:
            shapes.timed += pc.sum(pc.match_substring(left.filter(found), ":")).as_py() or 0
        if n == len(left):
            return
        rest = pc.invert(found)
        left, at = left.filter(rest), at.filter(rest)
    shapes.other += len(left)
    if len(shapes.examples) < 8 or shapes.other < 100_000:
        _keep_examples(shapes, left, at)


def _keep_examples(shapes: ColumnShapes, left: Any, at: Any) -> None:
    few = min(len(left), 200)
    for cell, line in zip(left.slice(0, few).to_pylist(), at.slice(0, few).to_pylist(), strict=True):
        seen = shapes.examples.get(cell)
        if seen is None and len(shapes.examples) < 8:
            shapes.examples[cell[:200]] = [line]
        elif seen is not None and len(seen) < 20:
            seen.append(line)


@dataclass(slots=True)
class Decision:
    """The type of a column, why, how its cells are to be read, and what is odd about it."""

    type: str
    why: str
    form: str = ""
    oddities: list[str] = field(default_factory=list)
    order: str = ""


def decide(shapes: ColumnShapes, decimal: str | None) -> Decision:
    """Choose a column's type from the shapes of all its cells.

    Parameters
    ----------
    shapes : ColumnShapes
        Counts over the whole file.
    decimal : str or None
        The decimal mark of the file, if known.
    """
    if shapes.n == 0:
        return Decision("text", "every cell is missing", oddities=["empty"])
    numeric, dates = shapes.total(*NUMERIC), shapes.total(*DATES)
    if shapes.total("boolean") == shapes.n:
        return Decision("boolean", "every cell is true or false")
    if dates == shapes.n:
        return _decide_date(shapes)
    if numeric == shapes.n or _nearly(shapes, numeric):
        return _decide_number(shapes, decimal)
    oddities = []
    if numeric * 2 >= shapes.n and not shapes.settled_text:
        oddities.append("mixed_types")
    elif dates * 2 >= shapes.n:
        oddities.append("mixed_dates")
    return Decision("text", "the cells are words", oddities=oddities)


def _nearly(shapes: ColumnShapes, numeric: int) -> bool:
    rest = shapes.n - numeric
    if shapes.other != rest or len(shapes.examples) >= 8:
        return False
    known = all(cell.strip().lower() in MISSING_WORDS for cell in shapes.examples)
    return numeric >= 0.5 * shapes.n if known else numeric >= 0.95 * shapes.n and len(shapes.examples) <= 5


def _decide_date(shapes: ColumnShapes) -> Decision:
    n = shapes.n
    if shapes.total("iso_date") == n:
        return Decision("date", "every cell is a date like 2024-05-31", "iso")
    if shapes.total("iso_date", "iso_time") == n:
        return Decision("timestamp", "every cell is a date and time like 2024-05-31 12:00", "iso")
    if shapes.total("iso_zone") == n:
        return Decision("timestamp", "every cell is a date and time with its zone; kept as UTC", "zone")
    kind = "timestamp" if shapes.timed else "date"
    if shapes.total("year_first") == n:
        return Decision(kind, "every cell is a date like 2024/05/31", "year_first")
    if shapes.total("dots_date") == n:
        return Decision(kind, "every cell is a date like 31.05.2024", "day_first")
    return _decide_order(shapes, kind)


def _decide_order(shapes: ColumnShapes, kind: str) -> Decision:
    days, months, unclear = (shapes.total(s) for s in ("day_first", "month_first", "date_unclear"))
    if days + months + unclear < shapes.n or (days and months):
        return Decision("text", "the dates are written in several ways", oddities=["mixed_dates"])
    if months:
        return Decision(kind, "some second numbers exceed 12, so months stand first", "month_first")
    if days:
        return Decision(kind, "some first numbers exceed 12, so days stand first", "day_first")
    return Decision(kind, "day and month cannot be told apart", "day_first", ["date_order"])


def _decide_number(shapes: ColumnShapes, decimal: str | None) -> Decision:
    n_integer, zeros, long = (shapes.total(s) for s in ("integer", "zeros", "long"))
    numeric = shapes.total(*NUMERIC)
    odd = ["not_a_number"] if shapes.other else []
    if zeros and n_integer + zeros + long == numeric:
        return Decision("text", "leading zeros would be lost in a number")
    if long and n_integer + long == numeric:
        return Decision("text", "the numbers are too long to be kept exactly")
    if shapes.total("infinite"):
        odd.append("infinite")
    commas = _decide_commas(shapes, decimal, odd)
    if commas:
        return commas
    if n_integer == numeric:
        return Decision("integer", "every cell is a whole number", "plain", odd)
    return Decision("number", "every cell is a number", "plain", odd)


def _decide_commas(shapes: ColumnShapes, decimal: str | None, odd: list[str]) -> Decision | None:
    sure_decimal = shapes.total("comma_decimal")
    sure_group = shapes.total("comma_group")
    unclear = shapes.total("comma_unclear")
    dots, grouped = shapes.total("dot_groups"), shapes.total("space_group")
    plain = shapes.total("float")
    if (sure_decimal or dots) and (sure_group or plain):
        return Decision("text", "decimal commas and decimal points are mixed", oddities=["mixed_decimals"])
    european = sure_decimal or dots or (decimal == "," and (unclear or shapes.total("dot_group")))
    if european and not sure_group:
        return Decision("number", "numbers with a decimal comma", "decimal_comma", [*odd, "decimal_comma"])
    if sure_group or (unclear and (plain or decimal == ".")):
        return Decision("number", "numbers with commas between thousands", "grouped_comma", [*odd, "grouped_comma"])
    if unclear:
        return Decision("text", "'1,234' may be 1234 or 1.234", oddities=["unclear_comma"])
    return Decision("number", "numbers with blanks between thousands", "space_group", odd) if grouped else None
