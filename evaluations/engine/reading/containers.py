"""Opening a file whatever it is packed in, counting the real bytes while they are inflated."""

import gzip
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

from evaluations.engine.reading.values import ReadingError, ReadLimits

BLOCK = 2**20
SMALL = 64 * 2**20  # below this no ratio is alarming
STRANGERS = (
    (b"%PDF", "a PDF document", "export the table as CSV"),
    (b"\x89PNG", "a picture", "upload the table as CSV"),
    (b"\xff\xd8\xff", "a picture", "upload the table as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old or encrypted Excel file", "save it as .xlsx without a password"),
    (b"BZh", "a bzip2 archive", "use gzip or zip instead"),
    (b"\xfd7zXZ\x00", "an xz archive", "use gzip or zip instead"),
    (b"7z\xbc\xaf", "a 7-Zip archive", "use gzip or zip instead"),
    (b"(\xb5/\xfd", "a Zstandard archive", "use gzip or zip instead"),
    (b"Rar!", "a RAR archive", "use gzip or zip instead"),
    (b"\x1f\x9d", "a compress archive", "use gzip or zip instead"),
    (b"SQLite format 3\x00", "a SQLite database", "export one table as CSV"),
    (b"\x89HDF", "an HDF5 file", "export one table as Parquet or CSV"),
    (b"\x93NUMPY", "a NumPy file", "export it as Parquet or CSV"),
    (b"ARROW1", "an Arrow file", "save it as Parquet"),
    (b"FEA1", "a Feather file", "save it as Parquet"),
    (b"\x7fELF", "a program", "upload a table"),
    (b"\x80\x02", "a pickle, which may hold a program", "save the table as Parquet or CSV"),
    (b"\x80\x03", "a pickle, which may hold a program", "save the table as Parquet or CSV"),
    (b"\x80\x04", "a pickle, which may hold a program", "save the table as Parquet or CSV"),
    (b"\x80\x05", "a pickle, which may hold a program", "save the table as Parquet or CSV"),
)
BROKEN = (gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


class CountedStream:
    """Bytes read from a possibly packed file, stopped when too many come out."""

    def __init__(self, inner: IO[bytes], raw: IO[bytes], limits: ReadLimits, *, packed: bool) -> None:
        self._inner, self._raw, self._limits, self._packed = inner, raw, limits, packed
        self.total = 0

    def read(self, size: int = BLOCK) -> bytes:
        """Read up to ``size`` bytes; b"" at the end."""
        try:
            data = self._inner.read(size)
        except BROKEN as error:
            raise ReadingError(
                "broken_archive",
                "The compressed file is damaged or cut off; pack it again and upload it anew.",
            ) from error
        self.total += len(data)
        if self._packed:
            self._guard()
        return data

    def position(self) -> int:
        """Say how far the file on disk has been read, in bytes."""
        return self._raw.tell()

    def close(self) -> None:
        """Close the file."""
        self._inner.close()
        self._raw.close()

    def _guard(self) -> None:
        if self.total > self._limits.inflated_bytes:
            raise ReadingError(
                "inflates_too_large",
                f"The file inflates to more than {self._limits.inflated_bytes / 2**30:.0f} GiB; split it.",
            )
        if self.total > SMALL and self.total > self._limits.inflation_ratio * max(self.position(), 1):
            raise ReadingError(
                "inflates_too_much",
                f"The file inflates to more than {self._limits.inflation_ratio} times its size, "
                "which no table of data does; upload it unpacked.",
            )


class Source:
    """A file that can be opened again and again, seen through gzip or zip."""

    def __init__(self, path: Path, limits: ReadLimits, member: str | None = None) -> None:
        self.path, self.limits = path, limits
        self.size = path.stat().st_size
        self.packing = "none"
        self._member: str | None = None
        with path.open("rb") as raw:
            head = raw.read(512)
        if head.startswith(b"\x1f\x8b"):
            self.packing = "gzip"
        elif head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            self._look_into_zip(member)

    def _look_into_zip(self, member: str | None) -> None:
        names = zip_names(self.path, self.limits)
        if "[Content_Types].xml" in names:
            return  # an Office file is a table of its own, not a packed one
        tables = [n for n in names if _is_table(n)]
        if member is not None and member not in tables:
            raise ReadingError("zip_member_unknown", f"The archive holds no file named “{member}”.")
        if member is None and len(tables) != 1:
            shown = ", ".join(tables[:5]) or "nothing"
            raise ReadingError(
                "zip_needs_one_table",
                f"The ZIP archive must hold exactly one table, but holds {len(tables)} ({shown}); "
                "pack one alone or name it with the option 'member'.",
            )
        self.packing, self._member = "zip", member or tables[0]

    @property
    def inner_name(self) -> str | None:
        """The name of the file inside a ZIP archive."""
        return self._member

    def open(self) -> CountedStream:
        """Open the bytes of the table from the start."""
        raw = self.path.open("rb")  # the stream that is given back closes it
        if self.packing == "gzip":
            return CountedStream(gzip.GzipFile(fileobj=raw), raw, self.limits, packed=True)  # type: ignore[arg-type] # GzipFile reads bytes
        if self.packing == "zip":
            try:
                inner = zipfile.ZipFile(raw).open(self._member or "")  # noqa: SIM115 # closed with the stream
            except BROKEN as error:
                raw.close()
                raise ReadingError(
                    "broken_archive",
                    "The ZIP archive is damaged or needs a password; pack it again without one.",
                ) from error
            return CountedStream(inner, raw, self.limits, packed=True)
        return CountedStream(raw, raw, self.limits, packed=False)

    def head(self, size: int) -> bytes:
        """Read the first bytes of the table."""
        stream = self.open()
        try:
            parts = []
            while size > 0 and (data := stream.read(min(size, BLOCK))):
                parts.append(data)
                size -= len(data)
            return b"".join(parts)
        finally:
            stream.close()

    def unpack(self, target: Path) -> Path:
        """Give a plain file with the table's bytes, inflating into ``target`` if needed."""
        if self.packing == "none":
            return self.path
        stream = self.open()
        try:
            with target.open("wb") as out:
                while data := stream.read():
                    out.write(data)
        finally:
            stream.close()
        return target


def _is_table(name: str) -> bool:
    parts = name.split("/")
    return not name.endswith("/") and "__MACOSX" not in parts and not parts[-1].startswith(".")


def zip_names(path: Path, limits: ReadLimits) -> list[str]:
    """List an archive's files after checking how many it declares."""
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except (*BROKEN, ValueError, OSError) as error:
        raise ReadingError("broken_archive", "The ZIP archive is damaged or cut off; pack it again.") from error
    if len(infos) > limits.archive_entries:
        raise ReadingError(
            "zip_too_many_files",
            f"The ZIP archive holds {len(infos):,} files; at most {limits.archive_entries:,} are read.",
        )
    return [info.filename for info in infos]


def inflate_member(archive: zipfile.ZipFile, name: str, limit: int, sink: Any = None) -> int:
    """Inflate one file of an archive in blocks, hand each to ``sink``, and count the real bytes."""
    total = 0
    with archive.open(name) as member:
        while data := member.read(BLOCK):
            total += len(data)
            if total > limit:
                raise ReadingError(
                    "inflates_too_large",
                    f"{name} inflates to more than {limit / 2**20:.0f} MB; save the table as CSV instead.",
                )
            if sink is not None:
                sink(data)
    return total


def find_format(head: bytes, name: str) -> str:
    """Tell a table's format by its first bytes; the name only helps between text formats.

    Returns
    -------
    str
        "parquet", "xlsx", "jsonl" or "delimited".
    """
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"PK\x03\x04"):
        return "xlsx"
    for magic, what, advice in STRANGERS:
        if head.startswith(magic):
            raise ReadingError("not_a_table", f"This is {what}, not a table; {advice}.")
    if head.startswith(b"\x1f\x8b"):
        raise ReadingError("nested_archive", "The archive holds another archive; pack the table once only.")
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:2000]
    lowered = start[:200].lower()
    if lowered.startswith((b"<!doctype", b"<html", b"<?xml", b"<svg")):
        raise ReadingError("not_a_table", "This is a web page or an XML file, not a table; export the table as CSV.")
    if start.startswith(b"{") and (name.lower().endswith((".jsonl", ".ndjson", ".json")) or b'":' in start):
        return "jsonl"
    if start.startswith(b"[") and start[1:].lstrip().startswith(b"{"):
        raise ReadingError("json_array", "This is one JSON array; save it as JSON lines, one object on each line.")
    return "delimited"
