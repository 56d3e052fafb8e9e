"""The doctor finds what is planted, says what to do, and gets through to the end."""

import json
import os
import platform
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone

from freelance_ml import doctor
from freelance_ml.checks import keys_are_here
from freelance_ml.doctor import State, examine
from freelance_ml.up.instance import take_lock, write_state
from projects.models import Job, Mail, Pulse, Schedule
from projects.services.pulses import note_pulse
from projects.services.schedules import ensure_site_schedules
from tests.factories.jobs import make_mail
from tests.servers import free_port


@pytest.fixture
def var(tmp_path, settings):
    settings.VAR_DIR = tmp_path
    (tmp_path / "keys").mkdir(mode=0o700)
    return tmp_path


def row(name):
    return next(row for row in examine() if row.check == name)


def test_a_healthy_installation_has_no_error(db, var):
    assert [found for found in examine() if found.state is State.ERROR] == []


def test_an_open_key_is_an_error_with_its_remedy(db, var):
    key = var / "keys" / "ring.json"
    key.write_text("{}")
    key.chmod(0o644)
    found = row("keys")
    assert found.state is State.ERROR
    assert "ring.json" in found.found
    assert "chmod 600" in found.remedy
    assert row("check freelance_ml.E012").state is State.ERROR


@pytest.mark.parametrize("name", ["keys", "redis", "run"])
def test_a_folder_of_secrets_that_others_may_enter_is_an_error(db, var, name):
    (var / name).mkdir(exist_ok=True)
    (var / name).chmod(0o755)
    assert row("check freelance_ml.E011").state is State.ERROR


def test_an_outdated_package_is_an_error(db, var, monkeypatch):
    monkeypatch.setitem(doctor.FLOORS, "django", "99.0")
    assert row("packages").state is State.ERROR
    assert "django" in row("packages").found


def test_a_full_disk_is_an_error(db, var, monkeypatch):
    monkeypatch.setattr(doctor, "LITTLE_DISK", 1 << 62)
    assert row("folder").state is State.ERROR


def test_a_site_open_to_the_network_without_tls_is_an_error(db, var, settings):
    settings.LISTEN_ON, settings.SECURE_SITE = "::", False
    assert row("site").state is State.ERROR


def test_the_address_is_the_one_that_runs(db, var):
    assert ":8123" not in row("site").found
    lock = take_lock(var / "run")
    write_state(var / "run", address="http://127.0.0.1:8123")
    assert ":8123" in row("site").found
    os.close(lock)
    assert ":8123" not in row("site").found


def test_workers_and_dispatchers_that_fell_silent_are_errors(db, var):
    assert row("workers").state is State.NOTE
    note_pulse("worker")
    note_pulse("dispatcher")
    assert (row("workers").state, row("dispatchers").state) == (State.OK, State.OK)
    Pulse.objects.update(at=timezone.now() - timedelta(minutes=5))
    for name in ("workers", "dispatchers"):
        assert row(name).state is State.ERROR
        assert "silent since" in row(name).found
        assert "start" in row(name).remedy


def test_jobs_that_nobody_takes_are_an_error(db, var, workspace):
    assert row("jobs").state is State.OK
    Job.objects.create(workspace=workspace, kind="test.add", run_at=timezone.now() - timedelta(minutes=2))
    assert row("jobs").state is State.ERROR


def test_a_daily_task_that_failed_is_an_error_with_its_reason(db, var):
    ensure_site_schedules()
    schedule = Schedule.objects.get(name="projects.housekeeping")
    name = "daily: remove what is no longer needed"
    assert row(name).state is State.OK
    facts = {"state": "failed", "error_message": "The disk was full.", "finished_at": timezone.now()}
    Job.objects.create(workspace=None, kind=schedule.kind, key=f"schedule:{schedule.pk}:20261120T033000", **facts)
    assert (row(name).state, row(name).remedy) == (State.ERROR, "The disk was full.")


def test_keys_of_one_machine_are_said_where_services_are_shared(db, var, settings):
    assert row("key ring").state is State.OK
    settings.REDIS_URL = "redis://redis.example.com:6379/0"
    assert row("key ring").state is State.NOTE
    assert "FREELANCE_ML_KEYS" in row("key ring").remedy


def test_a_machine_without_the_keys_of_its_installation_does_not_start(db, var, settings, alice):
    settings.DATABASE_URL = "postgres://someone@db.example.com/freelance_ml"
    assert keys_are_here() == []  # they were made with the first account
    (var / "keys" / "ring.json").unlink()
    assert [message.id for message in keys_are_here()] == ["freelance_ml.E014"]
    (var / "keys" / "ring.json").write_text("{}")
    assert keys_are_here() == []
    (var / "keys" / "ring.json").unlink()
    settings.DATABASE_URL = "postgres://owner@%2Ftmp%2Fpg:5432/freelance_ml"
    assert keys_are_here() == []


def test_a_new_installation_makes_its_keys(db, var, settings):
    settings.DATABASE_URL = "postgres://someone@db.example.com/freelance_ml"
    assert keys_are_here() == []


def test_a_system_that_cannot_isolate_work_is_named(db, var, monkeypatch):
    assert row("isolation of work").state is State.OK
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    found = row("isolation of work")
    assert found.state is State.NOTE
    assert "NOT isolated" in found.found


def test_a_mail_server_that_does_not_answer_is_an_error(db, var, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    assert row("mail").state is State.ERROR
    assert "EMAIL_URL" in row("mail").remedy


def test_letters_that_were_given_up_are_told(db, var, workspace):
    letter = make_mail(workspace=workspace)
    assert not [found for found in examine() if found.check == "letters"]
    Mail.objects.filter(pk=letter.pk).update(state=Mail.State.FAILED, error="SMTPRecipientsRefused")
    assert row("letters").state is State.ERROR


def test_a_look_that_fails_is_a_row_and_not_the_end(db, var, monkeypatch):
    def look_broken():
        raise OSError("the disk has no legs")

    monkeypatch.setattr(doctor, "LOOKS", [look_broken, *doctor.LOOKS])
    rows = examine()
    assert rows[0].state is State.ERROR
    assert "no legs" in rows[0].found
    assert len(rows) > 5


def test_the_command_speaks_json_and_fails_on_an_error(db, var, monkeypatch):
    out = StringIO()
    call_command("doctor", "--json", stdout=out)
    assert {"check", "state", "found", "remedy"} == set(json.loads(out.getvalue())[0])
    monkeypatch.setattr(doctor, "LITTLE_DISK", 1 << 62)
    with pytest.raises(SystemExit) as ended:
        call_command("doctor", stdout=StringIO())
    assert ended.value.code == 1


def test_an_old_sqlite_is_refused(monkeypatch):
    from freelance_ml import checks

    monkeypatch.setattr(checks, "connection", type("Connection", (), {"vendor": "sqlite"}))
    monkeypatch.setattr(checks.sqlite3, "sqlite_version_info", (3, 51, 2))
    assert [message.id for message in checks.sqlite_is_fixed()] == ["freelance_ml.E010"]
    monkeypatch.setattr(checks.sqlite3, "sqlite_version_info", (3, 51, 3))
    assert checks.sqlite_is_fixed() == []
