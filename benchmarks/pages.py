"""Requests each second of warm pages and the server's CPU for each, against a bare view with one query beside them."""

import http.client
import os
import signal
import statistics
import subprocess
import sys
import threading
import time

import psutil

from benchmarks.running import ROOT, environment_for, folder, free_port

CONNECTIONS = 4
SECONDS = 2
ROUNDS = 5
BARE = ["/bench/bare/", "/bench/fresh/", "/bench/door/"]
PAGES = [*BARE, "/", "/clients/", "/engagements/", "/jobs/", "/spend/"]

SIGN_IN = """
from django.conf import settings
from django.test import Client
from freelance_ml import demo
from projects.models import Milestone, User
client = Client()
client.force_login(User.objects.get(email=demo.EMAIL))
milestone = Milestone.objects.filter(status="submitted").get()
print("session", client.cookies[settings.SESSION_COOKIE_NAME].value)
print("pages", f"/engagements/{milestone.engagement_id}/", f"/milestones/{milestone.pk}/")
"""


def ask(port: int, path: str, cookie: str, until: float, counts: list[int]) -> None:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    done = 0
    while time.perf_counter() < until:
        line.request("GET", path, headers={"Cookie": f"session={cookie}"})
        answer = line.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path} gave {answer.status}")
        done += 1
    line.close()
    counts.append(done)


def cpu_of(server: subprocess.Popen) -> float:
    master = psutil.Process(server.pid)
    return sum(sum(process.cpu_times()[:2]) for process in [master, *master.children()])


def rate(server: subprocess.Popen, port: int, path: str, cookie: str) -> tuple[float, float]:
    """Requests each second, and the server's milliseconds of CPU for one."""
    counts: list[int] = []
    began, used = time.perf_counter(), cpu_of(server)
    threads = [
        threading.Thread(target=ask, args=(port, path, cookie, began + SECONDS, counts)) for _ in range(CONNECTIONS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds, used = time.perf_counter() - began, cpu_of(server) - used
    return sum(counts) / seconds, 1000 * used / sum(counts)


def exists(port: int, path: str, cookie: str) -> bool:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    line.request("GET", path, headers={"Cookie": f"session={cookie}"})
    status = line.getresponse().status
    line.close()
    return status == 200


def main() -> None:
    with folder() as var:
        port = free_port()
        # The command takes a folder of this name as it is, and makes the database and the static files too.
        environment = environment_for(var / "demo", PORT=str(port), LOG_LEVEL="WARNING")
        manage = [sys.executable, "manage.py"]
        subprocess.run([*manage, "demo", "--fill-only"], cwd=ROOT, env=environment, check=True, stdout=sys.stderr)
        said = subprocess.run(
            [*manage, "shell", "-v", "0", "-c", SIGN_IN],
            cwd=ROOT,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        cookie = said.split("session ")[1].split()[0]
        pages = [*PAGES, *said.split("pages ")[1].split()]
        server = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "benchmarks.pages_site:application"],
            cwd=ROOT,
            env=environment,
            start_new_session=True,
        )
        try:
            wait_for_answer(port)
            for path in pages:
                rate(server, port, path, cookie)  # warm
            rates = {path: [] for path in pages}
            for _ in range(ROUNDS):
                for path in pages:
                    rates[path].append(rate(server, port, path, cookie))
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait()
        cpu = {path: statistics.median(ms for _, ms in found) for path, found in rates.items()}
        print(
            "| page | requests/s | CPU, ms | of the bare view | of one that opens its connection | of the same door |"
        )
        print("| --- | ---: | ---: | ---: | ---: | ---: |")
        for path, found in rates.items():
            shares = [f"{cpu[other] / cpu[path]:.2f}" for other in BARE]
            print(f"| {path} | {statistics.median(n for n, _ in found):.0f} | {cpu[path]:.1f} | {' | '.join(shares)} |")


def wait_for_answer(port: int) -> None:
    for _ in range(600):
        try:
            if exists(port, "/health", ""):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the server did not start")


if __name__ == "__main__":
    main()
