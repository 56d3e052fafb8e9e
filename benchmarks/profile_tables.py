"""Full profile of 1,000,000 × 14, against ydata-profiling's minimal description.

Run: ``python -m benchmarks.profile_tables [rows]``.
"""

import sys

from benchmarks.data_tables import ask_peer, measure, parquet_file, say
from evaluations.engine.profile import profile_table


def main():
    rows = int((sys.argv[1:] or ["1000000"])[0])
    path = parquet_file(rows)
    mine = measure(lambda: profile_table(path))
    peer = ask_peer("profile", path)
    say(f"profile_table from Parquet, {rows:,} rows", mine)
    say(f"{peer['version']} from memory", peer)
    print(f"ratio wall {mine['wall'] / peer['wall']:.2f}, CPU {mine['cpu'] / peer['cpu']:.2f}")


if __name__ == "__main__":
    main()
