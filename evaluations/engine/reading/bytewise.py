"""What the bytes of a block of text tell before anything is parsed."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

PIECE = 2**17
OVERLAP = 256  # what a cell may begin with before the digit after its first zero
LF, CR, TAB, MINUS, ZERO, NINE, QUOTE, LETTER_X, DELETE = 10, 13, 9, 45, 48, 57, 34, 120, 127


@dataclass(slots=True)
class Look:
    """What the bytes of a block are, counted."""

    low: int = 0  # control characters, line ends among them
    lf: int = 0
    cr: int = 0
    tabs: int = 0
    quotes: int = 0
    zeros: bool = False  # some cell begins with 0 and goes on with a digit or an x


def look_at(block: bytes, separator: int) -> Look:
    """Count in pieces that stay in the processor's cache: each is passed over several times."""
    data = np.frombuffer(block, np.uint8)
    look = Look(zeros=re.match(rb"[ +-]*0[0-9xX]", block) is not None)
    for start in range(0, len(data), PIECE):
        piece = data[start : start + PIECE + OVERLAP]
        own = piece[:PIECE]
        ends = piece == LF
        low = _count(own < 32) + _count(own == DELETE)
        lf = _count(ends[:PIECE])
        look.low, look.lf = look.low + low, look.lf + lf
        if low > lf:
            look.cr, look.tabs = look.cr + _count(own == CR), look.tabs + _count(own == TAB)
        quotes = piece == QUOTE
        look.quotes += _count(quotes[:PIECE])
        begins = ends | quotes
        begins |= piece == separator
        look.zeros = look.zeros or _zeros_follow(piece, begins)
    return look


def _count(found: Any) -> int:
    return int(np.count_nonzero(found))


def _zeros_follow(piece: Any, begins: Any) -> bool:
    """Tell whether a cell begins with a zero too many, past blanks and a sign; ``begins`` marks the byte before it."""
    lead = piece[1:] <= MINUS  # blanks, signs, and others that only make the answer cautious
    while (more := begins[:-1] & lead & ~begins[1:]).any():
        begins[1:] |= more
    after = piece[2:]
    found = (after - ZERO) <= NINE - ZERO  # bytes below 0 wrap around to large ones
    found |= (after | 32) == LETTER_X
    found &= begins[:-2]
    found &= piece[1:-1] == ZERO
    return bool(found.any())
