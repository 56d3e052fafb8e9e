"""The audit finds what was put there, and says nothing of innocent data."""

import json
import platform
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evaluations.engine.findings import CHECKS, audit_table
from evaluations.engine.findings.rows import count_duplicates, count_overlap
from evaluations.engine.findings.values import SEVERITIES
from evaluations.engine.profile import profile_table
from evaluations.engine.reading import read_table

N = 600


def innocent():
    rng = np.random.default_rng(3)
    x = rng.normal(size=N).round(4)
    z = rng.integers(0, 40, N)
    y = np.where(x + 2 * rng.normal(size=N) > 0, "yes", "no")
    return {"x": x, "z": z, "colour": rng.choice(["red", "blue", "green"], N), "y": y}


@pytest.fixture
def audit(tmp_path):
    """Audit columns, with ``y`` as the target unless said otherwise."""

    def audits(columns, **asked):
        path = tmp_path / "table.parquet"
        pq.write_table(pa.table(columns), path, row_group_size=250)
        return audit_table(path, **({"target": "y"} | asked))

    return audits


def codes(findings):
    return {f["code"] for f in findings}


def one(findings, code):
    found = [f for f in findings if f["code"] == code]
    assert len(found) == 1, codes(findings)
    return found[0]


def test_innocent_table_gives_nothing(audit):
    assert audit(innocent()) == []


def test_duplicates_are_counted_exactly_and_shown(audit):
    table = {k: np.concatenate([v, v[:7], v[:2]]) for k, v in innocent().items()}
    found = one(audit(table), "duplicate_rows")
    assert found["n"] == 9
    assert found["rows"] == list(range(N + 1, N + 10))
    assert found["advice"]


def test_nearly_equal_rows_are_no_duplicates(audit):
    table = {k: np.concatenate([v, v[:5]]) for k, v in innocent().items()}
    table["x"][-5:] += 1e-9
    assert "duplicate_rows" not in codes(audit(table))


def test_missing_cells_are_equal_to_each_other_and_to_nothing_else(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": pa.array([None, None, 0, 1]), "b": pa.array(["x", "x", "x", None])}), path)
    assert count_duplicates(path, ["a", "b"])[0].tolist() == [0, 1]


def test_colliding_hashes_are_verified(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": [1, 2, 1, 3]}), path)
    assert count_duplicates(path, ["a"], hashes=np.zeros(4, np.uint64))[0].tolist() == [0, 2]


def test_contradicting_labels(audit):
    table = {k: np.concatenate([v, v[:4]]) for k, v in innocent().items()}
    table["y"][-4:] = np.where(table["y"][:4] == "yes", "no", "yes")
    assert one(audit(table), "contradicting_labels")["n"] == 8


def test_overlap_between_parts_by_rows_and_by_file(audit, tmp_path):
    table = {k: np.concatenate([v, v[:6]]) for k, v in innocent().items()}
    train, acceptance = list(range(400)), list(range(400, N + 6))
    found = one(audit(table, parts={"train": train, "acceptance": acceptance}), "overlap_between_parts")
    assert (found["n"], found["severity"]) == (6, "critical")
    assert found["rows"] == list(range(N + 1, N + 7))
    whole = tmp_path / "table.parquet"
    other = tmp_path / "other.parquet"
    pq.write_table(pq.read_table(whole).slice(5, 20), other)
    assert count_overlap(whole, whole, other)[0].tolist() == list(range(20))
    assert "overlap_between_parts" not in codes(audit(innocent(), parts={"a": train, "b": range(400, N)}))


def test_groups_torn_between_parts(audit):
    table = innocent() | {"who": np.repeat(np.arange(N // 3), 3)}
    found = one(audit(table, group="who", parts={"a": range(400), "b": range(400, N)}), "groups_in_two_parts")
    assert found["n"] == 1


@pytest.mark.parametrize(
    ("name", "column", "code"),
    [
        ("same", ["a"] * N, "constant_columns"),
        ("rare", ["a"] * (N - 1) + ["b"], "near_constant_columns"),
        ("customer", [f"C-{i:05d}" for i in range(N)], "identifier"),
        ("row", list(range(1, N + 1)), "row_number"),
        ("half", [None if i % 5 else i % 7 for i in range(N)], "mostly_missing"),
        ("some", [None if i % 10 == 0 else i % 7 for i in range(N)], "missing_values"),
        ("mixed", [str(i) if i % 4 else "n/k" for i in range(N)], "mixed_types"),
        ("many", [f"town {i % 150}" for i in range(N)], "high_cardinality"),
        ("label", ["Red", "red ", "blue"] * (N // 3), "label_spellings"),
    ],
)
def test_single_columns(audit, name, column, code):
    found = one(audit(innocent() | {name: pa.array(column)}), code)
    assert found["columns"] == [name]
    assert name in found["message"]


def test_class_spellings_weigh_more(audit):
    table = innocent()
    table["y"] = np.where((table["y"] == "yes") & (table["z"] < 9), "YES", table["y"])
    assert one(audit(table), "label_spellings")["severity"] == "high"


def test_width(audit):
    rng = np.random.default_rng(0)
    table = {f"c{i}": rng.normal(size=40) for i in range(60)} | {"y": rng.choice(["a", "b"], 40)}
    assert one(audit(table), "more_columns_than_rows")["severity"] == "high"


def test_imbalance_and_missing_target(audit):
    table = innocent()
    table["y"] = pa.array(["yes"] * 12 + ["no"] * (N - 22) + [None] * 10)
    findings = audit(table)
    assert one(findings, "imbalance")["n"] == 12
    assert one(findings, "missing_target")["n"] == 10
    table["y"] = ["no"] * N
    assert one(audit(table), "one_class")["severity"] == "critical"


def test_feature_that_is_the_target_leaks(audit):
    table = innocent()
    table["code"] = np.where(table["y"] == "yes", 3, 8)
    found = one(audit(table), "target_leak")
    assert found["columns"] == ["code"]
    assert audit(table)[0]["severity"] == "critical"


def test_parts_of_a_sum_leak(audit):
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 900, N), rng.integers(0, 900, N)
    table = {"a": a, "b": b, "x": rng.normal(size=N), "y": a + b}
    assert one(audit(table), "target_identity")["columns"] == ["a", "b"]
    table = {"a": a, "b": b, "x": rng.normal(size=N), "y": a - b}
    assert one(audit(table), "target_identity")["columns"] == ["a", "b"]
    c = rng.integers(0, 900, N)
    table = {"a": a, "b": b, "c": c, "x": rng.normal(size=N), "y": a + b + c}
    assert set(one(audit(table), "target_identity")["columns"]) == {"a", "b", "c"}


def test_missingness_that_tells_the_target(audit):
    table = innocent()
    rng = np.random.default_rng(5)
    gone = (table["y"] == "yes") & (rng.random(N) < 0.6)
    table["visit"] = pa.array(rng.normal(size=N), mask=gone)
    assert one(audit(table), "predictive_missingness")["columns"] == ["visit"]


@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.parametrize("task", [None, "binary", "multiclass", "regression", "text"])
def test_tiny_tables_do_no_harm(audit, n, task):
    table = {"x": pa.array([None] * n, pa.float64()), "s": [f"é{i}" for i in range(n)], "y": list(range(n))}
    for target in ("y", "s", "x", None):
        audit(table, target=target, task=task)


def test_findings_are_in_order_of_harm_and_hold_plain_values(audit):
    table = {k: np.concatenate([v, v[:7]]) for k, v in innocent().items()} | {"one": [1] * (N + 7)}
    table["leak"] = (table["y"] == "yes").astype(int)
    findings = audit(table)
    order = [SEVERITIES.index(f["severity"]) for f in findings]
    assert order == sorted(order)
    assert all(type(f["n"]) is int and all(type(r) is int for r in f["rows"]) for f in findings)


def test_every_check_has_a_name_and_a_title():
    assert len({c.name for c in CHECKS}) == len(CHECKS)
    assert all(c.title and c.run.__doc__ for c in CHECKS)


@pytest.fixture
def audit_file(shared_data, tmp_path):
    def audits(name, target):
        path = tmp_path / "t.parquet"
        read_table(shared_data / "tables" / name, path, name=name)
        return audit_table(path, target=target)

    return audits


def test_duration_of_bank_is_too_good_to_be_true(audit_file):
    findings = audit_file("bank-additional-full.csv", "y")
    assert one(findings, "too_good_to_be_true")["columns"] == ["duration"]
    assert one(findings, "duplicate_rows")["n"] == 12
    assert not {"target_leak", "target_identity"} & codes(findings)


def test_casual_and_registered_of_bike_hour_are_the_answer(audit_file):
    findings = audit_file("bike_hour.csv", "cnt")
    assert set(one(findings, "target_identity")["columns"]) == {"casual", "registered"}
    assert one(findings, "row_number")["columns"] == ["instant"]
    assert not {"target_leak", "too_good_to_be_true"} & codes(findings)


def test_telco_has_no_leak(audit_file):
    findings = audit_file("telco_churn.csv", "Churn")
    assert codes(findings) == {"identifier"}
    assert one(findings, "identifier")["columns"] == ["customerID"]


def test_sms_repeats_are_counted(audit_file):
    assert one(audit_file("SMSSpamCollection", "column_1"), "duplicate_rows")["n"] == 403


SCARCE = """
import json, resource, sys
from pathlib import Path
from evaluations.engine.findings import audit_table
path, profile = Path(sys.argv[1]), json.loads(Path(sys.argv[3]).read_text())
now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (now + int(sys.argv[2]) * 2**20,) * 2)
print(json.dumps([[f["code"], f["message"], f["n"]] for f in audit_table(path, profile=profile)]))
"""


@pytest.mark.skipif(platform.system() != "Linux", reason="NOT TESTED: memory is limited on Linux only")
@pytest.mark.parametrize(("mebibytes", "scarce"), [(60, True), (400, False)])
def test_a_check_without_enough_memory_says_so_and_spoils_no_other(tmp_path, mebibytes, scarce):
    """Two million copies of a thousand rows: their positions alone were made two million Python objects."""
    path = tmp_path / "table.parquet"
    x = np.tile(np.arange(1_000), 2_000)
    pq.write_table(pa.table({"x": x, "always": np.ones(len(x), np.int64)}), path)
    profile = tmp_path / "profile.json"  # made elsewhere: memory that making it freed would not be scarce
    profile.write_text(json.dumps(profile_table(path)))
    command = [sys.executable, "-c", SCARCE, str(path), str(mebibytes), str(profile)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    found = {code: (message, n) for code, message, n in json.loads(ended.stdout)}
    assert "constant_columns" in found
    if scarce:
        assert "rows that repeat" in found["not_checked"][0]
    else:
        assert found["duplicate_rows"][1] == len(x) - 1_000
