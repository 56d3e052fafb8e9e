"""A job kind that reads from the file store and writes to it, loaded by JOB_KIND_MODULES."""

import os
from pathlib import Path

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from projects.jobs import Kind, Prepared, register


def fetch_numbers(job):
    target = Path(settings.VAR_DIR) / f"{job.pk}.csv"
    target.parent.mkdir(parents=True, exist_ok=True)
    with default_storage.open(job.arguments["name"]) as stored:
        target.write_bytes(stored.read())
    return Prepared(arguments=job.arguments, files={"numbers": target})


def keep_sum(job, result, outputs):
    name = default_storage.save(f"sums/{job.pk}.txt", ContentFile((outputs / "sum.txt").read_bytes()))
    return {**result, "name": name, "worker": os.environ["SERVED_WORKER"]}


register(
    Kind(
        name="test.served_sum",
        title="Test served",
        work="tests.faults.served_kinds_work:add_up",
        prepare=fetch_numbers,
        apply=keep_sum,
    )
)
