"""A running installation to measure on: started by `manage.py up` in a temporary folder."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
OWN = {"DATABASE_URL", "REDIS_URL", "BROKER_URL", "STORAGE_URL", "SITE_URL"}


@dataclass
class Running:
    """Where it answers, and how long it took to."""

    process: subprocess.Popen
    port: int
    seconds: float
    environment: dict[str, str]

    def processes(self) -> list[psutil.Process]:
        whole = psutil.Process(self.process.pid)
        return [whole, *whole.children(recursive=True)]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="fml-bench-") as name:
        yield Path(name)


def environment_for(var: Path, **extra: str) -> dict[str, str]:
    own = {key: value for key, value in os.environ.items() if key not in OWN}
    return {**own, "FREELANCE_ML_VAR": str(var), "DJANGO_SETTINGS_MODULE": "freelance_ml.settings", **extra}


@contextmanager
def running(var: Path, **extra: str) -> Iterator[Running]:
    port = free_port()
    environment = environment_for(var, PORT=str(port), **extra)
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "up"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        for line in process.stdout:
            if "answers at" in line:
                break
        else:
            raise RuntimeError("it did not start")
        yield Running(process, port, time.perf_counter() - began, environment)
    finally:
        process.terminate()
        process.wait(timeout=60)
        process.stdout.close()
