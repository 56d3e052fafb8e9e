"""How large the pages of a Parquet file really are, found in their headers before any is unpacked.

What the file's end says about its columns may be a lie; the size in a page's own header is what is unpacked to.
It is read as Arrow reads it, oddities included: what one of the two took for something else would slip through.
Headers are Thrift's compact protocol: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

UNPACKED, PACKED = 2, 3  # fields of a page's header
USUAL, LONGEST = 256, 16 * 2**20  # bytes of a header; Arrow reads no longer ones
DEEPEST = 100  # deeper than Arrow goes
LONG_LIST = 15  # of which the length follows
TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)


class _Header:
    """A cursor over the bytes of one header; IndexError when they end too early, ValueError when they are none."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def byte(self) -> int:
        """Read a byte."""
        self.at += 1
        return self.data[self.at - 1]

    def varint(self) -> int:
        """Read a whole number of 0 or more, cut to 32 bits as Arrow cuts it."""
        value = shift = 0
        while (part := self.byte()) & 0x80:
            value |= (part & 0x7F) << shift
            shift += 7
            if shift > 63:
                raise ValueError
        return (value | part << shift) & 0xFFFFFFFF

    def number(self) -> int:
        """Read a whole number."""
        coded = self.varint()
        return coded >> 1 ^ -(coded & 1)

    def fields(self, depth: int = 0) -> dict[int, int]:
        """Read a struct; keep its numbers of 32 bits, pass over all else."""
        found: dict[int, int] = {}
        name = 0
        while head := self.byte():
            name = (name + (head >> 4) if head >> 4 else self.number()) & 0xFFFF
            kind = head & 0x0F
            if kind == I32:
                found[name] = self.number()
            elif kind not in (TRUE, FALSE):  # their value is the kind
                self.skip(kind, depth)
        return found

    def skip(self, kind: int, depth: int) -> None:
        """Pass over a value."""
        if depth > DEEPEST:
            raise ValueError
        if kind in (I16, I32, I64):
            self.varint()
        elif kind in (TRUE, FALSE, BYTE):
            self.byte()
        elif kind == DOUBLE:
            self.at += 8
        elif kind == BINARY:
            length = self.varint()
            self.at += length
        elif kind == STRUCT:
            self.fields(depth + 1)
        else:
            self.skip_many(kind, depth)

    def skip_many(self, kind: int, depth: int) -> None:
        """Pass over a list, a set or a map."""
        if kind not in (LIST, SET, MAP):
            raise ValueError
        head = self.byte() if kind != MAP else 0
        short = kind != MAP and head >> 4 < LONG_LIST
        count = head >> 4 if short else self.varint()
        if kind == MAP and count:
            head = self.byte()
        kinds = (head & 0x0F,) if kind != MAP else (head >> 4, head & 0x0F)
        for _ in range(count):
            for each in kinds:
                self.skip(each, depth + 1)


def unpacked_sizes(path: Path, metadata: Any) -> Iterator[int]:
    """Yield the bytes to which each page unpacks, column by column, as far as Arrow could read them."""
    with path.open("rb") as file:
        for group in range(metadata.num_row_groups):
            for column in range(metadata.num_columns):
                chunk = metadata.row_group(group).column(column)
                yield from _pages(file, *_place(chunk))


def _place(chunk: Any) -> tuple[int, int]:
    start, words = chunk.data_page_offset, chunk.dictionary_page_offset
    if words and 0 < words < start:
        start = words
    return start, start + chunk.total_compressed_size


def _pages(file: IO[bytes], at: int, end: int) -> Iterator[int]:
    while 0 <= at < end:
        page = _read_header(file, at)
        if page is None:
            return  # nobody can read on from here; Arrow says so if it has to
        unpacked, packed, length = page
        yield unpacked
        at += length + packed


def _read_header(file: IO[bytes], at: int) -> tuple[int, int, int] | None:
    size = USUAL
    while size <= LONGEST:
        file.seek(at)
        header = _Header(file.read(size))
        try:
            found = header.fields()
        except IndexError:
            if len(header.data) < size:
                return None
            size *= 16
            continue
        except ValueError:
            return None
        unpacked, packed = found.get(UNPACKED, -1), found.get(PACKED, -1)
        return (
            (unpacked, packed, header.at) if unpacked >= 0 and packed >= 0 and header.at <= len(header.data) else None
        )
    return None
