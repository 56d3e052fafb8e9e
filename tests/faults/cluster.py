"""A private PostgreSQL server that a test may stop without mercy."""

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path


def programs():
    """Find the folder with initdb and pg_ctl; None where PostgreSQL is not installed."""
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists() and (folder / "pg_ctl").exists()), None)


class Cluster:
    """A server with its own folder and port, run by a user who is not root."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="freelance-ml-pg-"))  # pytest's folders are root's alone
        self.user = "postgres" if os.geteuid() == 0 else None
        self.data = self.folder / "data"
        if self.user:
            shutil.chown(self.folder, self.user)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._run("initdb", "-D", self.data, "-U", "postgres", "--auth=trust", "--no-sync")
        self.start()
        self.url = f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    def _run(self, program, *arguments, check=True):
        command = [programs() / program, *arguments]
        env = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
        subprocess.run(command, check=check, user=self.user, cwd=self.folder, env=env, stdout=subprocess.DEVNULL)

    def start(self):
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1"
        self._run("pg_ctl", "start", "-w", "-D", self.data, "-o", options, "-l", self.folder / "log", check=False)

    def stop(self, mode="immediate"):
        self._run("pg_ctl", "stop", "-m", mode, "-D", self.data, check=False)

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
