"""Finding the encoding of a text file, and reading it as text in blocks that end at a line end."""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from evaluations.engine.reading.values import Notes, ReadingError, ReadLimits

BLOCK = 2**20
BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
EASTERN = ("shift_jis", "gb18030", "euc_kr", "big5", "euc_jp")
LONG_RUN = ("cp1251", "koi8-r", "cp1253", "cp1250", "cp1252")
SINGLE_BYTE = {"ascii", "utf-8", "utf-8-sig", "latin-1", "cp1250", "cp1251", "cp1252", "cp1253", "koi8-r"}
MULTI_BYTE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
CONTROL = re.compile(r"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]")


class ByteStream(Protocol):
    """Anything that gives bytes in pieces."""

    def read(self, size: int = ..., /) -> bytes:
        """Read up to ``size`` bytes; b"" at the end."""
        ...


@dataclass(frozen=True, slots=True)
class EncodingGuess:
    """An encoding with how sure it is: "sure", "likely" or "unsure", and others worth a look."""

    name: str
    certainty: str
    others: tuple[str, ...] = field(default=())


def find_encoding(sample: bytes) -> EncodingGuess:
    """Guess a text's encoding from its first bytes; a byte order mark settles it."""
    for mark, name in BOMS:
        if sample.startswith(mark):
            return EncodingGuess(name, "sure")
    data = np.frombuffer(sample[: len(sample) // 2 * 2], np.uint8)
    if wide := _find_wide(data):
        return wide
    if int((np.frombuffer(sample, np.uint8) == 0).sum()) > max(50, len(sample) // 10):
        raise ReadingError("not_text", "The file is neither text nor a table we know; upload a CSV.")
    if _decodes(sample, "utf-8"):
        return EncodingGuess("utf-8", "sure")
    if MULTI_BYTE.search(sample) and _mostly_utf8(sample):
        return EncodingGuess("utf-8", "likely")
    return _find_legacy(sample)


def _find_wide(data: np.ndarray) -> EncodingGuess | None:
    if len(data) < 4:
        return None
    low, high = float((data[0::2] == 0).mean()), float((data[1::2] == 0).mean())
    if high > 0.4 and low < 0.1:
        return EncodingGuess("utf-16-le", "unsure", ("utf-16-be", "utf-8"))
    if low > 0.4 and high < 0.1:
        return EncodingGuess("utf-16-be", "unsure", ("utf-16-le", "utf-8"))
    return None


def _decodes(sample: bytes, name: str) -> bool:
    try:
        codecs.getincrementaldecoder(name)().decode(sample)
    except UnicodeDecodeError:
        return False
    return True


def _mostly_utf8(sample: bytes) -> bool:
    lines = [line for line in sample.splitlines() if not line.isascii()]
    return sum(_decodes(line, "utf-8") for line in lines) * 2 >= len(lines)


def _find_legacy(sample: bytes) -> EncodingGuess:
    runs = [len(m) for m in re.findall(rb"[\x80-\xff]+", sample)]
    letters = len(re.findall(rb"[A-Za-z]", sample)) + sum(runs)
    share, mean_run = sum(runs) / max(letters, 1), sum(runs) / max(len(runs), 1)
    eastern = tuple(n for n in EASTERN if _decodes(sample, n))
    if eastern and (share > 0.3 or mean_run > 2) and (mean_run > 1.5 or share > 0.6):
        return EncodingGuess(eastern[0], "unsure", (*eastern[1:], "cp1252"))
    if mean_run > 2.5:
        return EncodingGuess(LONG_RUN[0], "unsure", LONG_RUN[1:])
    if re.search(rb"[\x80-\x9f]", sample):
        return EncodingGuess("cp1252", "likely", ("latin-1", "cp1250", "mac_roman"))
    return EncodingGuess("latin-1", "likely", ("cp1252", "cp1250", "iso8859-15"))


def text_blocks(stream: ByteStream, encoding: str, notes: Notes, limits: ReadLimits) -> Iterator[str]:
    """Decode a stream into blocks that end at a line end; bad bytes and controls are noted by line."""
    pieces = _byte_blocks(stream, limits) if encoding in SINGLE_BYTE else None
    line = 1
    first = True
    source = _decode_lines(pieces, encoding, notes) if pieces else _decode_wide(stream, encoding, limits)
    for block in source:
        text = block.removeprefix("\ufeff") if first else block
        first = False
        text = _clean(text, line, notes)
        line += text.count("\n") or text.count("\r")
        if text:
            yield text


def _cut(data: bytes) -> int:
    end = data.rfind(b"\n") + 1
    return end or data.rfind(b"\r", 0, len(data) - 1) + 1


def _byte_blocks(stream: ByteStream, limits: ReadLimits) -> Iterator[bytes]:
    waiting: list[bytes] = []
    held = 0
    while data := stream.read(BLOCK):
        end = _cut(data)
        if not end:
            waiting.append(data)
            held += len(data)
            if held > limits.line_bytes:
                raise line_too_long(limits)
            continue
        yield b"".join([*waiting, data[:end]])
        waiting, held = [data[end:]], len(data) - end
    if rest := b"".join(waiting):
        yield rest


def line_too_long(limits: ReadLimits) -> ReadingError:
    """Say that one line goes on for too long."""
    return ReadingError(
        "line_too_long",
        f"A line is longer than {limits.line_bytes / 2**20:.0f} MB; check the line ends of the file.",
    )


def _decode_lines(pieces: Iterator[bytes], encoding: str, notes: Notes) -> Iterator[str]:
    line = 1
    name = "utf-8" if encoding in {"utf-8-sig", "ascii"} else encoding
    for piece in pieces:
        try:
            yield piece.decode(name)
        except UnicodeDecodeError:
            yield _decode_each(piece, name, line, notes)
        line += piece.count(b"\n") or piece.count(b"\r")


def _decode_each(piece: bytes, name: str, line: int, notes: Notes) -> str:
    texts = []
    end = b"\n" if b"\n" in piece else b"\r"
    for number, raw in enumerate(piece.split(end), line):
        try:
            texts.append(raw.decode(name))
        except UnicodeDecodeError:
            notes.mark("mixed_encoding", number)
            try:
                texts.append(raw.decode("cp1252"))
            except UnicodeDecodeError:
                texts.append(raw.decode("latin-1"))
    return end.decode().join(texts)


def _decode_wide(stream: ByteStream, encoding: str, limits: ReadLimits) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)()
    waiting = ""
    done = False
    while not done:
        data = stream.read(BLOCK)
        done = not data
        try:
            waiting += decoder.decode(data, final=done)
        except UnicodeError as error:
            raise ReadingError(
                "wrong_encoding",
                f"The file is not {encoding} throughout; choose another encoding.",
            ) from error
        end = waiting.rfind("\n") + 1 or waiting.rfind("\r", 0, max(len(waiting) - 1, 0)) + 1
        if len(waiting) - end > limits.line_bytes:
            raise line_too_long(limits)
        if end:
            yield waiting[:end]
            waiting = waiting[end:]
    if waiting:
        yield waiting


def _clean(text: str, line: int, notes: Notes) -> str:
    if "\0" in text:
        for number, part in enumerate(text.split("\n"), line):
            if n := part.count("\0"):
                notes.mark("nul_bytes", number, n)
        text = text.replace("\0", "")
    if has_controls(text):
        for match in CONTROL.finditer(text):
            notes.mark("control_characters", line + text.count("\n", 0, match.start()))
            if notes.counts["control_characters"] > 1000:
                break
    return text


def has_controls(text: str) -> bool:
    """Tell whether a text holds control characters other than tabs and line ends."""
    data = np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8)
    low = int(np.count_nonzero(data < 32)) + int(np.count_nonzero(data == 127))
    return low > text.count("\n") + text.count("\r") + text.count("\t")
