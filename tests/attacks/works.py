"""Works of a stranger who has taken over the child."""

import ctypes
import fcntl
import os
import signal
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from projects.sandbox import Task
from projects.sandbox.order import RESULT


def reach_out(task: Task) -> dict[str, object]:
    """Try what reaches other processes and files of the same user without opening any."""
    parent, (pipe, _) = os.getppid(), os.pipe()
    pair = socket.socketpair()
    libc = ctypes.CDLL(None, use_errno=True)

    def watch() -> None:
        if libc.inotify_add_watch(libc.inotify_init1(0), os.fsencode(Path(task.arguments["file"]).parent), 0xFFF) < 0:
            raise OSError(ctypes.get_errno(), "refused")

    niceness = os.getpriority(os.PRIO_PROCESS, 0)
    tries: dict[str, Callable[[], object]] = {
        "set times of a file": lambda: os.utime(task.arguments["file"], (1, 1)),
        "pin the worker to one core": lambda: os.sched_setaffinity(parent, {0}),
        "slow the worker down": lambda: os.setpriority(os.PRIO_PROCESS, parent, niceness),
        "slow every process of the user down": lambda: os.setpriority(os.PRIO_USER, 0, niceness),
        "schedule the worker last": lambda: os.sched_setscheduler(parent, os.SCHED_IDLE, os.sched_param(0)),
        "have a pipe signal the worker": lambda: fcntl.fcntl(pipe, fcntl.F_SETOWN, parent),
        "choose the signal": lambda: fcntl.fcntl(pipe, fcntl.F_SETSIG, signal.SIGKILL),
        "have a socket signal the worker": lambda: fcntl.ioctl(pair[0], 0x8901, struct.pack("i", parent)),
        "watch a foreign folder": watch,
    }
    done = []
    for name, attempt in tries.items():
        with suppress(OSError):
            attempt()
            done.append(name)
    return {"done": done}


def leave_depth(task: Task) -> dict[str, object]:
    """Leave a result that is nested just so deep that it can be parsed, and go before the child writes its own."""
    depth = 900
    text = '{"result":' + '{"a":' * depth + "1" + "}" * depth + "}"
    (task.outputs.parent / RESULT).write_text(text, encoding="utf-8")
    os._exit(0)


def rearrange(task: Task) -> dict[str, object]:
    """Try to have the worker take a foreign file for an own one, or to change what it was given."""
    room, foreign = task.outputs.parent, task.arguments["foreign"]
    (given,) = task.inputs.values()
    tries: dict[str, Callable[[], object]] = {
        "put another folder in the place of the outputs": lambda: task.outputs.rename(room / "tmp" / "outputs"),
        "remove the outputs": task.outputs.rmdir,
        "put a link in the place of an input": given.unlink,
        "move the inputs": lambda: given.parent.rename(room / "tmp" / "inputs"),
        "change an input": lambda: given.write_text("changed", encoding="utf-8"),
        "leave a link beside the outputs": lambda: (room / "link").symlink_to(foreign),
    }
    done = []
    for name, attempt in tries.items():
        with suppress(OSError):
            attempt()
            done.append(name)
    return {"done": done}


def dig(task: Task) -> dict[str, object]:
    """Nest folders so deep that their path can no longer be written, and leave a file at the bottom."""
    os.chdir(task.outputs)
    for _ in range(3_000):
        Path("d").mkdir()
        os.chdir("d")
    Path("hidden").write_bytes(b"x")
    return {}
