"""Month-end forecasts of daily cost beside simpler methods, on a file of daily cost by project.

    .venv/bin/python -m benchmarks.forecast_months [daily.csv]

The file has the columns date, project_id and cost; the sum of all projects is a series as well. Without a name it is
the public daily cost of mybinder.org beside the project, which a user's clone does not have.
Every full month is forecast on day 5, 10, 15, 20 and 25.
"""

import calendar
import csv
import sys
import time
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from billing.allocation import Allocator, Condition, Part, Rule  # the path comes first
from billing.forecast import forecast_month

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data" / "bills"
DAILY = BESIDE / "gcp_mybinder_daily_by_project_20171213_20191015.csv"


def read(path: Path) -> dict[str, dict[date, Decimal]]:
    series = defaultdict(lambda: defaultdict(Decimal))
    with path.open(encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            day, cost = date.fromisoformat(row["date"]), Decimal(row["cost"])
            series[row["project_id"]][day] += cost
            series["all"][day] += cost
    return series


def month_ends(daily):
    for month in sorted({day.replace(day=1) for day in daily}):
        length = calendar.monthrange(month.year, month.month)[1]
        if month >= min(daily) and month + timedelta(days=length - 1) <= max(daily):
            total = sum(daily.get(month + timedelta(days=i), Decimal(0)) for i in range(length))
            for day in (5, 10, 15, 20, 25):
                yield month.replace(day=day), length - day, total


def mean_of_days(daily, through, left, days):
    actual = sum(daily.get(through.replace(day=d + 1), Decimal(0)) for d in range(through.day))
    mean = sum(daily.get(through - timedelta(days=i), Decimal(0)) for i in range(days)) / days
    return actual + mean * left


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else DAILY
    if not path.is_file():
        print(f"The daily costs {path.name} are not beside the project: nothing was measured.")
        return
    errors, inside, widths, spent = defaultdict(list), [], [], 0.0
    for daily in read(path).values():
        for through, left, total in month_ends(daily):
            start = time.perf_counter()
            found = forecast_month(daily, through=through)
            spent += time.perf_counter() - start
            guesses = {
                "smoothing (this project)": found.expected,
                "mean of 7 days": mean_of_days(daily, through, left, 7),
                "run rate of the month": mean_of_days(daily, through, left, through.day),
            }
            for name, guess in guesses.items():
                errors[name].append(abs(guess - total) / total)
            inside.append(found.low <= total <= found.high)
            widths.append((found.high - found.low) / total)
    print("| method | forecasts | MAPE | p90 |\n| --- | --- | --- | --- |")
    for name, all_of_it in errors.items():
        p90 = sorted(all_of_it)[int(0.9 * len(all_of_it))]
        print(f"| {name} | {len(all_of_it)} | {sum(all_of_it) / len(all_of_it):.2%} | {p90:.1%} |")
    print(f"\n80 % range: holds {sum(inside) / len(inside):.1%}, mean width {sum(widths) / len(widths):.1%}")
    print(f"{1000 * spent / len(inside):.2f} ms per forecast")
    rules = [Rule(str(n), str(n), (Condition("tag", "equals", f"c{n}", "client"),), (Part("x"),)) for n in range(10)]
    allocator = Allocator(rules)
    rows = [(f'{{"client":"c{n % 40}","job":"{n % 4000}"}}',) for n in range(125_000)]
    start = time.perf_counter()
    allocator.assign(rows)
    print(f"10 rules over 125,000 rows: {time.perf_counter() - start:.2f} s")


if __name__ == "__main__":
    main()
