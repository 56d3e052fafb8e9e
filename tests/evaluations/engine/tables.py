"""Small tables of predictions, drawn from a seed."""

import numpy as np

from evaluations.engine.predictions import Predictions


def binary(rows, seed, *, ties=False, share=0.4, skill=1.2):
    rng = np.random.default_rng(seed)
    truth = rng.random(rows) < share
    probability = 1 / (1 + np.exp(-(rng.normal(size=rows) + skill * (truth - 0.5) - 0.3)))
    if ties:
        probability = np.round(probability, 1)
    return Predictions("binary", truth, probability >= 0.5, probability, ("no", "yes"))


def multiclass(rows, seed, *, ties=False):
    rng = np.random.default_rng(seed)
    truth = rng.choice(3, size=rows, p=[0.5, 0.3, 0.2]).astype(np.intp)
    raw = rng.normal(size=(rows, 3)) + 1.3 * np.eye(3)[truth]
    if ties:
        raw = np.round(raw)
    shares = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    return Predictions("multiclass", truth, np.argmax(shares, axis=1), shares, ("a", "b", "c"))


def regression(rows, seed, *, ties=False):
    rng = np.random.default_rng(seed)
    truth = rng.gamma(3, 2, rows) + 1
    predicted = truth + rng.normal(size=rows) * 0.8
    if ties:
        truth, predicted = np.round(truth), np.round(predicted)
    return Predictions("regression", truth, predicted)
