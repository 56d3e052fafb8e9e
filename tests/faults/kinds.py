"""Job kinds for tests, loaded by JOB_KIND_MODULES."""

from pathlib import Path

from projects.jobs import QUICK, Kind, Prepared, register
from projects.models import Client
from projects.sandbox import MEBIBYTE, Limits


def _file_of(job):
    return Prepared(arguments=job.arguments, files={"data": Path(job.arguments["path"])})


def note_effect(job, result, outputs):
    """One row an effect, so that a doubled one is seen."""
    Client.objects.create(workspace=job.workspace, name=f"effect {job.pk} {job.fence}")
    text = outputs / "sum.txt"
    return result | ({"file": text.read_text()} if text.exists() else {})


def fail_to_apply(job, result, outputs):
    note_effect(job, result, outputs)
    raise ValueError("in apply")


def note_end(job):
    Client.objects.create(workspace=job.workspace, name=f"ended {job.pk} {job.fence} {job.retries}")


SMALL = Limits(memory_bytes=256 * MEBIBYTE, wall_seconds=60, cpu_seconds=60, file_bytes=50 * MEBIBYTE)

for name, limits in {
    "add": SMALL,
    "refuse": SMALL,
    "stumble": SMALL,
    "kill_itself": SMALL,
    "take_all_memory": SMALL,
    "never_end": Limits(wall_seconds=3),
    "burn": SMALL,
    "burn_in_c": SMALL,
    "spawn_and_wait": Limits(may_fork=True),
    "write_much": SMALL,
    "flood": SMALL,
    "attack": SMALL,
}.items():
    register(
        Kind(
            name=f"test.{name}",
            title=f"Test {name}",
            work=f"tests.faults.works:{name}",
            apply=note_effect,
            ended=note_end,
            limits=limits,
            lane=QUICK if name == "flood" else "long",
        )
    )
register(Kind(name="test.read_file", title="Test file", work="tests.faults.works:read_file", prepare=_file_of))
register(Kind(name="test.in_worker", title="Test in worker", apply=note_effect))
register(Kind(name="test.bad_apply", title="Test apply", work="tests.faults.works:add", apply=fail_to_apply))
register(  # faults cost attempts, and no job of the chaos may run out of them
    Kind(
        name="test.chaos",
        title="Test chaos",
        work="tests.faults.works:add",
        apply=note_effect,
        limits=SMALL,
        max_attempts=100,
    )
)
register(
    Kind(name="test.never_end_soon", title="Test for ever", work="tests.faults.works:never_end", apply=note_effect)
)
