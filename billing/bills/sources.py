"""A bill's file as lines of text: plain, gz or zip, UTF-8 or UTF-16, with hostile ones stopped.

Bytes are counted as they are inflated, never believed from a directory. One file in a zip.
"""

import gzip
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, Protocol, cast

from billing.bills.errors import BillError

CHUNK = 1 << 18  # bytes read at once
TAIL = 8_192
MOST_OF_A_ZIP = 2 * CHUNK  # bytes read at once: its list of files comes in one read, and becomes many times larger
GZIP, ZIPS = b"\x1f\x8b", (b"PK\x03\x04", b"PK\x05\x06")
BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
BROKEN = (EOFError, gzip.BadGzipFile, zlib.error, zipfile.BadZipFile, NotImplementedError)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a bill may ask of the machine."""

    inflated_bytes: int = 4_000_000_000
    line_bytes: int = 16_000_000
    columns: int = 2_000
    ratio: int = 250  # inflated bytes per packed byte; real bills stay below 60
    ratio_from: int = 50_000_000  # below this many bytes no ratio is suspicious


class Readable(Protocol):
    """A stream of bytes that fills a buffer."""

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill the buffer from its start and return how many bytes came."""
        ...


class Counted(io.RawIOBase):
    """A stream that counts the bytes that really come out and stops what grows too large."""

    def __init__(self, stream: Readable, packed: int | None, limits: Limits) -> None:
        super().__init__()
        self.stream, self.packed, self.limits = stream, packed, limits
        self.count = self.since_newline = 0

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: object) -> int:
        """Fill the buffer with checked bytes."""
        view = memoryview(cast("bytearray", buffer)).cast("B")
        try:
            size = self.stream.readinto(view)
        except BROKEN as error:
            message = "The packed file is damaged or incomplete. Download it again."
            raise BillError("broken-archive", message) from error
        self._check(view[:size])
        return size

    def _check(self, chunk: memoryview) -> None:
        self.count += len(chunk)
        if self.count > self.limits.inflated_bytes:
            size = self.limits.inflated_bytes // 1_000_000
            raise BillError("too-large", f"The bill is larger than {size} MB. Split it by month.")
        inflating = self.packed is not None and self.count > self.limits.ratio_from
        if inflating and self.count > self.limits.ratio * max(self.packed or 0, 1):
            message = "The packed file grows beyond reason when unpacked. Upload the CSV itself."
            raise BillError("bomb", message)
        # The last line break is nearly always near the end; look there before copying it all.
        tail = bytes(chunk[-TAIL:])
        if b"\n" not in tail:
            tail = bytes(chunk)
        newline = tail.rfind(b"\n")
        self.since_newline += len(chunk)
        if newline >= 0:
            self.since_newline = len(tail) - newline - 1
        if self.since_newline > self.limits.line_bytes:
            message = "A line is longer than 16 MB. This is not a bill in CSV."
            raise BillError("not-text", message)


@contextmanager
def open_text(path: Path, limits: Limits) -> Iterator[tuple[IO[str], Callable[[], float]]]:
    """Open a bill as text with its line ends untouched, and with the share that is read."""
    with open_bytes(path, limits) as (stream, share):
        text = io.TextIOWrapper(stream, encoding_of(stream), errors="strict", newline="")
        text._CHUNK_SIZE = CHUNK  # type: ignore[attr-defined] # 8 kB cost a tenth
        try:
            yield text, share
        finally:
            text.detach()


def encoding_of(stream: io.BufferedReader) -> str:
    """Name the encoding of a stream at its start; a BOM tells it."""
    start = stream.peek(4)
    return next((name for bom, name in BOMS if start.startswith(bom)), "utf-8")


@contextmanager
def open_bytes(path: Path, limits: Limits) -> Iterator[tuple[io.BufferedReader, Callable[[], float]]]:
    """Open a bill unpacked, with the share that is read."""
    packed = path.stat().st_size
    with path.open("rb", buffering=0) as file:
        magic = file.read(4)
        file.seek(0)

        def share() -> float:
            return min(file.tell() / max(packed, 1), 1.0)

        if magic[:2] == GZIP:
            with gzip.GzipFile(fileobj=file) as stream:
                yield _counted(cast("Readable", stream), packed, limits), share
        elif magic in ZIPS:
            with _zip_member(file) as member:
                yield _counted(member, packed, limits), share
        else:
            yield _counted(file, None, limits), share


def _counted(stream: Readable, packed: int | None, limits: Limits) -> io.BufferedReader:
    """Put counting and buffering on top of bytes."""
    return io.BufferedReader(Counted(stream, packed, limits), CHUNK)


class _Sips:
    """A zip of which nobody reads much at once."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        """Read what is not too much."""
        if size > MOST_OF_A_ZIP:
            raise BillError("archive-content", "The zip holds too many files. Upload a zip with exactly one bill.")
        return self.file.read(size)


@contextmanager
def _zip_member(file: BinaryIO) -> Iterator[Readable]:
    """Open the only file of a zip."""
    try:
        archive = zipfile.ZipFile(cast("IO[bytes]", _Sips(file)))
    except BROKEN as error:
        message = "The zip file is damaged or incomplete. Download it again."
        raise BillError("broken-archive", message) from error
    with archive:
        names = [info for info in archive.infolist() if _is_content(info)]
        if len(names) != 1:
            message = f"The zip holds {len(names)} files. Upload a zip with exactly one bill."
            raise BillError("archive-content", message)
        if names[0].flag_bits & 1:
            message = "The zip is locked with a password. Upload it unlocked."
            raise BillError("archive-content", message)
        if names[0].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others inflate a piece unbounded
            raise BillError("archive-content", "The zip is packed in an unusual way. Upload the CSV itself.")
        try:
            member = archive.open(names[0])
        except BROKEN as error:
            message = "The zip file is damaged or packed in an unknown way. Upload the CSV itself."
            raise BillError("broken-archive", message) from error
        with member:
            yield cast("Readable", member)


def _is_content(info: zipfile.ZipInfo) -> bool:
    """Leave out folders and what macOS adds."""
    name = info.filename
    return not (info.is_dir() or name.startswith("__MACOSX/") or "/." in f"/{name}")
