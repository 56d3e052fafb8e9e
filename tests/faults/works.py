"""Pure work functions that behave well, badly and worse; run in the sandbox by the tests."""

import ctypes
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from projects.sandbox import Task, TaskError
from projects.sandbox.order import RESULT


def add(task: Task) -> dict:
    """Add numbers, with progress, a log line and a file."""
    numbers = task.arguments.get("numbers", [1, 2])
    for index, _number in enumerate(numbers, start=1):
        task.progress("adding", index, len(numbers))
        time.sleep(task.arguments.get("pause", 0))
    task.log("added")
    (task.outputs / "sum.txt").write_text(str(sum(numbers)))
    return {"sum": sum(numbers), "seed": task.seed}


def read_file(task: Task) -> dict:
    return {"text": task.inputs["data"].read_text()}


def refuse(task: Task) -> dict:
    raise TaskError("no-target-column", "The table has no column “target”. Choose another one.")


def stumble(task: Task) -> dict:
    raise ValueError("a bug")


def kill_itself(task: Task) -> dict:
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def crash(task: Task) -> dict:
    ctypes.string_at(0)
    return {}


def take_all_memory(task: Task) -> dict:
    pieces = []
    while True:
        pieces.append(bytearray(16 * 1024**2))


def never_end(task: Task) -> dict:
    while True:
        time.sleep(0.05)


def burn(task: Task) -> dict:
    while True:
        pass


def burn_in_c(task: Task) -> dict:
    return {"sum": sum(range(10**12))}


def spawn_and_wait(task: Task) -> dict:
    child = os.fork()
    if child == 0:
        while True:
            time.sleep(0.05)
    task.log(f"grandchild {child}")
    os.waitpid(child, 0)
    return {}


def orphan(task: Task) -> dict:
    """Leave a grandchild behind and finish."""
    child = os.fork()
    if child == 0:
        time.sleep(600)
        os._exit(0)
    return {"grandchild": child}


def write_much(task: Task) -> dict:
    with (task.outputs / "big").open("wb") as file:
        while True:
            file.write(b"x" * 1024**2)


def write_many_files(task: Task) -> dict:
    for number in range(10**9):
        with (task.outputs / f"{number}").open("wb") as file:
            file.write(b"x" * 1024**2)
    return {}


PIECE = b"x" * 1024**2


def write_fast(task: Task) -> dict:
    """Write with two hands as fast as the disk takes it."""

    def hand(name: str) -> None:
        for number in range(512):
            with (task.outputs / f"{name}{number}").open("wb") as file:
                for _ in range(8):
                    file.write(PIECE)

    hands = [threading.Thread(target=hand, args=(name,)) for name in "ab"]
    for each in hands:
        each.start()
    for each in hands:
        each.join()
    return {}


def write_without_a_name(task: Task) -> dict:
    """Delete each file while it is open, and go on writing."""
    kept = []
    for number in range(200):
        path = task.outputs / f"{number}"
        kept.append(path.open("wb"))
        path.unlink()
        for _ in range(8):
            kept[-1].write(PIECE)
    return {}


def reserve(task: Task) -> dict:
    """Take room without writing anything, and hide the descriptors."""
    ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE
    kept = []
    for number in range(200):
        path = task.outputs / f"{number}"
        kept.append(path.open("wb"))
        path.unlink()
        os.posix_fallocate(kept[-1].fileno(), 0, 32 * len(PIECE))
    return {}


def write_and_finish(task: Task) -> dict:
    """Be over before anybody looks."""
    (task.outputs / "big").write_bytes(PIECE * task.arguments["mebibytes"])
    return {"done": True}


def flood(task: Task) -> dict:
    """Say far too much on every channel."""
    until = time.monotonic() + task.arguments.get("seconds", 1)
    line = "x" * 200
    while time.monotonic() < until:
        task.log(line + "\x1b[2J")
        sys.stdout.write(line + "\n")
    return {}


def leave_symlink(task: Task) -> dict:
    (task.outputs / "passwd").symlink_to("/etc/passwd")
    return {}


def leave_nonsense(task: Task) -> dict:
    (task.outputs.parent / RESULT).write_text(task.arguments["text"])
    os._exit(0)


def answer(task: Task) -> dict:
    return task.arguments["answer"]


def attack(task: Task) -> dict:
    """Try what must not succeed; report what did, by name."""
    tries = {
        "tcp": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM),
        "udp": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
        "unix": lambda: socket.socket(socket.AF_UNIX),
        "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
        "datagram": lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM),  # it may be addressed
        "packet": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
        "run": lambda: subprocess.run(["/bin/true"], check=True),
        "exec": lambda: os.execv("/bin/true", ["/bin/true"]),  # noqa: S606  # a try
        "fork": lambda: os.fork() or os._exit(0),
        "session": os.setsid,
        "kill parent": lambda: os.kill(os.getppid(), 0),
        "raise limit": lambda: resource.setrlimit(resource.RLIMIT_CPU, (-1, -1)),
        "outlive": lambda: _call(ctypes.CDLL(None).prctl, 1, 0, 0, 0, 0),
        "io_uring": lambda: _call(ctypes.CDLL(None).syscall, 425, 8, None),
        "namespace": lambda: _call(ctypes.CDLL(None).unshare, 0x10000000),
        "ptrace": lambda: _call(ctypes.CDLL(None).ptrace, 0, 0, 0, 0),
        "parent's secrets": lambda: Path(f"/proc/{os.getppid()}/environ").read_bytes(),
        "parent's memory": lambda: Path(f"/proc/{os.getppid()}/mem").open("rb"),  # noqa: SIM115  # a try
        "passwords": lambda: Path("/etc/passwd").read_text(),
        "home": lambda: list(Path("/root").iterdir()),
        "temporary files": lambda: list(Path("/tmp").iterdir()),  # noqa: S108  # a try
        "change rights": lambda: Path(task.arguments["elsewhere"]).chmod(0o600),
        "cut a file": lambda: os.truncate(task.arguments["elsewhere"], 0),
        "shared memory": lambda: _call(ctypes.CDLL(None).shmget, 4711, 4096, 0o1600),
        "write elsewhere": lambda: Path(task.arguments["elsewhere"]).write_text("x"),
    }
    tries |= {f"read {path}": Path(path).read_bytes for path in task.arguments["forbidden"]}
    done = []
    for name, attempt in tries.items():
        try:
            attempt()
        except (OSError, ValueError):
            continue
        done.append(name)
    left, right = socket.socketpair()  # harmless, and event loops need it
    left.close()
    right.close()
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
    return {"succeeded": done, "environment": json.dumps(dict(os.environ))}


def _call(function, *arguments) -> None:
    if function(*arguments) < 0:
        raise OSError("refused")


def sizes(task: Task) -> dict:
    """Import the heavy libraries, to see that they live within the limits."""
    import numpy as np
    import pandas as pd
    import sklearn.linear_model

    values = np.random.default_rng(task.seed).normal(size=(200, 3))
    model = sklearn.linear_model.LogisticRegression().fit(values, values[:, 0] > 0)
    return {"score": model.score(values, values[:, 0] > 0), "rows": len(pd.DataFrame(values)), "python": sys.version}
