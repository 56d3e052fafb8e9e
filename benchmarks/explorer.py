"""Explorer pages over twelve months of 125,000 lines each, in the database that bill_import.py leaves.

    .venv/bin/python -m benchmarks explorer

The stored month is copied eleven times into earlier months; then every page is asked for as a browser would.
No resource of that bill has more than a handful of lines, so all lines of one common SKU are given to one resource:
so looks a bucket that is billed by the hour and by kind of use.
"""
# ruff: noqa: E402  # Django is set up before its models are imported

import logging
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
os.environ |= {"FREELANCE_ML_VAR": str(VAR), "DJANGO_SETTINGS_MODULE": "freelance_ml.settings", "JOB_WISH": "false"}

from freelance_ml.sqlite import use_fixed_sqlite

use_fixed_sqlite()

import django

django.setup()

from django.db import connection
from django.db.models import Count
from django.test import Client

from billing.models import Bill, BillImport, Charge, DailySpend, ItemSpend, MonthlySpend
from billing.services.spend_sums import rebuild_sums
from projects.models import User

PAGES = {
    "one resource, by service": "/spend/?resource={resource}",
    "lines of one resource": "/spend/lines/?resource={resource}",
    "busy resource, by service": "/spend/?resource={busy}",
    "busy resource, by engagement": "/spend/?resource={busy}&by=engagement",
    "busy resource, lines, first page": "/spend/lines/?resource={busy}",
    "busy resource, lines, last page": "/spend/lines/?resource={busy}&page=999999",
    "common SKU, by service": "/spend/?sku={sku}",
    "common SKU, by engagement": "/spend/?sku={sku}&by=engagement",
    "common SKU, by tag": "/spend/?sku={sku}&by=tag:Environment",
    "common SKU and tag, by region": "/spend/?sku={sku}&tag:Environment=prod&by=region",
    "SKU and busy resource": "/spend/?sku={busy_sku}&resource={busy}",
    "common SKU, lines, first page": "/spend/lines/?sku={sku}",
    "common SKU, lines, last page": "/spend/lines/?sku={sku}&page=999999",
    "common SKU and tag, last page": "/spend/lines/?sku={sku}&tag:Environment=prod&page=999999",
    "a SKU that is not there": "/spend/?sku=none",
    "a resource that is not there": "/spend/?resource=none",
    "months by service": "/spend/",
    "months by engagement": "/spend/?by=engagement",
    "months by tag": "/spend/?by=tag:Environment",
    "one service, by account": "/spend/?by=account&service={service}",
    "one tag, by region": "/spend/?by=region&tag:Environment=prod",
    "unallocated, by service": "/spend/?by=service&engagement=unallocated",
    "lines, first page": "/spend/lines/",
    "lines, last page": "/spend/lines/?page=999999",
    "lines of a tag, page 900": "/spend/lines/?tag:Environment=prod&page=900",
    "unallocated lines": "/spend/lines/?engagement=unallocated",
    "rules": "/spend/rules/",
    "bills": "/spend/bills/",
}
RUNS = 5
BUSY = "arn:aws:s3:::busy-bucket"


def first_import():
    """The import that bill_import.py leaves; it is run where this database holds none."""
    if BillImport._meta.db_table in connection.introspection.table_names():
        first = BillImport.objects.filter(state="committed").order_by("created_at").first()
        if first:
            return first
    connection.close()
    subprocess.run([sys.executable, "-m", "benchmarks.bill_import"], cwd=HERE.parent, check=True)
    return BillImport.objects.filter(state="committed").order_by("created_at").first()


def common_skus(first):
    """Name the two SKUs with most lines."""
    rows = Charge.objects.filter(source=first).exclude(sku="").order_by().values_list("sku")
    return [sku for sku, _ in rows.annotate(lines=Count("pk")).order_by("-lines", "sku")[:2]]


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
                (ItemSpend, {"period_start": 0, "month": 0}),
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
    first = first_import()
    sku, busy_sku = common_skus(first)
    if MonthlySpend.objects.values("month").distinct().count() < 12:
        Charge.objects.filter(source=first, sku=busy_sku).update(resource=BUSY)
        rebuild_sums(first)
        copy_months(first)
    logging.disable(logging.INFO)  # a line per page
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.get(memberships__workspace=first.workspace))
    service = MonthlySpend.objects.values_list("service", flat=True).first()
    months = MonthlySpend.objects.values("month").distinct().count()
    sums = f"{MonthlySpend.objects.count()} monthly sums, {ItemSpend.objects.count()} of items"
    print(f"{connection.vendor}: {Charge.objects.count()} lines, {months} months, {sums}")
    line = Charge.objects.filter(source=first).exclude(resource__in=["", BUSY]).order_by("row")[5_000]
    words = {"service": service, "resource": line.resource, "busy": BUSY, "sku": sku, "busy_sku": busy_sku}
    for title, address in PAGES.items():
        times, cpus = [], []
        for _ in range(RUNS):
            wall, cpu = time.perf_counter(), time.process_time()
            answer = client.get(address.format(**words))
            assert answer.status_code == 200, (title, answer.status_code)
            times.append((time.perf_counter() - wall) * 1000)
            cpus.append((time.process_time() - cpu) * 1000)
        print(f"{title:<32} {median(times):6.0f} ms ({min(times):.0f}-{max(times):.0f}), {median(cpus):.0f} ms CPU")


if __name__ == "__main__":
    main()
