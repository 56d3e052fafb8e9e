"""What a run has on the disk: looked at the more often, the nearer it may be to its limit; removed in the end."""

import os
import stat
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from projects.sandbox.order import Order
from projects.sandbox.processes import PROC, marked_processes

LONGEST_PAUSE, SHORTEST_PAUSE = 1.0, 0.01  # seconds between two looks
FASTEST = 8 * 1024**3  # bytes a second that two threads can hardly write, even into memory
MOST_FILES = 10_000
BLOCK = 512  # the unit of st_blocks


class DiskWatch:
    """Sums up what a run has written, and says when to look again: before it could have written what is left."""

    def __init__(self, order: Order, process: int) -> None:
        self.order = order
        self.process = process
        self.folder = os.fsencode(order.folder.resolve()) + b"/"
        self.next_look = time.monotonic()

    def pause(self, longest: float) -> float:
        """Say how long to wait at most, so that the next look is not missed."""
        return min(longest, max(self.next_look - time.monotonic(), SHORTEST_PAUSE))

    def reason_to_end(self, *, at_once: bool = False) -> str:
        """Look if it is time, and return why the run must end; empty while it may go on."""
        if not at_once and time.monotonic() < self.next_look:
            return ""
        processes = self._processes()
        if any(_maps_deleted(process, self.folder) for process in processes):
            return "bad-result"  # such a file fills the disk, and how much of it cannot be seen
        size = _without_a_name(processes)
        try:
            for count, entry in enumerate(files_below(self.order.folder), start=1):
                if count > MOST_FILES:
                    return "too-many-files"
                with suppress(OSError):  # it went meanwhile
                    size += entry.stat(follow_symlinks=False).st_blocks * BLOCK
        except OSError:  # the child hides files: in a folder that it shut, or too deep down
            return "bad-result"
        left = self.order.limits.disk_bytes - size
        self.next_look = time.monotonic() + min(max(left / FASTEST, SHORTEST_PAUSE), LONGEST_PAUSE)
        return "disk-limit" if left < 0 else ""

    def _processes(self) -> list[int]:
        if not self.order.limits.may_fork:
            return [self.process]
        return [process for process, marker in marked_processes() if marker == self.order.marker]


def _maps_deleted(process: int, folder: bytes) -> bool:
    """Tell whether a process holds a deleted file of a folder in its memory, where no descriptor need show it."""
    with suppress(OSError):  # it is over, or the system has no /proc
        lines = (PROC / str(process) / "maps").read_bytes().splitlines()
        return any(line.endswith(b" (deleted)") and folder in line for line in lines)
    return False


def _without_a_name(processes: list[int]) -> int:
    """Count the files that were deleted while they are open: they still fill the disk, or the memory."""
    found: dict[tuple[int, int], int] = {}
    for process in processes:
        for path in _descriptors(process):
            with suppress(OSError):
                file = path.stat()
                if stat.S_ISREG(file.st_mode) and file.st_nlink == 0:
                    found[file.st_dev, file.st_ino] = file.st_blocks * BLOCK
    return sum(found.values())


def _descriptors(process: int) -> list[Path]:
    with suppress(OSError):  # it is over, or the system has no /proc
        return list((PROC / str(process) / "fd").iterdir())
    return []


def files_below(folder: Path) -> Iterator[os.DirEntry[str]]:
    """List the entries beneath a folder that may change meanwhile.

    Raises OSError for a folder that is there and cannot be listed.
    """
    waiting = [os.fspath(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    yield entry
        except (FileNotFoundError, NotADirectoryError):  # it went meanwhile
            continue


def remove_folder(folder: Path) -> None:
    """Remove a folder, however deep a child nested what is in it: inner folders are moved up before they are emptied.

    What cannot be removed stays.
    """
    waiting = [folder]
    while waiting:
        inner = waiting.pop()
        with suppress(OSError):
            inner.chmod(0o700)  # the child may have shut it
            for entry in list(os.scandir(inner)):
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(_moved_up(Path(entry.path), folder))
                else:
                    Path(entry.path).unlink()
            if inner != folder:
                inner.rmdir()
    with suppress(OSError):
        folder.rmdir()


def _moved_up(inner: Path, folder: Path) -> Path:
    inner.chmod(0o700)  # to move a folder is to write into it
    return inner if inner.parent == folder else inner.rename(folder / uuid.uuid4().hex)
