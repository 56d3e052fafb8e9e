"""The pages of spend: each works, hides from strangers, asks to sign in and refuses the wrong method."""

from datetime import date
from decimal import Decimal

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from billing.models import Bill, BillImport, Budget, Charge, ComputeEntry, Rate, SpendRule
from billing.services import rates
from tests.factories import billing as make
from tests.projects.page_rules import hides_from_strangers, opens, refuses, sends_to_sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def rows(actor, october, engagement):
    """A row of everything, by the word in an address."""
    rule = make.make_rule(
        actor,
        name="Acme",
        engagement=engagement,
        conditions=[{"field": "tag", "key": "client", "word": "equals", "value": "acme"}],
    )
    rate = rates.save_rate(by=actor, kind="cpu-hour", price=Decimal("0.5"), currency="USD", valid_from=date(2026, 1, 1))
    return {
        "import": october,
        "bill": Bill.objects.get(),
        "rule": rule,
        "budget": make.make_budget(actor, engagement=engagement),
        "entry": make.make_compute(actor, engagement=engagement),
        "rate": rate,
    }


READ = [
    ("billing:spend", None, ["Gross", "Upload a bill", "Compute Engine"]),
    ("billing:spend-lines", None, ["3 lines", "Compute Engine"]),
    ("billing:spend-line", "import", ["Why it is here", "matches: tag client is"]),
    ("billing:bill-list", None, ["acc-1", "Oct 2026"]),
    ("billing:bill-new", None, ["Read it"]),
    ("billing:bill-import", "import", ["Total, every digit", "2.75"]),
    ("billing:bill-mapping", "import", ["Map the columns"]),
    ("billing:rule-list", None, ["Acme", "Churn model"]),
    ("billing:rule-new", None, ["If all of these hold"]),
    ("billing:rule-edit", "rule", ["Acme", "What it would move"]),
    ("billing:budget-list", None, ["Churn model", "used"]),
    ("billing:budget-new", None, ["Limit"]),
    ("billing:budget-edit", "budget", ["Budget of Churn model"]),
    ("billing:spend-compute", None, ["Training", "CPU hour"]),
    ("billing:spend-compute-new", None, ["GPU hours"]),
    ("billing:spend-compute-edit", "entry", ["Training"]),
    ("billing:spend-rate-new", None, ["Price per hour"]),
    ("billing:spend-rate-edit", "rate", ["Change rate"]),
]
SEND = [
    ("billing:bill-commit", "import"),
    ("billing:bill-discard", "import"),
    ("billing:bill-read-again", "import"),
    ("billing:bill-close", "bill"),
    ("billing:bill-reopen", "bill"),
    ("billing:rule-move", "rule"),
    ("billing:rule-delete", "rule"),
    ("billing:budget-delete", "budget"),
    ("billing:spend-compute-delete", "entry"),
    ("billing:spend-rate-delete", "rate"),
]


@pytest.mark.parametrize(("name", "row", "words"), READ, ids=[name for name, *_ in READ])
def test_pages_open_and_keep_their_doors(signed_in, stranger, rows, name, row, words):
    args = [rows[row].pk] if row else []
    opens(signed_in, name, *args, contains=words)
    refuses(signed_in, "delete", name, *args)
    sends_to_sign_in(signed_in, name, *args)
    if args:
        hides_from_strangers(signed_in, stranger, name, *args)
    else:
        signed_in.force_login(stranger.user)
        assert "Compute Engine" not in signed_in.get(reverse(name)).content.decode()


@pytest.mark.parametrize(("name", "row"), SEND, ids=[name for name, _ in SEND])
def test_changes_keep_their_doors(signed_in, stranger, reviewer, rows, name, row):
    args = [rows[row].pk]
    refuses(signed_in, "get", name, *args)
    sends_to_sign_in(signed_in, name, *args, method="post")
    hides_from_strangers(signed_in, stranger, name, *args, method="post")
    signed_in.force_login(reviewer.user)
    assert signed_in.post(reverse(name, args=args)).status_code == 403


def test_a_bill_goes_from_the_upload_box_to_the_explorer(signed_in, db):
    assert "No bills yet" in opens(signed_in, "billing:spend")
    file = SimpleUploadedFile("october.csv", make.focus_bill(make.focus_line("12.34")).encode())
    answer = signed_in.post(reverse("billing:bill-new"), {"file": file, "basis": "actual"})
    source = BillImport.objects.get()
    assert answer["Location"] == reverse("billing:bill-import", args=[source.pk])
    assert "hx-get" in opens(signed_in, "billing:bill-import", source.pk)
    make.work_off(source.job)
    text = opens(signed_in, "billing:bill-import", source.pk, contains=["What a commit changes", "Commit", "12.34"])
    assert "FOCUS" in text
    assert not Charge.objects.exists()
    signed_in.post(reverse("billing:bill-commit", args=[source.pk]))
    source.refresh_from_db()
    make.work_off(source.job)
    opens(signed_in, "billing:spend", contains=["12.34", "to nobody yet"])
    original = signed_in.get(reverse("billing:bill-file", args=[source.pk]))
    assert b"".join(original.streaming_content) == make.focus_bill(make.focus_line("12.34")).encode()


def test_a_share_below_zero_says_so(signed_in, actor, tmp_path):
    bill = make.focus_bill(make.focus_line("10"), make.focus_line("-2", service="Refunds", resource="r-1"))
    make.store(actor, bill, tmp_path=tmp_path)
    opens(signed_in, "billing:spend", contains=["125.0 %", "−25.0 %"])


def test_an_upload_without_a_file_or_too_large_says_so(signed_in, monkeypatch):
    answer = signed_in.post(reverse("billing:bill-new"), {"basis": "actual"})
    assert answer.status_code == 422
    assert "Choose a file" in answer.content.decode()
    monkeypatch.setattr("billing.storage.LARGEST", 10)
    file = SimpleUploadedFile("october.csv", b"x" * 11)
    answer = signed_in.post(reverse("billing:bill-new"), {"file": file, "basis": "actual"})
    assert answer.status_code == 422
    assert "at most" in answer.content.decode()
    assert not BillImport.objects.exists()


def test_a_body_beyond_all_bounds_is_not_even_written_to_disk(signed_in, monkeypatch):
    monkeypatch.setattr("billing.uploads.MOST", 100)
    file = SimpleUploadedFile("october.csv", b"x" * 1000)
    answer = signed_in.post(reverse("billing:bill-new"), {"basis": "actual", "file": file})
    assert answer.status_code == 422
    assert "at most 200 MB" in answer.content.decode()


def test_unknown_columns_are_mapped_in_the_page(signed_in, actor, tmp_path):
    source = make.receive(actor, "When,What,Paid\n2026-10-03,GPU,12.5\n", tmp_path=tmp_path)
    opens(signed_in, "billing:bill-import", source.pk, contains=["Map its columns"])
    opens(signed_in, "billing:bill-mapping", source.pk, contains=["When", "GPU"])
    for odd in ("²", "9" * 3_000, "-1", ""):  # a row that nobody can mean
        assert signed_in.get(reverse("billing:bill-mapping", args=[source.pk]), {"header": odd}).status_code == 200
    fields = {
        "name": "Vast",
        "date_order": "iso",
        "decimal_point": ".",
        "column_usage_start": "When",
        "column_service": "What",
        "column_billed": "Paid",
    }
    answer = signed_in.post(reverse("billing:bill-mapping", args=[source.pk]), fields)
    assert answer.status_code == 422
    assert "currency" in answer.content.decode()
    answer = signed_in.post(reverse("billing:bill-mapping", args=[source.pk]), fields | {"constant_currency": "eur"})
    assert answer.status_code == 302
    source.refresh_from_db()
    make.work_off(source.job)
    source.refresh_from_db()
    assert (source.state, source.preview["currencies"]) == ("ready", ["EUR"])


RULE = {
    "name": "Acme",
    "if-TOTAL_FORMS": "1",
    "if-INITIAL_FORMS": "0",
    "if-0-field": "tag",
    "if-0-key": "client",
    "if-0-word": "equals",
    "if-0-value": "acme",
    "to-TOTAL_FORMS": "2",
    "to-INITIAL_FORMS": "0",
}


def test_a_rule_is_previewed_saved_moved_and_deleted(signed_in, october, engagement, milestone):
    shown = signed_in.post(reverse("billing:rule-preview"), RULE).content.decode()
    assert "It holds 2 lines" in shown
    assert "2 lines move" in shown
    focused = signed_in.post(reverse("billing:rule-preview"), RULE | {"more": "if"}).content.decode()
    assert "2 lines move" in focused, "a button that only has the focus was not pressed"
    assert not SpendRule.objects.exists()
    shares = {
        "to-0-target": f"engagement:{engagement.pk}",
        "to-0-percent": "60",
        "to-1-target": f"milestone:{milestone.pk}",
        "to-1-percent": "30",
    }
    answer = signed_in.post(reverse("billing:rule-new"), RULE | shares)
    assert answer.status_code == 422
    assert "add up to 100" in answer.content.decode()
    signed_in.post(reverse("billing:rule-new"), RULE | shares | {"to-1-percent": "40"})
    rule = SpendRule.objects.get()
    assert [part.share for part in rule.parts.all()] == [6000, 4000]
    assert Charge.objects.filter(rule=rule).count() == 2
    opens(signed_in, "billing:rule-edit", rule.pk, contains=["acme"])
    signed_in.post(reverse("billing:rule-move", args=[rule.pk]), {"way": "up"})
    signed_in.post(reverse("billing:rule-delete", args=[rule.pk]))
    assert Charge.objects.filter(rule=None).count() == 3


def test_a_budget_a_rate_and_machine_time_are_typed(signed_in, engagement, milestone):
    target = f"milestone:{milestone.pk}"
    answer = signed_in.post(
        reverse("billing:budget-new"), {"target": target, "amount": "1,234", "currency": "EUR", "span": "total"}
    )
    assert answer.status_code == 422
    signed_in.post(
        reverse("billing:budget-new"), {"target": target, "amount": "1234", "currency": "EUR", "span": "total"}
    )
    assert Budget.objects.get().money.format() == "1,234.00 EUR"
    rate = {"kind": "gpu-hour", "price": "1.99", "currency": "EUR", "valid_from": "2026-01-01"}
    signed_in.post(reverse("billing:spend-rate-new"), rate)
    assert signed_in.post(reverse("billing:spend-rate-new"), rate).status_code == 422
    assert Rate.objects.get().price == "1.99"
    time = {"title": "Rented", "target": target, "started_at": "2026-10-05T09:00", "duration": "2", "gpu_hours": "2"}
    signed_in.post(reverse("billing:spend-compute-new"), time)
    entry = ComputeEntry.objects.get()
    assert (entry.cost, entry.milestone, entry.engagement) == ("3.980000000", milestone, engagement)


def test_costs_stand_beside_the_fee(signed_in, rows, engagement, milestone):
    opens(signed_in, "projects:engagement", engagement.pk, contains=["Spend", "3.00", "Machine time"])
    opens(signed_in, "projects:milestone", milestone.pk, contains=["Set a budget"])


def test_a_resource_stays_in_the_address_and_can_be_taken_out(signed_in, actor, tmp_path):
    source = make.store(
        actor, make.focus_bill(make.focus_line("1.5"), make.focus_line("2", resource="vm-2")), tmp_path=tmp_path
    )
    line = signed_in.get(reverse("billing:spend-line", args=[source.pk]), {"row": 2}).content.decode()
    assert 'href="/spend/?resource=vm-2&amp;currency=USD"' in line
    page = signed_in.get(reverse("billing:spend"), {"resource": "vm-2", "by": "region"}).content.decode()
    assert "Resource: vm-2" in page
    assert 'href="?by=region"' in page  # the chip's way out keeps the rest
    assert "resource=vm-2&amp;region=eu-west-1" in page  # and the way to the lines keeps the filter


def test_a_rule_gets_as_many_rows_as_it_needs(signed_in, actor, engagement):
    typed = {
        "name": "GPU",
        "if-TOTAL_FORMS": "1",
        "if-INITIAL_FORMS": "1",
        "if-0-field": "service",
        "if-0-word": "equals",
        "if-0-value": "Compute Engine",
        "to-TOTAL_FORMS": "1",
        "to-INITIAL_FORMS": "1",
        "to-0-target": f"engagement:{engagement.pk}",
        "to-0-percent": "60",
    }
    for more, name in (("if", "if-1-field"), ("to", "to-1-target")):
        answer = signed_in.post(reverse("billing:rule-new"), {**typed, "more": more})
        page = answer.content.decode()
        assert answer.status_code == 200
        assert f'name="{name}"' in page
        assert 'value="Compute Engine"' in page  # what was typed stays, and is not yet complained about
        assert "must add up" not in page
    assert not SpendRule.objects.exists()
    rows = {"if-TOTAL_FORMS": "2", "if-1-field": "tag", "if-1-key": "env", "if-1-word": "present"}
    shares = {"to-TOTAL_FORMS": "2", "to-1-target": "overhead", "to-1-percent": "40"}
    assert signed_in.post(reverse("billing:rule-new"), {**typed, **rows, **shares}).status_code == 302
    rule = SpendRule.objects.get()
    assert [condition["field"] for condition in rule.conditions] == ["service", "tag"]
    assert [part.share for part in rule.parts.all()] == [6000, 4000]


def test_the_forecast_is_of_all_spend_and_of_now(signed_in, actor, october):
    with time_machine.travel("2026-11-02T09:00Z", tick=False):
        signed_in.force_login(actor.user)
        assert "Expected at its end" in signed_in.get(reverse("billing:spend")).content.decode()
        narrowed = signed_in.get(reverse("billing:spend"), {"region": "eu-west-1"}).content.decode()
        assert "Expected at its end" not in narrowed
    with time_machine.travel("2027-03-02T09:00Z", tick=False):
        signed_in.force_login(actor.user)
        assert "Expected at its end" not in signed_in.get(reverse("billing:spend")).content.decode()
