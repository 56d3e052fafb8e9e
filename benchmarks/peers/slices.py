"""The peer's side of slices_groupings: counts of all 36 groupings by polars, CPU seconds on stdout.

Runs in the environment of data.txt beside it, started by slices_groupings.
"""

import statistics
import sys
import time
from itertools import combinations

import numpy as np
import polars as pl

SIZES = (5, 8, 12, 20, 10, 15, 6, 24)
REPEATS = 5


def draw(rows, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.random(rows) < 0.3
    probability = np.clip(rng.beta(2, 3, rows) * 0.7 + truth * 0.25 * rng.random(rows), 0, 1)
    columns = {f"c{i}": rng.integers(0, size, rows).astype(np.uint8) for i, size in enumerate(SIZES)}
    return truth, probability >= 0.5, probability, columns


def count(frame, names):
    groups = [[name] for name in names] + [list(pair) for pair in combinations(names, 2)]
    return [
        frame.group_by(group).agg(
            pl.len(),
            pl.col("tp").sum(),
            pl.col("fp").sum(),
            pl.col("fn").sum(),
        )
        for group in groups
    ]


def main():
    truth, predicted, _, columns = draw(int(sys.argv[1]))
    frame = pl.DataFrame(columns | {"tp": truth & predicted, "fp": ~truth & predicted, "fn": truth & ~predicted})
    times, walls = [], []
    for _ in range(REPEATS):
        start, wall = time.process_time(), time.perf_counter()
        found = count(frame, list(columns))
        times.append(time.process_time() - start)
        walls.append(time.perf_counter() - wall)
    print(statistics.median(times), statistics.median(walls), sum(len(each) for each in found))


if __name__ == "__main__":
    main()
