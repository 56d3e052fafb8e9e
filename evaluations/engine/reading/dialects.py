"""Finding how a text file is laid out: separator, quotes, comments, title lines, header."""

import re
from collections import Counter
from dataclasses import dataclass, field, replace

from evaluations.engine.reading.lines import Dialect, Record, RecordReader
from evaluations.engine.reading.values import Notes, ReadingError, ReadLimits, ReadOptions, name_lines

SEPARATORS = ("\t", ";", "|", ",")
TRIAL_CHARACTERS = 2**17
HINT = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)
NUMBER = re.compile(r"\s*[+-]?(\d[\d.,\u00a0\u202f' ]*)?\d([eE][+-]?\d+)?\s*%?\s*|\s*[+-]?\d*[.,]\d+\s*")
DATE = re.compile(r"\s*\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T ].*)?")
CONFLICT = re.compile(r"^(<{7}|={7}|>{7}|\|{7})( .*)?$")


@dataclass(slots=True)
class Layout:
    """What was found: dialect, header line (0 for none), names, width and the first data line."""

    dialect: Dialect
    header_row: int
    names: list[str]
    width: int
    first_line: int
    preamble: list[int] = field(default_factory=list)
    nameless_first: bool = False


@dataclass(slots=True)
class Trial:
    """How well a dialect explains the sample."""

    dialect: Dialect
    width: int
    share: float
    records: list[Record]
    malformed: int
    merged: int
    needed: int
    odd_lines: list[int]


def find_hint(text: str) -> str | None:
    """Read Excel's first line ``sep=;``, which is no header."""
    match = HINT.match(text)
    return match.group(1) if match else None


def find_layout(text: str, options: ReadOptions, notes: Notes, limits: ReadLimits) -> Layout:
    """Find the layout of a sample of whole lines; what is unsure becomes a question in ``notes``."""
    skipped = options.skip_rows
    hint = find_hint(text)
    if hint:
        skipped = max(skipped, 1)
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    body = "\n".join(["" for _ in lines[:skipped]] + lines[skipped:])
    comment = _find_comment(lines[skipped:], options, notes)
    trial = _find_dialect(body, comment, options, hint, limits, notes)
    return find_structure(trial, options, notes, skipped)


def _find_comment(lines: list[str], options: ReadOptions, notes: Notes) -> str:
    if options.comment is not None:
        return options.comment
    filled = [line for line in lines if line.strip()]
    marked = [number for number, line in enumerate(lines, options.skip_rows + 1) if line.startswith("#")]
    if not marked or len(marked) * 2 > len(filled):
        return ""
    if len(marked) == 1 and filled[0].startswith("#") and _same_width(filled[:2]):
        return ""
    shown = ", ".join(repr(lines[number - options.skip_rows - 1][:40]) for number in marked[:3])
    notes.ask(
        "comment_lines",
        f"{len(marked)} lines begin with '#' ({shown}). Are they comments?",
        [
            {"label": "Comments: leave them out", "options": {"comment": "#"}},
            {"label": "Data: keep them", "options": {"comment": ""}},
        ],
        lines=marked[:20],
    )
    return "#"


def _same_width(pair: list[str]) -> bool:
    return len(pair) == 2 and any(0 < pair[0].count(s) == pair[1].count(s) for s in SEPARATORS)


def _try(body: str, dialect: Dialect, limits: ReadLimits, width: int = 0) -> Trial:
    notes = Notes()
    reader = RecordReader([body], dialect, notes, limits, width=width)
    records = [r for r in reader if any(cell.strip() for cell in r[1])]
    widths = Counter(len(cells) for _, cells in records)
    odd = sorted({*notes.lines.get("unclosed_quote", []), *notes.lines.get("broken_quote", [])})
    common, times = max(widths.items(), key=lambda item: (item[1], item[0]), default=(1, 0))
    share = times / max(len(records), 1)
    return Trial(dialect, common, share, records, reader.malformed, reader.merged, reader.needed, odd)


def _find_dialect(
    body: str, comment: str, options: ReadOptions, hint: str | None, limits: ReadLimits, notes: Notes
) -> Trial:
    quote = '"' if options.quote is None else options.quote
    base = Dialect(None, quote, options.escape or "", comment)
    given = options.separator or hint
    if options.fixed_starts:
        return _try(body, replace(base, starts=options.fixed_starts, quote=""), limits)
    candidates = [given] if given else list(SEPARATORS)
    start = body[: body.find("\n", TRIAL_CHARACTERS) + 1] or body
    trials = [_try(start, replace(base, separator=s), limits) for s in candidates]
    good = [t for t in trials if t.width >= 2 and t.share >= 0.5]
    if not good and given is None:
        best = _without_separator(body, base, options, limits, notes)
    else:
        best = max(good or trials, key=lambda t: round(t.share, 2))
        best = best if start is body else _try(body, best.dialect, limits)
    return _settle_quotes(body, best, options, limits, notes)


def _without_separator(body: str, base: Dialect, options: ReadOptions, limits: ReadLimits, notes: Notes) -> Trial:
    starts = find_fixed_starts(body) if options.fixed_starts is None else ()
    if not starts:
        return _try(body, base, limits)
    places = ", ".join(str(s + 1) for s in starts)
    notes.ask(
        "fixed_width",
        f"The columns seem to have fixed widths, starting at characters {places}. Is that so?",
        [
            {"label": "Yes, split there", "options": {"fixed_starts": list(starts)}},
            {"label": "No, each line is one cell", "options": {"fixed_starts": []}},
        ],
    )
    return _try(body, replace(base, starts=starts, quote=""), limits)


def find_fixed_starts(body: str) -> tuple[int, ...]:
    """Find where columns begin in lines padded with blanks; empty if the lines are not padded."""
    lines = [line.rstrip("\r") for line in body.split("\n") if line.strip()][:200]
    if len(lines) < 3 or not any("  " in line.strip() for line in lines[1:]):
        return ()
    width = max(map(len, lines))
    if width > 5_000:
        return ()
    blank = [all(i >= len(line) or line[i] == " " for line in lines) for i in range(width)]
    starts = [i for i in range(width) if not blank[i] and (i == 0 or blank[i - 1])]
    bounds = list(zip(starts, [*starts[1:], width], strict=True))
    header = [lines[0][a:b].strip() for a, b in bounds]
    return tuple(starts) if len(starts) > 1 and all(header) else ()


def _settle_quotes(body: str, best: Trial, options: ReadOptions, limits: ReadLimits, notes: Notes) -> Trial:
    best = _try(body, best.dialect, limits, best.width) if best.merged else best
    if options.quote is not None or not (best.malformed or best.merged):
        return best
    if best.malformed and '\\"' in body and options.escape is None:
        escaped = _try(body, replace(best.dialect, escape="\\"), limits, best.width)
        if escaped.malformed == 0:
            return escaped
    plain = _try(body, replace(best.dialect, quote="", escape=""), limits)
    even = plain.share == 1.0 and plain.width > 1
    if even and ((plain.width == best.width and not best.needed) or (best.merged and best.malformed)):
        _say_plain_quotes(best, notes)
        return plain
    return best


def _say_plain_quotes(quoted: Trial, notes: Notes) -> None:
    where = f" on {name_lines(quoted.odd_lines, quoted.malformed)}" if quoted.odd_lines else ""
    notes.add(
        "unclosed_quote",
        "warning",
        f"A quotation mark opens{where} and never closes properly; honouring quotes would swallow "
        "lines, so all quotation marks are read as plain characters.",
        lines=quoted.odd_lines,
        n=quoted.malformed,
        choices=[{"label": "Honour quotes", "options": {"quote": '"'}}],
    )


def find_structure(trial: Trial, options: ReadOptions, notes: Notes, skipped: int) -> Layout:
    """Find the header and the first row of data among a sample's records."""
    records = [r for r in trial.records if not CONFLICT.match(r[1][0])]
    width = trial.width
    if not records:
        raise ReadingError("no_rows", "No row is left to read; check the options and the file.")
    if options.header_row is not None:
        return _given_header(trial, records, options)
    first = next((i for i, (_, cells) in enumerate(records) if len(cells) == width), 0)
    nameless = first == 1 and len(records[0][1]) == width - 1 and width > 2 and not _numeric_cells(records[0][1])
    if nameless:
        first = 0
        records[0] = (records[0][0], ["", *records[0][1]])
    if first > 0 and first <= 30:
        return _ask_preamble(trial, records, first, notes)
    first = min(first, 0)
    header = _judge_header(records, width)
    if header == "unsure":
        _ask_header(records[0], notes)
    if header != "yes":
        return Layout(trial.dialect, 0, [], width, records[0][0] if records else skipped + 1)
    line, names = records[0]
    return Layout(trial.dialect, line, names, max(width, len(names)), line + 1, nameless_first=nameless)


def _given_header(trial: Trial, records: list[Record], options: ReadOptions) -> Layout:
    row = options.header_row or 0
    if row == 0:
        start = options.skip_rows + 1
        return Layout(trial.dialect, 0, [], trial.width, start)
    names = next((cells for line, cells in records if line == row), None)
    if names is None:
        names = next((cells for line, cells in records if line > row), [])
    return Layout(trial.dialect, row, names, max(trial.width, len(names)), row + 1)


def _ask_preamble(trial: Trial, records: list[Record], first: int, notes: Notes) -> Layout:
    line, names = records[first]
    before = [number for number, _ in records[:first]]
    shown = ", ".join(repr(cell[:30]) for cell in names[:6])
    notes.ask(
        "header_row",
        f"{first} lines stand above what looks like the header on line {line} ({shown}). "
        "Which line holds the column names?",
        [
            {"label": f"Header is line {line}", "options": {"header_row": line}},
            {"label": f"Header is line {before[0]}", "options": {"header_row": before[0]}},
            {"label": "There is no header", "options": {"header_row": 0}},
        ],
        lines=before[:20],
    )
    return Layout(trial.dialect, line, names, trial.width, line + 1, preamble=before)


def _ask_header(record: Record, notes: Notes) -> None:
    line, cells = record
    shown = ", ".join(repr(cell[:30]) for cell in cells[:6])
    notes.ask(
        "no_header",
        f"The first line ({shown}) looks like data, not like column names. Has the file a header?",
        [
            {"label": "No header: names are column_1, column_2, …", "options": {"header_row": 0}},
            {"label": f"Line {line} is the header", "options": {"header_row": line}},
        ],
        lines=[line],
    )


def _is_number(cell: str) -> bool:
    return len(cell) < 60 and bool(NUMBER.fullmatch(cell) or DATE.fullmatch(cell))


def _numeric_cells(cells: list[str]) -> int:
    return sum(_is_number(cell) for cell in cells)


def _judge_header(records: list[Record], width: int) -> str:
    """Say whether the first record holds names: "yes" or "unsure"."""
    head = records[0][1] if records else []
    rows = [cells for _, cells in records[1:400] if len(cells) == width]
    if not rows:
        return "unsure" if head and _numeric_cells(head) == len(head) else "yes"
    votes = against = 0
    for at, name in enumerate(head[:width]):
        cells = [row[at] for row in rows if row[at].strip()]
        if cells and _numeric_cells(cells) >= 0.8 * len(cells):
            votes, against = votes + (not _is_number(name)), against + _is_number(name)
    if votes or against:
        return "unsure" if against else "yes"
    return _judge_words(head, rows)


def _judge_words(head: list[str], rows: list[list[str]]) -> str:
    filled = [name.strip() for name in head if name.strip()]
    repeated = any(name.strip() and name in {row[at] for row in rows} for at, name in enumerate(head))
    long = any(len(name) > 80 for name in filled)
    return "unsure" if repeated or long or len(set(filled)) < len(filled) else "yes"
