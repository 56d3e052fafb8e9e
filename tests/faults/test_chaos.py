"""The long form: a thousand jobs, at least a hundred random faults, on SQLite and on PostgreSQL.

``make chaos`` runs it; it takes about a quarter of an hour a database. The figures are printed as JSON
and, with CHAOS_REPORT, appended to that file. CHAOS_JOBS and CHAOS_FAULTS change the size.
"""

import json
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from tests.faults.cluster import Cluster, programs
from tests.faults.stage import CODE, DeskError, Stage

pytestmark = pytest.mark.chaos

JOBS = int(os.environ.get("CHAOS_JOBS", "1000"))
FAULTS = int(os.environ.get("CHAOS_FAULTS", "110"))
SEED = int(os.environ.get("CHAOS_SEED", "20261120"))
SECONDS_BETWEEN = 3.0
PAUSE = FAULTS * 4.0 / JOBS  # seconds between two jobs, so that there is work while there are faults
LEASE = 6
WORKERS = ("worker-a", "worker-b", "worker-c")


@pytest.fixture(params=["sqlite", "postgresql"])
def chaos(request, tmp_path):
    cluster = None
    if request.param == "postgresql":
        if programs() is None:
            pytest.skip("NOT TESTED: PostgreSQL's programs are not on this machine")
        cluster = Cluster()
    stage = Stage(tmp_path / "stage", database_url=cluster.url if cluster else "", lease=LEASE, resend=5, wish=True)
    stage.start_redis()
    for name in WORKERS:
        stage.start_worker(name, processes=2)
    for name in ("dispatcher-a", "dispatcher-b"):
        stage.start_dispatcher(name)
    yield request.param, stage, cluster
    stage.close()
    if cluster:
        cluster.remove()


class Producer:
    """Starts jobs in another process, and again when that is killed; remembers what was accepted."""

    def __init__(self, stage, wanted):
        self.stage, self.wanted = stage, wanted
        self.file = stage.folder / "accepted.txt"
        self.start()

    def accepted(self):
        return self.file.read_text().split() if self.file.exists() else []

    def start(self):
        left = self.wanted - len(self.accepted())
        command = [sys.executable, "-m", "tests.faults.producer", str(left), str(PAUSE)]
        with self.file.open("a") as file:
            self.process = subprocess.Popen(
                command, cwd=CODE, env=self.stage.env, stdout=file, stderr=subprocess.DEVNULL
            )

    def kill(self):
        self.process.kill()
        self.process.wait()
        text = self.file.read_text()
        self.file.write_text(text[: text.rfind("\n") + 1])  # half a line is no acceptance
        if len(self.accepted()) < self.wanted:
            self.start()


class Villain:
    """Breaks one thing at a time, and mends it."""

    def __init__(self, stage, cluster, producer, dice):
        self.stage, self.cluster, self.producer, self.dice = stage, cluster, producer, dice
        self.done = Counter()
        self.stopped = []

    def strike(self):
        faults = [
            *[self.kill_child] * 4, *[self.kill_worker] * 5, *[self.stop_past_lease] * 2,
            self.terminate_worker, self.kill_dispatcher, *[self.kill_web] * 2, self.kill_redis, self.freeze_redis,
            self.empty_redis, *[self.ten_messages] * 2,
        ]  # fmt: skip
        if self.cluster:
            faults += [self.stop_postgresql] * 2
        fault = self.dice.choice(faults)
        if fault():
            self.done[fault.__name__] += 1
        self.wake()

    def _children(self):
        return self.stage.orphans()

    def kill_child(self):
        children = self._children()
        if children:
            with suppress(ProcessLookupError):
                os.kill(self.dice.choice(children)[0], signal.SIGKILL)
        return bool(children)

    def kill_worker(self):
        """Take both of its slots at once."""
        name = self.dice.choice(WORKERS)
        self.stage.kill(name)
        self.stage.start_worker(name)
        return True

    def terminate_worker(self):
        name = self.dice.choice(WORKERS)
        self.stage.signal(name, signal.SIGCONT)
        self.stage.signal(name, signal.SIGTERM, group=False)
        try:
            self.stage.parts[name].wait(20)
        except subprocess.TimeoutExpired:
            self.stage.kill(name)
        self.stage.start_worker(name)
        return True

    def stop_past_lease(self):
        name = self.dice.choice(WORKERS)
        self.stage.signal(name, signal.SIGSTOP)
        self.stopped.append((time.monotonic() + LEASE + 4, name))
        return True

    def wake(self):
        now = time.monotonic()
        for until, name in list(self.stopped):
            if now > until:
                self.stage.signal(name, signal.SIGCONT)
                self.stopped.remove((until, name))

    def kill_dispatcher(self):
        name = self.dice.choice(("dispatcher-a", "dispatcher-b"))
        self.stage.kill(name)
        self.stage.start_dispatcher(name)
        return True

    def kill_web(self):
        alive = self.producer.process.poll() is None
        if alive:
            self.producer.kill()
        return alive

    def kill_redis(self):
        self.stage.kill("redis")
        time.sleep(self.dice.uniform(0, 3))
        self.stage.start_redis()
        return True

    def freeze_redis(self):
        self.stage.signal("redis", signal.SIGSTOP)
        time.sleep(self.dice.uniform(1, 7))
        self.stage.signal("redis", signal.SIGCONT)
        return True

    def empty_redis(self):
        with suppress(OSError):
            self.stage.flush_redis()
            return True
        return False

    def ten_messages(self):
        accepted = self.producer.accepted()
        with suppress(DeskError):
            self.stage.ask("hint", job_id=self.dice.choice(accepted), times=10)
            return True
        return False

    def stop_postgresql(self):
        self.cluster.stop("immediate")
        time.sleep(self.dice.uniform(0, 2))
        self.cluster.start()
        return True


def _patiently(stage, name, **arguments):
    for _ in range(20):
        try:
            return stage.ask(name, **arguments)
        except DeskError:
            time.sleep(1)
    raise AssertionError(f"the desk does not answer to {name}")


def test_no_job_is_lost_and_none_is_done_twice(chaos):
    database, stage, cluster = chaos
    dice = random.Random(SEED)  # noqa: S311  # the same faults again, not secrets
    producer = Producer(stage, JOBS)
    villain = Villain(stage, cluster, producer, dice)
    begun = time.monotonic()
    while len(producer.accepted()) < 5:
        time.sleep(0.2)
    while sum(villain.done.values()) < FAULTS or producer.process.poll() is None:
        villain.strike()
        time.sleep(dice.uniform(0.5, 2 * SECONDS_BETWEEN - 0.5))
    villain.stopped = [(0.0, name) for _, name in villain.stopped]
    villain.wake()
    while _patiently(stage, "unfinished"):
        assert time.monotonic() - begun < 3600, "the jobs do not end"
        time.sleep(1)
    time.sleep(LEASE)  # whoever wakes up late shall have his chance to do harm
    rows, effects = _patiently(stage, "rows"), _patiently(stage, "effects")
    accepted = producer.accepted()
    states = Counter(row["state"] for row in rows.values())
    report = {
        "database": database,
        "jobs": len(rows),
        "accepted": len(accepted),
        "faults": sum(villain.done.values()),
        "of which": dict(sorted(villain.done.items())),
        "lost": sum(rows.get(job, {}).get("state") != "done" for job in accepted),
        "done twice": sum(len(fences) > 1 for fences in effects.values()),
        "done without effect": sum(key not in effects for key, row in rows.items() if row["state"] == "done"),
        "states": dict(states),
        "attempts": dict(sorted(Counter(row["attempts"] for row in rows.values()).items())),
        "late results refused": sum(stage.said(name).count("another worker has it by now") for name in WORKERS),
        "orphans": len(stage.orphans()),
        "integrity": _patiently(stage, "integrity"),
        "minutes": round((time.monotonic() - begun) / 60, 1),
    }
    _report("no job lost, none done twice", report)
    assert (report["lost"], report["done twice"], report["done without effect"], report["orphans"]) == (0, 0, 0, 0)
    assert report["integrity"] == "ok"
    assert set(states) == {"done"}
    assert report["faults"] >= FAULTS


def test_a_killed_workers_job_runs_again_in_time(tmp_path):
    """The real lease of 30 seconds, one worker killed again and again."""
    stage = Stage(tmp_path / "stage", lease=30, resend=15)
    times = []
    try:
        stage.start_redis()
        stage.start_dispatcher()
        stage.start_worker("worker-a", processes=1)
        stage.start_worker("worker-b", processes=1)
        for number in range(int(os.environ.get("CHAOS_KILLS", "8"))):
            (job,) = stage.ask("start", kind="never_end_soon")
            stage.wait_for([job], seconds=60, states=("running",))
            time.sleep(7 * number % 10)
            holder = int(stage.ask("rows", ids=[job])[job]["worker"].rpartition(":")[2])
            name = next(name for name in ("worker-a", "worker-b") if stage.parts[name].pid == os.getpgid(holder))
            stage.kill(name)
            killed = time.monotonic()
            while (
                stage.ask("rows", ids=[job])[job]["attempts"] < 2
                or stage.ask("rows", ids=[job])[job]["state"] != "running"
            ):
                time.sleep(0.2)
            times.append(time.monotonic() - killed)
            stage.ask("cancel", ids=[job])
            stage.wait_for([job], seconds=15)
            stage.start_worker(name, processes=1)
            time.sleep(5)
    finally:
        stage.close()
    _report(
        "a killed worker's job runs again", {"kills": len(times), "median": statistics.median(times), "max": max(times)}
    )
    assert max(times) <= 45


def test_six_writers_for_ten_minutes_meet_no_lock(tmp_path):
    seconds = int(os.environ.get("CHAOS_WRITE_SECONDS", "600"))
    stage = Stage(tmp_path / "stage")
    try:
        found = stage.desk.ask("write_for", patience=seconds + 60, seconds=seconds, writers=6)
        integrity = stage.ask("integrity")
    finally:
        stage.close()
    times = sorted(found["times"])
    figures = {
        "writes": len(times),
        "errors": len(found["errors"]),
        "median ms": round(1000 * statistics.median(times), 1),
        "p99 ms": round(1000 * times[int(0.99 * len(times))], 1),
        "max ms": round(1000 * times[-1], 1),
        "integrity": integrity,
    }
    _report("SQLite, six writers", figures)
    assert found["errors"] == []
    assert figures["p99 ms"] <= 250


def _report(name, figures):
    line = json.dumps({name: figures})
    sys.stdout.write(line + "\n")
    if path := os.environ.get("CHAOS_REPORT"):
        with Path(path).open("a") as file:
            file.write(line + "\n")
