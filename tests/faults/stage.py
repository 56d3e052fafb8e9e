"""A stage for faults: its own folder, database, Redis, workers and dispatchers, all real processes."""

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import redis

from projects.sandbox.processes import marked_processes

CODE = Path(__file__).resolve().parents[2]


class DeskError(Exception):
    """The desk answered with an error, or not at all."""


class Desk:
    """A process that works with the stage's database."""

    def __init__(self, env, log):
        command = [sys.executable, "-m", "tests.faults.desk"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": log}
        self.process = subprocess.Popen(command, cwd=CODE, env=env, text=True, **pipes)
        self._answers = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self._answers.put(json.loads(line))

    def ask(self, name, *, patience=60, **arguments):
        self.process.stdin.write(json.dumps([name, arguments]) + "\n")
        self.process.stdin.flush()
        try:
            answer = self._answers.get(timeout=patience)
        except queue.Empty:
            raise DeskError(f"no answer to {name}") from None
        if "error" in answer:
            raise DeskError(answer["error"])
        return answer["answer"]


class Stage:
    """Everything that runs, by name; what is killed can be started again."""

    def __init__(self, folder, *, database_url="", lease=4, resend=3, wish=False, broker="redis", template=None):
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.socket = folder / "r.sock"
        self.parts = {}
        self.logs = []
        url = f"redis+socket://{self.socket}?virtual_host=0" if broker == "redis" else "filesystem://"
        kept = {
            name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH")
        }
        self.env = kept | {
            "FREELANCE_ML_VAR": str(folder / "var"),
            "DATABASE_URL": database_url,
            "BROKER_URL": url,
            "JOB_LEASE_SECONDS": str(lease),
            "JOB_RESEND_SECONDS": str(resend),
            "JOB_WISH": str(wish).lower(),
            "JOB_KIND_MODULES": "tests.faults.kinds",
            "PYTHONPATH": str(CODE),
            "PYTHONUNBUFFERED": "1",
        }
        if template is not None and not database_url:
            (folder / "var").mkdir(parents=True, exist_ok=True)
            shutil.copy(template, folder / "var" / template.name)
        else:
            self.manage("migrate", "-v0")
        self.desk = Desk(self.env, self._log("desk"))

    @property
    def database_file(self):
        return self.folder / "var" / "freelance_ml.sqlite3"

    def _log(self, name):
        file = (self.folder / f"{name}.log").open("a")
        self.logs.append(file)
        return file

    def manage(self, *arguments):
        command = [sys.executable, "manage.py", *arguments]
        subprocess.run(command, cwd=CODE, env=self.env, check=True, capture_output=True, text=True)

    def _start(self, name, *command):
        self.parts[name] = subprocess.Popen(
            command, cwd=CODE, env=self.env, stdout=self._log(name), stderr=subprocess.STDOUT, start_new_session=True
        )

    def start_redis(self):
        server = shutil.which("redis-server") or shutil.which("valkey-server")
        save = ("--save", "", "--appendonly", "no")
        self._start("redis", server, "--port", "0", "--unixsocket", str(self.socket), *save)

    def start_worker(self, name="worker", processes=2):
        celery = [sys.executable, "-m", "celery", "-A", "freelance_ml", "worker"]
        self._start(
            name,
            *celery,
            "-n",
            f"{name}@%h",
            "-c",
            str(processes),
            "-l",
            "info",
            "--without-gossip",
            "--without-mingle",
        )

    def start_dispatcher(self, name="dispatcher"):
        self._start(name, sys.executable, "manage.py", "dispatch")

    def ask(self, name, **arguments):
        return self.desk.ask(name, **arguments)

    def new_desk(self):
        """Replace a desk that died."""
        self.desk = Desk(self.env, self._log("desk"))

    def signal(self, name, number, *, group=True):
        with suppress(ProcessLookupError):
            (os.killpg if group else os.kill)(self.parts[name].pid, number)

    def kill(self, name):
        """Kill a part and what it started in its session, and wait for it."""
        self.signal(name, signal.SIGKILL)
        self.parts[name].wait()

    def flush_redis(self):
        redis.Redis(unix_socket_path=str(self.socket), socket_timeout=5).flushall()

    def said(self, name):
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def wait_for(self, ids, *, seconds, states=("done", "failed", "cancelled")):
        """Wait until all jobs are in one of the states, and return their rows."""
        until = time.monotonic() + seconds
        while True:
            rows = self.ask("rows", ids=ids)
            if all(row["state"] in states for row in rows.values()):
                return rows
            if time.monotonic() > until:
                message = f"after {seconds} s: { {key: (row['state'], row['attempts']) for key, row in rows.items()} }"
                raise AssertionError(message)
            time.sleep(0.2)

    def orphans(self):
        """List processes of this stage's jobs that are left."""
        mine = str(self.folder / "var" / "jobs")
        left = []
        for process, marker in marked_processes():
            with suppress(OSError):
                if mine in (Path("/proc") / str(process) / "environ").read_text(errors="replace"):
                    left.append((process, marker))
        return left

    def close(self):
        for name in self.parts:
            self.signal(name, signal.SIGCONT)
            self.signal(name, signal.SIGTERM)
        until = time.monotonic() + 5
        for name, part in self.parts.items():
            with suppress(subprocess.TimeoutExpired):
                part.wait(max(until - time.monotonic(), 0.1))
            self.signal(name, signal.SIGKILL)
            part.wait()
        self.desk.process.stdin.close()
        self.desk.process.stdout.close()
        self.desk.process.kill()
        self.desk.process.wait()
        for file in self.logs:
            file.close()
