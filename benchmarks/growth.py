"""How the cost of reading, profiling, duplicates, metrics and slices grows with rows, and of profiling with columns.

Run: ``python -m benchmarks.growth [rows …]``. CPU seconds, the least of three runs.
The exponent is the slope of a line through the logarithms; n log n has the one that is printed beside it.
The table and the picture go to results/growth.md and results/growth.svg.
"""

import datetime
import math
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import vl_convert

from benchmarks import metrics_intervals, slices_groupings
from benchmarks.data_tables import csv_file, parquet_file
from benchmarks.provided import HERE, made
from evaluations.engine.findings.rows import count_duplicates
from evaluations.engine.profile import profile_table
from evaluations.engine.reading import read_table
from evaluations.engine.slices import slice_all

ROWS = (10_000, 50_000, 250_000, 1_000_000, 5_000_000)
COLUMNS = (56, 112, 224, 448)
COLUMN_ROWS = 100_000
RESULTS = HERE / "results"
RUNS = 3
SLACK = 0.05  # what a measured exponent may lie above, on a machine that does other work too


def reading(rows):
    path = csv_file(rows)
    with tempfile.TemporaryDirectory() as folder:
        return least(lambda: read_table(path, Path(folder) / "out.parquet", name="table.csv"))


def profile(rows):
    path = parquet_file(rows)
    return least(lambda: profile_table(path))


def duplicates(rows):
    path = parquet_file(rows)
    names = pq.read_schema(path).names
    return least(lambda: count_duplicates(path, names))


def metrics(rows):
    given = metrics_intervals.draw(rows)
    return least(lambda: metrics_intervals.ours(*given))


def slices(rows):
    given, columns = slices_groupings.draw(rows)
    return least(lambda: slice_all(given, columns, confidence=0.95, pairs=True))


WORKS = {
    "reading a CSV × 15": reading,
    "profile × 14": profile,
    "exact duplicates × 14": duplicates,
    "12 metrics with intervals": metrics,
    "36 groupings with areas": slices,
}


def wide_profile(columns):
    def write(path):
        narrow = pq.read_table(parquet_file(COLUMN_ROWS))
        arrays = [narrow.column(i % narrow.num_columns) for i in range(columns)]
        pq.write_table(pa.table(arrays, names=[f"c{i}" for i in range(columns)]), path, row_group_size=250_000)

    path = made(f"wide_{COLUMN_ROWS}_{columns}.parquet", write)
    return least(lambda: profile_table(path))


def least(work):
    """Give the least CPU seconds of some runs: what other work on the machine adds is not the engine's."""
    times = []
    for _ in range(RUNS):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def exponent(sizes, seconds):
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def n_log_n(sizes):
    return exponent(sizes, [n * math.log(n) for n in sizes])


def table(sizes, found, limit, unit):
    """Put the seconds, the exponents over all sizes and over the last step, and the limit of each into lines."""
    last = sizes[-2:]
    yield f"| work | {' | '.join(f'{n:,} {unit}' for n in sizes)} | exponent | of the last step | holds |"
    yield f"| --- |{' ---: |' * (len(sizes) + 2)} --- |"
    for name, seconds in found.items():
        whole, step = exponent(sizes, seconds), exponent(last, seconds[-2:])
        holds = whole <= limit(sizes) + SLACK and step <= limit(last) + SLACK
        cells = " | ".join(f"{s:.3f} s" for s in seconds)
        yield f"| {name} | {cells} | {whole:.2f} | {step:.2f} | {'yes' if holds else '**no**'} |"
    yield f"| limit | {' | ' * (len(sizes) - 1)} | {limit(sizes):.2f} | {limit(last):.2f} | + {SLACK} |"


def picture(sizes, found):
    """Draw seconds over rows, both as logarithms, where n log n is all but a straight line."""
    points = [
        {"work": name, "rows": n, "seconds": s}
        for name, seconds in found.items()
        for n, s in zip(sizes, seconds, strict=True)
    ]
    axis = {"scale": {"type": "log"}, "type": "quantitative"}
    spec = {
        "width": 520,
        "height": 320,
        "background": "white",
        "data": {"values": points},
        "mark": {"type": "line", "point": True},
        "encoding": {
            "x": axis | {"field": "rows", "axis": {"format": "~s"}},
            "y": axis | {"field": "seconds", "title": "CPU seconds", "axis": {"format": "~g"}},
            "color": {"field": "work", "type": "nominal", "title": None, "scale": {"scheme": "tableau10"}},
            "strokeDash": {"field": "work", "type": "nominal"},
        },
    }
    return vl_convert.vegalite_to_svg(spec)


def page(found, wide, sizes=ROWS):
    """Put what was found into the page of results."""
    lines = [
        "# Growth",
        "",
        f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, written by `growth.py` at load {os.getloadavg()[0]:.0f}.",
        f"Python {platform.python_version()}, {os.cpu_count()} cores, NumPy {np.__version__}, Arrow {pa.__version__}.",
        "CPU seconds, the least of three runs; the exponent is the slope between the logarithms of size and seconds.",
        "The limit for rows is that of n log n over the same sizes, for columns 1. Correlations are part of the",
        "profile; they are reckoned for 40 columns at most, so their squares are behind it at all widths below.",
        "",
        *table(sizes, found, n_log_n, "rows"),
        "",
        "![CPU seconds over rows](growth.svg)",
        "",
        *table(COLUMNS, wide, lambda _: 1.0, "columns"),
        "",
    ]
    return "\n".join(lines)


def write(found, wide):
    """Keep the page and its picture."""
    (RESULTS / "growth.md").write_text(page(found, wide))
    (RESULTS / "growth.svg").write_text(picture(ROWS, found))


def main():
    sizes = [int(size) for size in sys.argv[1:]] or ROWS
    found = {}
    for name, work in WORKS.items():
        found[name] = [work(size) for size in sizes]
        print(name, " ".join(f"{s:.3f}" for s in found[name]), flush=True)
    wide = {f"profile of {COLUMN_ROWS:,} rows": [wide_profile(columns) for columns in COLUMNS]}
    if len(sys.argv) == 1:
        write(found, wide)
    print(page(found, wide, sizes))


if __name__ == "__main__":
    main()
