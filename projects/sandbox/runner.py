"""The outside of the room: start the child, listen, watch the limits, and believe nothing it leaves."""

import json
import math
import os
import resource
import selectors
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from projects.nesting import must_be_shallow
from projects.sandbox.disk import DiskWatch, files_below
from projects.sandbox.order import RESULT, SCRATCH, Order, Outcome
from projects.sandbox.processes import MARKER, end_group, end_marked, peak_of, threads_of
from projects.sandbox.reasons import SENTENCES, ended_badly

STEP_SECONDS = 0.1
BYTES_A_STEP = 64 * 1024  # what a chatty child may say; then its pipe is full and it waits
LONGEST_LINE = 8 * 1024
LONGEST_RESULT = 4 * 1024**2
LARGEST_NUMBER = 1e15
MOST_THREADS = 512  # of one process; a few times what the numeric libraries start on the largest machine
LONGEST_CODE, LONGEST_TEXT = 60, 2_000
# The code folder is given as an argument: the environment of the child says nothing about the installation.
BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from projects.sandbox.child import main; main(*sys.argv[2:])"

Hear = Callable[[dict[str, Any]], None]
Stop = Callable[[], str]


@dataclass(slots=True)
class _Lines:
    """Whole lines out of a stream of pieces; a line without an end is cut, so nothing grows."""

    rest: bytes = b""

    def feed(self, piece: bytes) -> Iterator[str]:
        *lines, self.rest = (self.rest + piece).split(b"\n")
        if len(self.rest) > LONGEST_LINE:
            lines.append(self.rest)
            self.rest = b""
        for line in lines:
            yield line[:LONGEST_LINE].decode("utf-8", errors="replace")


@dataclass(slots=True)
class _Child:
    """A running child and the two pipes it speaks into."""

    process: subprocess.Popen[bytes]
    control: int
    output: int
    started: float = field(default_factory=time.monotonic)
    reaped: tuple[int, int, resource.struct_rusage] | None = None
    peak: int = 0
    isolation: str = ""


def run(order: Order, *, hear: Hear, stop: Stop) -> Outcome:
    """Carry out an order and wait for its end.

    ``hear`` gets the child's messages (progress, log, isolation), checked for form; ``stop`` is asked
    several times a second and ends the run when it gives a reason: "cancelled", "lost" or "stopping".
    """
    order.write()
    child = _start(order)
    try:
        reason = _watch(child, order, hear, stop)
    finally:
        status, wall, cpu = _end(child, order)
    outcome = ended_badly(reason, order.limits) if reason else _outcome(order, status, cpu)
    peak = min(max(child.peak, outcome.peak_bytes), order.limits.memory_bytes)
    return replace(outcome, wall_seconds=wall, cpu_seconds=cpu, peak_bytes=peak, isolation=child.isolation)


def _environment(order: Order) -> Mapping[str, str]:
    """Give the child an environment of its own: no secret, no address of any service."""
    threads = str(order.limits.threads)
    scratch = str(order.folder / SCRATCH)
    return {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "HOME": scratch,
        "TMPDIR": scratch,
        "PYTHONHASHSEED": str(order.seed % 2**32),
        "LOKY_MAX_CPU_COUNT": threads,
        "JOBLIB_MULTIPROCESSING": "0",  # it would look for other programs and shared memory, and complain
        "MALLOC_ARENA_MAX": "2",  # each arena takes address space, which is limited
        # Threads that wait must sleep: spinning ones made boosting 60 times slower on a busy machine.
        "OMP_WAIT_POLICY": "PASSIVE",
        MARKER: order.marker,
    } | dict.fromkeys(
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "RAYON_NUM_THREADS"),
        threads,
    )


def _start(order: Order) -> _Child:
    control, control_end = os.pipe()
    output, output_end = os.pipe()
    try:
        process = subprocess.Popen(  # noqa: S603  # no part of the command comes from outside
            [
                *(sys.executable, "-P", "-s", "-B", "-u", "-c", BOOT),
                *(str(order.code), str(order.folder), str(control_end), str(os.getpid())),
            ],
            stdin=subprocess.DEVNULL,
            stdout=output_end,
            stderr=output_end,
            env=_environment(order),
            cwd=order.folder / SCRATCH,
            pass_fds=(control_end,),
            start_new_session=True,
            umask=0o077,
        )
    finally:
        os.close(control_end)
        os.close(output_end)
    for descriptor in (control, output):
        os.set_blocking(descriptor, False)
    return _Child(process, control, output)


def _watch(child: _Child, order: Order, hear: Hear, stop: Stop) -> str:
    """Listen until the child is over, and return "", or until there is a reason to end it, and return that."""
    messages, said = _Lines(), _Lines()
    disk = DiskWatch(order, child.process.pid)

    def take(line: str) -> None:
        message = _checked_message(line)
        child.isolation = child.isolation or message.pop(
            "isolation", ""
        )  # the first is said before foreign data is read
        if message:
            hear(message)

    with selectors.DefaultSelector() as selector:
        selector.register(child.control, selectors.EVENT_READ)
        selector.register(child.output, selectors.EVENT_READ)
        over = False
        while True:
            if selector.get_map():
                selector.select(disk.pause(STEP_SECONDS))
            else:
                time.sleep(disk.pause(STEP_SECONDS))
            full = _listen(selector, child.control, messages, take)
            full |= _listen(selector, child.output, said, lambda line: hear({"log": line}))
            if full:
                time.sleep(disk.pause(STEP_SECONDS))  # more than this need not be heard; its pipe is full and it waits
            child.peak = max(child.peak, peak_of(child.process.pid))
            if over:
                return disk.reason_to_end(at_once=True)
            over = _is_over(child)  # and once more round, for its last words
            now = time.monotonic()
            reason = stop()
            if not reason and now - child.started > order.limits.wall_seconds:
                reason = "wall-time"
            if not reason and threads_of(child.process.pid) > MOST_THREADS:
                reason = "too-many-threads"  # all programs of a machine share one number of them
            reason = reason or disk.reason_to_end()
            if reason and not over:
                return reason


def _listen(selector: selectors.BaseSelector, descriptor: int, lines: _Lines, take: Callable[[str], None]) -> bool:
    """Take the lines that have come; tell whether there are more than may come in one step."""
    if descriptor not in selector.get_map():
        return False
    try:
        piece = os.read(descriptor, BYTES_A_STEP)
    except BlockingIOError:
        return False
    if not piece:
        selector.unregister(descriptor)
    for line in lines.feed(piece or b"\n"):
        if line:
            take(line)
    return len(piece) > BYTES_A_STEP // 2


def _checked_message(line: str) -> dict[str, Any]:
    """Keep what has the form of a message; the child may be in a stranger's hands."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(message, dict):
        return {}
    texts = {key: message[key][:LONGEST_TEXT] for key in ("log", "phase", "isolation") if _is_text(message.get(key))}
    numbers = {key: float(message[key]) for key in ("done", "total") if _is_number(message.get(key))}
    return texts | numbers if texts else {}


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST_NUMBER  # not NaN


def _is_over(child: _Child) -> bool:
    """Tell whether the child has ended, unreaped where possible, so that its group's number stays its own."""
    if hasattr(os, "waitid"):
        return os.waitid(os.P_PID, child.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    ended = os.wait4(child.process.pid, os.WNOHANG)
    child.reaped = ended if ended[0] else None
    return child.reaped is not None


def _end(child: _Child, order: Order) -> tuple[int, float, float]:
    """Kill what is left of the run and add up what it used."""
    end_group(child.process.pid)
    _, status, used = child.reaped or os.wait4(child.process.pid, 0)
    child.process.returncode = os.waitstatus_to_exitcode(status)
    os.close(child.control)
    os.close(child.output)
    end_marked(order.marker)
    return child.process.returncode, time.monotonic() - child.started, used.ru_utime + used.ru_stime


def _outcome(order: Order, status: int, cpu: float) -> Outcome:
    if status < 0:
        return _ended_by_signal(order, -status, cpu)
    answer = _read_answer(order.folder / RESULT)
    if answer is None:
        return ended_badly("bad-result" if status == 0 else "no-start", order.limits)
    versions = {str(key)[:40]: str(value)[:40] for key, value in _dict(answer.get("versions")).items()}
    if isinstance(answer.get("result"), dict):
        checked = _checked_files(order)
        checked = replace(checked, result=None if checked.code else answer["result"])
    else:
        checked = _failure(answer, order)
    peak: Any = answer.get("peak")
    return replace(checked, versions=versions, peak_bytes=int(peak) if _is_number(peak) else 0)


def _ended_by_signal(order: Order, number: int, cpu: float) -> Outcome:
    codes = {signal.SIGXCPU: "cpu-time", signal.SIGXFSZ: "file-too-big", signal.SIGKILL: "killed"}
    code = codes.get(signal.Signals(number), "crashed") if number in set(signal.Signals) else "crashed"
    if code == "killed" and cpu >= order.limits.cpu_seconds:  # it had refused the gentler signal
        code = "cpu-time"
    return ended_badly(code, order.limits, number=number)


def _failure(answer: dict[str, Any], order: Order) -> Outcome:
    code = str(answer.get("code", "bad-result"))[:LONGEST_CODE]
    if _is_text(answer.get("message")):
        return Outcome(code=code, message=answer["message"][:LONGEST_TEXT])
    known = code if code in SENTENCES else "bad-result"
    return ended_badly(known, order.limits, error=str(answer.get("error", ""))[:LONGEST_CODE])


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _refuse_constant(name: str) -> None:
    message = f"{name} is no JSON"
    raise ValueError(message)


def _finite(text: str) -> float:
    if math.isinf(number := float(text)):
        _refuse_constant(text)
    return number


def _read_answer(path: Path) -> dict[str, Any] | None:
    """Read what the child left, as one reads a stranger's letter: a plain small file of JSON, or nothing."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        content = file.read(LONGEST_RESULT + 1)
    if len(content) > LONGEST_RESULT:
        return None
    try:
        answer = json.loads(content, parse_constant=_refuse_constant, parse_float=_finite)
        must_be_shallow(answer)
        return _without_nul(answer) if isinstance(answer, dict) else None
    except (ValueError, RecursionError):
        return None


def _without_nul(value: Any) -> Any:
    """Take out the one character that databases refuse."""
    if isinstance(value, str):
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_without_nul(item) for item in value]
    if isinstance(value, dict):
        return {_without_nul(key): _without_nul(item) for key, item in value.items()}
    return value


def _checked_files(order: Order) -> Outcome:
    """Make sure that the outputs are plain files, all on the disk for good."""
    try:
        for entry in files_below(order.outputs):
            if entry.is_symlink() or not (entry.is_file(follow_symlinks=False) or entry.is_dir(follow_symlinks=False)):
                return ended_badly("bad-result", order.limits)
            descriptor = os.open(entry.path, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
    except PermissionError:
        return ended_badly("bad-result", order.limits)
    return Outcome()
