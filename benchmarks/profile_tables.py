"""Full profile of 1,000,000 × 14, against ydata-profiling's minimal description.

Run: ``python -m benchmarks.profile_tables [rows]``.
"""

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.data_tables import PEERS, measure, parquet_file, say
from evaluations.engine.profile import profile_table


def main():
    rows = int((sys.argv[1:] or ["1000000"])[0])
    path = parquet_file(rows)
    mine = measure(lambda: profile_table(path))
    command = [PEERS, Path(__file__).with_name("data_peers.py"), "profile", path]
    peer = json.loads(subprocess.check_output(command, text=True).splitlines()[-1])
    say(f"profile_table from Parquet, {rows:,} rows", mine)
    say(f"{peer['version']} from memory", peer)
    print(f"ratio wall {mine['wall'] / peer['wall']:.2f}, CPU {mine['cpu'] / peer['cpu']:.2f}")


if __name__ == "__main__":
    main()
