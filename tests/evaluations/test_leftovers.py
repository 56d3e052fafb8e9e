"""Nothing half stored: what a failed, killed or deleted thing leaves in the storage, and what sweeps it."""

import os
import shutil
import signal
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as project
from django.core.files.storage import default_storage

from billing.storage import BILLS
from evaluations.models import DatasetVersion, StoredFile, Upload
from evaluations.services import datasets, uploads
from evaluations.storage import DATA, chunk_address
from projects.services.housekeeping import tidy_up
from projects.storage import measure, stored_files
from tests.evaluations.conftest import _work_in_this_process as _work_in_this_process
from tests.factories.evaluations import make_version, send_file

DAYS = 3


def files():
    return set(stored_files("data")) | set(stored_files("uploads")) | set(stored_files("bills"))


def let_pass(days=DAYS):
    """Make every file and every upload so much older."""
    then = time.time() - timedelta(days=days).total_seconds()
    for folder in (Path(default_storage.path("")), project.VAR_DIR / "scratch"):
        for path in folder.rglob("*"):
            os.utime(path, (then, then))


@pytest.fixture(autouse=True)
def _empty_storage():
    for address in files():
        default_storage.delete(address)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 3_000_000)
    return path


def test_a_dataset_that_is_deleted_leaves_nothing(actor, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        version = make_version(actor=actor)
    assert len(files()) == 2  # the original and the table; no piece
    with django_capture_on_commit_callbacks(execute=True):
        datasets.delete_version(version=version, by=actor)
    assert files() == set()
    assert not StoredFile.objects.exists()


def test_a_file_that_is_no_table_leaves_nothing(actor, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        make_version(actor=actor, content=b"\x00\x01\x02" * 500)
    assert not DatasetVersion.objects.exists()
    assert files() == set()


def test_a_job_that_fails_after_storing_leaves_files_until_the_sweep(
    actor, monkeypatch, django_capture_on_commit_callbacks
):
    def stumble(**_):
        raise RuntimeError("the database is away")

    with django_capture_on_commit_callbacks(execute=True):
        kept = make_version(actor=actor, name="kept.csv")
    before = files()
    monkeypatch.setattr(datasets, "finish_reading", stumble)
    with django_capture_on_commit_callbacks(execute=True):
        broken = make_version(actor=actor, content=b"a,b\n1,2\n3,4\n", name="broken.csv")
    assert broken.state == "rejected"
    strays = {address for address in files() - before if address.startswith("data/")}
    assert len(strays) == 2
    assert tidy_up()["strays"] == 0  # a job may still be about to name them
    let_pass()
    assert tidy_up()["strays"] == 2
    assert files() & (strays | before) == before
    assert DATA.fetch(actor.workspace.pk, kept.table.sha256, project.VAR_DIR / "copy").exists()
    assert default_storage.exists(chunk_address(broken.upload_id, 0))  # it can be read again


@pytest.mark.skipif(not hasattr(os, "fork"), reason="NOT TESTED: needs fork")
@pytest.mark.parametrize("shelf", [DATA, BILLS], ids=lambda shelf: shelf.name)
def test_a_kill_in_the_middle_leaves_no_half_file_under_its_address(actor, file, shelf):
    def copy_half_and_die(source, target):
        Path(target).write_bytes(Path(source).read_bytes()[:1_000])
        os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if child == 0:
        shutil.copyfile = copy_half_and_die
        shelf.put(actor.workspace.pk, file)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert not default_storage.exists(shelf.address_of(actor.workspace.pk, measure(file).sha256))
    (draft,) = files()
    assert tidy_up()["strays"] == 0
    let_pass()
    assert tidy_up()["strays"] == 1
    assert files() == set()
    assert draft.endswith(".part")


def test_a_stray_that_is_stored_again_is_young_again(actor, file):
    """Else the sweep could take it between the storing and the row."""
    stored = DATA.put(actor.workspace.pk, file)
    let_pass()
    assert DATA.put(actor.workspace.pk, file) == stored
    assert tidy_up()["strays"] == 0
    assert default_storage.exists(DATA.address_of(actor.workspace.pk, stored.sha256))


def test_files_of_a_workspace_that_the_database_does_not_know_stay(db, file):
    """An empty database in front of a full storage must not empty it."""
    DATA.put("01a1fae6-923f-72d1-8101-8cc95961fe94", file)
    let_pass()
    assert tidy_up()["strays"] == 0
    assert len(files()) == 1


def test_pieces_whose_upload_is_gone_are_swept(actor, django_capture_on_commit_callbacks):
    gone, alive = send_file(b"a,b\n1,2\n", actor=actor), send_file(b"a,b\n3,4\n", actor=actor)
    Upload.objects.filter(pk=gone.pk).delete()  # as if killed between the commit and the deleting
    uploads.sweep_uploads()
    assert default_storage.exists(chunk_address(gone.pk, 0))
    let_pass()
    uploads.sweep_uploads()
    assert files() == {chunk_address(alive.pk, 0)}
