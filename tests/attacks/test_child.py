"""A child in the hands of the file that it read."""

import os
import platform

import pytest

from projects.sandbox import landlock
from projects.sandbox.disk import remove_folder
from projects.sandbox.order import Order
from projects.sandbox.runner import run
from projects.sandbox.task import Limits
from tests.projects.sandbox.test_sandbox import CODE


@pytest.fixture
def outcome_of(tmp_path):
    def go(work, files=None, limits=None, **arguments):
        order = Order(
            work=f"tests.attacks.works:{work}", folder=tmp_path / "room", code=CODE,
            marker=f"attack-{os.getpid()}-{work}", arguments=arguments, files=files or {},
            limits=limits or Limits(),
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


@pytest.mark.skipif(platform.system() != "Linux", reason="NOT TESTED: isolation needs Linux")
def test_a_child_changes_nothing_about_files_that_it_may_only_read(outcome_of, tmp_path):
    given, foreign = tmp_path / "code.py", tmp_path / "ring.json"
    for file in (given, foreign):
        file.write_text("{}")
        file.chmod(0o600)
    assert outcome_of("mark", files={"code": given}, foreign=str(foreign)).result == {"done": []}
    assert given.stat().st_mode & 0o777 == 0o600
    assert os.listxattr(foreign) == os.listxattr(given) == []


@pytest.mark.skipif(platform.system() != "Linux", reason="NOT TESTED: isolation needs Linux")
@pytest.mark.parametrize("place", ["memory", "socket", "rule", "thread"])
def test_a_file_without_a_name_is_counted_or_ends_the_run_wherever_it_is_kept(outcome_of, place):
    outcome = outcome_of("hide", place=place, limits=Limits(disk_bytes=32 << 20))
    assert (outcome.result, bool(outcome.code)) == (None, True)


@pytest.mark.skipif(platform.system() != "Linux", reason="NOT TESTED: threads are counted on Linux")
def test_a_crowd_of_threads_ends_before_the_machine_has_none_left(outcome_of):
    assert outcome_of("crowd").code == "too-many-threads"
