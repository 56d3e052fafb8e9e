"""10,000 draws of 100 work items, and the arithmetic beside them.

.venv/bin/python benchmarks/estimates_draws.py
"""

import sys
import time
from decimal import Decimal
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from projects.scoping.estimates import WorkItem, estimate  # the path comes first


def main() -> None:
    items = [WorkItem(str(n), Decimal(4), Decimal(8), Decimal(20 + n)) for n in range(100)]
    seconds = []
    for seed in range(9):
        start = time.perf_counter()
        estimate(items, seed=seed, rate_minor=9_000, fee_minor=10_000_000)
        seconds.append(time.perf_counter() - start)
    print(f"100 items x 10,000 draws: median {median(seconds):.3f} s, worst {max(seconds):.3f} s")


if __name__ == "__main__":
    main()
