"""Find and end the processes of a run, also those that outlived the worker that started them."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

MARKER = "FREELANCE_ML_JOB"
PROC = Path("/proc")
ROUNDS = 20


def marked_processes() -> Iterator[tuple[int, str]]:
    """List process ids with their markers; empty where the system has no /proc."""
    if not PROC.is_dir():
        return
    wanted = f"{MARKER}=".encode()
    for entry in PROC.iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(OSError):  # gone, or another user's
            for item in (entry / "environ").read_bytes().split(b"\0"):
                if item.startswith(wanted):
                    yield int(entry.name), item.removeprefix(wanted).decode(errors="replace")
                    break


def end_group(leader: int) -> None:
    """Kill every process of the group that the run started in."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def end_marked(marker: str) -> int:
    """Kill every process that carries a marker, until none is left; return how many there were."""
    ended: set[int] = set()
    for _ in range(ROUNDS):
        found = {process for process, name in marked_processes() if name == marker and _is_alive(process)}
        if not found:
            break
        for process in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        ended |= found
        time.sleep(0.01)
    return len(ended)


def _is_alive(process: int) -> bool:
    with suppress(OSError, IndexError):
        state = (PROC / str(process) / "stat").read_text().rpartition(")")[2].split()[0]
        return state not in ("Z", "X")
    return False


def peak_of(process: int) -> int:
    """Tell the most memory that a process held so far, in bytes; 0 where that cannot be seen.

    The figure of ``wait4`` is no use: it starts with the memory of the worker that was forked.
    """
    return _status_of(process, "VmHWM:") * 1024


def threads_of(process: int) -> int:
    """Count the threads of a process; 0 where they cannot be seen."""
    return _status_of(process, "Threads:")


def _status_of(process: int, name: str) -> int:
    with suppress(OSError, ValueError):
        for line in (PROC / str(process) / "status").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1])
    return 0
