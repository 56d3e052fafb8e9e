"""The peers' side of read_csv, profile_tables and duplicates_overlap; prints one JSON line.

Runs in an environment of its own, made from data.txt beside it.
"""

import json
import statistics
import sys
import time
from pathlib import Path


def peak_mb():
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024


def measure(work, repeats):
    before = peak_mb()
    work()
    walls, cpus = [], []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    peak = peak_mb()
    found = {"wall": statistics.median(walls), "wall_range": [min(walls), max(walls)]}
    return found | {"cpu": statistics.median(cpus), "peak_mb": peak, "added_mb": peak - before}


def read_csv(path):
    import polars as pl  # each contender loads its own only

    found = measure(lambda: pl.scan_csv(path, try_parse_dates=True).sink_parquet(f"{path}.peer.parquet"), 5)
    return found | {"version": f"polars {pl.__version__}"}


def profile(path):
    import warnings  # each contender loads its own only

    import pandas as pd  # each contender loads its own only
    import ydata_profiling  # each contender loads its own only

    warnings.simplefilter("ignore")
    frame = pd.read_parquet(path)
    work = lambda: ydata_profiling.ProfileReport(frame, minimal=True, progress_bar=False).get_description()  # noqa: E731
    return measure(work, 2) | {"version": f"ydata-profiling {ydata_profiling.__version__}, pandas {pd.__version__}"}


def duplicates(one, two):
    import pandas as pd  # each contender loads its own only

    first, second = pd.read_parquet(one), pd.read_parquet(two)

    def work():
        return int(first.duplicated().sum()), len(second.merge(first.drop_duplicates(), how="inner"))

    return measure(work, 5) | {"version": f"pandas {pd.__version__}", "found": list(work())}


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
