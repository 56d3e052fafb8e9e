"""The same bills, rules, budgets and figures by API and command."""

import csv
import io
import json
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command

from billing.models import BillImport, Charge, ComputeEntry
from projects.services.tokens import create_token
from tests.factories import billing as make

pytestmark = pytest.mark.django_db

API = "/api/v1"


@pytest.fixture
def call(client, actor):
    """Send JSON with Alice's token."""
    _, token = create_token(name="test", scopes=["read", "write"], days=9, by=actor)
    headers = {"Authorization": f"Bearer {token}"}

    def send(method, path, body=None, status=200, kind="application/json"):
        content = json.dumps(body) if kind == "application/json" and body is not None else body
        more = {} if method == "get" else {"data": content or b"", "content_type": kind}
        answer = getattr(client, method)(f"{API}{path}", headers=headers, **more)
        assert answer.status_code == status, answer.content
        return answer

    return send


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("focus10_sample_1000.csv", ""),
        ("aws_cur_anonymous_export.csv", ""),
        ("azure_ea_actual_small_ftk.csv", ""),
        ("gcp_mybinder_lineitems_20171213_20180618.csv", "&currency=USD"),
    ],
)
@pytest.mark.parametrize("door", ["api", "command"])
def test_real_totals_by_api_and_command(call, workspace, shared_data, name, query, door):
    path = shared_data / "bills" / name
    totals = json.loads((shared_data / "bills" / "control_totals.json").read_text())[name]
    if door == "api":
        made = call("post", f"/bill-imports/?name={name}{query}", path.read_bytes(), 201, "application/octet-stream")
        source = BillImport.objects.get(pk=made.json()["id"])
        make.work_off(source.job)
        call("post", f"/bill-imports/{source.pk}/commit/", {})
        source.refresh_from_db()
        make.work_off(source.job)
        assert call("get", f"/bill-imports/{source.pk}/").json()["state"] == "committed"
    else:
        out = io.StringIO()
        call_command("import_bill", str(path), currency="USD" if query else "", commit=True, stdout=out)
        assert f"{totals['rows']} lines" in out.getvalue()
        call_command("import_bill", str(path), currency="USD" if query else "", commit=True, stdout=out)
        assert "nothing new" in out.getvalue()
    total = next(iter(totals["sums"]["USD"].values()))
    stored = Charge.objects.exclude(billed=None).values_list("billed", flat=True)
    assert (Charge.objects.count(), sum(map(Decimal, stored))) == (totals["rows"], Decimal(total))


def test_the_command_says_what_is_wrong(workspace, tmp_path):
    with pytest.raises(CommandError, match="There is no file"):
        call_command("import_bill", str(tmp_path / "none.csv"))
    (tmp_path / "no.csv").write_text("a,b\n1,2\n")
    with pytest.raises(CommandError, match="Map its columns"):
        call_command("import_bill", str(tmp_path / "no.csv"), stdout=io.StringIO())


def test_spend_rules_and_costs(call, october, engagement, milestone):
    found = call("get", "/spend/?by=service").json()
    assert (found["gross"], found["credits"], found["net"]) == ("3.000000000", "-0.250000000", "2.750000000")
    assert found["groups"][0]["name"] == "Compute Engine"
    conditions = [{"field": "tag", "key": "client", "word": "equals", "value": "ACME"}]
    preview = call("post", "/spend-rules/preview/", {"conditions": conditions}).json()
    assert (preview["matched_rows"], preview["moved_rows"]) == (2, 2)
    parts = [
        {"engagement": str(engagement.pk), "percent": "33.33"},
        {"milestone": str(milestone.pk), "percent": "66.67"},
    ]
    wrong = {"name": "Acme", "conditions": conditions, "parts": parts[:1]}
    assert call("post", "/spend-rules/", wrong, 400).json()["code"] == "bad-rule"
    rule = call("post", "/spend-rules/", {"name": "Acme", "conditions": conditions, "parts": parts}, 201).json()
    found = call("get", "/spend/?by=engagement").json()
    assert [group["name"] for group in found["groups"]] == ["Unallocated", "Churn model"]
    assert found["unallocated"] == "-0.250000000"
    assert call("get", f"/spend/costs/?milestone={milestone.pk}").json()["costs"][0]["cloud"] == "2.000100000"
    assert call("get", f"/spend/costs/?engagement={engagement.pk}").json()["costs"][0]["cloud"] == "3.000000000"
    assert call("get", f"/spend/lines/?engagement={engagement.pk}").json()["count"] == 2
    assert call("get", "/spend/lines/?tag:client=acme").json()["count"] == 2
    assert call("get", "/spend/?nonsense=1", status=400).json()["code"] == "unknown-parameter"
    call("post", f"/spend-rules/{rule['id']}/move/", {"steps": 1})
    call("patch", f"/spend-rules/{rule['id']}/", {"name": "Acme only"})
    call("delete", f"/spend-rules/{rule['id']}/", status=204)
    assert call("get", "/spend/lines/?engagement=unallocated").json()["count"] == 3


@pytest.mark.parametrize("change", [{"conditions": [{}]}, {"conditions": [{"field": "service"}]}, {"parts": [{}]}])
def test_a_change_of_a_rule_wants_its_items_whole(call, actor, change):
    rule = make.make_rule(actor, name="Acme")
    refused = call("patch", f"/spend-rules/{rule.pk}/", change, 400).json()
    assert {error["code"] for error in refused["errors"]} == {"required"}


def test_lines_are_exported_whole_and_disarmed(call, actor, tmp_path):
    line = make.focus_line("0.1234567890123456789", service="=HYPERLINK(1)")
    make.store(actor, make.focus_bill(*[line] * 501), tmp_path=tmp_path)
    for form, column in (("csv", "billed"), ("focus", "BilledCost")):
        answer = call("get", f"/spend/export/?form={form}")
        rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))
        assert len(rows) == 501
        assert {row[column] for row in rows} == {"0.1234567890123456789"}
        assert {row["service" if form == "csv" else "ServiceName"] for row in rows} == {"'=HYPERLINK(1)"}


def test_budgets_rates_and_machine_time(call, october, engagement, milestone):
    conditions = [{"field": "service", "word": "equals", "value": "compute engine"}]
    parts = [{"engagement": str(engagement.pk), "percent": "100"}]
    call("post", "/spend-rules/", {"name": "All", "conditions": conditions, "parts": parts}, 201)
    body = {"engagement": str(engagement.pk), "amount_minor": 500, "currency": "USD"}
    budget = call("post", "/budgets/", body, 201).json()
    assert (budget["actual"], budget["expected"]) == ("3.000000000", None)
    alerts = call("get", "/budget-alerts/").json()["results"]
    assert [(alert["basis"], alert["threshold"]) for alert in alerts] == [("actual", 50)]
    assert call("post", "/budgets/", body, 409).json()["code"] == "bad-budget"
    call("patch", f"/budgets/{budget['id']}/", {"amount_minor": 300})
    assert {alert["threshold"] for alert in call("get", "/budget-alerts/").json()["results"]} == {50, 80, 100}
    rate = {"kind": "cpu-hour", "price": "0.36", "currency": "EUR", "valid_from": "2026-01-01"}
    call("post", "/rates/", rate, 201)
    assert call("post", "/rates/", rate, 409).json()["code"] == "overlapping-rates"
    time = {"title": "x", "started_at": "2026-10-05T09:00:00Z", "ended_at": "2026-10-05T10:00:00Z", "cpu_ms": 3600000}
    entry = call("post", "/compute-entries/", time | {"milestone": str(milestone.pk)}, 201).json()
    assert entry["cost"] == "0.360000000"
    fixed = call("post", f"/compute-entries/{entry['id']}/correct/", {"cpu_ms": 1800000}).json()
    assert (fixed["cost"], fixed["milestone"]) == ("0.180000000", str(milestone.pk))
    assert ComputeEntry.objects.filter(source__startswith="hand:").count() == 1
    assert ComputeEntry.objects.filter(source__startswith="job:").count() == 2, "the bill's own two jobs"


def test_a_booking_of_thousands_of_years_is_refused_at_once(call):
    time = {"title": "x", "machine_ms": 3600000, "ended_at": "9999-12-30T10:00:00Z"}
    refused = call("post", "/compute-entries/", time | {"started_at": "0002-01-01T10:00:00Z"}, 409).json()
    assert (refused["code"], "at most a year" in refused["detail"]) == ("bad-usage", True)


def test_nothing_of_another_workspace_can_be_named(call, stranger, october):
    from tests.factories import projects as ground

    theirs = ground.make_engagement(workspace=stranger.workspace)
    body = {"engagement": str(theirs.pk), "amount_minor": 500, "currency": "USD"}
    call("post", "/budgets/", body, 400)
    parts = [{"engagement": str(theirs.pk), "percent": "100"}]
    call("post", "/spend-rules/", {"name": "x", "conditions": [], "parts": parts}, 400)
    call("get", f"/spend/costs/?engagement={theirs.pk}", status=400)
    time = {"title": "x", "started_at": "2026-10-05T09:00:00Z", "ended_at": "2026-10-05T10:00:00Z"}
    call("post", "/compute-entries/", time | {"engagement": str(theirs.pk)}, 400)
    source = make.make_rule(stranger, name="Theirs")
    call("get", f"/spend-rules/{source.pk}/", status=404)
    call("delete", f"/spend-rules/{source.pk}/", status=404)
    call("get", f"/spend/lines/?engagement={theirs.pk}")


def test_spend_is_narrowed_to_a_resource_and_a_sku_down_to_the_line(call, actor, tmp_path):
    bill = make.focus_bill(
        make.focus_line("1.5", resource="vm-1"),
        make.focus_line("2", resource="vm-2", day="2026-10-07"),
        make.focus_line("-0.5", resource="vm-1", category="Credit"),
    )
    header, *lines = bill.splitlines()
    skus = "\n".join([f"{header},SkuId", *(f"{line},{sku}" for line, sku in zip(lines, "abb", strict=True)), ""])
    make.store(actor, skus, tmp_path=tmp_path)
    found = call("get", "/spend/?resource=vm-1").json()
    assert (found["net"], found["credits"], found["rows"]) == ("1.000000000", "-0.500000000", 2)
    assert found["months"] == ["2026-10-01"]
    assert call("get", "/spend/?sku=b&by=engagement").json()["unallocated"] == "1.500000000"
    lines = call("get", "/spend/lines/?resource=vm-1&sku=b").json()
    assert [(line["row"], line["sku"]) for line in lines["results"]] == [(3, "b")]
    assert lines["count"] == 1
    assert b"".join(call("get", "/spend/export/?sku=a").streaming_content).count(b"\r\n") == 2
    assert call("get", "/spend/?resource=nothing").json()["rows"] == 0

    euros = make.focus_bill(make.focus_line("7", resource="pod-9", currency="EUR", account="acc-2"))
    make.store(actor, euros, name="euros.csv", tmp_path=tmp_path)
    found = call("get", "/spend/?resource=pod-9").json()  # most lines are in dollars
    assert (found["currency"], found["net"]) == ("EUR", "7.000000000")
