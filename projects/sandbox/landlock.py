"""Confine a process to the files it needs, by the kernel's Landlock rules."""

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterable
from pathlib import Path

# From linux/landlock.h; the call numbers are the same on every architecture.
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
ASK_VERSION = 1
RULE_PATH_BENEATH = 1
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
TRUNCATE, IOCTL_DEVICE = 1 << 14, 1 << 15
RIGHTS_BY_VERSION = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
FILE_RIGHTS = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEVICE
NETWORK_VERSION, SCOPE_VERSION = 4, 6
NET_BIND_AND_CONNECT = 3
SCOPE_SOCKETS_AND_SIGNALS = 3


class ConfineError(OSError):
    """The kernel has Landlock but did not take the rules."""


def version() -> int:
    """Tell the kernel's version of Landlock, 0 where it has none."""
    if platform.system() != "Linux":
        return 0
    found: int = ctypes.CDLL(None, use_errno=True).syscall(CREATE_RULESET, None, 0, ASK_VERSION)
    return max(found, 0)


def _rights(of_version: int) -> int:
    return next(rights for since, rights in sorted(RIGHTS_BY_VERSION.items(), reverse=True) if of_version >= since)


def confine(*, readable: Iterable[Path], writable: Iterable[Path], listable: Iterable[Path] = ()) -> bool:
    """Deny this process every file but those beneath the given paths; False where the kernel has no Landlock.

    Paths that do not exist are left out. Raises ConfineError.
    """
    found = version()
    if not found:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    handled = _rights(found)
    attributes = struct.pack(
        "=QQQ",
        handled,
        NET_BIND_AND_CONNECT if found >= NETWORK_VERSION else 0,
        SCOPE_SOCKETS_AND_SIGNALS if found >= SCOPE_VERSION else 0,
    )
    size = 24 if found >= SCOPE_VERSION else 16 if found >= NETWORK_VERSION else 8
    ruleset = libc.syscall(CREATE_RULESET, attributes, size, 0)
    if ruleset < 0:
        raise ConfineError(ctypes.get_errno(), "Landlock refused the rule set")
    try:
        for paths, rights in (
            (readable, READ_FILE | READ_DIR),
            (writable, handled & ~EXECUTE),
            (listable, READ_DIR),
        ):
            for path in paths:
                _allow(libc, ruleset, path, rights & handled)
        if libc.prctl(38, 1, 0, 0, 0) != 0 or libc.syscall(RESTRICT_SELF, ruleset, 0) != 0:
            raise ConfineError(ctypes.get_errno(), "Landlock refused to restrict the process")
    finally:
        os.close(ruleset)
    return True


def _allow(libc: ctypes.CDLL, ruleset: int, path: Path, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        allowed = rights if path.is_dir() else rights & FILE_RIGHTS
        rule = struct.pack("=Qi", allowed, descriptor)
        if libc.syscall(ADD_RULE, ruleset, RULE_PATH_BENEATH, rule, 0) != 0:
            number = ctypes.get_errno()
            if number != errno.EBADFD:
                raise ConfineError(number, f"Landlock refused a rule for {path}")
    finally:
        os.close(descriptor)
