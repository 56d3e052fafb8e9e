"""The recipes: adding one is one function and one row of the registry."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from evaluations.engine.training.features import FeaturePlan
from evaluations.engine.training.titles import TITLES

RARE = 10  # rows; rarer categories are told apart from nothing
MOST_CATEGORIES = 100
MOST_BOOSTING_CATEGORIES = 250  # histogram boosting bins a column into at most 255
TEXT_FEATURES = 50_000

Build = Callable[[FeaturePlan, bool, int], Pipeline]


@dataclass(frozen=True, slots=True)
class Recipe:
    """A way to make a model.

    ``build(plan, classifies, seed)`` gives an unfitted pipeline; ``choices`` are the values a search may
    try, by parameter of the pipeline; ``rank`` orders recipes from simple to complex.
    """

    name: str
    title: str
    rank: int
    build: Build
    choices: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    regression: bool = True
    needs_text: bool = False


def _dummy(plan: FeaturePlan, classifies: bool, seed: int) -> Pipeline:  # noqa: FBT001  # the registry's one signature
    model = DummyClassifier(strategy="prior", random_state=seed) if classifies else DummyRegressor(strategy="mean")
    return Pipeline([("model", model)])


def _linear(plan: FeaturePlan, classifies: bool, seed: int) -> Pipeline:  # noqa: FBT001  # as above
    model = LogisticRegression(max_iter=2_000, random_state=seed) if classifies else Ridge(random_state=seed)
    return Pipeline([("prepare", _prepare(plan, scale=True)), ("model", model)])


def _forest(plan: FeaturePlan, classifies: bool, seed: int) -> Pipeline:  # noqa: FBT001  # as above
    kind = RandomForestClassifier if classifies else RandomForestRegressor
    model = kind(n_estimators=200, min_samples_leaf=3, n_jobs=1, random_state=seed)
    return Pipeline([("prepare", _prepare(plan, scale=False)), ("model", model)])


def _boosting(plan: FeaturePlan, classifies: bool, seed: int) -> Pipeline:  # noqa: FBT001  # as above
    numbers = [*plan.numeric, *plan.date_columns]
    encode = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1, max_categories=MOST_BOOSTING_CATEGORIES
    )
    prepare = ColumnTransformer(
        [("numbers", "passthrough", numbers), ("categories", encode, list(plan.categorical))], sparse_threshold=0.0
    )
    kind = HistGradientBoostingClassifier if classifies else HistGradientBoostingRegressor
    return Pipeline([("prepare", prepare), ("model", kind(random_state=seed))])


def _words(plan: FeaturePlan, classifies: bool, seed: int) -> Pipeline:  # noqa: FBT001  # as above
    model = LogisticRegression(max_iter=2_000, C=10.0, random_state=seed) if classifies else Ridge(random_state=seed)
    return Pipeline([("prepare", _prepare(plan, scale=True, text=True)), ("model", model)])


def _prepare(plan: FeaturePlan, *, scale: bool, text: bool = False) -> ColumnTransformer:
    numbers: list[tuple[str, Any]] = [("fill", SimpleImputer(strategy="median", add_indicator=True))]
    if scale:
        numbers.append(("scale", StandardScaler()))
    one_hot = OneHotEncoder(
        handle_unknown="infrequent_if_exist", min_frequency=RARE, max_categories=MOST_CATEGORIES, sparse_output=True
    )
    steps: list[tuple[str, Any, Any]] = [
        ("numbers", Pipeline(numbers), [*plan.numeric, *plan.date_columns]),
        ("categories", one_hot, list(plan.categorical)),
    ]
    if text:
        steps += [
            (
                f"text {position}",
                TfidfVectorizer(sublinear_tf=True, min_df=2, ngram_range=(1, 2), max_features=TEXT_FEATURES),
                name,
            )
            for position, name in enumerate(plan.text)
        ]
    return ColumnTransformer(steps)


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe("dummy", TITLES["dummy"], 0, _dummy),
        Recipe(
            "linear",
            TITLES["linear"],
            1,
            _linear,
            {
                "model__C": (0.01, 0.1, 1.0, 10.0),
                "model__class_weight": (None, "balanced"),
                "model__alpha": (0.1, 1.0, 10.0, 100.0),
            },
        ),
        Recipe(
            "words",
            TITLES["words"],
            2,
            _words,
            {"model__C": (1.0, 3.0, 10.0, 30.0), "model__alpha": (0.3, 1.0, 3.0)},
            needs_text=True,
        ),
        Recipe(
            "forest",
            TITLES["forest"],
            3,
            _forest,
            {"model__min_samples_leaf": (1, 3, 10, 30), "model__max_features": ("sqrt", 0.3, 0.6)},
        ),
        Recipe(
            "boosting",
            TITLES["boosting"],
            4,
            _boosting,
            {
                "model__learning_rate": (0.03, 0.06, 0.1, 0.2),
                "model__max_leaf_nodes": (7, 15, 31),
                "model__min_samples_leaf": (10, 20, 60),
                "model__l2_regularization": (0.0, 1.0, 10.0),
            },
        ),
    )
}


def recipes_for(plan: FeaturePlan) -> list[Recipe]:
    """List the recipes that fit the columns at hand, simple ones first."""
    tabular = bool(plan.numeric or plan.categorical or plan.dates)
    return [
        recipe
        for recipe in sorted(RECIPES.values(), key=lambda r: r.rank)
        if recipe.name == "dummy" or (bool(plan.text) if recipe.needs_text else tabular)
    ]
