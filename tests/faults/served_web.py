"""Stands for the web process of a served site: starts jobs and tells in JSON lines what became of them.

Run as ``python -m tests.faults.served_web``; it says "migrated", a report of the first jobs, "running" when a
job of the second round has begun, and a report of those.
"""

import json
import os
import sys
import time

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "freelance_ml.settings")
django.setup()

from django.core.files.base import ContentFile  # noqa: E402  # Django is set up above
from django.core.files.storage import default_storage  # noqa: E402
from django.core.management import call_command  # noqa: E402

from projects.dispatch import start_job  # noqa: E402
from projects.models import Job, Workspace  # noqa: E402

PATIENCE = 60  # seconds


def say(value):
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def start(workspace, round_name, count, pause):
    jobs = []
    for number in range(count):
        name = default_storage.save(f"numbers/{round_name}-{number}.csv", ContentFile(f"{number}\n100\n".encode()))
        arguments = {"name": name, "pause": pause}
        jobs.append(start_job(kind="test.served_sum", workspace=workspace, arguments=arguments, by=None).pk)
    return jobs


def wait(jobs, states, how_many):
    end = time.monotonic() + PATIENCE
    while Job.objects.filter(pk__in=jobs, state__in=states).count() < how_many and time.monotonic() < end:
        time.sleep(0.1)


def report(jobs):
    wait(jobs, Job.OVER, len(jobs))
    rows = []
    for job in Job.objects.filter(pk__in=jobs).order_by("created_at"):
        row = {"state": job.state, "error": job.error_message, **job.result}
        if job.state == Job.State.DONE:
            with default_storage.open(row["name"]) as file:
                row["stored"] = file.read().decode()
        rows.append(row)
    say({"rows": rows, "files": len(default_storage.listdir("sums")[1])})


def main():
    call_command("migrate", interactive=False, verbosity=0)
    workspace = Workspace.objects.create(name="Served")
    say("migrated")
    report(start(workspace, "first", 6, 0.5))
    second = start(workspace, "second", 2, 3)
    wait(second, [Job.State.RUNNING], 2)
    say("running")
    report(second)


if __name__ == "__main__":
    main()
