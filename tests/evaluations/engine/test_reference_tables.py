"""Real tables give the scores that are known of them: drawn, fitted and judged by the engine's own steps."""

import numpy as np
import pytest

from evaluations.engine.evaluation import evaluate
from evaluations.engine.protocols import read_protocol
from evaluations.engine.reading import ReadOptions, read_table
from evaluations.engine.training.artifacts import save_model
from evaluations.engine.training.recipes import RECIPES
from evaluations.engine.training.search import build, fit
from evaluations.engine.work import drawing, training
from evaluations.engine.work.evaluating import predict_rows
from projects.sandbox import Task


@pytest.fixture
def score(tmp_path, shared_data):
    """Read a real table, set 30 % aside, fit one recipe with its usual settings unless others are named, judge it."""

    def run(name, recipe, options=None, settings=None, **terms):
        source = shared_data / "tables" / name
        report = read_table(source, tmp_path / "table.parquet", name=name, options=ReadOptions.from_dict(options or {}))
        assert report["outcome"] in {"accept", "warn"}
        body = read_protocol({"dataset": "0" * 64, **terms}).to_dict()
        protocol = read_protocol(body)
        drawing.run(Task({"protocol": body, "salt": ""}, {"table": tmp_path / "table.parquet"}, tmp_path, 0))
        task = Task({"protocol": body}, {"development": tmp_path / "development.parquet"}, tmp_path, 0)
        rows = training.read_rows(task, protocol)
        plan = training.make_plan(rows, protocol)
        problem = training.make_problem(rows, plan, protocol, seed=0)
        pipeline = fit(problem, build(problem, RECIPES[recipe], settings or {}), np.arange(len(rows)))
        save_model(pipeline, tmp_path / "model.skops")
        aside = drawing.pq.read_table(tmp_path / "acceptance.parquet").to_pandas()
        arguments = {"plan": plan.to_dict(), "classes": list(problem.classes)}
        judged = predict_rows(aside, protocol, tmp_path / "model.skops", arguments)
        result = evaluate(judged, body, 0)
        return {measure["metric"]: measure["value"] for measure in result["metrics"]}

    return run


def gate(metric, threshold, direction="at_least"):
    return [{"metric": metric, "direction": direction, "threshold": threshold}]


def test_telco_churn(score):
    found = score(
        "telco_churn.csv",
        "boosting",
        task="binary",
        target="Churn",
        positive_class="Yes",
        left_out=["customerID"],
        split={"method": "stratified", "share": 0.3, "seed": 0},
        gates=gate("roc_auc", 0.8),
    )
    assert found["accuracy"] == pytest.approx(0.786, abs=0.01)
    assert found["roc_auc"] == pytest.approx(0.834, abs=0.01)


def test_spam_messages(score):
    found = score(
        "SMSSpamCollection",
        "words",
        options={"header_row": 0},
        settings={"model__C": 1.0, "prepare__text 0__ngram_range": (1, 1), "prepare__text 0__sublinear_tf": False},
        task="text",
        target="column_1",
        text_column="column_2",
        positive_class="spam",
        split={"method": "stratified", "share": 0.3, "seed": 0},
        gates=gate("roc_auc", 0.9),
    )
    assert found["accuracy"] == pytest.approx(0.966, abs=0.01)
    assert found["roc_auc"] == pytest.approx(0.988, abs=0.01)


def test_rentals_by_the_hour_in_the_order_of_the_file(score):
    found = score(
        "bike_hour.csv",
        "boosting",
        task="regression",
        target="cnt",
        left_out=["casual", "registered", "instant", "dteday"],
        split={"method": "time-ordered", "share": 0.3},
        gates=gate("mae", 60, "at_most"),
    )
    assert found["mae"] == pytest.approx(47.0, rel=0.01)
    assert found["r2"] == pytest.approx(0.898, abs=0.01)
