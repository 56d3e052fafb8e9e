"""How often each bound holds the truth, by metric and number of rows: the large simulation.

    .venv/bin/python -m benchmarks.coverage [runs] [rows ...]

Every end is one-sided 95 %. The truth comes from four million rows of the same law.
"""

import sys

import numpy as np

from evaluations.engine.measuring import measure
from evaluations.engine.metrics import REGISTRY
from tests.evaluations.engine.tables import binary, multiclass, regression

MAKERS = {"binary": binary, "multiclass": multiclass, "regression": regression}
MANY = 4_000_000


def population(task):
    rows = MAKERS[task](MANY, seed=999_999)
    return {row.name: row.method.value(rows) for row in REGISTRY.values() if task in row.tasks}


def covered(name, task, truth, rows, runs):
    """Share of runs in which each end holds, and of runs in which the metric exists."""
    low = high = known = 0
    for seed in range(runs):
        found = measure(REGISTRY[name], MAKERS[task](rows, seed), 0.95, seed)
        if found.value is None:
            continue
        known += 1
        low += found.bounds.low is None or found.bounds.low <= truth
        high += found.bounds.high is None or found.bounds.high >= truth
    return low / max(known, 1), high / max(known, 1), known / runs


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    sizes = [int(size) for size in sys.argv[2:]] or [50, 200, 1000]
    wobble = 1.96 * np.sqrt(0.95 * 0.05 / runs)
    print(f"Lower / upper bound holds, {runs:,} runs, each ± {wobble:.3f}; claimed 0.95\n")
    print("| metric | task | " + " | ".join(f"n = {size:,}" for size in sizes) + " |")
    print("| --- | --- |" + " --- |" * len(sizes))
    for task in MAKERS:
        truths = population(task)
        for name, truth in truths.items():
            cells = []
            for size in sizes:
                low, high, _ = covered(name, task, truth, size, runs)
                cells.append(f"{low:.3f} / {high:.3f}")
            print(f"| {name} | {task} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
