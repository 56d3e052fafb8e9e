"""Stands for a web process: starts jobs in transactions and says which were accepted; it is killed at random.

Run as ``python -m tests.faults.producer COUNT PAUSE``.
"""

import os
import sys
import time

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "freelance_ml.settings")
django.setup()

from django.db import DatabaseError, InterfaceError, connection, transaction  # noqa: E402  # Django is set up above

from projects.dispatch import start_job  # noqa: E402
from projects.models import Workspace  # noqa: E402


def main(count, pause):
    made = 0
    while made < count:
        try:
            with transaction.atomic():
                workspace, _ = Workspace.objects.get_or_create(name="Stage")
                job = start_job(kind="test.chaos", workspace=workspace, arguments={"pause": made % 10 / 10}, by=None)
        except (DatabaseError, InterfaceError):
            connection.close()
            time.sleep(0.5)
            continue
        made += 1
        sys.stdout.write(f"{job.pk}\n")
        sys.stdout.flush()
        time.sleep(pause)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
