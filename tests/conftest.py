"""The cast and the stage: alice owns a workspace, rita reviews it, mallory is a stranger with her own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection
from xdist.scheduler import LoadGroupScheduling

from projects.access import Role
from tests.factories import projects as make

pytest_plugins = ["tests.append_only", "tests.canaries"]

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "data"


# Tests that one process does after another: they share a stage, or would measure what the others write.
TOGETHER = ("tests/faults/test_quick.py", "tests/projects/sandbox/test_sandbox.py::test_all_files_together")


class Together(LoadGroupScheduling):
    """Hand such tests to one process; xdist's own marker for it does nothing since pytest 9.2."""

    def _split_scope(self, nodeid):
        return next((name for name in TOGETHER if nodeid.startswith(name)), nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Take the place of ``--dist load`` where several processes test."""
    return Together(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Begin with what takes long in one piece, so that no process waits for another at the end."""
    items.sort(key=lambda item: item.get_closest_marker("faults") is None)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker, tmp_path_factory):
    """Copy the suite's database as soon as it is migrated, so that nobody who needs one in a file migrates again."""
    copy = tmp_path_factory.mktemp("empty") / "freelance_ml.sqlite3"
    if connection.vendor == "sqlite":
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            if connection.introspection.table_names(cursor):  # none where no chosen test asks for the suite's database
                cursor.execute("VACUUM INTO %s", [str(copy)])
    return copy


@pytest.fixture(scope="session")
def empty_database(django_db_setup):
    """A SQLite file with all tables and no rows, to be copied."""
    if not django_db_setup.exists():  # the suite runs on another database, or on none
        environment = {**os.environ, "FREELANCE_ML_VAR": str(django_db_setup.parent), "DATABASE_URL": ""}
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=environment, check=True)
    return django_db_setup


@pytest.fixture(autouse=True)
def plain_static_files(settings):
    """Serve assets by their plain names: the hashed ones exist only after collectstatic."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
    settings.STATIC_ROOT = None


@pytest.fixture(autouse=True)
def quick_passwords(settings):
    """Hash passwords quickly; Argon2 is slow on purpose, and stays known."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher", *settings.PASSWORD_HASHERS]


@pytest.fixture
def shared_data():
    """The real files beside the project; a user's clone has none."""
    if not SHARED.is_dir():
        pytest.skip("the real data beside the project (../shared/data) is not here")
    return SHARED


@pytest.fixture
def workspace(db):
    return make.make_workspace(name="Alice ML")


@pytest.fixture
def actor(workspace):
    """Alice as an owner."""
    return make.make_actor(workspace=workspace, user=make.make_user(email="alice@example.com", name="Alice"))


@pytest.fixture
def alice(actor):
    return actor.user


@pytest.fixture
def reviewer(workspace):
    """Rita as a reviewer of Alice's workspace."""
    user = make.make_user(email="rita@example.com", name="Rita")
    return make.make_actor(workspace=workspace, user=user, role=Role.REVIEWER)


@pytest.fixture
def stranger(db):
    """Mallory, who owns another workspace."""
    return make.make_actor(user=make.make_user(email="mallory@example.com", name="Mallory"))


@pytest.fixture
def signed_in(client, alice):
    """A browser in which Alice is signed in."""
    client.force_login(alice)
    return client
