"""A child in the hands of the file that it read."""

import os
import platform

import pytest

from projects.sandbox import landlock
from projects.sandbox.disk import remove_folder
from projects.sandbox.order import Order
from projects.sandbox.runner import run
from tests.projects.sandbox.test_sandbox import CODE


@pytest.fixture
def outcome_of(tmp_path):
    def go(work, files=None, **arguments):
        order = Order(
            work=f"tests.attacks.works:{work}", folder=tmp_path / "room", code=CODE,
            marker=f"attack-{os.getpid()}-{work}", arguments=arguments, files=files or {},
        )  # fmt: skip
        return run(order, hear=lambda message: None, stop=lambda: "")

    return go


@pytest.mark.skipif(platform.system() != "Linux", reason="NOT TESTED: isolation needs Linux")
def test_a_child_touches_neither_its_worker_nor_the_times_of_foreign_files(outcome_of, tmp_path):
    file = tmp_path / "ring.json"
    file.write_text("{}")
    before = file.stat().st_mtime_ns
    assert outcome_of("reach_out", file=str(file)).result == {"done": []}
    assert file.stat().st_mtime_ns == before


def test_a_result_nested_too_deeply_ends_the_job_and_not_the_worker(outcome_of):
    assert outcome_of("leave_depth").code == "bad-result"


@pytest.mark.skipif(not landlock.version(), reason="NOT TESTED: the kernel has no Landlock")
def test_a_child_cannot_put_a_foreign_file_in_the_place_of_what_its_worker_takes_in(outcome_of, tmp_path):
    given = tmp_path / "room" / "inputs" / "original"
    given.parent.mkdir(parents=True)
    given.write_text("as it arrived")
    outcome = outcome_of("rearrange", files={"original": given}, foreign=str(tmp_path))
    assert outcome.result == {"done": []}
    assert given.read_text() == "as it arrived"


def test_folders_nested_without_end_hide_nothing_and_go_with_the_job(outcome_of, tmp_path):
    assert outcome_of("dig").code == "bad-result"
    remove_folder(tmp_path / "room")
    assert not (tmp_path / "room").exists()
