"""The four real bills add up to their control totals, to the last digit."""

import csv
import json
from collections import Counter
from decimal import Decimal

import pytest

from billing.bills.amounts import EXACT, add
from billing.bills.lines import LINE_COLUMNS
from billing.bills.preview import preview
from billing.bills.reading import read_lines
from billing.bills.work import run
from projects.sandbox import Task

FOCUS = "focus10_sample_1000.csv"
AMOUNTS = {
    "billed": ("BilledCost", "lineItem/UnblendedCost", "Cost", "cost"),
    "effective": ("EffectiveCost",),
    "contracted": ("ContractedCost",),
    "list_cost": ("ListCost", "pricing/publicOnDemandCost"),
}
BILLS = {
    FOCUS: "focus",
    "aws_cur_anonymous_export.csv": "aws-cur",
    "azure_ea_actual_small_ftk.csv": "azure",
    "gcp_mybinder_lineitems_20171213_20180618.csv": "gcp-items",
}


@pytest.fixture(params=BILLS)
def real(request, shared_data):
    """Return (path, control totals, name of the format)."""
    folder = shared_data / "bills"
    controls = json.loads((folder / "control_totals.json").read_text())
    return folder / request.param, controls[request.param], BILLS[request.param]


def test_the_preview_equals_the_control_totals(real):
    path, control, name = real
    found = preview(path)

    assert (found.format, found.rows, found.columns) == (name, control["rows"], control["columns"])
    assert found.currencies == ["USD"]
    for amount, tally in found.tallies["USD"].items():
        for column in AMOUNTS[amount]:
            if column in control["sums"]["USD"]:
                assert tally.total == Decimal(control["sums"]["USD"][column])
                assert tally.negative == control["negative"].get(column, 0)
                assert tally.null == control["null"].get(column, 0)
                assert tally.zero == control["zero"].get(column, 0)
    assert (found.tagged_rows, len(found.tag_keys)) == (control["tagged_rows"], control["tag_keys"])
    for key, rows in control["top_tag_keys"]:
        assert found.tag_keys[key] == rows
    if control["kind"] != "simple":
        categories = {word.casefold(): tuple(both) for word, both in control["categories"].items()}
        mine = {word: (rows, str(total)) for word, (rows, total) in found.categories.items()}
        assert {word: (rows, Decimal(text)) for word, (rows, text) in mine.items()} == {
            word: (rows, Decimal(text)) for word, (rows, text) in categories.items()
        }
        assert found.services == control["services"]


def test_the_lines_add_up_to_the_preview_by_period(real):
    path, control, _ = real
    lines = list(read_lines(path))

    assert [line.row for line in lines] == list(range(1, control["rows"] + 1))
    billed = add(Decimal(0), [line.billed for line in lines if line.billed is not None])
    assert str(billed) == str(preview(path).tallies["USD"]["billed"].total)
    parts = preview(path).slices
    assert sum(part.rows for part in parts) == control["rows"]
    whole = Decimal(0)
    for part in parts:
        whole = EXACT.add(whole, part.sums["billed"])
    assert whole == billed
    assert all(line.period_start and line.usage_start and line.currency == "USD" for line in lines)


def test_equal_rows_are_all_kept(shared_data):
    path = shared_data / "bills" / "gcp_mybinder_lineitems_20171213_20180618.csv"
    lines = list(read_lines(path))
    same = Counter(
        (line.usage_start, line.sub_account, line.service, line.sku, line.description, line.billed) for line in lines
    )
    assert len(lines) == 30_333
    assert sum(same.values()) - len(same) == 9_625


def test_the_focus_sample_is_read_and_its_faults_are_named(shared_data):
    found = preview(shared_data / "bills" / FOCUS)
    faults = {(finding.code, finding.column): finding for finding in found.findings}

    for name in ("BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd"):
        assert (faults["date-format", name].count, faults["date-format", name].first_line) == (1000, 2)
    assert faults["null", "ContractedCost"].count == 7
    assert faults["casing", "ChargeFrequency"].count == 7
    assert faults["casing", "ChargeFrequency"].first_line == 927
    assert ("extra-column", "Id") in faults
    assert [(warning.code, warning.count) for warning in found.warnings] == [("billed-without-effective", 610)]
    assert found.version == "1.0"


def test_the_job_writes_every_line_with_every_digit(real, tmp_path):
    path, control, _ = real
    told = []
    task = Task(
        arguments={"constants": {"bill_id": "b1"}},
        inputs={"bill": path},
        outputs=tmp_path,
        tell=told.append,
    )
    result = json.loads(json.dumps(run(task)))

    with (tmp_path / "lines.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert tuple(rows[0]) == ("bill_id", *LINE_COLUMNS)
    assert len(rows) == control["rows"] == result["rows"]
    billed = [Decimal(row["billed"]) for row in rows]
    assert str(add(Decimal(0), billed)) == result["tallies"]["USD"]["billed"]["total"]
    for row in rows:
        assert abs(int(row["billed_nano"]) - Decimal(row["billed"]) * 10**9) <= Decimal("0.5")
        json.loads(row["tags"])
    assert told[-1]["done"] == 1.0
