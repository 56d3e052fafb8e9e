"""The words of reading a table: options a person may set, limits, findings, questions, the report."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self, TypedDict

Progress = Callable[[str, float, float], None]

COLUMN_TYPES = (
    "integer",
    "number",
    "decimal_comma",
    "grouped_comma",
    "boolean",
    "date",
    "timestamp",
    "day_first",
    "month_first",
    "text",
)
EXAMPLES = 20


class ReadingError(Exception):
    """A file that cannot become a table; the message says what is wrong and what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Finding(TypedDict, total=False):
    """One thing a person should know about the file."""

    code: str
    severity: str
    message: str
    columns: list[str]
    lines: list[int]
    n: int
    choices: list[dict[str, Any]]


class Question(TypedDict, total=False):
    """One thing only a person can decide; each choice carries the options that answer it."""

    code: str
    message: str
    columns: list[str]
    choices: list[dict[str, Any]]
    guess: int


class Column(TypedDict):
    """A column of the table: its name, its type and why it got that type."""

    name: str
    type: str
    why: str


class ReadReport(TypedDict):
    """What reading a file found; plain values only, ready for JSON."""

    outcome: str
    format: str
    encoding: str | None
    separator: str | None
    quote: str | None
    header_row: int | None
    decimal_mark: str | None
    rows: int
    columns: list[Column]
    findings: list[Finding]
    questions: list[Question]
    preview: list[list[str | None]]
    source_sha256: str | None
    source_bytes: int


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """How much a file may hold; what it declares about itself is never believed.

    ``inflated_bytes`` counts real bytes while they are inflated, ``held_bytes`` those of the words that a Parquet
    file keeps once and refers to; ``swift_bytes`` is the size from which a regular CSV is converted in blocks.
    """

    columns: int = 10_000
    rows: int = 200_000_000
    cells: int = 2_000_000_000
    cell_bytes: int = 16 * 2**20
    line_bytes: int = 64 * 2**20
    inflated_bytes: int = 20 * 2**30
    held_bytes: int = 20 * 2**30
    inflation_ratio: int = 200
    archive_entries: int = 1_000
    sheet_bytes: int = 300 * 2**20
    sheet_cells: int = 20_000_000
    json_depth: int = 32
    swift_bytes: int = 2**20


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What a person says about a file; None means "find out".

    Parameters
    ----------
    encoding, separator : str, optional
        A Python codec name; one character.
    quote, escape, comment : str, optional
        One character, or "" for none.
    header_row : int, optional
        Line number of the header from 1; 0 means that the file has no header.
    skip_rows : int
        Lines to leave out at the start.
    footer_rows : int, optional
        Rows to leave out at the end; 0 keeps all.
    units_row : bool, optional
        Whether the first row under the header holds units and is left out.
    long_rows : str
        "drop" or "cut" rows with too many fields.
    decimal : str, optional
        "," or "." for all numbers of the file.
    types : mapping
        Column name to one of ``COLUMN_TYPES``.
    missing : tuple of str, optional
        Spellings that mean missing, instead of the usual ones; blank cells always are.
    extra_missing : mapping
        Column name to more spellings that mean missing in that column.
    fixed_starts : tuple of int, optional
        Where each column of a fixed-width file starts, from 0; empty means "not fixed width".
    names : tuple of str, optional
        Column names to use instead of those in the file.
    member, sheet : str, optional
        Which file of a ZIP archive and which sheet of a workbook to read.
    """

    encoding: str | None = None
    separator: str | None = None
    quote: str | None = None
    escape: str | None = None
    header_row: int | None = None
    skip_rows: int = 0
    footer_rows: int | None = None
    comment: str | None = None
    units_row: bool | None = None
    long_rows: str = "drop"
    decimal: str | None = None
    types: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] | None = None
    extra_missing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    fixed_starts: tuple[int, ...] | None = None
    names: tuple[str, ...] | None = None
    member: str | None = None
    sheet: str | None = None

    @classmethod
    def from_dict(cls, values: Mapping[str, Any] | None) -> Self:
        """Check and take over plain values, as they come from a form or the API.

        Raises
        ------
        ReadingError
            With code ``bad_options`` if a name is unknown or a value cannot be meant.
        """
        values = dict(values or {})
        known = {f.name for f in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise _bad(f"The option {unknown[0]!r} is unknown; use one of {', '.join(sorted(known))}.")
        for name in ("missing", "fixed_starts", "names"):
            if values.get(name) is not None:
                values[name] = _tuple(name, values[name])
        extra = values.get("extra_missing") or {}
        if not isinstance(extra, Mapping):
            raise _bad("The option 'extra_missing' needs a list of spellings per column.")
        values["extra_missing"] = {str(k): _tuple("extra_missing", v) for k, v in extra.items()}
        values["types"] = values.get("types") or {}
        options = cls(**values)
        _check(options)
        return options


def _bad(message: str) -> ReadingError:
    return ReadingError("bad_options", message)


def _tuple(name: str, value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise _bad(f"The option {name!r} needs a list.")
    return tuple(value)


def _check(options: ReadOptions) -> None:
    _check_characters(options)
    if not isinstance(options.types, Mapping) or not all(kind in COLUMN_TYPES for kind in options.types.values()):
        raise _bad(f"A column's type must be one of {', '.join(COLUMN_TYPES)}.")
    for name in ("header_row", "skip_rows", "footer_rows"):
        value = getattr(options, name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
            raise _bad(f"The option {name!r} needs a whole number from 0.")
    if options.decimal not in {None, ",", "."}:
        raise _bad("The decimal mark must be ',' or '.'.")
    if options.long_rows not in {"drop", "cut"}:
        raise _bad("The option 'long_rows' must be 'drop' or 'cut'.")
    starts = options.fixed_starts or ()
    if not all(isinstance(s, int) and s >= 0 for s in starts) or list(starts) != sorted(set(starts)):
        raise _bad("The option 'fixed_starts' needs rising whole numbers from 0.")
    _check_encoding(options.encoding)


def _check_characters(options: ReadOptions) -> None:
    if options.separator is not None and (
        not isinstance(options.separator, str) or len(options.separator) != 1 or options.separator in '\r\n"'
    ):
        raise _bad("The separator must be one character and no line end or quotation mark.")
    for name in ("quote", "escape", "comment"):
        value = getattr(options, name)
        if value is not None and (not isinstance(value, str) or len(value) > 1 or value in {"\r", "\n"}):
            raise _bad(f"The option {name!r} must be one character, or empty for none.")


def _check_encoding(encoding: str | None) -> None:
    if encoding is None:
        return
    try:
        "a,b\n".encode(encoding)
    except (LookupError, UnicodeError, TypeError, ValueError) as error:
        raise _bad(f"The encoding {encoding!r} is unknown; try 'utf-8' or 'cp1252'.") from error


class Notes:
    """Findings and questions as they are gathered while a file is read."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.questions: list[Question] = []
        self.lines: dict[str, list[int]] = {}
        self.counts: dict[str, int] = {}

    def mark(self, code: str, line: int, n: int = 1) -> None:
        """Count something seen on a line; only the first lines are remembered."""
        self.counts[code] = self.counts.get(code, 0) + n
        seen = self.lines.setdefault(code, [])
        if len(seen) < EXAMPLES and (not seen or seen[-1] != line):
            seen.append(line)

    def add(self, code: str, severity: str, message: str, **details: Any) -> None:
        """Add a finding: severity "note", "warning" or "error"."""
        finding: Finding = {"code": code, "severity": severity, "message": message}
        finding.update({k: v for k, v in details.items() if v is not None})  # type: ignore[typeddict-item] # keys are those of Finding
        self.findings.append(finding)

    def ask(self, code: str, message: str, choices: list[dict[str, Any]], **details: Any) -> None:
        """Add a question whose first choice is the guess that the preview shows."""
        question: Question = {"code": code, "message": message, "choices": choices, "guess": 0}
        question.update(details)  # type: ignore[typeddict-item] # keys are those of Question
        self.questions.append(question)

    def outcome(self) -> str:
        """Sum up: ask before warn before accept."""
        if any(f["severity"] == "error" for f in self.findings):
            return "reject"
        if self.questions:
            return "ask"
        return "warn" if any(f["severity"] == "warning" for f in self.findings) else "accept"


def name_lines(lines: list[int], total: int | None = None) -> str:
    """Put line numbers into words: "line 3", "lines 3, 4 and 9 more"."""
    total = len(lines) if total is None else total
    shown = lines[:5]
    rest = total - len(shown)
    text = ", ".join(str(line) for line in shown)
    if rest > 0:
        text += f" and {rest:,} more"
    return f"line{'s' if total > 1 else ''} {text}"
