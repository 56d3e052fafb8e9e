"""Lock the door from inside: what a child does to itself before it looks at foreign data."""

import ctypes
import os
import platform
import resource
import signal
import sys
from pathlib import Path

from projects.sandbox import landlock, seccomp
from projects.sandbox.order import Order
from projects.sandbox.task import Limits

SYSTEM_FILES = (
    "/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime", "/etc/fonts", "/proc/cpuinfo", "/proc/meminfo",
    "/proc/sys/vm/overcommit_memory", "/sys/devices/system", "/sys/fs/cgroup", "/dev/zero", "/dev/urandom",
    "/dev/random",
)  # fmt: skip
NOT_ISOLATED = "NOT isolated from the network: this system has no means for it"
WITHOUT_NETWORK = "without network"
OWN_FILES = "sees only its own files"
ALL_FILES = "files not confined: the kernel has no Landlock"
GRACE_SECONDS = 5  # between the signal that time is up and the kill


class NotIsolatedError(Exception):
    """The child was told to run only without network and cannot see to that."""


def describe() -> tuple[bool, str]:
    """Tell whether children have no network on this machine, and put it in words for the doctor."""
    if seccomp.machine() is None:
        return False, NOT_ISOLATED
    return True, f"{WITHOUT_NETWORK}; {OWN_FILES if landlock.version() else ALL_FILES}"


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process, and what it forks, when its parent is gone (Linux)."""
    if platform.system() != "Linux":
        return
    libc = ctypes.CDLL(None)
    libc.prctl(seccomp.PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it went in between
        os._exit(1)
    os.register_at_fork(after_in_child=lambda: libc.prctl(seccomp.PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0))


def set_limits(limits: Limits) -> None:
    """Limit what this process may use, for good."""
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, limits.open_files)
    _limit(resource.RLIMIT_FSIZE, limits.file_bytes)
    _limit(resource.RLIMIT_CPU, limits.cpu_seconds, limits.cpu_seconds + GRACE_SECONDS)
    if platform.system() == "Linux":  # elsewhere the address space cannot be limited
        _limit(resource.RLIMIT_AS, limits.memory_bytes)


def _limit(what: int, soft: int, hard: int | None = None) -> None:
    _, highest = resource.getrlimit(what)
    wished = soft if hard is None else hard
    if highest != resource.RLIM_INFINITY:
        wished = min(wished, highest)
    resource.setrlimit(what, (min(soft, wished), wished))


def lock(order: Order) -> str:
    """Close files and network to this process, and tell in words what holds.

    Raises OSError where it should work and does not, NotIsolatedError where it must and cannot.
    """
    packages = {order.code / "projects", order.code / order.work.partition(".")[0].partition(":")[0]}
    confined = landlock.confine(
        readable=[
            *map(Path, SYSTEM_FILES),
            *{Path(place) for place in (sys.prefix, sys.base_prefix, sys.exec_prefix)},
            Path(f"/proc/{os.getpid()}"),
            *packages,
            *order.files.values(),
        ],
        writable=[*order.writable, Path("/dev/null")],
    )
    silent = seccomp.apply_filter(may_fork=order.limits.may_fork)
    if order.must_be_isolated and not silent:
        raise NotIsolatedError
    return f"{WITHOUT_NETWORK if silent else NOT_ISOLATED}; {OWN_FILES if confined else ALL_FILES}"
