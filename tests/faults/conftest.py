"""Stages on SQLite, or on the PostgreSQL server that the suite itself runs on."""

import os
import uuid
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from tests.faults.stage import Stage


@pytest.fixture(scope="session")
def stage_database():
    """Give the address of a fresh database on the suite's PostgreSQL server; "" for SQLite."""
    server = os.environ.get("DATABASE_URL", "")
    if not server.startswith("postgres"):
        yield ""
        return
    name = f"faults_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="module")
def stage(tmp_path_factory, stage_database, empty_database):
    """Two workers, two dispatchers, one Redis."""
    made = Stage(tmp_path_factory.mktemp("stage"), database_url=stage_database, template=empty_database)
    try:
        made.start_redis()
        made.start_worker("worker-a", processes=3)
        made.start_worker("worker-b", processes=2)
        made.start_dispatcher("dispatcher-a")
        made.start_dispatcher("dispatcher-b")
        yield made
    finally:
        made.close()
