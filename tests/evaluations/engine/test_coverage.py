"""Do the intervals hold what they claim? A small simulation; the large one is in benchmarks/."""

import numpy as np
import pytest

from evaluations.engine.measuring import measure
from evaluations.engine.metrics import REGISTRY
from tests.evaluations.engine.tables import binary, multiclass, regression

RUNS = 300
MAKERS = {"binary": binary, "multiclass": multiclass, "regression": regression}
MANY = 400_000


@pytest.fixture(scope="module")
def population():
    """The true values, from very many rows."""
    found = {}
    for task, make in MAKERS.items():
        rows = make(MANY, seed=999)
        for row in REGISTRY.values():
            if task in row.tasks:
                found[row.name, task] = row.method.value(rows)
    return found


CASES = [(row.name, task) for row in REGISTRY.values() for task in sorted(row.tasks)]


@pytest.mark.parametrize(("name", "task"), CASES)
def test_each_end_holds_about_as_often_as_it_claims(name, task, population):
    truth = population[name, task]
    runs = [measure(REGISTRY[name], MAKERS[task](150, seed=s), 0.95, s) for s in range(RUNS)]
    low = np.mean([run.bounds.low <= truth for run in runs])
    high = np.mean([run.bounds.high >= truth for run in runs])
    # 300 runs wobble by 1.3 points, and long tails (percentage errors) cost another 1.5 at this size
    assert low >= 0.895
    assert high >= 0.895
