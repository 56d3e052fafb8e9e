"""What the application keeps is readable by its own user alone, whichever process makes it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from freelance_ml.checks import folders_are_private

ROOT = Path(__file__).resolve().parent.parent.parent
MAKE_FILES = """
from pathlib import Path
from django.conf import settings
from django.core.mail import send_mail
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
connection.cursor().execute("CREATE TABLE t (a)")
send_mail("s", "b", None, ["a@example.com"])
default_storage.save("data/x/ab/file", ContentFile(b"client data"))
from projects.secrets import key_ring
key_ring()
from projects.storage import scratch_file
scratch_file().write_text("on its way")
"""
MANAGE = ["manage.py", "shell", "--no-imports", "-c", MAKE_FILES]
WEB = ["-c", f"import runpy; runpy.run_path('gunicorn.conf.py'); import django; django.setup(){MAKE_FILES}"]
WORKER = ["-c", f"from freelance_ml.celery import app; app.conf.task_queues; import django; django.setup(){MAKE_FILES}"]


@pytest.mark.parametrize("command", [MANAGE, WEB, WORKER], ids=["manage.py", "gunicorn", "celery"])
def test_nobody_else_may_read_or_enter_anything(tmp_path, command):
    var = tmp_path / "place" / "var"
    environment = {
        "PATH": os.environ["PATH"],
        "FREELANCE_ML_VAR": str(var),
        "DJANGO_SETTINGS_MODULE": "freelance_ml.settings",
    }
    subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, check=True, umask=0o022)
    made = [var, *var.rglob("*")]
    assert {path.name for path in made} > {"keys", "ring.json", "freelance_ml.sqlite3", "file", "mail", "scratch"}
    assert [f"{path} {path.stat().st_mode:o}" for path in made if path.stat().st_mode & 0o077] == []


def test_setting_up_makes_a_folder_that_the_first_start_accepts(tmp_path):
    """Static files are for all, and collecting them is the first command on a new machine."""
    var = tmp_path / "var"
    environment = {"PATH": os.environ["PATH"], "FREELANCE_ML_VAR": str(var)}
    command = [sys.executable, "manage.py", "collectstatic", "--no-input", "--dry-run", "-v0"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, umask=0o022)
    assert (var / "keys").is_dir()
    assert [f"{path} {path.stat().st_mode:o}" for path in (var, *var.iterdir()) if path.stat().st_mode & 0o077] == []


def test_a_folder_of_data_that_others_may_enter_is_refused(tmp_path, settings):
    settings.VAR_DIR = tmp_path
    assert folders_are_private() == []
    tmp_path.chmod(0o755)
    assert [(fault.id, fault.hint) for fault in folders_are_private()] == [
        ("freelance_ml.E011", f"chmod 700 {tmp_path}")
    ]
