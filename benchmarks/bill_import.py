"""Import of a large FOCUS bill against the raw driver path for the very same rows, in the same run.

The bill is the one of bills_preview.py. The database is a new SQLite file, or the one of DATABASE_URL:

    .venv/bin/python -m benchmarks bill_import

The import is what the job does: read the file, write the lines, store them, allocate them by rules, sum them up.
The raw path reads the finished lines with csv.reader and hands them to executemany, or hands the file to COPY.
"""
# ruff: noqa: E402  # Django is set up before its models are imported

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
VAR = HERE / ".data" / "spend-var"
shutil.rmtree(VAR, ignore_errors=True)
os.environ |= {"FREELANCE_ML_VAR": str(VAR), "DJANGO_SETTINGS_MODULE": "freelance_ml.settings", "JOB_WISH": "false"}
VAR.mkdir(parents=True)

from freelance_ml.sqlite import use_fixed_sqlite

use_fixed_sqlite()

import django

django.setup()

from django.core.management import call_command
from django.db import connection, transaction

from benchmarks.provided import bill
from billing import dispatch
from billing.models import BillImport, Charge
from billing.services import bills
from billing.services.charge_writer import _copy, insert_order
from billing.services.rules import Target, create_rule, rules_as_data
from projects.models import User
from projects.services.people import actor_of, create_workspace

READ = """
import json, re, sys, time
from pathlib import Path
from billing.bills.work import run
from projects.sandbox import Task
path, folder, arguments = sys.argv[1:]
wall, cpu = time.perf_counter(), time.process_time()
task = Task(arguments=json.loads(arguments), inputs={"bill": Path(path)}, outputs=Path(folder))
result = run(task)
clocked = time.perf_counter() - wall, time.process_time() - cpu
peak = int(re.search("VmHWM: +([0-9]+)", Path("/proc/self/status").read_text().replace("\\t", " "))[1]) // 1024
print(json.dumps([result, clocked, peak]))
"""


def peak():
    """The most memory since the last reset, in MB."""
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) // 1024


def reset_peak():
    Path("/proc/self/clear_refs").write_text("5")


def clocked(work):
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def raw(lines):
    """The driver's own path into the same table with the same indexes and foreign keys, undone afterwards."""
    with transaction.atomic():
        if connection.vendor == "postgresql":
            _copy(lines)
            connection.check_constraints()  # which the commit of an import does too
        else:
            with lines.open(encoding="utf-8", newline="") as stream:
                rows = csv.reader(stream)
                next(rows)
                while bundle := list(islice(rows, 2_000)):
                    connection.connection.executemany(insert_order(), bundle)
        transaction.set_rollback(True)


def main():
    call_command("migrate", verbosity=0)
    user = User.objects.create_user(f"bench{time.time_ns()}@example.com", "correct-horse-battery")
    create_workspace(owner=user, name="Bench", currency="USD", time_zone="UTC")
    by = actor_of(user=user, via="command")
    for key, value in (("Environment", "prod"), ("Environment", "staging")):
        condition = {"field": "tag", "key": key, "word": "equals", "value": value}
        create_rule(name=value, conditions=[condition], targets=[Target()], by=by)
    path = bill()
    source = dispatch.receive_bill(path=path, name=path.name, by=by)
    folder = Path(tempfile.mkdtemp(dir=VAR))
    arguments = {"constants": {"source_id": str(source.pk)}, "rules": rules_as_data(source.workspace)}
    command = [sys.executable, "-c", READ, path, folder, json.dumps(arguments)]
    done = subprocess.run(command, cwd=HERE.parent, check=True, capture_output=True, text=True)
    result, reading, reading_peak = json.loads(done.stdout)
    preview = {name: part for name, part in result.items() if name != "rules"}
    with transaction.atomic():
        bills.finish_reading(job=source.job, source_id=source.pk, preview=preview)
    lines = folder / "lines.csv"
    bare = [clocked(lambda: raw(lines)) for _ in range(3)]
    BillImport.objects.filter(pk=source.pk).update(state="committing")

    def store():
        with transaction.atomic():
            bills.finish_commit(source_id=source.pk, preview=preview, lines=lines, rules=arguments["rules"])

    reset_peak()
    before_storing = peak()
    storing = clocked(store)
    storing_peak = peak()
    assert Charge.objects.filter(source=source).count() == result["rows"]
    walls, cpus = sorted(wall for wall, _ in bare), sorted(cpu for _, cpu in bare)
    print(f"{connection.vendor}, {result['rows']} rows, {path.stat().st_size / 1e6:.1f} MB")
    print(f"raw driver path      {walls[1]:6.2f} s ({walls[0]:.2f}-{walls[2]:.2f}), {cpus[1]:.2f} s CPU")
    print(f"reading the file     {reading[0]:6.2f} s, {reading[1]:.2f} s CPU")
    print(f"storing              {storing[0]:6.2f} s, {storing[1]:.2f} s CPU  (lines, rules, sums)")
    whole, cpu = reading[0] + storing[0], reading[1] + storing[1]
    print(
        f"import               {whole:6.2f} s, {cpu:.2f} s CPU: {whole / walls[1]:.1f}x wall, {cpu / cpus[1]:.1f}x CPU"
    )
    print(f"storing alone        {storing[0] / walls[1]:.1f}x wall")
    print(f"peak while reading   {reading_peak} MB, in a child without Django, as in the job")
    print(f"peak while storing   {storing_peak} MB, {before_storing} MB before")


if __name__ == "__main__":
    main()
