"""CSV 1,000,000 × 15 to SHA-256, types and Parquet, against polars scan_csv().sink_parquet().

Run: ``python -m benchmarks.read_csv [rows …]``; each contender in a process of its own, three rounds of
five runs each; the median round counts.
"""

import json
import subprocess
import sys

import pyarrow.csv  # noqa: F401 # loaded before the memory is first looked at

from benchmarks.data_tables import ask_peer, csv_file, measure, middle, peak_mb, say
from benchmarks.provided import DATA
from evaluations.engine.reading import ReadLimits, read_table

ROUNDS = 3  # the contenders take turns, so that other work on the machine falls on both


def ours(rows):
    path, target = csv_file(rows), DATA / "out.parquet"
    read_table(csv_file(1_000), target, name="small.csv", limits=ReadLimits(swift_bytes=0))
    before = peak_mb()
    found = measure(lambda: read_table(path, target, name="table.csv"))
    found["added_mb"] = found["peak_mb"] - before
    return found


def one_round(rows):
    command = [sys.executable, "-m", "benchmarks.read_csv", "ours", str(rows)]
    return json.loads(subprocess.check_output(command, text=True)), ask_peer("read_csv", csv_file(rows))


def main():
    if sys.argv[1:2] == ["ours"]:
        print(json.dumps(ours(int(sys.argv[2]))))
        return
    for rows in [int(a) for a in sys.argv[1:]] or [1_000_000]:
        mine, peer = (middle(found) for found in zip(*(one_round(rows) for _ in range(ROUNDS)), strict=True))
        say(f"read_table, {rows:,} rows", mine)
        say(f"{peer['version']}, {rows:,} rows", peer)
        print(f"ratio wall {mine['wall'] / peer['wall']:.2f}, CPU {mine['cpu'] / peer['cpu']:.2f}; ", end="")
        print(f"memory added {mine['added_mb']:.0f} MB, peer {peer['added_mb']:.0f} MB")


if __name__ == "__main__":
    main()
