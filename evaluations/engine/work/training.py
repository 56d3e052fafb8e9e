"""Train the recipes on the development rows and compare them on the same folds."""

import platform
import time
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import sklearn
from sklearn.inspection import permutation_importance

from evaluations.engine.coding import encode
from evaluations.engine.evaluation import plain
from evaluations.engine.labels import as_words
from evaluations.engine.measuring import measure
from evaluations.engine.metrics import REGISTRY, Metric, metrics_for
from evaluations.engine.protocols import Protocol, read_protocol
from evaluations.engine.training.artifacts import save_model
from evaluations.engine.training.features import FeaturePlan, NoFeaturesError, lay_out, plan_features
from evaluations.engine.training.folds import Fold, make_folds
from evaluations.engine.training.recipes import RECIPES, Recipe, recipes_for
from evaluations.engine.training.search import (
    Candidate,
    Problem,
    build,
    fit,
    judged,
    search,
    simplest_within_noise,
)
from evaluations.engine.work.drawing import count_classes, must_have_columns, read_column
from projects.sandbox import Task, TaskError

FEWEST_ROWS = 30
IMPORTANCE_ROWS = 2_000
IMPORTANCE_REPEATS = 5
MOST_IMPORTANCE_COLUMNS = 200


def run(task: Task) -> dict[str, Any]:
    """Search, compare, fit every recipe on all development rows, and write one skops file each.

    Arguments: ``protocol`` (dict), ``recipes`` (names; empty: all that fit), ``budget`` (seconds).
    Inputs: ``development`` (Parquet). Nothing else is within reach: the acceptance rows stay away.
    """
    protocol = read_protocol(task.arguments["protocol"])
    table = read_rows(task, protocol)
    plan = make_plan(table, protocol)
    problem = make_problem(table, plan, protocol, seed=task.seed)
    recipes = _wished(task.arguments.get("recipes") or [], plan)
    folds = _folds(table, problem, protocol)
    candidates = search(
        problem, recipes, folds, budget=float(task.arguments.get("budget") or 60), progress=task.progress
    )
    proposed = simplest_within_noise(candidates)
    found = []
    for position, candidate in enumerate(candidates):
        task.progress("Fitting on all development rows", position, len(candidates))
        found.append(_finish(task, candidate, problem, protocol, proposed=candidate is proposed))
    task.progress("Measuring what each column matters", len(candidates), len(candidates))
    result: dict[str, Any] = plain(
        {
            "rows": len(table),
            "folds": len(folds),
            "metric": first_metric(protocol).name,
            "higher": problem.higher,
            "plan": plan.to_dict(),
            "classes": list(problem.classes),
            "candidates": found,
            "proposed": proposed.recipe.name,
            "importance": _importance(problem, proposed, folds[0]) if proposed.recipe.name != "dummy" else [],
            "versions": {
                "python": platform.python_version(),
                "scikit-learn": sklearn.__version__,
                "numpy": np.__version__,
                "pandas": pd.__version__,
            },
        }
    )
    return result


def read_rows(task: Task, protocol: Protocol) -> pd.DataFrame:
    """Read the development rows.

    Raises TaskError if a column is missing or the rows are too few to learn from.
    """
    table = pq.ParquetFile(task.inputs["development"])
    must_have_columns(protocol, table.schema_arrow.names)
    if table.metadata.num_rows < FEWEST_ROWS:
        raise TaskError(
            "too-few-rows",
            f"There are {table.metadata.num_rows} rows to learn from; at least {FEWEST_ROWS} are needed. "
            "Bring more data.",
        )
    count_classes(protocol, read_column(table, protocol.target))
    return table.read().to_pandas()


def make_plan(table: pd.DataFrame, protocol: Protocol) -> FeaturePlan:
    """Decide how each column enters; the columns that only cut the rows stay out."""
    out = [*protocol.left_out]
    out += [name for name in (protocol.group_column,) if name]
    if protocol.split.method == "grouped" and protocol.split.column:
        out.append(protocol.split.column)
    try:
        return plan_features(table, target=protocol.target, left_out=out)
    except NoFeaturesError as error:
        raise TaskError("no-features", f"{error} Leave fewer columns out of the protocol.") from error


def make_problem(table: pd.DataFrame, plan: FeaturePlan, protocol: Protocol, *, seed: int) -> Problem:
    """Lay features and truth out for the recipes."""
    metric = first_metric(protocol)
    classes = classes_of(table, protocol)
    if protocol.judged_as == "regression":
        truth = table[protocol.target].to_numpy(dtype="float64")
    else:
        codes = encode(as_words(table[protocol.target]), classes, protocol.target)
        truth = codes.astype(bool) if protocol.judged_as == "binary" else codes
    return Problem(
        features=lay_out(table, plan),
        truth=truth,
        task=protocol.judged_as,
        classes=classes,
        plan=plan,
        judge=metric.method.value,
        higher=metric.better == "higher",
        seed=seed,
    )


def classes_of(table: pd.DataFrame, protocol: Protocol) -> tuple[str, ...]:
    """Name the classes: (negative, positive) for a binary task, else in the protocol's or alphabetical order.

    Raises TaskError if a binary target does not hold two values or lacks the positive class.
    """
    if protocol.judged_as == "regression":
        return ()
    seen = sorted(set(as_words(table[protocol.target])))
    if protocol.judged_as != "binary":
        return protocol.classes or tuple(seen)
    positive = protocol.positive_class or ""
    others = [name for name in (protocol.classes or seen) if name != positive]
    if positive not in seen or len(others) != 1:
        raise TaskError(
            "not-binary",
            f"“{protocol.target}” holds {', '.join(seen[:5])}; a binary task needs two values, one of them "
            f"“{positive}”. Correct the positive class or choose multiclass.",
        )
    return (others[0], positive)


def first_metric(protocol: Protocol) -> Metric:
    """Name the metric by which candidates are compared: that of the first primary gate on all rows."""
    whole = [gate for gate in protocol.gates if gate.primary and gate.slice is None] or list(protocol.gates)
    return REGISTRY[whole[0].metric]


def _wished(names: list[str], plan: FeaturePlan) -> list[Recipe]:
    fitting = recipes_for(plan)
    chosen = [recipe for recipe in fitting if not names or recipe.name in names or recipe.name == "dummy"]
    unknown = sorted(set(names) - set(RECIPES))
    if unknown:
        raise TaskError(
            "recipe-unknown", f"There is no recipe named {', '.join(unknown)}. Choose {', '.join(RECIPES)}."
        )
    return chosen


def _folds(table: pd.DataFrame, problem: Problem, protocol: Protocol) -> list[Fold]:
    split = protocol.split
    group = protocol.group_column or (split.column if split.method == "grouped" else None)
    moments = None
    if split.method == "time-ordered":
        moments = table[split.column].rank(method="dense").to_numpy() if split.column else np.arange(len(table))
    groups = table[group].astype("category").cat.codes.to_numpy() if group and moments is None else None
    try:
        return make_folds(
            problem.truth, classifies=problem.classifies, groups=groups, moments=moments, seed=problem.seed
        )
    except ValueError as error:
        raise TaskError("too-few-to-compare", str(error)) from error


def _finish(
    task: Task, candidate: Candidate, problem: Problem, protocol: Protocol, *, proposed: bool
) -> dict[str, Any]:
    recipe = candidate.recipe
    began = time.process_time()
    pipeline = fit(problem, build(problem, recipe, candidate.settings), np.arange(len(problem.truth)))
    seconds = time.process_time() - began
    path = task.outputs / f"{recipe.name}.skops"
    save_model(pipeline, path)
    size = path.stat().st_size
    began = time.process_time()
    pipeline.predict(problem.features.iloc[:1_000])
    per_thousand = time.process_time() - began
    assert candidate.behind is not None  # noqa: S101  # search() has compared every candidate
    return {
        "recipe": recipe.name,
        "title": recipe.title,
        "proposed": proposed,
        "settings": {name.removeprefix("model__"): value for name, value in candidate.settings.items()},
        "tried": candidate.tried,
        "rounds": candidate.rounds,
        "cut_short": candidate.cut_short,
        "fold_scores": [float(s) for s in candidate.scores],
        "score": float(candidate.scores.mean()),
        "behind": {
            "mean": candidate.behind.mean,
            "low": float(candidate.behind.low),
            "high": float(candidate.behind.high),
        },
        "measures": _measures(candidate, protocol, problem.seed),
        "bytes": size,
        "fit_cpu_seconds": round(seconds, 3),
        "predict_cpu_seconds_per_thousand": round(per_thousand, 4),
    }


def _measures(candidate: Candidate, protocol: Protocol, seed: int) -> list[dict[str, Any]]:
    """Measure all metrics on the out-of-fold predictions, with intervals."""
    rows = candidate.out_of_fold
    if rows is None:
        return []
    found = []
    for metric in metrics_for(protocol.judged_as):
        figure = measure(metric, rows, protocol.confidence, seed)
        found.append(
            {
                "metric": metric.name,
                "label": metric.label,
                "value": figure.value,
                "low": figure.interval.low,
                "high": figure.interval.high,
                "n": figure.support,
                "method": figure.method,
                "undefined": figure.undefined,
            }
        )
    return found


def _importance(problem: Problem, candidate: Candidate, fold: Fold) -> list[dict[str, Any]]:
    """Measure how much worse the proposed model gets on held-out rows when one column is shuffled."""
    if problem.features.shape[1] > MOST_IMPORTANCE_COLUMNS:
        return []
    train, test = fold
    pipeline = fit(problem, build(problem, candidate.recipe, candidate.settings), train)
    chosen = np.sort(np.random.default_rng(problem.seed).permutation(test)[:IMPORTANCE_ROWS])

    def score(model: Any, features: pd.DataFrame, truth: np.ndarray) -> float:
        part = Problem(
            features, truth, problem.task, problem.classes, problem.plan, problem.judge, problem.higher, problem.seed
        )
        value = problem.judge(judged(part, np.arange(len(truth)), model))
        return value if problem.higher else -value

    found = permutation_importance(
        pipeline,
        problem.features.iloc[chosen],
        problem.truth[chosen],
        scoring=score,
        n_repeats=IMPORTANCE_REPEATS,
        random_state=problem.seed,
        n_jobs=1,
    )
    order = np.argsort(-found.importances_mean, kind="stable")
    return [
        {
            "column": str(problem.features.columns[i]),
            "mean": float(found.importances_mean[i]),
            "spread": float(found.importances_std[i]),
            "n": len(chosen),
        }
        for i in order
    ]
