"""Preview of a large FOCUS bill against an exact aggregation by DuckDB, in the same run.

The bill is made once by focus-data-toolkit; that and DuckDB live in an environment of their own:

    .venv/bin/python -m benchmarks bills_preview

Every figure is the median of fresh processes that take turns; the time is that of the work
itself, without the start of Python and its imports.
"""

import json
import subprocess
import sys
from pathlib import Path
from statistics import median

from benchmarks.provided import bill, peers

HERE = Path(__file__).resolve().parent
RUNS = 5

CLOCK = """
import json, resource, sys, time
from pathlib import Path
def clocked(work):
    wall, cpu = time.perf_counter(), time.process_time()
    sums = work()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu,
                      "peak": peak, "sums": sums}))
"""
OURS = """
from billing.bills.preview import preview
def work():
    tallies = preview(Path(sys.argv[1])).tallies["USD"]
    return [str(tallies[n].total.normalize()) for n in ("billed", "effective", "list_cost", "contracted")]
clocked(work)
"""
JOB = """
import tempfile
from billing.bills.work import run
from projects.sandbox import Task
def work():
    with tempfile.TemporaryDirectory() as folder:
        run(Task(arguments={}, inputs={"bill": Path(sys.argv[1])}, outputs=Path(folder)))
    return []
clocked(work)
"""
CSV = """
import csv
def work():
    with open(sys.argv[1], encoding="utf-8", newline="") as stream:
        for _ in csv.reader(stream):
            pass
    return []
clocked(work)
"""
DUCKDB = """
import duckdb
from decimal import Decimal
COSTS = ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost")
QUERY = (
    "select ServiceName, substr(BillingPeriodStart, 1, 7), json_extract_string(Tags, '$.Environment'), "
    + ", ".join(f"sum(cast({c} as decimal(38, 18)))" for c in COSTS)
    + " from read_csv(?, header = true, all_varchar = true) group by all"
)
def work():
    base = duckdb.connect()
    base.execute("SET enable_progress_bar = false")
    rows = base.execute(QUERY, [sys.argv[1]]).fetchall()
    return [str(sum((row[3 + i] for row in rows), Decimal(0)).normalize()) for i in range(4)]
clocked(work)
"""
PANDAS = """
import pandas
def work():
    frame = pandas.read_csv(sys.argv[1], low_memory=False)
    frame.groupby("ServiceName")[["BilledCost", "EffectiveCost", "ListCost", "ContractedCost"]].sum()
    return []
clocked(work)
"""
CONTENDERS = {
    "preview (this project)": (sys.executable, OURS),
    "preview and lines.csv (the job)": (sys.executable, JOB),
    "csv.reader alone": (sys.executable, CSV),
    "DuckDB, DECIMAL(38,18), 3 groups": (str(peers("spend")), DUCKDB),
    "pandas, all columns, float": (sys.executable, PANDAS),
}


def measure(python: str, code: str) -> dict:
    done = subprocess.run(
        [python, "-c", CLOCK + code, str(bill())],
        cwd=HERE.parent, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return json.loads(done.stdout)


def main() -> None:
    found = {name: [] for name in CONTENDERS}
    for _ in range(RUNS):
        for name, (python, code) in CONTENDERS.items():
            found[name].append(measure(python, code))
    print("| contender | wall s (min–max) | CPU s | peak MB |\n| --- | --- | --- | --- |")
    middle = {}
    for name, runs in found.items():
        walls = [run["wall"] for run in runs]
        cpu, peak = median(r["cpu"] for r in runs), median(r["peak"] for r in runs)
        middle[name] = (median(walls), cpu)
        print(f"| {name} | {median(walls):.2f} ({min(walls):.2f}–{max(walls):.2f}) | {cpu:.2f} | {peak:.0f} |")
    ours, peer = middle["preview (this project)"], middle["DuckDB, DECIMAL(38,18), 3 groups"]
    print(f"\nratio to DuckDB: {ours[0] / peer[0]:.2f} by wall, {ours[1] / peer[1]:.2f} by CPU")
    sums = {json.dumps(run["sums"]) for name in found for run in found[name] if run["sums"]}
    print("sums equal to the last digit:", len(sums) == 1, sums)


if __name__ == "__main__":
    main()
