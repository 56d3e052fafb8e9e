"""The profile's figures equal those of pandas and NumPy."""

import datetime as dt
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluations.engine import profile as module
from evaluations.engine.profile import profile_column, profile_table


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    n = 5_000
    return pa.table(
        {
            "i": rng.integers(-50, 50, n),
            "f": pa.array(rng.lognormal(size=n), mask=rng.random(n) < 0.1),
            "g": rng.normal(size=n),
            "t": pa.array(rng.choice(["red", "blue", "ünï"], n), mask=rng.random(n) < 0.2),
            "b": pa.array(rng.random(n) < 0.3),
            "d": pa.array([dt.date(2024, 1, 1) + dt.timedelta(int(k)) for k in rng.integers(0, 300, n)]),
            "empty": pa.array([None] * n, pa.float64()),
        }
    )


@pytest.fixture
def profile(table, tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(table, path, row_group_size=1_234)
    found = profile_table(path)
    json.dumps(found, allow_nan=False)
    return found


def column(profile, name):
    return next(c for c in profile["columns"] if c["name"] == name)


@pytest.mark.parametrize("name", ["i", "f", "g"])
def test_numbers_equal_pandas(profile, table, name):
    want = table.column(name).to_pandas().dropna()
    got = column(profile, name)
    assert got["n"] == len(want)
    assert got["missing"] == 5_000 - len(want)
    assert got["distinct"] == want.nunique()
    assert got["mean"] == pytest.approx(want.mean())
    assert got["sd"] == pytest.approx(want.std())
    assert (got["min"], got["max"]) == (want.min(), want.max())
    for q, value in got["quantiles"].items():
        assert value == pytest.approx(want.quantile(float(q)))
    assert sum(got["histogram"]["counts"]) == got["n"]
    assert len(got["histogram"]["edges"]) == len(got["histogram"]["counts"]) + 1


def test_histogram_equals_numpy(profile, table):
    want, edges = np.histogram(table.column("g").to_numpy(), bins=24)
    assert column(profile, "g")["histogram"]["counts"] == want.tolist()
    assert column(profile, "g")["histogram"]["edges"] == pytest.approx(edges.tolist())


def test_frequent_values(profile, table):
    want = table.column("i").to_pandas().value_counts()
    assert [row["n"] for row in column(profile, "i")["top"]] == want.head(10).tolist()
    words = table.column("t").to_pandas().value_counts()
    assert {r["value"]: r["n"] for r in column(profile, "t")["top"]} == words.to_dict()
    assert column(profile, "g")["top"] == []


def test_text_lengths(profile, table):
    want = table.column("t").to_pandas().dropna().str.len()
    length = column(profile, "t")["length"]
    assert (length["min"], length["max"]) == (want.min(), want.max())
    assert length["mean"] == pytest.approx(want.mean())


def test_other_types(profile, table):
    assert column(profile, "b")["mean"] == pytest.approx(table.column("b").to_pandas().mean())
    assert column(profile, "d")["min"] == str(min(table.column("d").to_pylist()))
    assert column(profile, "empty") == {
        "name": "empty", "type": "number", "n": 0, "missing": 5_000, "missing_share": 1.0, "distinct": 0,
    }  # fmt: skip


def test_correlation_is_pairwise_complete(profile, table):
    names = ["i", "f", "g", "b", "empty"]
    assert profile["correlation"]["columns"] == names
    want = table.select(["i", "f", "g", "b"]).to_pandas().astype(float).corr()
    for a in ("i", "f", "g", "b"):
        for b in ("i", "f", "g", "b"):
            got = profile["correlation"]["values"][names.index(a)][names.index(b)]
            assert got == pytest.approx(want.loc[a, b], abs=2e-6)
    assert profile["correlation"]["values"][0][4] is None
    assert profile["correlation"]["n"][0][1] == column(profile, "f")["n"]


def test_wide_table_stays_bounded(tmp_path):
    path = tmp_path / "wide.parquet"
    pq.write_table(pa.table({f"c{i}": [1.5, 2.5, i] for i in range(5_000)}), path)
    found = profile_table(path)
    assert len(found["columns"]) == 5_000
    assert len(found["correlation"]["columns"]) == 40
    assert len(json.dumps(found)) < 5_000_000


def test_very_long_table_is_read_in_part_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "ROWS_AT_MOST", 1_000)
    path = tmp_path / "long.parquet"
    pq.write_table(pa.table({"a": list(range(5_000))}), path, row_group_size=100)
    found = profile_table(path)
    assert (found["rows"], found["rows_read"]) == (5_000, 1_000)
    assert found["columns"][0]["n"] == 1_000
    assert found["columns"][0]["max"] == 4_999


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(st.none() | st.floats(-1e12, 1e12) | st.integers(-5, 5).map(float), min_size=1, max_size=40))
def test_any_numbers(cells):
    got = profile_column("x", pa.chunked_array([pa.array(cells, pa.float64())]))
    want = pd.Series(cells, dtype=float).dropna()
    assert (got["n"], got["distinct"]) == (len(want), want.nunique())
    if len(want):
        assert sum(got["histogram"]["counts"]) == len(want)
        assert got["quantiles"]["0.5"] == pytest.approx(want.median(), rel=1e-9, abs=1e-9)
    json.dumps(got, allow_nan=False)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.none() | st.text(max_size=8), min_size=1, max_size=30), st.integers(1, 29))
def test_any_text_in_any_chunks(cells, cut):
    chunks = [pa.array(part, pa.string()).dictionary_encode() for part in (cells[:cut], cells[cut:])]
    got = profile_column("x", pa.chunked_array(chunks))
    want = pd.Series([c for c in cells if c is not None], dtype=object)
    assert (got["n"], got["distinct"]) == (len(want), want.nunique())
    if len(want):
        assert got["top"][0]["n"] == want.value_counts().iloc[0]
        assert got["length"]["max"] == max(map(len, want))
