"""What the work of a job is given and what it may say: the only names a pure work function needs."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

MEBIBYTE = 1024**2
GIBIBYTE = 1024**3
SECONDS_BETWEEN_PROGRESS = 0.2

Tell = Callable[[dict[str, Any]], None]


class TaskError(Exception):
    """The input cannot be worked on; code and message reach the user as they are."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run of a work may use before it is stopped."""

    memory_bytes: int = 2 * GIBIBYTE  # address space, so a little more than what is really touched
    cpu_seconds: int = 3600
    wall_seconds: int = 3600
    file_bytes: int = 1 * GIBIBYTE  # one written file
    disk_bytes: int = 4 * GIBIBYTE  # all written files together
    open_files: int = 256
    threads: int = 2  # of the numeric libraries
    may_fork: bool = False  # processes of its own, none of which may run another program


def _nothing(message: dict[str, Any]) -> None:
    """Drop what is told: a task made by hand, as in a test, has no listener."""


@dataclass(slots=True)
class Task:
    """One run of a work: its arguments, its files, and the way to tell how far it is.

    ``inputs`` are files that may be read, ``outputs`` a folder to write results into.
    """

    arguments: Mapping[str, Any]
    inputs: Mapping[str, Path] = field(default_factory=dict)
    outputs: Path = Path()
    seed: int = 0
    tell: Tell = _nothing
    _told: tuple[str, float] = ("", -math.inf)

    def progress(self, phase: str, done: float, total: float) -> None:
        """Say how far the work is; calls in quick succession are thinned out, the last one of a phase is kept."""
        now = monotonic()
        told_phase, told_at = self._told
        if phase == told_phase and now - told_at < SECONDS_BETWEEN_PROGRESS and done < total:
            return
        self._told = (phase, now)
        self.tell({"phase": phase, "done": float(done), "total": float(total)})

    def log(self, text: str) -> None:
        """Add a line to the job's log, which the people of the workspace read."""
        self.tell({"log": text})
