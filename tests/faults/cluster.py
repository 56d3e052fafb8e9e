"""A private PostgreSQL server that a test may stop without mercy."""

import os
import shutil
import socket
import subprocess
from pathlib import Path


def programs():
    """Find the folder with initdb and pg_ctl; None where PostgreSQL is not installed."""
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists() and (folder / "pg_ctl").exists()), None)


class Cluster:
    """A server with its own folder and port, run by a user who is not root."""

    def __init__(self, folder):
        self.folder = folder
        self.user = "postgres" if os.geteuid() == 0 else None
        self.data = folder / "data"
        folder.mkdir(parents=True)
        if self.user:
            shutil.chown(folder, self.user)
            for parent in folder.parents:
                if parent.stat().st_uid == 0 and parent != Path("/tmp"):  # noqa: S108  # pytest's folders are private
                    parent.chmod(parent.stat().st_mode | 0o011)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._run("initdb", "-D", self.data, "-U", "postgres", "--auth=trust", "--no-sync")
        self.start()
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "chaos")
        self.url = f"postgres://postgres@127.0.0.1:{self.port}/chaos"

    def _run(self, program, *arguments, check=True):
        command = [programs() / program, *arguments]
        env = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
        subprocess.run(command, check=check, user=self.user, cwd=self.folder, env=env, stdout=subprocess.DEVNULL)

    def start(self):
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1"
        self._run("pg_ctl", "start", "-w", "-D", self.data, "-o", options, "-l", self.folder / "log", check=False)

    def stop(self, mode="immediate"):
        self._run("pg_ctl", "stop", "-m", mode, "-D", self.data, check=False)
