"""The log file of one part: turned over at a size, with its last lines at hand."""

from collections import deque
from contextlib import suppress
from io import FileIO
from pathlib import Path

LARGEST = 10 * 1024 * 1024  # bytes
KEPT = 3  # older files
TAIL = 20  # lines


class PartLog:
    """Writes what a part says, and remembers its last words."""

    def __init__(self, folder: Path, name: str, *, largest: int = LARGEST) -> None:
        self.path = folder / f"{name}.log"
        self.largest = largest
        self.tail: deque[str] = deque(maxlen=TAIL)
        self._file = self._open()

    def _open(self) -> FileIO:
        file = self.path.open("ab", buffering=0)
        self.path.chmod(0o600)
        return file

    def write(self, data: bytes) -> None:
        """Append; a full disk must not stop the parts, so a failed write is dropped."""
        self.tail.extend(line for line in data.decode(errors="replace").splitlines() if line.strip())
        with suppress(OSError):
            if self._file.tell() + len(data) > self.largest:
                self._turn_over()
            self._file.write(data)

    def _turn_over(self) -> None:
        self._file.close()
        for number in range(KEPT, 0, -1):
            older = self.path if number == 1 else self.path.with_suffix(f".log.{number - 1}")
            if older.exists():
                older.rename(self.path.with_suffix(f".log.{number}"))
        self._file = self._open()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
