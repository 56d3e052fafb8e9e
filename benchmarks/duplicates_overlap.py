"""Exact duplicates and overlap of two tables, 500,000 × 14 each, against pandas duplicated + merge.

Run: ``python -m benchmarks.duplicates_overlap [rows]``. pandas holds both tables in memory already.
"""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.data_tables import FOLDER, PEERS, measure, parquet_file, say
from evaluations.engine.findings.rows import count_duplicates, count_overlap


def pair(rows):
    """Make two tables: 2,000 rows of the first repeat, 4,000 rows stand in both."""
    one, two = FOLDER / f"one_{rows}.parquet", FOLDER / f"two_{rows}.parquet"
    if not two.exists():
        first, second = pq.read_table(parquet_file(rows)), pq.read_table(parquet_file(rows, seed=1))
        first = pa.concat_tables([first.slice(0, rows - 2_000), first.slice(0, 2_000)])
        second = pa.concat_tables([second.slice(0, rows - 4_000), first.slice(10_000, 4_000)])
        pq.write_table(first, one, row_group_size=250_000)
        pq.write_table(second, two, row_group_size=250_000)
    return one, two


def main():
    rows = int((sys.argv[1:] or ["500000"])[0])
    one, two = pair(rows)
    names = pq.read_schema(one).names

    def work():
        duplicated, groups = count_duplicates(one, names)
        return len(duplicated) - len(set(groups.tolist())), len(count_overlap(one, one, two)[0])

    mine = measure(work)
    command = [PEERS, Path(__file__).with_name("data_peers.py"), "duplicates", one, two]
    peer = json.loads(subprocess.check_output(command, text=True))
    say(f"count_duplicates + count_overlap from Parquet, {rows:,} rows, found {list(work())}", mine)
    say(f"{peer['version']} from memory, found {peer['found']}", peer)
    print(f"ratio wall {mine['wall'] / peer['wall']:.2f}, CPU {mine['cpu'] / peer['cpu']:.2f}")


if __name__ == "__main__":
    main()
