"""Static files are collected while another installation of the same code serves them."""

import threading
import time

import pytest

from freelance_ml import start


@pytest.fixture
def folder(settings, tmp_path):
    settings.STATIC_ROOT = tmp_path / "built"
    return settings.STATIC_ROOT


@pytest.fixture
def collected(monkeypatch, folder):
    """Each collecting, done slowly and without the files."""
    done = []

    def collect(name, **options):
        done.append((name, options))
        time.sleep(0.2)
        (folder / "staticfiles.json").write_text("{}")

    monkeypatch.setattr(start, "call_command", collect)
    return done


def test_what_others_serve_stays(folder, collected):
    folder.mkdir()
    (folder / "app.0123456789ab.css").write_text("a{}")
    start._collect_static_files(say=lambda text: None)
    assert (folder / "app.0123456789ab.css").exists()
    assert not collected[0][1].get("clear")
    assert (folder / "staticfiles.json").stat().st_mode & 0o044 == 0o044, "another user may serve what was collected"


def test_of_two_starts_at_once_one_collects(folder, collected):
    starts = [threading.Thread(target=start._collect_static_files, args=(lambda text: None,)) for _ in range(2)]
    for one in starts:
        one.start()
    for one in starts:
        one.join()
    assert len(collected) == 1
