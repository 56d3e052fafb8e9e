"""Cutting text into records, with forgiveness: every oddity is noted by line, none loses the rest."""

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from evaluations.engine.reading.values import Notes, ReadingError, ReadLimits

Record = tuple[int, list[str]]
LONE_RETURN = re.compile(r"\r(?!\n)")
LOOK_AHEAD = 5_000  # lines that one quoted cell may span
LOOK_AHEAD_ALL = 500_000  # lines looked at for nothing in the whole file, before quotes are given up


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a text file parts its cells.

    ``separator`` is None for a single column; ``starts`` are the first characters of the columns
    of a fixed-width file.
    """

    separator: str | None
    quote: str = '"'
    escape: str = ""
    comment: str = ""
    starts: tuple[int, ...] = ()


@dataclass(slots=True)
class Line:
    """A physical line with its number; a trailing carriage return still on it."""

    number: int
    text: str


class RecordReader:
    """Reads records from blocks of text in one dialect.

    Counts on the way: ``malformed`` cells that open a quote and do not end well, ``merged`` lines
    inside quoted cells, and ``needed`` quoted cells that would break without quotes.
    """

    def __init__(
        self, blocks: Iterable[str], dialect: Dialect, notes: Notes, limits: ReadLimits, *, width: int = 0
    ) -> None:
        self._blocks = iter(blocks)
        self._dialect, self._notes, self._limits, self._width = dialect, notes, limits, width
        self._queue: deque[Line] = deque()
        self._number = 0
        self._look_ahead_left = LOOK_AHEAD_ALL
        self.malformed = self.merged = self.needed = 0
        self.crlf = self.lf = self.lone = 0
        quote, separator = re.escape(dialect.quote), re.escape(dialect.separator or "\n")
        end = rf"[ ]*(?={separator}|\r?$|\r?\Z)"
        body = rf"[^{quote}]*(?:{quote}{quote}[^{quote}]*)*"
        if dialect.escape:
            body = rf"[^{quote}\\]*(?:(?:\\.|{quote}{quote})[^{quote}\\]*)*"
        if dialect.quote:
            self._closed = re.compile(rf"[ ]*{quote}({body}){quote}{end}", re.DOTALL)
            self._opened = re.compile(rf"[ ]*{quote}({body})\Z", re.DOTALL)
            self._closes = re.compile(rf"({body}){quote}{end}", re.DOTALL)
            self._stays = re.compile(rf"({body})\Z", re.DOTALL)

    def __iter__(self) -> Iterator[Record]:
        """Give each record with the number of its first line; blank and comment lines are left out."""
        for batch in self.batches():
            yield from batch

    def batches(self) -> Iterator[list[Record]]:
        """Give the records in lists, one per block."""
        while texts := self._next_texts():
            start = self._number - len(texts) + 1
            if self._plain(texts):
                records = self._split_all(texts, start)
            else:
                self._queue.extend(Line(number, text) for number, text in enumerate(texts, start))
                records = list(self._drain())
            if records:
                yield records

    def _plain(self, texts: list[str]) -> bool:
        """Tell whether the lines can be split without a look at each character."""
        dialect = self._dialect
        if not dialect.separator or dialect.comment:
            return False
        return not dialect.quote or not any(dialect.quote in text for text in texts)

    def _split_all(self, texts: list[str], start: int) -> list[Record]:
        separator = self._dialect.separator
        crlf = sum(text.endswith("\r") for text in texts)
        self.crlf, self.lf = self.crlf + crlf, self.lf + len(texts) - crlf
        if crlf:
            texts = [text.removesuffix("\r") for text in texts]
        return [
            (number, text.split(separator))
            for number, text in enumerate(texts, start)
            if text and (text[0] > " " or not self._blank(text))
        ]

    def _blank(self, text: str) -> bool:
        separator = self._dialect.separator
        return not text or (text.isspace() and (not separator or separator not in text))

    def line_ends_mixed(self) -> bool:
        """Tell whether records end in more than one way."""
        return (self.crlf > 0) + (self.lf > 0) + (self.lone > 0) > 1

    def _fill(self) -> bool:
        """Put the lines of the next block behind those that wait."""
        texts = self._next_texts()
        start = self._number - len(texts) + 1
        self._queue.extend(Line(number, text) for number, text in enumerate(texts, start))
        return bool(texts)

    def _next_texts(self) -> list[str]:
        block = next(self._blocks, None)
        if block is None:
            return []
        if "\r" in block and block.count("\r") != block.count("\r\n"):
            block, lone = LONE_RETURN.subn("\n", block)
            self.lone += lone
            self.lf -= lone
        texts = block.split("\n")
        if not texts[-1]:
            texts.pop()
        if len(block) > self._limits.columns:
            self._guard(texts)
        self._number += len(texts)
        return texts

    def _guard(self, texts: list[str]) -> None:
        separator = self._dialect.separator
        for text in texts:
            if separator and len(text) > self._limits.columns:
                check_width(text.count(separator) + 1, self._limits)

    def _drain(self) -> Iterator[Record]:
        quote, comment = self._dialect.quote, self._dialect.comment
        queue = self._queue
        while queue:
            line = queue.popleft()
            text = line.text
            if comment and text.startswith(comment):
                self._notes.mark("comment_lines", line.number)
                continue
            if quote and quote in text:
                fields, last = self._parse(line)
                self._count_end(last)
                yield line.number, fields
                continue
            self._count_end(text)
            text = text.removesuffix("\r")
            if self._blank(text):
                continue
            yield line.number, self._split(text)

    def _count_end(self, text: str) -> None:
        if text.endswith("\r"):
            self.crlf += 1
        else:
            self.lf += 1

    def _split(self, text: str) -> list[str]:
        if self._dialect.separator:
            return text.split(self._dialect.separator)
        if starts := self._dialect.starts:
            return [text[a:b].strip() for a, b in zip(starts, [*starts[1:], None], strict=True)]
        return [text]

    def _parse(self, line: Line) -> tuple[list[str], str]:
        text, at, fields = line.text, 0, []
        separator = self._dialect.separator
        while True:
            field, at, text = self._field(line, text, at)
            fields.append(field)
            if not separator or at >= len(text) or text[at] != separator:
                return fields, text
            at += 1

    def _field(self, line: Line, text: str, at: int) -> tuple[str, int, str]:
        if match := self._closed.match(text, at):
            return self._unquote(match.group(1), line.number), match.end(), text
        if match := self._opened.match(text, at):
            if joined := self._join(line, text, match.group(1)):
                return joined
            self._notes.mark("unclosed_quote", line.number)
            self.malformed += 1
        elif text[at:].lstrip(" ").startswith(self._dialect.quote):
            self.malformed += 1
            self._notes.mark("broken_quote", line.number)
        separator = self._dialect.separator
        end = text.find(separator, at) if separator else -1
        if end < 0:
            end = len(text)
        return text[at:end].removesuffix("\r"), end, text

    def _unquote(self, inner: str, number: int) -> str:
        quote, escape, separator = self._dialect.quote, self._dialect.escape, self._dialect.separator
        if (separator and separator in inner) or quote in inner or "\n" in inner:
            self.needed += 1
        if escape and escape in inner:
            self._notes.mark("backslash_escapes", number)
            inner = re.sub(r"\\(.)", r"\1", inner, flags=re.DOTALL)
        return inner.replace(quote + quote, quote)

    def _join(self, line: Line, text: str, inner: str) -> tuple[str, int, str] | None:
        parts, size = [inner], len(text)
        taken: list[Line] = []
        found: tuple[str, int, str] | None = None
        while found is None and len(taken) < LOOK_AHEAD and self._look_ahead_left > 0:
            if not self._queue and not self._fill():
                break
            following = self._queue.popleft()
            taken.append(following)
            self._look_ahead_left -= 1
            size += len(following.text)
            if size > self._limits.line_bytes:
                break
            if match := self._closes.match(following.text):
                parts.append(match.group(1))
                found = "\n".join(parts), match.end(), following.text
            elif match := self._stays.match(following.text):
                parts.append(match.group(1))
            else:
                break
        if found is None or self._looks_like_records(taken[:-1]):
            self._queue.extendleft(reversed(taken))
            return None
        self._look_ahead_left += len(taken)
        self.merged += len(taken)
        return self._unquote(found[0], line.number), found[1], found[2]

    def _looks_like_records(self, inside: list[Line]) -> bool:
        separator, width = self._dialect.separator, self._width
        if separator is None or width < 3 or len(inside) < 2:
            return False
        return all(line.text.count(separator) == width - 1 for line in inside)


def check_width(width: int, limits: ReadLimits) -> None:
    """Refuse a record with more cells than a table may have columns."""
    if width > limits.columns:
        raise ReadingError(
            "too_many_columns",
            f"The file has a line with {width:,} cells; at most {limits.columns:,} columns are read. "
            "Check the separator, or split the table.",
        )
