"""Eight columns and all their pairs with exact ROC areas and intervals, against polars' counts alone.

    .venv/bin/python -m benchmarks.slices_groupings [rows ...]

The limit: at most twice the CPU time of polars at a million rows.
"""

import statistics
import subprocess
import sys
import time

import numpy as np

from benchmarks.provided import HERE, peers
from evaluations.engine.predictions import Predictions
from evaluations.engine.slices import Column, slice_all

SIZES = (5, 8, 12, 20, 10, 15, 6, 24)
REPEATS = 5


def draw(rows, seed=0):
    """The same rows as peers/slices.py draws, which lives without the engine."""
    rng = np.random.default_rng(seed)
    truth = rng.random(rows) < 0.3
    probability = np.clip(rng.beta(2, 3, rows) * 0.7 + truth * 0.25 * rng.random(rows), 0, 1)
    columns = [
        Column(f"c{i}", rng.integers(0, size, rows).astype(np.uint8), tuple(map(str, range(size))))
        for i, size in enumerate(SIZES)
    ]
    rows_given = Predictions("binary", truth, probability >= 0.5, probability, ("no", "yes"))
    return rows_given, columns


def ours(rows):
    given, columns = draw(rows)
    times, walls, cells = [], [], 0
    for _ in range(REPEATS):
        start, wall = time.process_time(), time.perf_counter()
        found = slice_all(given, columns, confidence=0.95, pairs=True)
        times.append(time.process_time() - start)
        walls.append(time.perf_counter() - wall)
        cells = sum(len(each.cells) for each in found)
    return statistics.median(times), statistics.median(walls), cells


def theirs(rows):
    found = subprocess.check_output([peers("data"), HERE / "peers" / "slices.py", str(rows)], text=True)
    cpu, wall, cells = found.split()
    return float(cpu), float(wall), int(cells)


def main():
    sizes = [int(size) for size in sys.argv[1:]] or [10_000, 100_000, 1_000_000, 5_000_000]
    print("| rows | slices | ours CPU | ours wall | polars counts CPU | wall | ratio CPU | ratio wall |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for size in sizes:
        (a, wall, cells), (b, peer_wall, peer_cells) = ours(size), theirs(size)
        assert cells == peer_cells
        print(
            f"| {size:,} | {cells:,} | {a:.3f} s | {wall:.3f} s | {b:.3f} s | {peer_wall:.3f} s "
            f"| {a / b:.2f} | {wall / peer_wall:.2f} |"
        )


if __name__ == "__main__":
    main()
