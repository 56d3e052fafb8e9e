"""The registry names its methods; each name leads to one, and says of it what is true."""

import pytest

from evaluations.engine.methods import Method
from evaluations.engine.metrics import REGISTRY


@pytest.mark.parametrize("row", REGISTRY.values(), ids=lambda row: row.name)
def test_each_row_leads_to_its_method(row):
    assert isinstance(row.method, Method)
    assert row.method is row.method
    assert row.limits == row.method.limits
