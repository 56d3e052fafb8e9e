"""Spend in a real browser: a bill comes in, a rule takes it, a budget tells."""

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from billing.models import BillImport
from projects.models import Engagement
from tests.billing.conftest import _run_here
from tests.factories import billing as make


@pytest.fixture(autouse=True)
def _work_in_this_process(monkeypatch):
    monkeypatch.setattr("projects.services.job_runs.run", _run_here)


def work_off():
    """Do what a worker would do meanwhile."""
    make.work_off(BillImport.objects.get().job)


def test_from_a_bill_to_an_alert(alice_at, tmp_path):
    today = timezone.now().date()
    month, tags = today.replace(day=1), '{"client":"nordlicht"}'
    lines = [
        make.focus_line("60", day=today.isoformat(), month=month.isoformat(), tags=tags, currency="EUR"),
        make.focus_line("2.5", day=today.isoformat(), month=month.isoformat(), service="Storage", currency="EUR"),
    ]
    bill = tmp_path / "focus.csv"
    bill.write_text(make.focus_bill(*lines))

    page = alice_at.open(reverse("billing:spend"))
    page.get_by_role("main").get_by_role("link", name="Upload a bill").first.click()
    page.get_by_label("The bill").set_input_files(bill)
    page.get_by_role("button", name="Read it").click()
    expect(page.get_by_text("This page shows the result by itself")).to_be_visible()
    work_off()
    page.get_by_role("button", name="Commit").click()
    expect(page.locator(".page-head .pill")).to_have_text("Being stored")
    work_off()
    expect(page.locator(".page-head .pill")).to_have_text("Stored")

    page = alice_at.open(reverse("billing:spend"))
    expect(page.get_by_label("Unallocated")).to_contain_text("62.50")
    expect(page.locator("[data-chart] svg")).to_be_visible()
    assert alice_at.violations() == []
    page.get_by_role("link", name="Write a rule").click()
    page.get_by_role("textbox", name="Name").fill("Nordlicht")
    page.get_by_label("Look at").first.select_option("tag")
    page.get_by_label("Tag key").first.fill("client")
    page.get_by_label("Value").first.fill("nordlicht")
    expect(page.locator("#rule-preview")).to_contain_text("It holds 1 line: 60.00")
    page.get_by_label("Goes to").first.select_option(f"engagement:{Engagement.objects.get().pk}")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("main")).to_contain_text("tag client is “nordlicht”")
    assert alice_at.violations() == []

    page = alice_at.open(reverse("billing:budget-new"))
    page.get_by_label("For", exact=True).select_option(f"engagement:{Engagement.objects.get().pk}")
    page.get_by_label("Limit").fill("100")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("main")).to_contain_text("50 % of Churn model")
    assert alice_at.violations() == []

    page = alice_at.open(reverse("projects:engagement", args=[Engagement.objects.get().pk]))
    expect(page.get_by_role("region", name="Spend")).to_contain_text("60.00 EUR")


def test_spend_fits_a_phone(alice_on_a_phone, world, tmp_path):
    line = make.focus_line("12.5", service="A service with a very long name of many words", currency="EUR")
    source = make.store(world, make.focus_bill(line), tmp_path=tmp_path, name="a_file_with_a_long_unbroken_name.csv")
    make.make_compute(world, title="a_title_without_any_blank_that_is_longer_than_a_phone")
    for name, args in (
        ("billing:spend", []),
        ("billing:spend-lines", []),
        ("billing:bill-list", []),
        ("billing:bill-import", [source.pk]),
        ("billing:rule-new", []),
        ("billing:spend-compute", []),
    ):
        alice_on_a_phone.open(reverse(name, args=args))
        assert alice_on_a_phone.sideways() <= 0, name
        assert alice_on_a_phone.violations() == [], name
