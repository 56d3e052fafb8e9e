"""A freelancer who has a token and no browser: from a client to an agreed scope, and from a bill to who bears it.

Every step is a request of the API, as a program in CI sends it; only the client, who has a link, uses pages.
"""

import csv
import io
import json
from datetime import timedelta
from decimal import Decimal
from urllib.parse import urlencode

import pytest
from django.test import Client as Browser
from django.utils import timezone

from billing.api.bills import DifferenceSerializer
from projects.models import Job, Mail
from projects.services.tokens import create_token
from tests.api.conftest import Program
from tests.conftest import SHARED
from tests.factories import billing as make
from tests.factories.jobs import work_off

pytestmark = pytest.mark.django_db

REAL = (
    "focus10_sample_1000.csv",
    "aws_cur_anonymous_export.csv",
    "azure_ea_actual_small_ftk.csv",
    "gcp_mybinder_lineitems_20171213_20180618.csv",
)
COSTS = {"BilledCost": "billed", "EffectiveCost": "effective", "ListCost": "list_cost", "ContractedCost": "contracted"}
COSTS |= {"lineItem/UnblendedCost": "billed", "pricing/publicOnDemandCost": "list_cost", "Cost": "billed"}
COSTS |= {"cost": "billed"}
DAYS = [timezone.now().date() - timedelta(days=days) for days in range(40)]


class Freelancer:
    """A program that expects to be served, unless it says with which code it expects to be refused."""

    def __init__(self, actor):
        token = create_token(name="ci", scopes=["read", "write"], days=9, by=actor)[1]
        self.program = Program(token)

    def __call__(self, method, address, data=None, refused=None):
        answer = self.program.send(method, address, data)
        found = answer.json() if answer.content else None
        if refused:
            assert (400 <= answer.status_code < 500, found["code"]) == (True, refused), found
        else:
            assert answer.status_code < 300, (address, found)
        return found

    def rows(self, address, **query):
        return self("get", f"{address}?{urlencode(query)}")["results"]

    def raw(self, address):
        answer = self.program.get(address)
        assert answer.status_code == 200, answer.content
        return answer.getvalue()

    def upload(self, name, content, **wishes):
        """Send a bill's bytes, and wait until they are read."""
        address = f"/api/v1/bill-imports/?{urlencode({'name': name, **wishes})}"
        headers = {"Authorization": f"Bearer {self.program.token}"}
        sent = Browser().post(address, content, content_type="application/octet-stream", headers=headers)
        assert sent.status_code == 201, sent.content
        self.wait(sent.json()["job"])
        return self("get", f"bill-imports/{sent.json()['id']}/")

    def commit(self, bill):
        done = self("post", f"bill-imports/{bill['id']}/commit/", {})
        if done["state"] == "committing":
            self.wait(done["job"])
        return self("get", f"bill-imports/{bill['id']}/")

    def wait(self, job):
        for queued in Job.objects.filter(state="queued").order_by("created_at"):
            work_off(queued)
        found = self("get", f"jobs/{job}/")
        assert found["state"] == "done", found["error_message"]


class Client:
    """Carla, who has a link."""

    def __init__(self, address):
        self.phone = Browser()
        self.room = self.phone.post(address[address.index("/s/") :]).headers["Location"]
        self.page = self.phone.get(self.room).content.decode()

    def say(self, what, **fields):
        sent = {"name": "Carla", "email": "carla@acme.example", **fields}
        answer = self.phone.post(f"{self.room}{what}/", sent)
        assert answer.status_code == 302, answer.content.decode()


@pytest.fixture
def alice_ci(actor):
    return Freelancer(actor)


@pytest.fixture
def engagement(alice_ci):
    client = alice_ci("post", "clients/", {"name": "Acme"})["id"]
    return alice_ci("post", "engagements/", {"client": client, "title": "Churn model", "currency": "USD"})["id"]


def filled(value):
    """Put a word where a starting point leaves a blank."""
    if isinstance(value, dict):
        return {key: filled(one) for key, one in value.items()}
    if isinstance(value, list):
        return [filled(one) for one in value]
    return value.replace("[", "agreed ").replace("]", "") if isinstance(value, str) else value


def agree(ci, engagement):
    """Write, send and sign a scope."""
    starter = ci("get", "scopes/starters/")[0]["key"]
    scope = ci("post", "scopes/", {"engagement": engagement, "starter": starter})
    at, document = f"scopes/{scope['id']}/", scope["document"]
    missing = ci("get", f"{at}check/")["missing"]
    assert {"section": "milestones", "part": "due_on"}.items() <= next(
        gap.items() for gap in missing if gap["part"] == "due_on"
    )
    ci("post", f"{at}send/", {"name": "Carla"}, refused="scope-incomplete")
    ci("patch", at, {"paper": {}}, refused="invalid-input")
    bad = ci("patch", at, {"document": {"milestones": [{"id": "m", "due_on": "1.2.27"}]}}, refused="bad-scope")
    assert bad["errors"][0]["field"] == "milestones[0].due_on"
    assert ci("get", at)["document"] == document

    document = filled(document)
    days = [f"2099-0{month}-15" for month in range(1, 9)]
    for milestone, day in zip(document["milestones"], days, strict=False):
        milestone |= {"due_on": day, "amount_minor": 250_000}
    ci("patch", at, {"document": document})
    first, *others = document["in_scope"]
    moved = [*others, first, {"id": "webshop", "text": "The orders of the webshop"}]
    changed = ci("patch", at, {"document": {"in_scope": moved}})["document"]
    assert changed == document | {"in_scope": moved}
    ci("patch", at, {"document": {"currency": "EUR"}}, refused="bad-scope")
    ci("patch", at, {"document": {"title": "A mistake"}})
    assert ci("post", f"{at}undo/")["document"] == changed

    work = [
        {"title": "Audit", "low": "8", "likely": "12", "high": "30"},
        {"title": "Model", "low": "20", "likely": "35.5", "high": "80"},
        {"title": "Backwards", "low": "9", "likely": "5", "high": "1"},
    ]
    kept = ci("patch", at, {"work": work, "rate_minor": 9_500})["work"]
    assert len({item["id"] for item in kept} - {""}) == 3
    assert "not in this order" in ci("get", f"{at}check/")["missing"][0]["text"]
    ci("patch", at, {"work": kept[:2]})
    check = ci("get", f"{at}check/")
    price = 250_000 * len(document["milestones"])
    assert (check["missing"], check["price_minor"]) == ([], price)
    assert sum(part["amount_minor"] for part in check["payment_plan"]) == price
    hours = {name: Decimal(value) for name, value in check["estimate"]["hours"].items()}
    assert Decimal("47.5") == Decimal(check["estimate"]["sum_likely"]) < hours["p50"] < hours["p80"] < hours["p95"]
    assert check["estimate"]["price_minor"] == [int(value * 9_500) for value in hours.values()]

    address = ci("post", f"{at}send/", {"name": "Carla", "email": "carla@acme.example"})["address"]
    carla = Client(address)
    assert "The orders of the webshop" in carla.page
    carla.say("comments", text="Are returns in?")
    ci("post", "comments/", {"purpose": "scope", "subject_id": scope["id"], "text": "They are not."})
    assert [row["by_client"] for row in ci.rows("comments/", subject=scope["id"], ordering="created_at")] == [
        True,
        False,
    ]
    ci("post", f"{at}countersign/", {"name": "Alice"}, refused="scope-not-signed")
    carla.say("answer", answer="signed", agreed="on")
    assert ci.rows("decisions/", subject=scope["id"])[0]["answer"] == "signed"
    (link,) = ci.rows("share-links/", subject=scope["id"])
    assert len(link["views"]) == 1
    signed = ci("post", f"{at}countersign/", {"name": "Alice"})
    assert signed["status"] == "signed"
    for form, start in (("pdf", b"%PDF"), ("md", b"#"), ("json", b"{")):
        assert ci.raw(f"{at}files/{form}/").startswith(start)
    return signed


def change(ci, engagement, wish, **terms):
    made = ci("post", "change-orders/", {"engagement": engagement, "wish": wish, "asked_by": "Carla"})
    terms = {"what": wish, "why": "Not agreed", "expires_on": "2099-12-31", **terms}
    ci("post", f"change-orders/{made['id']}/price/", terms)
    return f"change-orders/{made['id']}/"


def test_a_scope_from_the_client_to_the_paid_milestone(alice_ci, engagement):
    ci = alice_ci
    scope = agree(ci, engagement)
    milestones = ci.rows("milestones/", engagement=engagement)
    assert set(scope["links"].values()) == {row["id"] for row in milestones}
    ledger = ci("get", f"engagements/{engagement}/ledger/")
    price = 250_000 * len(milestones)
    assert (ledger["original"], ledger["pending"], ledger["is_signed"]) == (price, 0, True)

    at = change(ci, engagement, "The returns", days=5, lines=[
        {"text": "Returns", "amount_minor": 90_000},
        {"text": "Less audit", "amount_minor": -20_000, "milestone": "nowhere"},
    ])  # fmt: skip
    assert "Use the id of one" in ci("get", f"{at}check/")["missing"][0]
    first = next(iter(scope["links"]))
    lines = [{"text": "Returns", "amount_minor": 90_000}, {"text": "Less", "amount_minor": -20_000, "milestone": first}]
    wrong = {
        "what": "x",
        "why": "y",
        "lines": [{"text": "Returns", "amount_minor": "900.00"}],
        "expires_on": "2099-1-1",
    }
    refused = ci("post", f"{at}price/", wrong, refused="invalid-input")
    assert refused["errors"][0]["field"] == "lines.0.amount_minor"
    ci("post", f"{at}price/", {"what": "x", "why": "y", "lines": lines, "days": 5, "expires_on": "2099-12-31"})
    check = ci("get", f"{at}check/")
    assert check["after"]["price_minor"] - check["before"]["price_minor"] == 70_000
    carla = Client(ci("post", f"{at}send/", {"name": "Carla"})["address"])
    assert ci("get", f"engagements/{engagement}/ledger/")["pending"] == 70_000
    carla.say("answer", answer="approved", agreed="on")
    assert (ci("get", at)["state"], ci("get", at)["agreed_minor"]) == ("approved", 70_000)
    assert ci.raw(f"{at}files/pdf/").startswith(b"%PDF")
    ledger = ci("get", f"engagements/{engagement}/ledger/")
    assert (ledger["changes"], ledger["revised"], ledger["pending"]) == (70_000, price + 70_000, 0)
    (second,) = ci.rows("scopes/", engagement=engagement, status="signed")
    changes = ci("get", f"scopes/{second['id']}/changes/")
    assert (changes["before"], changes["after"]) == (1, 2)
    assert {item["kind"] for item in changes["items"]} == {"added", "changed"}

    dashboard = [{"text": "Dashboard", "amount_minor": 50_000}]
    declined, withdrawn = (change(ci, engagement, wish, lines=dashboard) for wish in ("A dashboard", "Another"))
    Client(ci("post", f"{declined}send/", {})["address"]).say(
        "answer", answer="declined", agreed="on", message="Too much."
    )
    ci("post", f"{withdrawn}withdraw/", {"reason": "Not needed."})
    assert [ci("get", one)["status"] for one in (declined, withdrawn)] == ["declined", "withdrawn"]
    assert ci("get", f"engagements/{engagement}/ledger/") == ledger

    done = milestones[0]["id"]
    for to in ("in_progress", "submitted", "accepted"):
        ci("post", f"milestones/{done}/status/", {"to": to, "reason": "By phone."})
    refused = ci("post", f"milestones/{done}/status/", {"to": "invoiced"}, refused="invalid-input")
    assert "Choose one of: planned" in refused["errors"][0]["detail"]
    assert ci("post", f"milestones/{done}/invoice/", {"number": "2026-7"})["status"] == "invoiced"
    assert ci("get", f"engagements/{engagement}/ledger/")["invoiced"] == 230_000
    ci("post", f"milestones/{done}/status/", {"to": "paid"})
    assert ci("get", f"engagements/{engagement}/ledger/")["paid"] == 230_000


def recent_bill():
    """A bill of the last forty days in the forms that the suite has, with a credit."""
    lines = [
        make.focus_line(
            "-2" if number == 3 else "1.5",
            day=day.isoformat(),
            category="Credit" if number == 3 else "Usage",
            tags='{"client":"acme"}' if number % 2 else "",
            month=day.replace(day=1).isoformat(),
            until=(day.replace(day=1) + timedelta(days=32)).replace(day=1).isoformat(),
        )
        for number, day in enumerate(DAYS)
    ]
    return make.focus_bill(*lines).encode()


def test_spend_from_the_bill_to_who_bears_it(alice_ci, engagement):
    ci = alice_ci
    bill = ci.upload("recent.csv", recent_bill())
    assert (bill["state"], bill["preview"]["rows"], bill["preview"]["tallies"]["USD"]["billed"]["total"]) == (
        "ready", 40, "56.5"
    )  # fmt: skip
    assert {part["state"] for part in bill["difference"]} == {"new"}
    assert ci.raw(f"bill-imports/{bill['id']}/file/") == recent_bill()
    assert ci.commit(bill)["state"] == "committed"
    again = ci.upload("recent.csv", recent_bill())
    assert {part["state"] for part in again["difference"]} == {"same"}
    assert set(again["difference"][0]) == set(DifferenceSerializer().fields), "the schema names all that is answered"
    assert ci.commit(again)["state"] == "unchanged"

    months = f"from={DAYS[-1]:%Y-%m}&to={DAYS[0]:%Y-%m}"
    whole = ci("get", f"spend/?{months}")
    assert [Decimal(whole[name]) for name in ("gross", "credits", "net")] == [Decimal("58.5"), -2, Decimal("56.5")]
    acme = [{"field": "tag", "key": "client", "word": "equals", "value": "acme"}]
    rest = [{"field": "service", "word": "contains", "value": "compute"}]
    assert ci("post", "spend-rules/preview/", {"conditions": acme})["moved_rows"] == 20
    ci("post", "spend-rules/preview/", {"conditions": [{"field": "tag", "word": "from"}]}, refused="bad-rule")
    parts = [{"engagement": engagement, "percent": "100"}]
    mine = ci("post", "spend-rules/", {"name": "Acme", "conditions": acme, "parts": parts})
    assert mine["allocating"] is None
    assert ci("post", "spend-rules/preview/", {"conditions": rest})["moved_rows"] == 20
    client = ci("get", f"engagements/{engagement}/")["client"]
    other = ci("post", "engagements/", {"client": client, "title": "Forecasts", "currency": "USD"})["id"]
    shares = [{"engagement": engagement, "percent": "33.33"}, {"engagement": other, "percent": "66.67"}]
    ci("post", "spend-rules/", {"name": "Rest", "conditions": rest, "parts": shares})
    found = ci("get", f"spend/?by=engagement&{months}")
    nets = {group["key"]: Decimal(group["net"]) for group in found["groups"]}
    assert found["rows"] == 40
    assert (sum(nets.values()), set(nets)) == (Decimal("56.5"), {engagement, other})
    assert Decimal(found["groups"][0]["credits"]) == -2
    assert ci("get", f"spend/costs/?engagement={engagement}")["costs"][0]["cloud"] == f"{nets[engagement]:f}"

    lines = ci("get", f"spend/lines/?engagement={other}")
    assert lines["count"] == 20
    line = lines["results"][0]
    reasons = ci("get", f"spend/reasons/?source={line['source']}&row={line['row']}")
    assert [reason["matched"] for reason in reasons] == [False, True]
    assert reasons[1]["rule"] == line["rule"]
    for form, column in (("csv", "billed"), ("focus", "BilledCost")):
        rows = list(csv.DictReader(io.StringIO(ci.raw(f"spend/export/?form={form}").decode())))
        assert (len(rows), sum(Decimal(row[column]) for row in rows)) == (40, Decimal("56.5"))
    for query in ("by=rule", "from=2024", "engagement=acme", "currency=XXX", "basis=cash"):
        assert ci("get", f"spend/?{query}", refused="invalid-input")["errors"][0]["field"] == query.split("=")[0]

    ci(
        "post",
        "budgets/",
        {"engagement": engagement, "amount_minor": "30.00", "currency": "USD"},
        refused="invalid-input",
    )
    budget = ci("post", "budgets/", {"engagement": engagement, "amount_minor": 3_000, "currency": "USD"})
    assert Decimal(budget["actual"]) == nets[engagement]
    assert Decimal(budget["left"]) == 30 - nets[engagement]
    told = {(alert["basis"], alert["threshold"]) for alert in ci.rows("budget-alerts/", budget=budget["id"])}
    assert {("actual", 50), ("actual", 80), ("actual", 100)} == told
    (letter,) = Mail.objects.filter(to="alice@example.com")
    assert letter.subject == "100 % of the budget of “Churn model” is reached"
    forecast = ci("get", "spend/forecast/")
    assert (forecast["currency"], forecast["through"]) == ("USD", DAYS[0].isoformat())
    assert Decimal(forecast["low"]) <= Decimal(forecast["expected"]) <= Decimal(forecast["high"])


@pytest.mark.skipif(not (SHARED / "bills").is_dir(), reason="the real bills beside the project are not here")
def test_real_bills_to_the_last_digit(alice_ci, engagement):
    ci, totals = alice_ci, json.loads((SHARED / "bills" / "control_totals.json").read_text())
    for name in REAL:
        bill = ci.upload(name, (SHARED / "bills" / name).read_bytes())
        wanted = {
            COSTS[column]: Decimal(total) for column, total in totals[name]["sums"]["USD"].items() if column in COSTS
        }
        tallies = {amount: Decimal(tally["total"]) for amount, tally in bill["preview"]["tallies"]["USD"].items()}
        assert (name, bill["preview"]["rows"]) == (name, totals[name]["rows"])
        assert wanted.items() <= tallies.items()
        assert ci.commit(bill)["state"] == "committed"
    stored = ci.rows("bills/", page_size=200)
    billed = sum(Decimal(row["sums"]["billed"]) for row in stored)
    assert billed == sum(Decimal(next(iter(totals[name]["sums"]["USD"].values()))) for name in REAL)
    whole = ci("get", "spend/?by=provider&from=2017-01&to=2026-12")
    assert whole["rows"] == sum(totals[name]["rows"] for name in REAL)
    assert abs(Decimal(whole["net"]) - billed) < Decimal("0.0001"), "each line is rounded to nine places"

    google = [{"field": "provider", "word": "equals", "value": "google cloud"}]
    parts = [{"engagement": engagement, "percent": "33.33"}, {"percent": "66.67"}]
    rule = ci("post", "spend-rules/", {"name": "Google", "conditions": google, "parts": parts})
    assert ci("get", "spend/")["allocating"] == rule["allocating"]
    ci.wait(rule["allocating"])  # so many lines follow in a job
    found = ci("get", "spend/?by=engagement&from=2017-01&to=2026-12")
    assert (found["allocating"], found["rows"], found["net"]) == (None, whole["rows"], whole["net"])
    shared = sum(Decimal(group["net"]) for group in found["groups"] if group["key"] in (engagement, "overhead"))
    assert shared == Decimal(totals[REAL[3]]["sums"]["USD"]["cost"])
    again = ci.upload(REAL[2], (SHARED / "bills" / REAL[2]).read_bytes())
    assert ci.commit(again)["state"] == "unchanged"
