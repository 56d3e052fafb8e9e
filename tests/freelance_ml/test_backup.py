"""A backup restores to the same digests, on the same database and on the other one; a damaged one restores nothing."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from billing.services import bills
from billing.storage import BILLS
from freelance_ml.backup import BackupError, restore_archive, write_archive
from freelance_ml.backup.archive import read_manifest
from tests.factories import projects as make
from tests.servers import postgres_database

pytestmark = pytest.mark.django_db(transaction=True)  # a backup is taken outside of transactions
ROOT = Path(__file__).resolve().parents[2]
BACK_UP_AND_GO_ON = """
from django.core.management import call_command
from projects.models import User
call_command("backup", "{}")
User.objects.create_user("new@example.com", "x")
print("made")
"""
READ_THE_ORIGINAL = """
from pathlib import Path
from billing.models import BillImport
from billing.storage import BILLS
source = BillImport.objects.get()
print(BILLS.fetch(source.workspace_id, source.sha256, Path("{}")).read_text())
"""


def manifest_of(archive):
    with tarfile.open(archive) as opened:
        return read_manifest(opened)


def digests_of(archive):
    return {name: table["digest"] for name, table in manifest_of(archive)["tables"].items()}


def manage(*words, var, database=""):
    environment = {
        **os.environ,
        "FREELANCE_ML_VAR": str(var),
        "DATABASE_URL": database,
        "STORAGE_URL": "",
        "DJANGO_SETTINGS_MODULE": "freelance_ml.settings",
    }
    return subprocess.run(
        [sys.executable, "manage.py", *map(str, words)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def archive(actor, tmp_path):
    """An archive of a workspace with rows of several kinds and a file."""
    milestone = make.make_milestone(workspace=actor.workspace, title="Żółć – “quoted” \\ 'and' 雪")
    make.make_contact(workspace=actor.workspace)
    name = default_storage.save(f"data/{milestone.pk}/file", ContentFile(b"\x00\x01 bytes"))
    written = write_archive(tmp_path / "backup.tar")
    assert written.rows > 5
    yield tmp_path / "backup.tar"
    default_storage.delete(name)


def rewrite(source, target, change):
    """Copy an archive member by member, each changed on the way; None leaves it out."""
    with tarfile.open(source) as old, tarfile.open(target, "w") as new:
        for entry in old:
            content = change(entry.name, old.extractfile(entry).read())
            if content is not None:
                entry.size = len(content)
                draft = target.with_suffix(".draft")
                draft.write_bytes(content)
                with draft.open("rb") as file:
                    new.addfile(entry, file)
    return target


def test_the_archive_is_private_and_without_keys(archive):
    assert archive.stat().st_mode & 0o077 == 0
    with tarfile.open(archive) as opened:
        assert not [name for name in opened.getnames() if name.startswith("keys/")]
        assert [name for name in opened.getnames() if name.startswith("files/data/")]
    assert manifest_of(archive)["keys"] == []


def test_keys_come_only_when_asked_for(actor, tmp_path, settings):
    settings.VAR_DIR = tmp_path / "var"
    (tmp_path / "var" / "keys").mkdir(parents=True)
    (tmp_path / "var" / "keys" / "ring.json").write_text("{}")
    written = write_archive(tmp_path / "backup.tar", with_keys=True)
    assert written.keys
    assert manifest_of(tmp_path / "backup.tar")["keys"] == ["ring.json"]


def test_an_earlier_backup_is_never_overwritten(archive):
    with pytest.raises(BackupError, match="exists already"):
        write_archive(archive)


def test_it_restores_only_into_an_empty_installation(archive):
    with pytest.raises(BackupError, match="already has people"):
        restore_archive(archive)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda name, content: content.replace(b"Alice", b"Malic"), "is damaged"),
        (lambda name, content: None if name.startswith("files/") else content, "lacks files/"),
        (lambda name, content: None if name == "manifest.json" else content, "no backup of Freelance ML"),
        (lambda name, content: b'{"format": 99}' if name == "manifest.json" else content, "format 99"),
    ],
)
def test_a_changed_archive_is_refused_before_anything_is_touched(archive, tmp_path, change, message):
    damaged = rewrite(archive, tmp_path / "damaged.tar", change)
    with pytest.raises(BackupError, match=message):
        restore_archive(damaged)


def test_a_cut_off_archive_is_refused(archive, tmp_path):
    cut = tmp_path / "cut.tar"
    cut.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    with pytest.raises(BackupError):
        restore_archive(cut)


def with_manifest(source, target, **changes):
    def change(name, content):
        return json.dumps({**json.loads(content), **changes}).encode() if name == "manifest.json" else content

    return rewrite(source, target, change)


@pytest.mark.parametrize(
    "changes", [{"files": ["never/there"]}, {"files": 5}, {"keys": None}, {"tables": {}}, {"migrations": [[]]}]
)
def test_a_manifest_that_is_not_ours_is_refused_before_anything_is_touched(archive, tmp_path, changes):
    with pytest.raises(BackupError, match="no backup"):
        restore_archive(with_manifest(archive, tmp_path / "hostile.tar", **changes))


@pytest.mark.parametrize("name", ["../settings.py", "/etc/passwd", ".", "a//b", "a/./b", "a\\..\\b", ""])
def test_a_file_name_that_leaves_the_storage_is_refused(archive, tmp_path, name):
    with tarfile.open(archive) as source:
        manifest = read_manifest(source)
    given = {key: value for key, value in manifest["sha256"].items() if not key.startswith("files/")}
    hostile = with_manifest(archive, tmp_path / "hostile.tar", files=[name], sha256={**given, f"files/{name}": "0"})
    with pytest.raises(BackupError, match="forbidden name"):
        restore_archive(hostile)


def test_a_manifest_nested_without_end_is_refused(archive, tmp_path):
    deep = rewrite(
        archive, tmp_path / "deep.tar", lambda name, content: b"[" * 200_000 if name == "manifest.json" else content
    )
    with pytest.raises(BackupError, match="no backup"):
        restore_archive(deep)


def test_another_version_is_named(archive, tmp_path):
    migrations = [*manifest_of(archive)["migrations"], "projects.9999_future"]
    newer = with_manifest(archive, tmp_path / "newer.tar", migrations=migrations)
    with pytest.raises(BackupError, match=r"projects\.9999_future"):
        restore_archive(newer)


def test_the_digests_are_equal_after_restoring_on_sqlite(archive, tmp_path, empty_database):
    var = tmp_path / "var"
    var.mkdir()
    shutil.copy(empty_database, var)
    restored = manage("restore", archive, var=var)
    assert restored.returncode == 0, restored.stderr
    again = manage("backup", tmp_path / "again.tar", var=var)
    assert again.returncode == 0, again.stderr
    assert digests_of(tmp_path / "again.tar") == digests_of(archive)
    assert manifest_of(tmp_path / "again.tar")["files"] == manifest_of(archive)["files"]


def test_a_sealed_original_of_a_bill_is_read_again_after_its_restore(actor, tmp_path, settings, empty_database):
    settings.SEAL_FILES, settings.FREELANCE_ML_KEYS, settings.VAR_DIR = True, "", tmp_path / "before"
    bill, var = tmp_path / "bill.csv", tmp_path / "after"
    bill.write_text("Cost,Currency\n17.25,EUR\n")
    source = bills.receive_bill(path=bill, name="bill.csv", by=actor)
    address = BILLS.address_of(actor.workspace.pk, source.sha256)
    write_archive(tmp_path / "backup.tar", with_keys=True)
    with tarfile.open(tmp_path / "backup.tar") as opened:
        assert b"17.25" not in opened.extractfile(f"files/{address}").read()
    var.mkdir()
    shutil.copy(empty_database, var)
    restored = manage("restore", tmp_path / "backup.tar", var=var)
    assert restored.returncode == 0, restored.stderr
    assert b"17.25" not in (var / "files" / address).read_bytes()
    read = manage("shell", "-c", READ_THE_ORIGINAL.format(tmp_path / "read.csv"), var=var)
    assert bill.read_text() in read.stdout, read.stderr


def test_the_digests_are_equal_after_moving_to_postgresql(archive, tmp_path):
    var = tmp_path / "var"
    with postgres_database() as database:
        restored = manage("restore", archive, var=var, database=database)
        assert restored.returncode == 0, restored.stderr
        again = manage("shell", "-c", BACK_UP_AND_GO_ON.format(tmp_path / "again.tar"), var=var, database=database)
        assert "made" in again.stdout, again.stderr
        assert digests_of(tmp_path / "again.tar") == digests_of(archive)
