"""The tables that the benchmarks of reading, profiling and duplicates share, drawn with a seed."""

import json
import os
import statistics
import subprocess
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from benchmarks.provided import HERE, made, peers

REPEATS = 5


def draw(rows, seed=0):
    """Draw 15 mixed columns: numbers, dates, words, a flag, some cells missing."""
    rng = np.random.default_rng(seed)

    def words(names):
        return pa.array(np.array(names)[rng.integers(0, len(names), rows)])

    return pa.table(
        {
            "id": pa.array(np.arange(rows)),
            "day": pa.array(np.datetime64("2020-01-01") + rng.integers(0, 1500, rows).astype("m8[D]")),
            "age": pa.array(rng.integers(18, 90, rows)),
            "income": pa.array(np.round(rng.lognormal(10, 1, rows), 2)),
            "score": pa.array(np.round(rng.normal(size=rows), 6)),
            "ratio": pa.array(np.round(rng.random(rows), 4)),
            "visits": pa.array(rng.poisson(3, rows)),
            "city": words([f"city {i}" for i in range(300)]),
            "plan": words(["basic", "plus", "pro"]),
            "device": words(["ios", "android", "web"]),
            "flag": pa.array(rng.random(rows) < 0.3),
            "amount": pa.array(np.round(rng.exponential(50, rows), 2), mask=rng.random(rows) < 0.05),
            "z1": pa.array(np.round(rng.normal(size=rows), 3)),
            "z2": pa.array(rng.integers(0, 10_000, rows)),
            "y": words(["no", "yes"]),
        }
    )


def csv_file(rows):
    """Give a CSV of that many rows, made once."""
    return made(f"table_{rows}.csv", lambda path: _write_csv(path, rows))


def _write_csv(path, rows):
    with pacsv.CSVWriter(path, draw(1).schema, write_options=pacsv.WriteOptions(quoting_style="none")) as writer:
        for start in range(0, rows, 1_000_000):
            writer.write_table(draw(min(1_000_000, rows - start), seed=start))


def parquet_file(rows, columns=14, seed=0):
    """Give a Parquet table of that many rows without the row number, made once."""
    return made(f"table_{rows}_{columns}_{seed}.parquet", lambda path: _write_parquet(path, rows, columns, seed))


def _write_parquet(path, rows, columns, seed):
    table = draw(rows, seed)
    pq.write_table(table.select(table.schema.names[1 : columns + 1]), path, row_group_size=250_000)


def ask_peer(work, *arguments):
    """Let the peer do its part in an environment and a process of its own; give what it found."""
    command = [peers("data"), HERE / "peers" / "data.py", work, *arguments]
    quiet = os.environ | {"TQDM_DISABLE": "1", "PYTHONWARNINGS": "ignore"}
    return json.loads(subprocess.check_output(command, text=True, env=quiet).splitlines()[-1])


def measure(work, repeats=REPEATS):
    """Give the median and range of wall and CPU seconds of some runs, after one to warm up."""
    work()
    walls, cpus = [], []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return {
        "wall": statistics.median(walls),
        "wall_range": [min(walls), max(walls)],
        "cpu": statistics.median(cpus),
        "peak_mb": peak_mb(),
    }


def middle(rounds):
    """Give the round with the median CPU time, with the wall clock's median and whole range, and the most memory."""
    by_cpu = sorted(rounds, key=lambda found: found["cpu"])
    ends = [end for found in rounds for end in found["wall_range"]]
    return by_cpu[len(by_cpu) // 2] | {
        "wall": statistics.median(found["wall"] for found in rounds),
        "wall_range": [min(ends), max(ends)],
        "added_mb": max(found["added_mb"] for found in rounds),
    }


def peak_mb():
    """Read the most memory this process ever held; ru_maxrss would count its parent's too."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def say(name, found):
    low, high = found["wall_range"]
    print(f"| {name} | {found['wall']:.3f} ({low:.3f}–{high:.3f}) | {found['cpu']:.3f} | {found['peak_mb']:.0f} |")
