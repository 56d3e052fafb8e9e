"""The desk of a stage: a process with the stage's database that carries out one command a line.

Run as ``python -m tests.faults.desk``; a line is a JSON list [name, arguments], and so is the answer.
"""

import json
import os
import sys
import threading
import time
from datetime import timedelta

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "freelance_ml.settings")
django.setup()

from django.conf import settings  # noqa: E402  # Django is set up above
from django.db import connection, connections, transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from projects.access import Actor, Role  # noqa: E402
from projects.dispatch import cancel_job, start_job  # noqa: E402
from projects.models import Client, Job, Schedule, Workspace  # noqa: E402
from projects.services.job_claims import claim_job  # noqa: E402
from projects.services.job_runs import carry_out  # noqa: E402
from projects.services.schedules import create_schedule  # noqa: E402
from projects.wishes import send_hint  # noqa: E402

FIELDS = ("state", "attempts", "fence", "error_code", "error_message", "result", "worker", "log_lines", "isolation")


def workspace():
    return Workspace.objects.get_or_create(name="Stage")[0]


def start(kind="add", count=1, wish=False, **arguments):
    settings.JOB_WISH = wish
    with transaction.atomic():
        jobs = [
            start_job(kind=f"test.{kind}", workspace=workspace(), arguments=arguments, by=None) for _ in range(count)
        ]
    return [str(job.pk) for job in jobs]


def rows(ids=None):
    jobs = Job.objects.filter(pk__in=ids) if ids else Job.objects.all()
    return {str(job.pk): {name: getattr(job, name) for name in FIELDS} for job in jobs}


def effects():
    names = Client.objects.filter(name__startswith="effect ").values_list("name", flat=True)
    found = {}
    for name in names:
        found.setdefault(name.split()[1], []).append(name.split()[2])
    return found


def cancel(ids):
    actor = Actor(workspace=workspace(), role=Role.OWNER, name="Test")
    for job in Job.objects.filter(pk__in=ids):
        cancel_job(job=job, by=actor)


def hint(job_id, times=1):
    for _ in range(times):
        send_hint(job_id=job_id, lane="long")


def schedule(count=1):
    """Make schedules that are due now."""
    for number in range(count):
        create_schedule(workspace=workspace(), name=f"S{number}", kind="test.in_worker", cadence="daily", by=None)
    Schedule.objects.filter(workspace=workspace()).update(next_at=timezone.now() - timedelta(seconds=1))


def scheduled():
    return list(Job.objects.filter(key__startswith="schedule:", workspace=workspace()).values_list("key", flat=True))


def work_off(job_id):
    """Carry out a job here; the error of a database that is full is answered, not raised."""
    job = claim_job(hint=job_id)
    if job is not None:
        carry_out(job)
    return rows([job_id])[job_id]


def latencies():
    started = Job.objects.filter(started_at__isnull=False, attempts=1)
    return [(job.started_at - job.created_at).total_seconds() for job in started.order_by("created_at")]


def unfinished():
    return Job.objects.open().count()


def integrity():
    if connection.vendor != "sqlite":
        return "ok"
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA integrity_check")
        return cursor.fetchone()[0]


def write_for(seconds=10, writers=6):
    """Let threads write like web and workers do; answer the slowest writes and the errors."""
    until = time.monotonic() + seconds
    place = workspace()
    times, errors = [], []

    def write(number):
        count = 0
        while time.monotonic() < until:
            count += 1
            begun = time.monotonic()
            try:
                with transaction.atomic():
                    seen = Client.objects.filter(workspace=place).count()
                    Client.objects.create(workspace=place, name=f"w{number}-{count}-{os.getpid()}", notes=str(seen))
                    Client.objects.filter(workspace=place, name=f"w{number}-{count - 20}-{os.getpid()}").delete()
            except Exception as error:  # noqa: BLE001  # every error counts
                errors.append(f"{type(error).__name__}: {error}")
            times.append(time.monotonic() - begun)
            time.sleep(0.02)
        connections.close_all()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"times": times, "errors": errors}


COMMANDS = {
    function.__name__: function
    for function in (
        start, rows, effects, cancel, hint, schedule, scheduled, work_off, latencies, unfinished, integrity, write_for,
    )
}  # fmt: skip


def main():
    for line in sys.stdin:
        name, arguments = json.loads(line)
        try:
            answer = {"answer": COMMANDS[name](**arguments)}
        except Exception as error:  # noqa: BLE001  # the test that asked is told
            connection.close()
            answer = {"error": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
