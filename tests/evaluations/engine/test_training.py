"""Training: columns are found, folds are shared, the simplest within noise is proposed, models load safely."""

import itertools
import json
import warnings
import zipfile

import numpy as np
import pandas as pd
import pytest

from evaluations.engine.protocols import read_protocol
from evaluations.engine.training.artifacts import (
    DamagedModelError,
    UntrustedModelError,
    load_model,
    save_model,
)
from evaluations.engine.training.features import FeaturePlan, NoFeaturesError, lay_out, plan_features
from evaluations.engine.training.folds import corrected_difference, make_folds
from evaluations.engine.training.recipes import RECIPES
from evaluations.engine.training.search import search
from evaluations.engine.work import drawing, training
from projects.sandbox import Task, TaskError


def make_table(rows=400, seed=0):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "customer": [f"C{n:06d}" for n in range(rows)],
            "age": rng.integers(18, 90, rows).astype("float64"),
            "plan": rng.choice(["basic", "plus", "rare"], rows, p=[0.6, 0.38, 0.02]),
            "joined": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 500, rows), unit="D"),
            "note": [
                " ".join(rng.choice(["late", "fine", "angry", "calm", "bill", "call", "moved"], 6)) for _ in range(rows)
            ],
            "constant": 1,
        }
    )
    table.loc[::7, "age"] = np.nan
    logit = 0.05 * (table["age"].fillna(50) - 50) + table["note"].str.count("angry") - 1
    table["left"] = np.where(rng.random(rows) < 1 / (1 + np.exp(-logit)), "yes", "no")
    return table


def make_protocol(**changes):
    return {
        "dataset": "0" * 64,
        "task": "binary",
        "target": "left",
        "positive_class": "yes",
        "gates": [{"metric": "roc_auc", "direction": "at_least", "threshold": 0.6}],
        **changes,
    }


@pytest.fixture
def drawn(tmp_path):
    """The parts of a small table, as the drawing writes them."""
    make_table().to_parquet(tmp_path / "table.parquet")
    task = Task({"protocol": make_protocol(), "salt": "s"}, {"table": tmp_path / "table.parquet"}, tmp_path, 3)
    return tmp_path, drawing.run(task)


def train(folder, recipes=(), **changes):
    arguments = {"protocol": make_protocol(**changes), "recipes": list(recipes), "budget": 600}
    return training.run(Task(arguments, {"development": folder / "development.parquet"}, folder, 5))


def test_each_column_enters_in_its_own_way():
    plan = plan_features(make_table(), target="left", left_out=["plan"])
    assert plan.numeric == ("age",)
    assert plan.text == ("note",)
    assert plan.dates == ("joined",)
    assert dict(plan.left_out) == {
        "customer": "looks like an identifier",
        "plan": "left out by the protocol",
        "constant": "holds one value only",
    }
    assert FeaturePlan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan


def test_no_column_left_is_said():
    table = pd.DataFrame({"id": [f"x{n}" for n in range(50)], "y": [0, 1] * 25})
    with pytest.raises(NoFeaturesError, match="No column is left"):
        plan_features(table, target="y", left_out=[])


def test_laying_out_a_row_does_not_depend_on_other_rows():
    table = make_table()
    plan = plan_features(table, target="left", left_out=[])
    whole = lay_out(table, plan)
    pd.testing.assert_frame_equal(whole.iloc[10:20], lay_out(table.iloc[10:20], plan))


def test_the_parts_share_no_row_and_the_target_is_absent_from_the_features(drawn):
    folder, result = drawn
    acceptance = pd.read_parquet(folder / "acceptance.parquet")
    development = pd.read_parquet(folder / "development.parquet")
    features = pd.read_parquet(folder / "features.parquet")
    assert not set(acceptance["customer"]) & set(development["customer"])
    assert len(acceptance) + len(development) == 400
    assert "left" not in features.columns
    assert features["row_id"].tolist() == acceptance["row_id"].tolist()
    assert acceptance["row_id"].is_unique
    assert result["acceptance_classes"] == acceptance["left"].value_counts().to_dict()


def test_a_protocol_that_names_an_absent_column_is_refused(tmp_path):
    make_table().to_parquet(tmp_path / "table.parquet")
    task = Task(
        {"protocol": make_protocol(target="gone"), "salt": "s"}, {"table": tmp_path / "table.parquet"}, tmp_path, 3
    )
    with pytest.raises(TaskError, match="no column named gone"):
        drawing.run(task)


def test_training_compares_all_recipes_and_writes_models_that_load(drawn):
    folder, _ = drawn
    result = train(folder)
    names = [candidate["recipe"] for candidate in result["candidates"]]
    assert names == ["dummy", "linear", "words", "forest", "boosting"]
    assert result["proposed"] in {"words", "linear"}
    assert all(len(candidate["fold_scores"]) == 5 for candidate in result["candidates"])
    by_name = {candidate["recipe"]: candidate for candidate in result["candidates"]}
    assert by_name["words"]["score"] > by_name["dummy"]["score"] + 0.1
    auc = next(m for m in by_name["words"]["measures"] if m["metric"] == "roc_auc")
    assert auc["low"] < auc["value"] < auc["high"]
    assert {row["column"] for row in result["importance"]} <= {
        "age",
        "plan",
        "note",
        *("joined·" + p for p in ("day", "month", "weekday", "hour")),
    }
    for name in names:
        assert load_model(folder / f"{name}.skops").predict_proba is not None


def test_the_same_seed_trains_the_same_models(drawn):
    folder, _ = drawn

    def steady(result):
        volatile = {"fit_cpu_seconds", "predict_cpu_seconds_per_thousand", "bytes"}
        return [{k: v for k, v in c.items() if k not in volatile} for c in result["candidates"]]

    assert steady(train(folder, ["boosting"])) == steady(train(folder, ["boosting"]))


@pytest.mark.parametrize(("budgets", "rounds"), [((2, 8), 0), ((11, 13), 1), ((1_000, 9_999), 2)])
def test_what_is_found_depends_on_completed_rounds_alone(drawn, monkeypatch, budgets, rounds):
    """A clock that ticks once a look stands for machines of different speed."""
    monkeypatch.setattr("evaluations.engine.training.search.FIRST_ROWS", 50)
    folder, _ = drawn
    protocol = read_protocol(make_protocol())
    table = training.read_rows(Task({}, {"development": folder / "development.parquet"}, folder, 5), protocol)
    plan = training.make_plan(table, protocol)
    problem = training.make_problem(table, plan, protocol, seed=5)
    folds = make_folds(problem.truth, classifies=True, seed=5)

    def found(budget):
        ticks = itertools.count()
        recipe = RECIPES["linear"]
        [best] = search(problem, [recipe], folds, budget=budget, progress=lambda *_: None, clock=lambda: next(ticks))
        return best.settings, best.tried, best.rounds, best.cut_short, best.scores.tolist()

    one, other = map(found, budgets)
    assert one == other
    assert one[2:4] == (rounds, rounds < 2)


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"positive_class": "maybe"}, "not-binary"), ({"target": "age", "task": "binary"}, "not-binary")],
)
def test_a_target_that_does_not_fit_the_task_is_refused(drawn, changes, code):
    with pytest.raises(TaskError) as wrong:
        train(drawn[0], **changes)
    assert wrong.value.code == code


def test_unseen_and_rare_categories_do_not_break_prediction():
    table = make_table()
    plan = plan_features(table, target="left", left_out=[])
    strange = lay_out(table.assign(plan="never seen"), plan)
    truth = (table["left"] == "yes").to_numpy().astype(int)
    for recipe in RECIPES.values():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # scikit-learn tells of the unseen category
            fitted = recipe.build(plan, True, 0).fit(lay_out(table, plan), truth)
            assert np.isfinite(fitted.predict_proba(strange)).all()


def test_folds_keep_groups_and_time():
    groups = np.repeat(np.arange(20), 5)
    truth = np.tile([0, 1, 0, 1, 0], 20)
    for training_rows, test in make_folds(truth, classifies=True, groups=groups):
        assert not set(groups[training_rows]) & set(groups[test])
    moments = np.random.default_rng(0).permutation(100)
    for training_rows, test in make_folds(truth, classifies=True, moments=moments):
        assert moments[training_rows].max() < moments[test].min()


def test_the_corrected_interval_matches_the_closed_form():
    rows = np.arange(100)
    folds = [(rows[:80], rows[80:])] * 5
    one, other = np.array([0.8, 0.82, 0.81, 0.79, 0.83]), np.array([0.78, 0.80, 0.80, 0.78, 0.80])
    found = corrected_difference(one, other, folds)
    gaps = one - other
    half = 2.7764451051977987 * np.sqrt((1 / 5 + 20 / 80) * gaps.var(ddof=1))
    assert found.mean == pytest.approx(gaps.mean())
    assert found.high - found.mean == pytest.approx(half)


def test_a_model_with_a_foreign_type_is_not_loaded(tmp_path):
    path = tmp_path / "model.skops"
    plan = FeaturePlan(("a",), (), (), (), ())
    save_model(RECIPES["linear"].build(plan, True, 0).fit(pd.DataFrame({"a": [1.0, 2, 3, 4]}), [0, 1, 0, 1]), path)
    with zipfile.ZipFile(path) as archive:
        schema = json.loads(archive.read("schema.json"))
        others = {name: archive.read(name) for name in archive.namelist() if name != "schema.json"}
    schema["__class__"], schema["__module__"] = "system", "os"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("schema.json", json.dumps(schema))
        for name, content in others.items():
            archive.writestr(name, content)
    with pytest.raises(UntrustedModelError, match=r"os\.system"):
        load_model(path)


def test_a_broken_model_file_is_said_to_be_broken(tmp_path):
    path = tmp_path / "model.skops"
    path.write_bytes(b"not a zip")
    with pytest.raises(DamagedModelError):
        load_model(path)
