"""Rows drawn one by one from the populations that planning supposes, and how often the real gate passes on them."""

import math

import numpy as np
from scipy import special

from evaluations.engine import supposed
from evaluations.engine.gates import judge
from evaluations.engine.metrics import REGISTRY
from evaluations.engine.predictions import Predictions

SHARES = {"binary": (0.6, 0.4), "multiclass": (0.5, 0.3, 0.2), "regression": (0.5, 0.5)}


def supposed_rows(metric, task, value, rows, rng):
    """Draw rows one by one from the population that planning supposes."""
    shares = SHARES[task]
    if task == "regression":
        return _misses(metric, value, rows, rng)
    counts = [math.floor(rows * share + 1e-9) for share in shares]
    counts[-1] += rows - sum(counts)
    truth = np.repeat(np.arange(len(shares)), counts)
    names = tuple("abc"[: len(shares)])
    if metric in {"roc_auc", "average_precision", "log_loss", "brier", "ece"} and task == "binary":
        given = ("roc_auc", 0.8) if metric == "ece" else (metric, value)
        distance = supposed.scores_with(*given, shares[1]).distance
        scores = rng.standard_normal(rows) + distance * truth
        stated = special.expit(special.logit(shares[1]) + distance * scores - distance**2 / 2)
        if metric == "ece":
            stated = np.where(stated < 1 - value, stated + value, stated - value)
        return Predictions("binary", truth.astype(bool), stated >= 0.5, stated, names)
    if metric in {"log_loss", "macro_roc_auc"}:
        far = supposed.distance_with(metric, value, shares)
        odds = np.log(shares) + far * (rng.standard_normal((rows, len(shares))) + far * np.eye(len(shares))[truth])
        return Predictions(task, truth, truth, special.softmax(odds, axis=1), names)
    table = supposed.table_with(REGISTRY[metric].method.statistic, value, shares)
    said = np.concatenate(
        [rng.choice(len(shares), n, p=part / part.sum()) for n, part in zip(counts, table, strict=True)]
    )
    if task == "binary":
        return Predictions(task, truth.astype(bool), said.astype(bool), None, names)
    return Predictions(task, truth, said, None, names)


def _misses(metric, value, rows, rng):
    miss = rng.standard_normal(rows)
    if metric == "r2":
        said = rng.standard_normal(rows) * math.sqrt(value)
        return Predictions("regression", said + miss * math.sqrt(1 - value), said)
    scale = value if metric == "rmse" else value * math.sqrt(math.pi / 2) * (2 if metric == "pinball" else 1)
    truth = np.ones(rows) if metric == "mape" else np.zeros(rows)
    return Predictions("regression", truth, truth + miss * scale)


def achieved(gate, draw, runs):
    """Give the share of runs in which the real gate passes."""
    passed = [
        judge(gate, draw(np.random.default_rng(seed)), looks=1, seed=seed).verdict == "pass" for seed in range(runs)
    ]
    return float(np.mean(passed))
