"""The sandbox through its one door: give an order, get an outcome."""

import json
import os
import platform
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from projects.sandbox import MEBIBYTE, Limits, Task, TaskError, disk, processes, seccomp
from projects.sandbox.isolation import NOT_ISOLATED, describe
from projects.sandbox.order import RESULT, Order
from projects.sandbox.processes import marked_processes
from projects.sandbox.runner import run

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  # a file system in memory, used for a folder of its own
CODE = Path(__file__).resolve().parents[3]
linux = pytest.mark.skipif(platform.system() != "Linux", reason="NOT TESTED: isolation needs Linux")


@pytest.fixture
def order(tmp_path):
    def make(work, *, files=None, limits=None, seed=7, must_be_isolated=False, **arguments):
        return Order(
            work=f"tests.faults.works:{work}",
            folder=tmp_path / "room",
            code=CODE,
            marker=f"test-{os.getpid()}-{threading.get_ident()}-{time.monotonic_ns()}",
            arguments=arguments,
            files=files or {},
            seed=seed,
            limits=limits or Limits(wall_seconds=30, memory_bytes=512 * MEBIBYTE),
            must_be_isolated=must_be_isolated,
        )

    return make


def silent(message):
    """Hear nothing."""


def never():
    return ""


def test_work_gives_result_files_progress_log_and_usage(order):
    heard = []
    made = order("add", numbers=[1, 2, 3])
    outcome = run(made, hear=heard.append, stop=never)
    assert outcome.result == {"sum": 6, "seed": 7}
    assert (made.outputs / "sum.txt").read_text() == "6"
    assert {"phase": "adding", "done": 3.0, "total": 3.0} in heard
    assert {"log": "added"} in heard
    assert outcome.wall_seconds > 0
    assert outcome.cpu_seconds > 0
    assert MEBIBYTE < outcome.peak_bytes < 100 * MEBIBYTE
    assert outcome.versions["python"] == platform.python_version()


def test_inputs_can_be_read(order, tmp_path):
    data = tmp_path / "data.csv"
    data.write_text("a,b")
    assert run(order("read_file", files={"data": data}), hear=silent, stop=never).result == {"text": "a,b"}


@pytest.mark.parametrize(
    ("work", "limits", "code", "again"),
    [
        ("refuse", {}, "no-target-column", False),
        ("stumble", {}, "unexpected-error", False),
        ("kill_itself", {}, "killed", True),
        ("crash", {}, "crashed", True),
        ("take_all_memory", {"memory_bytes": 128 * MEBIBYTE}, "out-of-memory", False),
        ("never_end", {"wall_seconds": 1}, "wall-time", False),
        ("burn", {"cpu_seconds": 1}, "cpu-time", False),
        ("write_much", {"file_bytes": 4 * MEBIBYTE}, "file-too-big", False),
        ("write_many_files", {"disk_bytes": 16 * MEBIBYTE}, "disk-limit", False),
        ("leave_symlink", {}, "bad-result", False),
    ],
)
def test_every_bad_end_has_a_code_and_a_sentence(order, work, limits, code, again):
    limits = {"wall_seconds": 30, "memory_bytes": 512 * MEBIBYTE} | limits
    outcome = run(order(work, limits=Limits(**limits)), hear=silent, stop=never)
    assert (outcome.code, outcome.may_try_again, outcome.result) == (code, again, None)
    assert outcome.message.endswith(".")


def most_on_disk(order, **limits):
    """Run, and tell the end and the most that the run had taken of the disk."""
    before = shutil.disk_usage(order.folder.parent).free
    lowest, over = [before], threading.Event()

    def look():
        while not over.wait(0.002):
            lowest.append(shutil.disk_usage(order.folder.parent).free)

    looker = threading.Thread(target=look)
    looker.start()
    outcome = run(order, hear=silent, stop=never)
    over.set()
    looker.join()
    return outcome, before - min(lowest)


@pytest.fixture
def quiet_disk():
    """A folder on a file system in memory, where hardly anybody else writes while free space is measured."""
    if not SHARED_MEMORY.is_dir() or shutil.disk_usage(SHARED_MEMORY).free < 2048 * MEBIBYTE:
        pytest.skip("needs 2 GiB free in /dev/shm to measure what a work leaves on the disk")
    with tempfile.TemporaryDirectory(dir=SHARED_MEMORY) as folder:
        yield Path(folder)


@linux
@pytest.mark.parametrize("work", ["write_fast", "write_without_a_name", "reserve"])
def test_all_files_together_stay_near_their_limit(order, quiet_disk, work):
    """It was looked at once a second: half a gibibyte had become two, and deleted files were not seen at all."""
    limits = Limits(disk_bytes=256 * MEBIBYTE, file_bytes=64 * MEBIBYTE, memory_bytes=512 * MEBIBYTE, wall_seconds=60)
    outcome, most = most_on_disk(replace(order(work, limits=limits), folder=quiet_disk / "room"))
    assert outcome.code == "disk-limit"
    assert most < (256 + 256) * MEBIBYTE


@pytest.mark.parametrize(("mebibytes", "code"), [(24, "disk-limit"), (8, "")])
def test_what_was_written_in_the_last_moment_counts(order, mebibytes, code):
    limits = Limits(disk_bytes=16 * MEBIBYTE, memory_bytes=512 * MEBIBYTE, wall_seconds=60)
    outcome = run(order("write_and_finish", limits=limits, mebibytes=mebibytes), hear=silent, stop=never)
    assert (outcome.code, outcome.result) == (code, None if code else {"done": True})


def test_the_refusal_of_a_work_reaches_the_user_as_it_is(order):
    outcome = run(order("refuse"), hear=silent, stop=never)
    assert outcome.message == "The table has no column “target”. Choose another one."


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "no json",
        '{"result": {"a": NaN}}',
        '{"result": {"a": 1e999}}',
        '{"result": {"a": Infinity}}',
        '{"result": []}',
        "[" * 100_000,
        '{"result": {"a": "' + "x" * (4 * MEBIBYTE) + '"}}',
        json.dumps({"code": "nonsense", "error": 3}),
    ],
)
def test_a_hostile_result_is_refused(order, text):
    outcome = run(order("leave_nonsense", text=text), hear=silent, stop=never)
    assert outcome.code == "bad-result"


def test_nul_never_reaches_the_database(order):
    outcome = run(order("answer", answer={"a\0": ["b\0"]}), hear=silent, stop=never)
    assert "\0" not in str(outcome.result)
    assert outcome.result == {"a\N{REPLACEMENT CHARACTER}": ["b\N{REPLACEMENT CHARACTER}"]}


def test_a_flood_of_words_is_held_back(order):
    heard = []
    outcome = run(order("flood", seconds=0.7), hear=heard.append, stop=never)
    assert outcome.result == {}
    assert sum(len(message["log"]) for message in heard) < 3 * MEBIBYTE  # it says 100 and more


@pytest.mark.parametrize("work", ["never_end", "burn_in_c", "spawn_and_wait"])
def test_stopping_leaves_no_process(order, work):
    made = order(work, limits=Limits(may_fork=True))
    started = time.monotonic()
    outcome = run(made, hear=silent, stop=lambda: "cancelled" if time.monotonic() - started > 0.5 else "")
    assert outcome.code == "cancelled"
    assert time.monotonic() - started < 5
    assert made.marker not in dict(marked_processes()).values()


def test_a_finished_work_leaves_no_process(order):
    made = order("orphan", limits=Limits(may_fork=True))
    assert run(made, hear=silent, stop=never).result
    assert made.marker not in dict(marked_processes()).values()


@linux
def test_the_child_has_no_network_no_programs_and_no_secrets(order, tmp_path, monkeypatch):
    isolated, words = describe()
    assert isolated
    monkeypatch.setenv("SECRET_KEY", "canary-in-the-environment")
    secret = tmp_path / "var" / "database.sqlite3"
    secret.parent.mkdir()
    secret.write_text("secret")
    (tmp_path / "x").write_text("x")
    forbidden = [str(secret), str(CODE / "pyproject.toml"), "/proc/1/environ", "/etc/hostname"]
    outcome = run(order("attack", elsewhere=str(tmp_path / "x"), forbidden=forbidden), hear=silent, stop=never)
    assert outcome.isolation == words
    if "own files" not in words:
        pytest.skip(f"NOT TESTED: {words}")
    assert outcome.result["succeeded"] == []
    assert "canary" not in outcome.result["environment"]
    assert "FREELANCE_ML_VAR" not in outcome.result["environment"]


def test_without_a_filter_for_the_machine_the_job_says_so_or_does_not_run(order, monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "vax")
    assert describe() == (False, "NOT isolated from the network: this system has no means for it")
    assert seccomp.machine() is None


def test_the_filter_is_written_for_both_processors():
    for machine in seccomp.MACHINES.values():
        code = seccomp.program(machine, own_process=1)
        assert len(code) % 8 == 0
        assert len(code) // 8 < 4096  # the kernel takes no more


# What the kernel's own tables say: asm/unistd_64.h for x86-64, asm-generic/unistd.h for arm64; linux/audit.h for both.
AUDIT = {"x86_64": 62 | 0xC0000000, "aarch64": 183 | 0xC0000000}
OTHER_AUDIT = 40 | 0x40000000  # 32-bit ARM
ONLY_ON_X86 = {
    "chmod", "chown", "fork", "futimesat", "inotify_init", "ioperm", "iopl", "lchown", "mknod", "utime", "utimes",
    "vfork",
}  # fmt: skip
THREAD, FORK = 0x00010000 | 0x00000400, 17
CALLS = [  # name, number on x86-64, number on arm64, arguments, allowed
    ("read", 0, 63, (), True),
    ("mmap", 9, 222, (), True),
    ("openat", 257, 56, (), True),
    ("futex", 202, 98, (), True),
    ("socket", 41, 198, (2, 1), False),
    ("connect", 42, 203, (), False),
    ("bind", 49, 200, (), False),
    ("socketpair", 53, 199, (1, 1 | 0o2004000), True),
    ("socketpair", 53, 199, (1, 2), False),
    ("socketpair", 53, 199, (1, 5), False),
    ("socketpair", 53, 199, (30, 1), False),
    ("execve", 59, 221, (), False),
    ("ptrace", 101, 117, (), False),
    ("process_vm_readv", 310, 270, (), False),
    ("unshare", 272, 97, (), False),
    ("mount", 165, 40, (), False),
    ("setsid", 112, 157, (), False),
    ("truncate", 76, 45, (), False),
    ("fchmodat", 268, 53, (), False),
    ("kill", 62, 129, (4711,), True),
    ("kill", 62, 129, (1,), False),
    ("tgkill", 234, 131, (4711,), True),
    ("clone", 56, 220, (THREAD,), True),
    ("clone", 56, 220, (FORK,), False),
    ("prlimit64", 302, 261, (0, 0, 0), True),
    ("prlimit64", 302, 261, (0, 0, 1 << 40), False),
    ("prctl", 157, 167, (4, 0), False),
    ("prctl", 157, 167, (1, 9), True),
    ("io_uring_setup", 425, 425, (), False),
    ("clone3", 435, 435, (), False),
    ("setxattrat", 463, 463, (), False),
]


def verdict(code, *, audit, number, arguments=()):
    """Run a filter as the kernel does, and give its verdict."""
    data = struct.pack("=iIQ6Q", number, audit, 0, *arguments, *[0] * (6 - len(arguments)))
    steps = list(struct.iter_unpack("=HBBI", code))
    at = word = 0
    while True:
        what, if_true, if_false, value = steps[at]
        at += 1
        if what == seccomp.RETURN:
            return value
        if what == seccomp.LOAD_WORD:
            (word,) = struct.unpack_from("=I", data, value)
            continue
        holds = {
            seccomp.JUMP_EQUAL: word == value,
            seccomp.JUMP_AT_LEAST: word >= value,
            seccomp.JUMP_ANY_BIT: bool(word & value),
        }[what]
        at += if_true if holds else if_false


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
class TestTheFilterOfBothProcessors:
    def test_it_judges_each_call_by_its_number_there(self, machine):
        code = seccomp.program(seccomp.MACHINES[machine], own_process=4711)
        for name, on_x86, on_arm, arguments, allowed in CALLS:
            number = on_x86 if machine == "x86_64" else on_arm
            judged = verdict(code, audit=AUDIT[machine], number=number, arguments=arguments)
            assert (judged == seccomp.RET_ALLOW) is allowed, f"{name}{arguments}"

    def test_calls_of_another_processor_end_the_process(self, machine):
        code = seccomp.program(seccomp.MACHINES[machine], own_process=4711)
        for audit in {*AUDIT.values(), OTHER_AUDIT} - {AUDIT[machine]}:
            assert verdict(code, audit=audit, number=0) == seccomp.RET_KILL_PROCESS

    def test_what_is_denied_on_one_is_denied_on_the_other(self, machine):
        here, there = seccomp.MACHINES[machine].numbers, seccomp.MACHINES["x86_64"].numbers
        assert set(there) - set(here) == (ONLY_ON_X86 if machine == "aarch64" else set())
        assert set(here) <= set(there)
        assert len(set(here.values())) == len(here)


def test_libraries_work_inside(order):
    outcome = run(order("sizes", limits=Limits(wall_seconds=60)), hear=silent, stop=never)
    assert outcome.result["rows"] == 200
    assert set(outcome.versions) >= {"numpy", "pandas", "scipy", "sklearn"}


def test_a_task_can_be_made_by_hand(tmp_path):
    heard = []
    task = Task(arguments={"a": 1}, outputs=tmp_path, seed=3, tell=heard.append)
    for step in range(1, 101):
        task.progress("one", step, 100)
    task.log("x")
    assert heard[0] == {"phase": "one", "done": 1.0, "total": 100.0}
    assert {"phase": "one", "done": 100.0, "total": 100.0} in heard
    assert len(heard) < 10
    assert TaskError("a", "b").code == "a"


def _run_child_with(patch, order):
    """Start the child by hand, after a line of Python that takes something from it."""
    order.write()
    code = f"import os, platform, sys\n{patch}\nfrom projects.sandbox.child import main\nmain(*sys.argv[1:])"
    command = [sys.executable, "-c", code, str(order.folder), "2", str(os.getpid())]
    ended = subprocess.run(command, cwd=CODE, capture_output=True, text=True, check=False)
    result = order.folder / RESULT
    return ended, json.loads(result.read_text()) if result.exists() else None


@linux
def test_a_kernel_that_refuses_the_filter_ends_the_child_before_the_work(order):
    made = order("add")
    break_it = "import dataclasses; from projects.sandbox import seccomp as s; m = platform.machine(); "
    break_it += "s.MACHINES[m] = dataclasses.replace(s.MACHINES[m], seccomp=9999)"
    ended, result = _run_child_with(break_it, made)
    assert ended.returncode != 0
    assert "the system-call filter was refused" in ended.stderr
    assert result is None
    assert not list(made.outputs.iterdir())


def test_a_machine_without_a_filter_says_so_or_refuses_when_told_to(order):
    elsewhere = "platform.machine = lambda: 'vax'"
    ended, result = _run_child_with(elsewhere, order("add"))
    assert result["result"] == {"sum": 3, "seed": 7}
    assert "NOT isolated from the network" in ended.stderr
    _ended, result = _run_child_with(elsewhere, order("add", must_be_isolated=True))
    assert result["code"] == "not-isolated"
    assert "result" not in result


# What macOS lacks: its Python has no O_PATH and, before 3.13, no waitid; the system has no /proc.
LIKE_MACOS = "platform.system = lambda: 'Darwin'; platform.machine = lambda: 'arm64'; del os.O_PATH"


def test_macos_works_and_says_that_nothing_is_confined(order, monkeypatch):
    ended, result = _run_child_with(LIKE_MACOS, order("add"))
    assert result["result"] == {"sum": 3, "seed": 7}
    assert "NOT isolated from the network" in ended.stderr
    assert "files not confined" in ended.stderr
    _ended, result = _run_child_with(LIKE_MACOS, order("add", must_be_isolated=True))
    assert result["code"] == "not-isolated"
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    assert describe() == (False, NOT_ISOLATED)


def test_a_parent_without_waitid_and_proc_still_gets_the_result(order, monkeypatch, tmp_path):
    monkeypatch.delattr(os, "waitid", raising=False)
    for module in (disk, processes):
        monkeypatch.setattr(module, "PROC", tmp_path / "no-proc")
    outcome = run(order("add"), hear=silent, stop=never)
    assert outcome.result == {"sum": 3, "seed": 7}
    assert outcome.wall_seconds > 0
