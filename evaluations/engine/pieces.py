"""Long arrays taken piece by piece.

What is worked out on the way then stays in the processor's cache and in memory that is at hand. Whole arrays of many
millions of rows would each be handed out by the system anew, page by page, which costs more than the arithmetic.
"""

from collections.abc import Iterator

PIECE = 1 << 15


def pieces(size: int) -> Iterator[slice]:
    """Cut so many rows into pieces, in order."""
    for start in range(0, size, PIECE):
        yield slice(start, min(start + PIECE, size))
