"""The whole site in processes of its own, for tests that need real requests."""

import os
import subprocess
import sys
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

from tests.servers import free_port
from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parents[1]
MAKE_ALICE = """
from projects.services.people import set_up
set_up(name="Alice", email="alice@example.com", password="correct-horse-battery",
       workspace_name="Alice ML", currency="EUR", time_zone="UTC")
"""


@contextmanager
def running_site(folder, *, database_url="", with_alice=True):
    """Run two processes of the web server on a migrated database; gives their port."""
    port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if name != "DATABASE_URL"},
        "FREELANCE_ML_VAR": str(folder),
        "DEBUG": "true",  # assets by their plain names
        "PORT": str(port),
        **({"DATABASE_URL": database_url} if database_url else {}),
    }
    manage = [sys.executable, str(ROOT / "manage.py")]
    subprocess.run([*manage, "migrate", "-v0"], env=environment, check=True, cwd=ROOT)
    if with_alice:
        subprocess.run([*manage, "shell", "-v0", "-c", MAKE_ALICE], env=environment, check=True, cwd=ROOT)
    gunicorn = [sys.executable, "-m", "gunicorn", "freelance_ml.wsgi", "-w", "2", "--threads", "8"]
    process = subprocess.Popen(
        [*gunicorn, "-b", f"127.0.0.1:{port}", "--worker-tmp-dir", str(folder), "--log-level", "error"],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: _answers(port), seconds=60)
        yield port
    finally:
        process.terminate()
        process.wait()


def _answers(port):
    line = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        line.request("GET", "/accounts/login/")
        return line.getresponse().status < 500
    except OSError:
        return False
    finally:
        line.close()
