"""Works of a stranger who has taken over the child."""

import ctypes
import fcntl
import os
import signal
import socket
import struct
import threading
import time
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


def mark(task: Task) -> dict[str, object]:
    """Try to change rights and attributes of files that it may only read, and of one that it may not open."""
    (given,) = task.inputs.values()
    readable, foreign = os.open(given, os.O_RDONLY), os.fsencode(task.arguments["foreign"])
    libc = ctypes.CDLL(None, use_errno=True)
    value = ctypes.create_string_buffer(b"x")
    attribute = struct.pack("QII", ctypes.addressof(value), 1, 0)

    def mark_by_path() -> None:
        if libc.syscall(463, -100, foreign, 0, b"user.mark", attribute, len(attribute)) < 0:  # setxattrat
            raise OSError(ctypes.get_errno(), "refused")

    tries: dict[str, Callable[[], object]] = {
        "open it to all": lambda: os.fchmod(readable, 0o666),
        "own it": lambda: os.fchown(readable, os.getuid(), os.getgid()),
        "mark it": lambda: os.setxattr(readable, "user.mark", b"x"),
        "flag it": lambda: fcntl.ioctl(readable, 0x40086602, struct.pack("l", 0x40)),  # FS_IOC_SETFLAGS, "no dump"
        "hold up its readers": lambda: fcntl.fcntl(readable, fcntl.F_SETLEASE, fcntl.F_WRLCK),
        "mark what it may not open": mark_by_path,
    }
    done = []
    for name, attempt in tries.items():
        with suppress(OSError):
            attempt()
            done.append(name)
    return {"done": done}


def hide(task: Task) -> dict[str, object]:
    """Fill the disk with files that have no name, and keep them where no list of open files shows them."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    here, there = socket.socketpair()

    def must(answer: int) -> int:
        if answer < 0:
            raise OSError(ctypes.get_errno(), "refused")
        return answer

    def keep_in_rule(file: int) -> None:
        rules = must(libc.syscall(444, struct.pack("QQQ", 4, 0, 0), 8, 0))
        path = os.open(f"/proc/self/fd/{file}", os.O_PATH)
        must(libc.syscall(445, rules, 1, struct.pack("=Qi", 4, path), 0))
        os.close(path)

    keep: dict[str, Callable[[int], object]] = {
        "memory": lambda file: libc.mmap(None, 4096, 1, 1, file, 0),
        "socket": lambda file: socket.send_fds(here, [b"x"], [file]),
        "rule": keep_in_rule,
        "thread": lambda file: None,
    }

    def fill() -> None:
        with suppress(OSError):
            if task.arguments["place"] == "thread":
                must(libc.syscall(436, 1_000, 1_001, 2))  # close_range: from here on with descriptors of its own
        for _ in range(8):
            place = task.outputs / "f"
            file = os.open(place, os.O_RDWR | os.O_CREAT)
            os.write(file, bytes(8 << 20))
            place.unlink()
            keep[task.arguments["place"]](file)
            if task.arguments["place"] != "thread":
                os.close(file)
        time.sleep(3)

    if task.arguments["place"] == "thread":
        thread = threading.Thread(target=fill)
        thread.start()
        thread.join()
    else:
        fill()
    there.close()
    return {}


def crowd(task: Task) -> dict[str, object]:
    """Start as many threads as there is room for."""
    threading.stack_size(64 << 10)
    for _ in range(2_000):
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    time.sleep(5)
    return {}
