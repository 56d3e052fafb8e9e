"""Servers of our own for tests, private to them and gone afterwards."""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from freelance_ml.up import embedded_redis
from tests.waiting import wait_for

PORT = 5432  # only names the socket; no TCP port is opened


def _postgres_program(name):
    found = shutil.which(name)
    if found:
        return found
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    return str(places[0]) if places else None


def _somebody():
    """PostgreSQL refuses to run as root: find a user without rights."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    return None


@contextmanager
def private_postgres():
    """Run a PostgreSQL with an own cluster on a Unix socket; gives the address of an empty database."""
    initdb, postgres, somebody = _postgres_program("initdb"), _postgres_program("postgres"), _somebody()
    if not initdb or not postgres or somebody is None:
        pytest.skip("no PostgreSQL programs on this machine")
    folder = Path(tempfile.mkdtemp(prefix="fml-pg-"))
    if somebody:
        os.chown(folder, somebody["user"], somebody["group"])
    data = folder / "data"
    command = [initdb, "-D", str(data), "-U", "owner", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C.UTF-8"]
    subprocess.run(command, check=True, capture_output=True, cwd=folder, **somebody)
    options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}", "-c", "fsync=off"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [postgres, "-D", str(data), *options], stdout=log, stderr=log, cwd=folder, **somebody
        )
    try:
        url = f"postgres://owner@%2F{str(folder).lstrip('/').replace('/', '%2F')}:{PORT}/postgres"
        wait_for(lambda: _connects(url), seconds=30)
        yield url
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _connects(url):
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def fresh_database(url):
    """Make an empty database on a running PostgreSQL and remove it again."""
    name = f"freelance_ml_{secrets.token_hex(6)}"
    with psycopg.connect(url, autocommit=True) as line:
        line.execute(f'CREATE DATABASE "{name}"')
    try:
        yield f"{url.rsplit('/', 1)[0]}/{name}"
    finally:
        with psycopg.connect(url, autocommit=True) as line:
            line.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def postgres_database():
    """An empty PostgreSQL database: on the suite's own server when it has one, else on a private one."""
    given = os.environ.get("DATABASE_URL", "")
    if given.startswith("postgres"):
        with fresh_database(given) as url:
            yield url
    else:
        with private_postgres() as url, fresh_database(url) as fresh:
            yield fresh


@contextmanager
def private_redis():
    """Run a Redis on a Unix socket; gives its address."""
    server = embedded_redis.find_server()
    if server is None:
        pytest.skip("no Redis on this machine")
    folder = Path(tempfile.mkdtemp(prefix="fml-r-"))
    path = embedded_redis.socket_path(folder)
    argv = embedded_redis.arguments(server, folder=folder, unix_socket=path)
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL) as process:
        try:
            wait_for(lambda: embedded_redis.answers(str(path)))
            yield f"redis+socket://{path}?virtual_host=0"
        finally:
            process.terminate()
            process.wait()
            shutil.rmtree(folder, ignore_errors=True)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
