"""One installation runs once: the lock on its folder, and the port it listens on."""

import errno
import fcntl
import json
import os
import socket
from pathlib import Path

NEARBY = 20  # ports tried after a taken one


class AlreadyRunningError(Exception):
    """Raised when another supervisor holds the folder."""


class PortTakenError(Exception):
    """Raised when the port cannot be opened."""


def private_folder(folder: Path) -> Path:
    """Make a folder that nobody else may enter, and close it when it was open."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_mode & 0o077:
        folder.chmod(0o700)
    return folder


def take_lock(run_folder: Path) -> int:
    """Lock the installation for this process and return the descriptor; the lock ends with the process.

    Raises AlreadyRunningError when someone else has it.
    """
    private_folder(run_folder)
    descriptor = os.open(run_folder / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        running = read_state(run_folder)
        where = f" at {running['address']} (process {running['pid']})" if running else ""
        message = (
            f"Freelance ML already runs on {run_folder.parent}{where}. "
            "Stop it first, or give this one its own folder: FREELANCE_ML_VAR=/another/folder."
        )
        raise AlreadyRunningError(message) from None
    return descriptor


def is_running(run_folder: Path) -> bool:
    """Say whether a supervisor holds the lock."""
    lock = run_folder / "up.lock"
    if not lock.exists():
        return False
    descriptor = os.open(lock, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def write_state(run_folder: Path, **facts: object) -> None:
    """Leave a note on who runs and where, for doctor and for the message of a second start."""
    draft = run_folder / "up.json.part"
    draft.write_text(json.dumps({"pid": os.getpid(), **facts}))
    draft.chmod(0o600)
    draft.rename(run_folder / "up.json")


def read_state(run_folder: Path) -> dict[str, str]:
    """Read the note of ``write_state``; empty when there is none."""
    try:
        return dict(json.loads((run_folder / "up.json").read_text()))
    except (OSError, ValueError):
        return {}


def open_port(host: str, port: int) -> socket.socket:
    """Open the port before anything is started, so that no connection is lost while the web server restarts.

    Raises PortTakenError with what to do.
    """
    try:
        return _listen(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            free = _free_port(host, port)
            wish = f" Free is for instance {free}: PORT={free} make up" if free else ""
            message = f"Port {port} on {host} is taken by another program.{wish}"
        elif error.errno == errno.EACCES:
            message = f"Port {port} may only be opened by root. Take one above 1023: PORT=8000 make up"
        else:
            message = f"{host}:{port} cannot be opened: {error.strerror or error}. Check LISTEN_ON and PORT."
        raise PortTakenError(message) from error


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    return listener


def _free_port(host: str, taken: int) -> int | None:
    for port in range(taken + 1, min(taken + 1 + NEARBY, 65536)):
        try:
            _listen(host, port).close()
        except OSError:
            continue
        return port
    return None
