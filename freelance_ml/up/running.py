"""One part as it runs: start, death, restart with growing pauses, end."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from freelance_ml.up.part_log import PartLog
from freelance_ml.up.plan import Part

QUICK = 10.0  # seconds; a part that lives shorter died at once
GIVE_UP_AFTER = 5  # quick deaths in a row
LONGEST_PAUSE = 15.0  # seconds
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _die_with(parent: int) -> None:
    """Run in the new process before exec: the kernel ends it when the supervisor is gone, however it went."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died in between
            os._exit(1)


class RunningPart:
    """Keeps one part alive."""

    def __init__(self, part: Part, *, log_folder: Path, environment: dict[str, str]) -> None:
        self.part = part
        self.log = PartLog(log_folder, part.name)
        self.environment = environment
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0
        self.restart_at: float | None = None
        self.deaths = 0  # in a row, each soon after its start

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self.process.pid if self.process else None

    @property
    def hopeless(self) -> bool:
        """Whether it died at once too often."""
        return self.deaths >= GIVE_UP_AFTER

    def start(self) -> None:
        """Start the process in a session of its own, so that Ctrl-C reaches the supervisor alone."""
        parent = os.getpid()
        self.restart_at = None
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(  # noqa: S603  # the plan is our own
            self.part.argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self.environment,
            pass_fds=self.part.inherits,
            start_new_session=True,
            preexec_fn=lambda: _die_with(parent),  # noqa: PLW1509  # the supervisor has one thread
        )
        assert self.process.stdout is not None  # noqa: S101  # a pipe was asked for
        os.set_blocking(self.process.stdout.fileno(), False)

    def pump(self) -> bool:
        """Move into the log what the part has said so far; False when its pipe is closed."""
        if self.process is None or self.process.stdout is None or self.process.stdout.closed:
            return False
        for _ in range(64):  # then the others have their turn
            try:
                data = os.read(self.process.stdout.fileno(), 65536)
            except BlockingIOError:  # nothing more for now; a grandchild may keep the pipe open for long
                return True
            if not data:
                return False
            self.log.write(data)
        return True

    def noticed_death(self) -> str | None:
        """Say how the part ended if it did, and plan its restart; None while it runs."""
        if self.process is None or (code := self.process.poll()) is None:
            return None
        self.pump()
        lived = time.monotonic() - self.started_at
        self.end_group()
        self.deaths = self.deaths + 1 if lived < QUICK else 1
        pause = 0.0 if self.deaths <= 1 else min(2.0 ** (self.deaths - 2), LONGEST_PAUSE)
        self.restart_at = time.monotonic() + pause
        return _ending(code)

    def ask_to_stop(self) -> None:
        """Send SIGTERM to the part itself; it ends its own children."""
        if self.process and self.process.poll() is None:
            self.process.terminate()

    def end_group(self) -> None:
        """Kill what is left of the part's session and let go of its pipe."""
        if self.process is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()
        self.process = None


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
