"""Exact duplicates and overlap of two tables, 500,000 × 14 each, against pandas duplicated + merge.

Run: ``python -m benchmarks.duplicates_overlap [rows]``. pandas holds both tables in memory already.
"""

import sys

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.data_tables import ask_peer, measure, parquet_file, say
from benchmarks.provided import made
from evaluations.engine.findings.rows import count_duplicates, count_overlap


def first(rows):
    """The first table: 2,000 of its rows repeat."""
    table = pq.read_table(parquet_file(rows))
    return pa.concat_tables([table.slice(0, rows - 2_000), table.slice(0, 2_000)])


def second(rows):
    """The other table: 4,000 of its rows stand in the first as well."""
    table = pq.read_table(parquet_file(rows, seed=1))
    return pa.concat_tables([table.slice(0, rows - 4_000), first(rows).slice(10_000, 4_000)])


def _write(table, path):
    pq.write_table(table, path, row_group_size=250_000)


def pair(rows):
    return [
        made(f"{draw.__name__}_{rows}.parquet", lambda path, draw=draw: _write(draw(rows), path))
        for draw in (first, second)
    ]


def main():
    rows = int((sys.argv[1:] or ["500000"])[0])
    one, two = pair(rows)
    names = pq.read_schema(one).names

    def work():
        duplicated, groups = count_duplicates(one, names)
        return len(duplicated) - len(set(groups.tolist())), len(count_overlap(one, one, two)[0])

    mine = measure(work)
    peer = ask_peer("duplicates", one, two)
    say(f"count_duplicates + count_overlap from Parquet, {rows:,} rows, found {list(work())}", mine)
    say(f"{peer['version']} from memory, found {peer['found']}", peer)
    print(f"ratio wall {mine['wall'] / peer['wall']:.2f}, CPU {mine['cpu'] / peer['cpu']:.2f}")


if __name__ == "__main__":
    main()
