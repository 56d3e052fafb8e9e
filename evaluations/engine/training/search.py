"""The search over recipes: successive halving inside a budget, then all winners on the same folds."""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from evaluations.engine.predictions import Predictions
from evaluations.engine.training.features import FeaturePlan
from evaluations.engine.training.folds import Difference, Fold, corrected_difference
from evaluations.engine.training.recipes import Recipe

CANDIDATES = 9  # settings of a recipe that enter the first round
FIRST_ROWS = 2_000  # rows of the first round; each next round takes three times as many
SHARE_KEPT = 3

Judge = Callable[[Predictions], float]
Progress = Callable[[str, float, float], None]
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is to be learned: features, truth and how rows are judged.

    ``judge`` gives one figure of a set of predictions, higher being better if ``higher``.
    """

    features: pd.DataFrame
    truth: NDArray[Any]  # bool (binary), codes (multiclass) or float (regression)
    task: str
    classes: tuple[str, ...]
    plan: FeaturePlan
    judge: Judge
    higher: bool
    seed: int

    @property
    def classifies(self) -> bool:
        """Whether the truth holds classes."""
        return self.task != "regression"


@dataclass(slots=True)
class Candidate:
    """A recipe with the setting that won its search, and how it did on the common folds."""

    recipe: Recipe
    settings: dict[str, Any]
    tried: int  # settings tried in completed rounds
    rounds: int  # completed; with the seed they fix everything that was found
    scores: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    out_of_fold: Predictions | None = None
    fit_seconds: float = 0.0
    behind: Difference | None = None  # to the best: positive means that the best is better
    cut_short: bool = False


def predict(pipeline: Pipeline, features: pd.DataFrame, problem: Problem) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Predict with a fitted pipeline: labels and, for classes, probabilities."""
    if not problem.classifies:
        return np.asarray(pipeline.predict(features), dtype=np.float64), None
    found = pipeline.predict_proba(features)
    known = pipeline.classes_
    full = np.zeros((len(features), len(problem.classes)))
    full[:, known.astype(int)] = found  # a fold may lack a rare class
    if problem.task == "binary":
        positive = full[:, 1]
        return positive >= 0.5, positive  # the protocol's usual cut
    return full.argmax(axis=1), full


def judged(problem: Problem, rows: NDArray[np.intp], pipeline: Pipeline) -> Predictions:
    """Predict the given rows and lay them beside the truth."""
    predicted, probability = predict(pipeline, problem.features.iloc[rows], problem)
    return Predictions(
        task=problem.task,  # type: ignore[arg-type]  # checked when the protocol was read
        truth=problem.truth[rows],
        predicted=predicted,
        probability=probability,
        classes=problem.classes,
    )


def search(
    problem: Problem,
    recipes: list[Recipe],
    folds: list[Fold],
    *,
    budget: float,
    progress: Progress,
    clock: Clock = time.monotonic,
) -> list[Candidate]:
    """Find the best setting of each recipe and compare all on the same folds.

    All trials and their order are fixed by the seed. Where the budget (seconds) runs out inside a round, the
    whole round counts for nothing and the candidate says so: what is found depends on the seed and on the
    rounds that were completed, never on how far the machine came in one. Every recipe is compared with at
    least its usual setting.

    Returns
    -------
    list of Candidate
        In the order of the recipes, each with its scores per fold and its distance to the best.
    """
    end = clock() + budget
    share = budget / max(len(recipes), 1)
    found = []
    for position, recipe in enumerate(recipes):
        progress(f"Trying settings: {recipe.title.lower()}", position, 2 * len(recipes))
        stop = min(end, clock() + share)
        found.append(_best_setting(problem, recipe, folds[0], stop=stop, clock=clock))
    for position, candidate in enumerate(found):
        progress(
            f"Comparing on {len(folds)} folds: {candidate.recipe.title.lower()}",
            len(recipes) + position,
            2 * len(recipes),
        )
        _score(problem, candidate, folds, clock)
    best = max(found, key=lambda c: c.scores.mean() if problem.higher else -c.scores.mean())
    sign = 1.0 if problem.higher else -1.0
    for candidate in found:
        candidate.behind = corrected_difference(sign * best.scores, sign * candidate.scores, folds)
    return found


def simplest_within_noise(candidates: list[Candidate]) -> Candidate:
    """Choose the simplest recipe whose distance to the best could be noise; never the constant answer unless alone.

    The distance could be noise if its corrected interval reaches zero.
    """
    ordered = sorted(candidates, key=lambda c: c.recipe.rank)
    fit = [c for c in ordered if c.behind is not None and c.behind.low <= 0]
    learned = [c for c in fit if c.recipe.name != "dummy"]
    return (learned or fit or ordered)[0]


def build(problem: Problem, recipe: Recipe, settings: dict[str, Any]) -> Pipeline:
    """Make an unfitted pipeline of a recipe with its settings."""
    pipeline = recipe.build(problem.plan, problem.classifies, problem.seed)
    return pipeline.set_params(**settings)


def fit(problem: Problem, pipeline: Pipeline, rows: NDArray[np.intp]) -> Pipeline:
    """Fit a fresh copy of a pipeline on the given rows."""
    truth = problem.truth[rows]
    return clone(pipeline).fit(problem.features.iloc[rows], truth.astype(np.intp) if problem.classifies else truth)


def _best_setting(problem: Problem, recipe: Recipe, fold: Fold, *, stop: float, clock: Clock) -> Candidate:
    contenders = _settings(problem, recipe)
    train, test = fold
    order = np.random.default_rng(problem.seed).permutation(train)
    rows, tried, rounds = FIRST_ROWS, 0, 0
    while len(contenders) > 1:
        scores = []
        for settings in contenders:
            if clock() >= stop:
                return Candidate(recipe, contenders[0], tried, rounds, cut_short=True)
            pipeline = fit(problem, build(problem, recipe, settings), np.sort(order[:rows]))
            scores.append(problem.judge(judged(problem, test, pipeline)))
        ranked = np.argsort([-s if problem.higher else s for s in scores], kind="stable")
        full = rows >= len(train)
        kept = 1 if full else max(1, len(contenders) // SHARE_KEPT)
        tried, rounds = tried + len(contenders), rounds + 1
        contenders = [contenders[i] for i in ranked[:kept]]
        rows *= SHARE_KEPT
    return Candidate(recipe, contenders[0], tried, rounds)


def _settings(problem: Problem, recipe: Recipe) -> list[dict[str, Any]]:
    """List the usual setting and a seeded draw of others."""
    known = recipe.build(problem.plan, problem.classifies, problem.seed).get_params()
    choices = {name: values for name, values in recipe.choices.items() if name in known}
    if not choices:
        return [{}]
    grid = [dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())]
    drawn = np.random.default_rng([problem.seed, recipe.rank]).permutation(len(grid))[: CANDIDATES - 1]
    return [{}, *(grid[i] for i in np.sort(drawn))]


def _score(problem: Problem, candidate: Candidate, folds: list[Fold], clock: Clock) -> None:
    pipeline = build(problem, candidate.recipe, candidate.settings)
    scores, parts, tested = [], [], []
    began = clock()
    for train, test in folds:
        rows = judged(problem, test, fit(problem, pipeline, train))
        scores.append(problem.judge(rows))
        parts.append(rows)
        tested.append(test)
    candidate.fit_seconds = (clock() - began) / len(folds)
    candidate.scores = np.asarray(scores, dtype=np.float64)
    candidate.out_of_fold = _joined(parts, np.concatenate(tested))


def _joined(parts: list[Predictions], tested: NDArray[np.intp]) -> Predictions:
    order = np.argsort(tested, kind="stable")
    first = parts[0]

    def together(name: str) -> Any:
        values = [getattr(part, name) for part in parts]
        return None if values[0] is None else np.concatenate(values)[order]

    return Predictions(
        task=first.task,
        truth=together("truth"),
        predicted=together("predicted"),
        probability=together("probability"),
        classes=first.classes,
    )
