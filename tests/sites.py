"""The whole site in processes of its own, for tests that need real requests."""

import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

from tests.servers import free_port
from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parents[1]
ALICE = {
    "name": "Alice",
    "email": "alice@example.com",
    "password": "correct-horse-battery",
    "workspace_name": "Alice ML",
    "currency": "EUR",
    "time_zone": "UTC",
}


@contextmanager
def running_site(folder, *, empty_database=None, database_url=""):
    """Run two processes of the web server on a copy of a SQLite file, else on an empty database; gives their port."""
    port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if name != "DATABASE_URL"},
        "FREELANCE_ML_VAR": str(folder),
        "DEBUG": "true",  # assets by their plain names
        "PORT": str(port),
        **({"DATABASE_URL": database_url} if database_url else {}),
    }
    if database_url:
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], env=environment, check=True, cwd=ROOT)
    else:
        shutil.copy(empty_database, folder / "freelance_ml.sqlite3")
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
        process.send_signal(signal.SIGQUIT)  # gunicorn's word for: at once
        process.wait()


def visit(port, method, path, *, fields=None, headers=None):
    """Send one request, with a form's fields when there are any; give the answer and its page."""
    line = HTTPConnection("127.0.0.1", port, timeout=60)
    kind = {"Content-Type": "application/x-www-form-urlencoded"} if fields else {}
    line.request(method, path, urlencode(fields) if fields else None, {**(headers or {}), **kind})
    answer = line.getresponse()
    page = answer.read().decode()
    line.close()
    return answer, page


def open_form(port, path):
    """Open a page with a form; give what must go back with it: the cookie and the token."""
    answer, page = visit(port, "GET", path)
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]
    return {"Cookie": answer.getheader("Set-Cookie").split(";")[0]}, {"csrfmiddlewaretoken": token}


def set_up_alice(port):
    """Let Alice make the first account, as everyone does."""
    headers, token = open_form(port, "/welcome/")
    assert visit(port, "POST", "/welcome/", fields={**ALICE, **token}, headers=headers)[0].status == 302


def _answers(port):
    try:
        return visit(port, "GET", "/welcome/")[0].status < 500
    except OSError:
        return False
