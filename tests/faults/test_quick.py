"""The promises about jobs, each broken on purpose with real processes; the long form is test_chaos."""

import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress

import pytest

from tests.faults.stage import DeskError, Stage

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(
        not (shutil.which("redis-server") or shutil.which("valkey-server")),
        reason="NOT TESTED: no redis-server or valkey-server on this machine",
    ),
]


@pytest.fixture(scope="module")
def troupe(stage, tmp_path_factory):
    """Good and bad jobs at once, so that they could disturb each other."""
    keys = tmp_path_factory.mktemp("keys") / "key"
    keys.write_text("secret")
    forbidden = [str(stage.folder / "var" / "freelance_ml.sqlite3"), str(keys)]
    jobs = {
        "poison": stage.ask("start", kind="kill_itself"),
        "greedy": stage.ask("start", kind="take_all_memory"),
        "endless": stage.ask("start", kind="never_end"),
        "attack": stage.ask("start", kind="attack", forbidden=forbidden, elsewhere=str(keys)),
        "good": stage.ask("start", kind="add", count=10),
        "doubled": stage.ask("start", kind="add", pause=0.3),
    }
    stage.ask("hint", job_id=jobs["doubled"][0], times=10)
    stage.ask("schedule", count=5)
    rows = stage.wait_for([job for ids in jobs.values() for job in ids], seconds=60)
    return {name: [rows[job] | {"id": job} for job in ids] for name, ids in jobs.items()}


def test_a_poison_job_stops_after_three_attempts_with_a_reason(troupe):
    (row,) = troupe["poison"]
    assert (row["state"], row["attempts"], row["error_code"]) == ("failed", 3, "killed")
    assert "tried 3 times" in row["error_message"]


def test_a_job_that_takes_all_memory_is_told_how_much_it_may_take(troupe):
    (row,) = troupe["greedy"]
    assert (row["state"], row["attempts"], row["error_code"]) == ("failed", 1, "out-of-memory")
    assert "256 MiB" in row["error_message"]


def test_a_job_that_never_ends_is_ended(troupe):
    (row,) = troupe["endless"]
    assert (row["state"], row["attempts"], row["error_code"]) == ("failed", 1, "wall-time")


def test_the_others_are_unaffected(troupe):
    assert [(row["state"], row["result"]["sum"]) for row in troupe["good"]] == [("done", 3)] * 10


def test_a_message_ten_times_is_one_job(troupe, stage):
    (row,) = troupe["doubled"]
    assert (row["state"], row["attempts"]) == ("done", 1)
    assert len(stage.ask("effects")[row["id"]]) == 1


def test_two_dispatchers_start_each_period_once(troupe, stage):
    keys = stage.ask("scheduled")
    assert len(keys) == len(set(keys)) == 5


def test_a_hostile_work_reaches_nothing_in_a_real_worker(troupe):
    (row,) = troupe["attack"]
    if "own files" not in row["isolation"]:
        pytest.skip(f"NOT TESTED: {row['isolation']}")
    assert row["result"]["succeeded"] == []
    assert not {"DATABASE_URL", "BROKER_URL", "FREELANCE_ML_VAR"} & set(row["result"]["environment"])


def test_cancel_ends_python_c_and_a_grandchild_within_15_seconds(stage):
    ids = [stage.ask("start", kind=kind)[0] for kind in ("burn", "burn_in_c", "spawn_and_wait")]
    stage.wait_for(ids, seconds=15, states=("running",))
    time.sleep(0.5)
    asked = time.monotonic()
    stage.ask("cancel", ids=ids)
    rows = stage.wait_for(ids, seconds=15)
    assert time.monotonic() - asked <= 15
    assert {row["state"] for row in rows.values()} == {"cancelled"}
    assert stage.orphans() == []


def test_a_killed_worker_loses_and_doubles_nothing(stage):
    ids = stage.ask("start", kind="add", count=5, pause=1)
    stage.wait_for(ids, seconds=15, states=("running",))
    victim = "worker-a"
    stage.kill(victim)
    killed = time.monotonic()
    rows = stage.wait_for(ids, seconds=30)
    assert time.monotonic() - killed < 4 + 15  # lease and then some
    assert {row["state"] for row in rows.values()} == {"done"}
    assert sorted(row["attempts"] for row in rows.values()) == [1, 1, 2, 2, 2]
    effects = stage.ask("effects")
    assert [len(effects[job]) for job in ids] == [1] * 5
    assert stage.orphans() == []
    stage.start_worker(victim, processes=3)


def test_a_worker_that_wakes_up_too_late_writes_nothing(stage):
    (job,) = stage.ask("start", kind="add", pause=1)
    stage.wait_for([job], seconds=15, states=("running",))
    sleeper = "worker-b" if _runs(stage, "worker-b", job) else "worker-a"
    stage.signal(sleeper, signal.SIGSTOP)
    rows = stage.wait_for([job], seconds=30)
    assert (rows[job]["state"], rows[job]["attempts"]) == ("done", 2)
    stage.signal(sleeper, signal.SIGCONT)
    _wait_until(lambda: "another worker has it by now" in stage.said(sleeper), seconds=15)
    after = stage.ask("rows", ids=[job])[job]
    assert (after["state"], after["fence"]) == ("done", rows[job]["fence"])
    assert len(stage.ask("effects")[job]) == 1


def test_redis_emptied_frozen_and_killed_holds_nothing_up_for_long(stage):
    ids = stage.ask("start", kind="add", count=3)
    stage.flush_redis()
    stage.signal("redis", signal.SIGSTOP)
    begun = time.monotonic()
    ids += stage.ask("start", kind="add", count=2, wish=True)
    assert time.monotonic() - begun < 1  # whoever starts a job does not wait for Redis
    time.sleep(3)
    stage.signal("redis", signal.SIGCONT)
    stage.kill("redis")
    ids += stage.ask("start", kind="add", count=2, wish=True)
    time.sleep(1)
    stage.start_redis()
    back = time.monotonic()
    rows = stage.wait_for(ids, seconds=30)
    assert time.monotonic() - back <= 20
    assert {row["state"] for row in rows.values()} == {"done"}
    effects = stage.ask("effects")
    assert [len(effects[job]) for job in ids] == [1] * len(ids)


def test_sigterm_hands_jobs_back_without_an_attempt(stage):
    ids = stage.ask("start", kind="add", count=5, pause=2)  # long enough to see all of them run at once
    stage.wait_for(ids, seconds=20, states=("running",))
    stage.signal("worker-a", signal.SIGTERM, group=False)
    assert stage.parts["worker-a"].wait(10) == 0
    rows = stage.wait_for(ids, seconds=60)
    assert {(row["state"], row["attempts"]) for row in rows.values()} == {("done", 1)}
    assert sorted(row["fence"] for row in rows.values()) == [1, 1, 2, 2, 2]
    assert stage.orphans() == []


def test_a_full_disk_leaves_a_reason_and_no_half_file(tmp_path, empty_database):
    place = tmp_path / "small"
    place.mkdir()
    if (
        os.geteuid() != 0
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "none", place], check=False).returncode
    ):
        pytest.skip("NOT TESTED: a small disk can be mounted by root alone")
    stage = None
    try:
        stage = Stage(place / "s", lease=3, template=empty_database)
        (job,) = stage.ask("start", kind="write_much")
        row = stage.ask("work_off", job_id=job)
        assert (row["state"], row["error_code"]) == ("queued", "")  # the cause may pass
        assert not list((place / "s" / "var" / "jobs").iterdir())
        (place / "filler").write_bytes(b"")
        with suppress(OSError), (place / "filler").open("wb") as filler:
            while filler.write(b"x" * 65536):
                filler.flush()
        with pytest.raises(DeskError, match="full"):
            stage.ask("start", kind="add")
        assert stage.ask("integrity") == "ok"
        (place / "filler").unlink()
        (second,) = stage.ask("start", kind="add")
        assert stage.ask("work_off", job_id=second)["state"] == "done"  # without a restart
        assert stage.ask("integrity") == "ok"
    finally:
        if stage is not None:
            stage.close()
        subprocess.run(["umount", place], check=True)


def test_without_any_redis_files_carry_the_hints(tmp_path, empty_database):
    stage = Stage(tmp_path / "s", template=empty_database, broker="filesystem", wish=True)
    try:
        stage.start_worker()
        stage.start_dispatcher()
        ids = stage.ask("start", kind="add", count=3, wish=True)
        assert {row["state"] for row in stage.wait_for(ids, seconds=30).values()} == {"done"}
    finally:
        stage.close()


def test_six_writers_meet_no_lock(stage):
    found = stage.ask("write_for", seconds=3, writers=6)
    assert found["errors"] == []
    assert len(found["times"]) > 50
    assert stage.ask("integrity") == "ok"


def _runs(stage, name, job):
    """Whether this worker holds the job."""
    holder = int(stage.ask("rows", ids=[job])[job]["worker"].rpartition(":")[2])
    return os.getpgid(holder) == stage.parts[name].pid


def _wait_until(holds, *, seconds):
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it did not come to pass"
        time.sleep(0.1)
