"""The cast and the stage: alice owns a workspace, rita reviews it, mallory is a stranger with her own."""

from pathlib import Path

import pytest

from projects.access import Role
from tests.factories import projects as make

pytest_plugins = ["tests.append_only", "tests.canaries"]

SHARED = Path(__file__).resolve().parent.parent.parent / "shared" / "data"


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
