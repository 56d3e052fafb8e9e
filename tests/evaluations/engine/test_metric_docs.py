"""docs/metrics.md says everything that the registry says."""

from pathlib import Path

import pytest

from evaluations.engine.metrics import REGISTRY

PAGE = Path(__file__).resolve().parents[3] / "docs" / "metrics.md"


@pytest.mark.parametrize("row", REGISTRY.values(), ids=lambda row: row.name)
def test_each_metric_is_explained(row):
    page = PAGE.read_text(encoding="utf-8")
    start = page.index(f"### {row.label} (`{row.name}`)")
    section = page[start : page.find("\n### ", start + 1)]
    for words in (row.meaning, row.formula, row.counted, row.undefined_when, row.interval, row.source):
        assert words in section


def test_nothing_else_is_explained():
    page = PAGE.read_text(encoding="utf-8")
    assert page.count("\n### ") == len(REGISTRY)
