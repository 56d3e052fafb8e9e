"""All binary metrics with intervals against scikit-learn's plain values, on the same rows.

    .venv/bin/python -m benchmarks.metrics_intervals [rows ...]

The limit: at most half of scikit-learn's CPU time at a million rows; growth no faster than n log n.
"""

import statistics
import sys
import time

import numpy as np
from sklearn import metrics as sk

from evaluations.engine.measuring import measure_all
from evaluations.engine.predictions import Predictions

REPEATS = 5


def draw(rows, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.random(rows) < 0.3
    probability = np.clip(rng.beta(2, 3, rows) * 0.7 + truth * 0.25 * rng.random(rows), 0, 1)
    return truth, probability >= 0.5, probability


def ours(truth, predicted, probability):
    rows = Predictions("binary", truth, predicted, probability, ("no", "yes"))
    return measure_all(rows, 0.95, seed=1)


def peers(truth, predicted, probability):
    """The same points; scikit-learn has no calibration error, so it is spared that one."""
    return [
        sk.accuracy_score(truth, predicted),
        sk.balanced_accuracy_score(truth, predicted),
        sk.precision_score(truth, predicted),
        sk.recall_score(truth, predicted),
        sk.recall_score(truth, predicted, pos_label=0),
        sk.f1_score(truth, predicted),
        sk.matthews_corrcoef(truth, predicted),
        sk.roc_auc_score(truth, probability),
        sk.average_precision_score(truth, probability),
        sk.log_loss(truth, probability),
        sk.brier_score_loss(truth, probability),
    ]


def six(truth, predicted, probability):
    """The six that the yardstick of 0.86 s was measured on."""
    return [
        sk.accuracy_score(truth, predicted),
        sk.f1_score(truth, predicted),
        sk.roc_auc_score(truth, probability),
        sk.average_precision_score(truth, probability),
        sk.log_loss(truth, probability),
        sk.brier_score_loss(truth, probability),
    ]


def cpu_seconds(work, *given):
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        work(*given)
        times.append(time.process_time() - start)
    return statistics.median(times)


def main():
    sizes = [int(size) for size in sys.argv[1:]] or [10_000, 100_000, 1_000_000, 5_000_000]
    print("| rows | ours, 12 metrics with intervals | scikit-learn, 11 points | ratio | 6 points | ratio |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    for size in sizes:
        given = draw(size)
        for found, point in zip(ours(*given), peers(*given), strict=False):
            assert abs(found.value - point) < 1e-9, found.metric
        a, b, c = (cpu_seconds(work, *given) for work in (ours, peers, six))
        print(f"| {size:,} | {a:.3f} s | {b:.3f} s | {a / b:.2f} | {c:.3f} s | {a / c:.2f} |")


if __name__ == "__main__":
    main()
