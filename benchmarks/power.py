"""How often the real gate passes with as many rows as planning asks for: planned 80 % against achieved.

    .venv/bin/python -m benchmarks.power [runs]

"Supposed" draws rows, one by one, from the population that planning supposes; "other" draws them from the tables of the
tests, whose probabilities are not calibrated and whose target is skewed, with as large a distance to the promise.
The truth of the others comes from 400,000 rows.
"""

import math
import sys
import time

import numpy as np

from evaluations.engine.metrics import REGISTRY
from evaluations.engine.power import Shape, plan
from evaluations.engine.protocols import Gate
from tests.evaluations.engine.drawn import SHARES, achieved, supposed_rows
from tests.evaluations.engine.tables import binary, multiclass, regression

RUNS = 1000
MANY = 400_000
MAKERS = {"binary": binary, "multiclass": multiclass, "regression": regression}
CASES = {
    "binary": {
        "accuracy": (0.8, 0.85), "balanced_accuracy": (0.75, 0.8), "precision": (0.7, 0.8), "recall": (0.8, 0.88),
        "f1": (0.7, 0.77), "mcc": (0.4, 0.5), "roc_auc": (0.8, 0.86), "average_precision": (0.7, 0.78),
        "log_loss": (0.5, 0.45), "brier": (0.16, 0.14), "ece": (0.1, 0.05),
    },
    "multiclass": {
        "mcc": (0.5, 0.58), "macro_f1": (0.7, 0.77), "balanced_accuracy": (0.7, 0.77),
        "weighted_precision": (0.7, 0.76),
        "log_loss": (0.7, 0.6), "macro_roc_auc": (0.8, 0.85),
    },
    "regression": {
        "mae": (1.0, 0.9), "rmse": (1.0, 0.9), "r2": (0.6, 0.7), "mape": (0.2, 0.17), "pinball": (1.0, 0.9),
    },
}  # fmt: skip


def other_gate(metric, task, threshold, value):
    """Promise as large a part of the way from the truth to its limit, and give the shape and the truth."""
    rows = MAKERS[task](MANY, seed=999)
    truth = float(REGISTRY[metric].method.value(rows))
    if gate_side(metric) == "at_least":
        goal = 1 - (1 - truth) * (1 - threshold) / (1 - value)
    else:
        goal = truth * threshold / value
    shares = np.bincount(rows.truth.astype(int)) / MANY if task != "regression" else SHARES[task]
    return Gate(metric, gate_side(metric), goal), truth, tuple(map(float, shares))


def gate_side(metric):
    return "at_least" if REGISTRY[metric].better == "higher" else "at_most"


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    wobble = 1.96 * math.sqrt(0.8 * 0.2 / runs)
    print(f"{runs:,} runs of the real gate, each ± {wobble:.3f}; planned 0.80\n")
    print("| metric | task | supposed: rows | passed | other: rows | passed | planning took |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for task, cases in CASES.items():
        for metric, (threshold, value) in cases.items():
            gate = Gate(metric, gate_side(metric), threshold)
            start = time.process_time()
            needed = plan(gate, task, 1, Shape(SHARES[task])).rows_needed(value)
            took = time.process_time() - start
            met = achieved(gate, lambda rng: supposed_rows(metric, task, value, needed, rng), runs)  # noqa: B023
            gate, truth, shares = other_gate(metric, task, threshold, value)
            other = plan(gate, task, 1, Shape(shares)).rows_needed(truth)
            make = MAKERS[task]
            real = achieved(gate, lambda rng: make(other, int(rng.integers(2**31))), runs)  # noqa: B023
            print(f"| {metric} | {task} | {needed:,} | {met:.3f} | {other:,} | {real:.3f} | {took:.2f} s |", flush=True)


if __name__ == "__main__":
    main()
