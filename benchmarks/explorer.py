"""Explorer pages over twelve months of 125,000 lines each, in the database that bill_import.py leaves.

    .venv/bin/python -m benchmarks explorer

The stored month is copied eleven times into earlier months; then every page is asked for as a browser would.
"""
# ruff: noqa: E402  # Django is set up before its models are imported

import os
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from statistics import median
from uuid import uuid4

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
VAR = HERE / ".data" / "spend-var"
if not VAR.exists():
    subprocess.run([sys.executable, "-m", "benchmarks.bill_import"], cwd=HERE.parent, check=True)
os.environ |= {"FREELANCE_ML_VAR": str(VAR), "DJANGO_SETTINGS_MODULE": "freelance_ml.settings", "JOB_WISH": "false"}

from freelance_ml.sqlite import use_fixed_sqlite

use_fixed_sqlite()

import django

django.setup()

from django.db import connection
from django.test import Client

from billing.models import Bill, BillImport, Charge, DailySpend, MonthlySpend
from projects.models import User

PAGES = {
    "one resource, by service": "/spend/?resource={resource}",
    "lines of one resource": "/spend/lines/?resource={resource}",
    "one SKU, by service": "/spend/?sku={sku}",
    "months by service": "/spend/",
    "months by engagement": "/spend/?by=engagement",
    "months by tag": "/spend/?by=tag:Environment",
    "one service, by account": "/spend/?by=account&service={service}",
    "one tag, by region": "/spend/?by=region&tag:Environment=prod",
    "unallocated, by service": "/spend/?by=service&engagement=unallocated",
    "lines, first page": "/spend/lines/",
    "lines of a tag, page 900": "/spend/lines/?tag:Environment=prod&page=900",
    "unallocated lines": "/spend/lines/?engagement=unallocated",
    "rules": "/spend/rules/",
    "bills": "/spend/bills/",
}
RUNS = 5


def copy_months(first):
    """Copy the only stored month into the eleven before it, in SQL."""
    name = connection.ops.quote_name
    bills = list(Bill.objects.filter(source=first))
    first_period = bills[0].period_start
    with connection.cursor() as cursor:
        for back in range(1, 12):
            source = BillImport.objects.get(pk=first.pk)
            source.pk = None
            source.id = uuid4()
            source.save(force_insert=True)
            key = source.pk.hex if connection.vendor == "sqlite" else str(source.pk)
            old = first.pk.hex if connection.vendor == "sqlite" else str(first.pk)
            for model, dates in (
                (Charge, {"period_start": 0, "period_end": 0, "usage_start": 1, "usage_end": 1}),
                (MonthlySpend, {"period_start": 0, "month": 0}),
                (DailySpend, {"period_start": 0, "day": 0}),
            ):
                columns = [field.column for field in model._meta.concrete_fields if not field.primary_key]
                chosen = []
                for column in columns:
                    if column == "source_id":
                        chosen.append("%s")
                    elif column in dates and connection.vendor == "sqlite":
                        shape = "datetime" if dates[column] else "date"
                        chosen.append(f"{shape}({name(column)}, '-{back} months')")
                    elif column in dates:
                        shape = "timestamptz" if dates[column] else "date"
                        chosen.append(f"({name(column)} - interval '{back} months')::{shape}")
                    else:
                        chosen.append(name(column))
                into = ", ".join(map(name, columns))
                cursor.execute(
                    f"INSERT INTO {name(model._meta.db_table)} ({into}) SELECT {', '.join(chosen)}"
                    f" FROM {name(model._meta.db_table)} WHERE source_id = %s",
                    [key, old],
                )
            for bill in bills:
                count = bill.period_start.year * 12 + bill.period_start.month - 1 - back
                bill.pk, bill.source = uuid4(), source
                bill.period_start = date(count // 12, count % 12 + 1, 1)
                bill.period = bill.period_start.isoformat()
                bill.save(force_insert=True)
                bill.period_start = first_period
        cursor.execute("ANALYZE")


def main():
    first = BillImport.objects.filter(state="committed").order_by("created_at").first()
    if MonthlySpend.objects.values("month").distinct().count() < 12:
        copy_months(first)
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.get(memberships__workspace=first.workspace))
    service = MonthlySpend.objects.values_list("service", flat=True).first()
    months = MonthlySpend.objects.values("month").distinct().count()
    sums = MonthlySpend.objects.count()
    print(f"{connection.vendor}: {Charge.objects.count()} lines, {months} months, {sums} monthly sums")
    line = Charge.objects.filter(source=first).exclude(resource="").exclude(sku="").order_by("row")[5_000]
    for title, address in PAGES.items():
        times, cpus = [], []
        for _ in range(RUNS):
            wall, cpu = time.perf_counter(), time.process_time()
            answer = client.get(address.format(service=service, resource=line.resource, sku=line.sku))
            assert answer.status_code == 200, (title, answer.status_code)
            times.append((time.perf_counter() - wall) * 1000)
            cpus.append((time.process_time() - cpu) * 1000)
        print(f"{title:<28} {median(times):6.0f} ms ({min(times):.0f}-{max(times):.0f}), {median(cpus):.0f} ms CPU")


if __name__ == "__main__":
    main()
