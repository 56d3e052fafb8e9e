"""`manage.py up` as it is: starts, answers, survives the death of its parts, refuses a second start, leaves nothing."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from freelance_ml.up import embedded_redis
from freelance_ml.up.instance import open_port, read_state
from tests.servers import free_port
from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
OWN = {"DATABASE_URL", "REDIS_URL", "BROKER_URL", "STORAGE_URL", "JOB_WISH", "SITE_URL", "PROMETHEUS_MULTIPROC_DIR"}

pytestmark = [pytest.mark.faults, pytest.mark.skipif(sys.platform != "linux", reason="counts processes by /proc")]


class Up:
    """A running installation in a folder of its own."""

    def __init__(self, var, command="up", **extra):
        self.var, self.port = var, free_port()
        self.environment = {key: value for key, value in os.environ.items() if key not in OWN}
        self.environment |= {
            "FREELANCE_ML_VAR": str(var),
            "PORT": str(self.port),
            "WEB_WORKERS": "1",
            "WORKER_PROCESSES": "1",
            **extra,
        }
        self.said = var.parent / f"{var.name}.said"
        with self.said.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", command],
                cwd=ROOT,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def ready(self):
        wait_for(lambda: "answers at" in self.said.read_text() or self.process.poll() is not None, seconds=90)
        assert self.process.poll() is None, self.said.read_text()
        return self

    def health(self):
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            line.request("GET", "/health")
            return json.loads(line.getresponse().read())
        finally:
            line.close()

    def parts(self):
        return psutil.Process(self.process.pid).children(recursive=True)

    def part(self, word):
        for part in psutil.Process(self.process.pid).children():
            with suppress(psutil.Error):  # it may end while it is looked at
                if word in " ".join(part.cmdline()):
                    return part
        return None

    def again(self, **extra):
        return subprocess.run(
            [sys.executable, "manage.py", "up"],
            cwd=ROOT,
            env={**self.environment, **extra},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


@pytest.fixture
def start(tmp_path, empty_database):
    """Start installations whose database is migrated already."""
    started = []

    def begin(name="var", **words):
        var = tmp_path / name
        var.mkdir(exist_ok=True)
        if not (var / "freelance_ml.sqlite3").exists():
            shutil.copy(empty_database, var / "freelance_ml.sqlite3")
        started.append(Up(var, **words))
        return started[-1]

    yield begin
    for each in started:
        each.close()


def gone(processes):
    return [process for process in processes if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


def test_a_life(start):
    up = start().ready()
    assert up.health()["status"] == "ok"
    assert read_state(up.var / "run")["pid"] == up.process.pid
    if up.part("redis"):
        assert up.health()["broker"] == "ok"
        assert (up.var / "redis").stat().st_mode & 0o077 == 0

    second = up.again()
    assert second.returncode == 1
    assert "already runs" in second.stderr
    other = up.again(FREELANCE_ML_VAR=str(up.var.parent / "other"))
    assert other.returncode == 1
    assert f"Port {up.port}" in other.stderr
    assert "PORT=" in other.stderr

    for word in ("gunicorn", "celery", "dispatch"):
        part = up.part(word)
        part.send_signal(signal.SIGKILL)
        wait_for(lambda word=word, part=part: (new := up.part(word)) and new.pid != part.pid, seconds=20)
    assert up.health()["status"] == "ok"

    everything = up.parts()
    assert len(everything) >= 5
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(timeout=40) == 0, up.said.read_text()
    assert gone(everything) == []
    assert read_state(up.var / "run") == {}

    # Killed, it takes everything along.
    up = start().ready()
    everything = up.parts()
    up.process.kill()
    wait_for(lambda: not gone(everything), seconds=15)
    assert gone(everything) == []


@pytest.mark.chaos
def test_it_runs_without_any_redis(start):
    assert embedded_redis.find_server("none") is None
    up = start(REDIS_SERVER="none").ready()
    assert up.health()["broker"] == "files"
    assert up.part("redis") is None
    assert "through files" in up.said.read_text()


@pytest.mark.chaos
def test_the_demo_shows_how_to_sign_in_and_may_be_repeated(start, tmp_path):
    up = start("demo", command="demo").ready()
    said = up.said.read_text()
    assert "demo@example.com" in said
    password = said.split("Password:")[1].split()[0]
    up.process.terminate()
    assert up.process.wait(timeout=40) == 0
    up.said.unlink()
    again = start("demo", command="demo").ready()
    assert password in again.said.read_text()


def test_a_port_that_is_taken_is_said_before_anything_starts(start):
    with open_port("127.0.0.1", 0) as taken:
        up = start(PORT=str(taken.getsockname()[1]))
        assert up.process.wait(timeout=60) == 1
    assert "is taken by another program" in up.said.read_text()
    assert not (up.var / "log").exists()
