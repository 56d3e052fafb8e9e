"""CSV 1,000,000 × 15 to SHA-256, types and Parquet, against polars scan_csv().sink_parquet().

Run: ``python -m benchmarks.read_csv [rows …]``; each contender in a process of its own, in turns.
"""

import json
import subprocess
import sys

import pyarrow.csv  # noqa: F401 # loaded before the memory is first looked at

from benchmarks.data_tables import ask_peer, csv_file, measure, peak_mb, say
from benchmarks.provided import DATA
from evaluations.engine.reading import ReadLimits, read_table


def ours(rows):
    path, target = csv_file(rows), DATA / "out.parquet"
    read_table(csv_file(1_000), target, name="small.csv", limits=ReadLimits(swift_bytes=0))
    before = peak_mb()
    found = measure(lambda: read_table(path, target, name="table.csv"))
    found["added_mb"] = found["peak_mb"] - before
    return found


def main():
    if sys.argv[1:2] == ["ours"]:
        print(json.dumps(ours(int(sys.argv[2]))))
        return
    for rows in [int(a) for a in sys.argv[1:]] or [1_000_000]:
        mine = json.loads(
            subprocess.check_output([sys.executable, "-m", "benchmarks.read_csv", "ours", str(rows)], text=True)
        )
        peer = ask_peer("read_csv", csv_file(rows))
        say(f"read_table, {rows:,} rows", mine)
        say(f"{peer['version']}, {rows:,} rows", peer)
        print(f"ratio wall {mine['wall'] / peer['wall']:.2f}, CPU {mine['cpu'] / peer['cpu']:.2f}; ", end="")
        print(f"memory added {mine['added_mb']:.0f} MB, peer {peer['added_mb']:.0f} MB")


if __name__ == "__main__":
    main()
