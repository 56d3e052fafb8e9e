"""The rows that others predict, as text: nothing in them runs as a formula, and numbers stay as they are."""

import csv
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evaluations.engine.protocols import read_protocol
from evaluations.engine.work import drawing
from projects.sandbox import Task

RISKY = ["=1+1", "+49 30", "-x", "@SUM(A1)", "\tx", "\rx"]


@pytest.fixture
def rows(tmp_path):
    """Draw all rows of a table with hostile words and read the CSV that comes out."""
    count = len(RISKY) * 30
    table = pa.table(
        {
            "=name": [RISKY[i % len(RISKY)] if i % 7 else None for i in range(count)],
            "label": pa.array(["plain words"] * count).dictionary_encode(),
            "amount": [-1.5] * count,
            "exact": [Decimal("-2.50")] * count,
            "left": ["yes", "no"] * (count // 2),
        }
    )
    pq.write_table(table, tmp_path / "table.parquet")
    body = read_protocol(
        {
            "dataset": "0" * 64,
            "task": "binary",
            "target": "left",
            "positive_class": "yes",
            "split": {"share": 0.9},
            "gates": [{"metric": "accuracy", "direction": "at_least", "threshold": 0.5}],
        }
    ).to_dict()
    drawing.run(Task({"protocol": body, "salt": "s"}, {"table": tmp_path / "table.parquet"}, tmp_path, 0))
    with (tmp_path / "features.csv").open(newline="") as text:
        return list(csv.DictReader(text))


def test_words_that_begin_like_a_formula_are_defused(rows):
    assert set(rows[0]) == {"row_id", "'=name", "label", "amount", "exact"}
    assert {row["'=name"] for row in rows} == {f"'{word}" for word in RISKY} | {""}


def test_the_target_is_not_among_them_and_numbers_stay(rows):
    assert {(row["label"], row["amount"], row["exact"]) for row in rows} == {("plain words", "-1.5", "-2.50")}
    assert len({row["row_id"] for row in rows}) == len(rows)
