"""The doctor finds what is planted, says what to do, and gets through to the end."""

import json
from io import StringIO

import pytest
from django.core.management import call_command

from freelance_ml import doctor
from freelance_ml.doctor import State, examine


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
