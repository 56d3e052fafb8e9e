"""Bills from the file to stored lines: exact, whole, and safe to repeat."""

import json
import tracemalloc
from datetime import date
from decimal import Decimal

import pytest
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Sum

from billing import dispatch
from billing.bills.amounts import from_nanos
from billing.bills.work import run
from billing.models import Bill, BillImport, Charge, DailySpend, MonthlySpend
from billing.queries.bills import difference_of
from billing.services import bills
from billing.services.rules import Target, create_rule
from billing.storage import BILLS
from projects.models.audit import AuditEntry
from projects.quota import QuotaExceededError, used_bytes
from projects.sandbox import Task
from tests.factories import billing as make

pytestmark = pytest.mark.django_db

REAL = [
    ("focus10_sample_1000.csv", {}),
    ("aws_cur_anonymous_export.csv", {}),
    ("azure_ea_actual_small_ftk.csv", {}),
    ("gcp_mybinder_lineitems_20171213_20180618.csv", {"currency": "USD"}),
]
NAMES = {  # the totals' words for our amounts
    "BilledCost": "billed",
    "EffectiveCost": "effective",
    "ContractedCost": "contracted",
    "ListCost": "list_cost",
    "lineItem/UnblendedCost": "billed",
    "pricing/publicOnDemandCost": "list_cost",
    "Cost": "billed",
    "cost": "billed",
}


def exact_sum(field, **where):
    texts = Charge.objects.filter(**where).exclude(**{field: None}).values_list(field, flat=True)
    return sum(map(Decimal, texts), Decimal(0))


def world():
    """Every stored line and sum, to compare before and after."""
    return (
        list(Charge.objects.order_by("source", "row").values_list("pk", "row", "billed", "rule")),
        list(MonthlySpend.objects.order_by("pk").values_list("pk", "rows", "billed_nano")),
        list(Bill.objects.order_by("pk").values_list("pk", "version", "rows")),
    )


@pytest.mark.parametrize("row", ['"\n",', "x,"])
def test_a_row_without_an_end_is_not_read_where_pages_are_made(tmp_path, row):
    path = tmp_path / "bill.csv"
    path.write_text("a,b,c\n" + row * 4_000_000)
    tracemalloc.start()
    try:
        assert ["a", "b", "c"] in bills.read_head(path)
        assert tracemalloc.get_traced_memory()[1] < 25_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.real_child
@pytest.mark.parametrize(("name", "wishes"), REAL, ids=[name.split("_")[0] for name, _ in REAL])
def test_real_bills_are_stored_to_the_last_digit_and_once(actor, shared_data, name, wishes):
    totals = json.loads((shared_data / "bills" / "control_totals.json").read_text())[name]
    source = make.store(actor, shared_data / "bills" / name, name=name, **wishes)
    assert source.state == "committed", source.error_message
    assert Charge.objects.count() == totals["rows"]
    for currency, sums in totals["sums"].items():
        for column, total in sums.items():
            if column in NAMES:
                assert exact_sum(NAMES[column], currency=currency) == Decimal(total)
    nanos = MonthlySpend.objects.aggregate(rows=Sum("rows"), cost=Sum("billed_nano"))
    assert nanos["rows"] == totals["rows"]
    assert abs(from_nanos(nanos["cost"]) - exact_sum("billed")) < Decimal("0.0001")
    assert DailySpend.objects.aggregate(cost=Sum("billed_nano"))["cost"] == nanos["cost"]

    before = world()
    again = make.store(actor, shared_data / "bills" / name, name=name, **wishes)
    assert again.state == "unchanged"
    assert world() == before


@pytest.fixture
def october(actor, tmp_path):
    lines = [make.focus_line("1.5"), make.focus_line("1.5"), make.focus_line("-0.25", category="Credit")]
    return make.store(actor, make.focus_bill(*lines), tmp_path=tmp_path)


def test_equal_lines_are_all_kept(october):
    assert Charge.objects.count() == 3
    bill = Bill.objects.get()
    assert (bill.rows, bill.version, bill.sums["billed"]) == (3, 1, "2.75")
    assert bill.source == october
    month = MonthlySpend.objects.aggregate(net=Sum("billed_nano"), kept=Sum("credits_nano"))
    assert (from_nanos(month["net"]), from_nanos(month["kept"])) == (Decimal("2.75"), Decimal("-0.25"))


def test_a_newer_file_replaces_its_open_period_alone_and_says_what_changed(actor, october, tmp_path):
    november = make.focus_line("9", day="2026-11-03", month="2026-11-01", until="2026-12-01")
    newer = make.focus_bill(make.focus_line("2"), make.focus_line("0.125"), november)
    source = make.receive(actor, newer, tmp_path=tmp_path)
    states = {part.period: (part.state, part.rows_before, part.rows) for part in difference_of(source)}
    assert states == {"2026-10-01": ("newer", 3, 2), "2026-11-01": ("new", 0, 1)}
    assert Charge.objects.count() == 3, "a preview stores nothing"
    source = make.commit(actor, source)
    assert source.state == "committed"
    assert {Decimal(part["change"]) for part in source.difference} == {Decimal("-0.625"), Decimal(9)}
    assert exact_sum("billed") == Decimal("11.125")
    assert Bill.objects.get(period="2026-10-01").version == 2
    assert MonthlySpend.objects.aggregate(rows=Sum("rows"))["rows"] == 3
    assert Charge.objects.filter(source=october).count() == 0


def test_a_closed_period_refuses_a_change_and_lets_equal_sums_pass(actor, october, tmp_path):
    bills.close_bill(bill=Bill.objects.get(), by=actor)
    other = make.receive(actor, make.focus_bill(make.focus_line("2")), tmp_path=tmp_path)
    with pytest.raises(bills.PeriodClosedError, match="2026-10 is closed"):
        dispatch.commit_bill(source=other, by=actor)
    equal = [make.focus_line("-0.25", category="Credit"), make.focus_line("1"), make.focus_line("2")]
    same = make.store(actor, make.focus_bill(*equal), tmp_path=tmp_path)
    assert same.state == "unchanged"
    assert Charge.objects.filter(source=october).count() == 3
    bills.reopen_bill(bill=Bill.objects.get(), by=actor)
    assert make.commit(actor, other).state == "committed"
    assert exact_sum("billed") == Decimal(2)


def test_a_period_that_is_closed_meanwhile_stops_the_commit_whole(actor, october, tmp_path):
    other = make.receive(actor, make.focus_bill(make.focus_line("2")), tmp_path=tmp_path)
    other = dispatch.commit_bill(source=other, by=actor)
    bills.close_bill(bill=Bill.objects.get(), by=actor)
    before = world()
    make.work_off(other.job)
    other.refresh_from_db()
    assert (other.state, other.error_code) == ("ready", "period-closed")
    assert world() == before


def read_lines_of(source, folder):
    """Do what the child does with the bill in a folder, for an import; give what storing it needs."""
    task = Task(
        arguments={"constants": {"source_id": str(source.pk)}},
        inputs={"bill": folder / "bill.csv"},
        outputs=folder,
    )
    preview = run(task)
    return {"rules": preview.pop("rules"), "preview": preview, "lines": folder / "lines.csv"}


def test_lines_read_under_older_rules_are_allocated_by_those_that_hold(actor, tmp_path):
    source = make.receive(actor, make.focus_bill(make.focus_line("2")), tmp_path=tmp_path)
    bills.begin_commit(source=source, by=actor)
    read = read_lines_of(source, tmp_path)
    rule = create_rule(name="All", conditions=[], targets=[Target()], by=actor)
    with transaction.atomic():
        bills.finish_commit(source_id=source.pk, **read)
    assert (Charge.objects.get().rule, MonthlySpend.objects.get().rule) == (rule, rule)


def test_lines_that_name_another_import_are_not_stored(actor, tmp_path):
    """The child that writes them has read what a stranger sent."""
    other = make.receive(actor, make.focus_bill(make.focus_line("3")), tmp_path=tmp_path, export="second")
    source = make.receive(actor, make.focus_bill(make.focus_line("2")), tmp_path=tmp_path)
    bills.begin_commit(source=source, by=actor)
    read, before = read_lines_of(other, tmp_path), world()
    with pytest.raises(ValueError, match="not all of the import"), transaction.atomic():
        bills.finish_commit(source_id=source.pk, **read)
    assert world() == before


def test_the_same_spend_from_another_export_must_be_wanted(actor, october, tmp_path):
    again = make.receive(actor, make.focus_bill(make.focus_line("2.75")), tmp_path=tmp_path, export="second")
    with pytest.raises(bills.CountedTwiceError, match="counts it twice"):
        dispatch.commit_bill(source=again, by=actor)
    assert make.commit(actor, again, beside=True).state == "committed"
    assert exact_sum("billed") == Decimal("5.5")


def test_two_exports_of_the_same_spend_that_are_stored_at_once_count_once(actor, tmp_path):
    text = make.focus_bill(make.focus_line("2"))
    both = [make.receive(actor, text, tmp_path=tmp_path, export=name) for name in ("first", "second")]
    both = [dispatch.commit_bill(source=source, by=actor) for source in both]
    for source in both:
        make.work_off(source.job)
        source.refresh_from_db()
    assert [(source.state, source.error_code) for source in both] == [("committed", ""), ("ready", "counted-twice")]
    assert exact_sum("billed") == Decimal(2)


def test_lines_that_end_one_period_differently_are_of_one_bill(actor, tmp_path):
    lines = [make.focus_line("1", until="2026-10-31"), make.focus_line("2"), make.focus_line("4", until="2026-10-30")]
    for text in (make.focus_bill(*lines), make.focus_bill(*lines[:2])):
        source = make.store(actor, text, tmp_path=tmp_path)
        assert source.state == "committed", source.error_message
        bill = Bill.objects.get()
        assert (bill.rows, Decimal(bill.sums["billed"])) == (Charge.objects.count(), exact_sum("billed"))
        assert bill.period_end == date(2026, 11, 1)


def test_a_reading_that_was_overtaken_changes_nothing(actor, tmp_path):
    path = tmp_path / "bill.csv"
    path.write_text(make.focus_bill(make.focus_line("1")), encoding="utf-8")
    source = dispatch.receive_bill(path=path, name="bill.csv", by=actor)
    first = source.job
    source = dispatch.read_again(source=source, by=actor, export="second")
    make.work_off(source.job)
    source = make.commit(actor, source)
    make.work_off(first)
    source.refresh_from_db()
    assert (first.pk != source.job.pk, source.state) == (True, "committed")


def test_a_file_that_is_discarded_while_it_is_read_stays_so(actor, tmp_path):
    source = make.receive(actor, make.focus_bill(make.focus_line("1")), tmp_path=tmp_path)
    source = dispatch.read_again(source=source, by=actor)
    preview = run(Task(arguments={"write": False}, inputs={"bill": tmp_path / "bill.csv"}, outputs=tmp_path))
    bills.discard_bill(source=source, by=actor)
    bills.finish_reading(job=source.job, source_id=source.pk, preview=preview)
    source.refresh_from_db()
    assert source.state == "discarded"


def test_a_bill_that_asks_for_nothing_costs_nothing_before_it_changes(actor, tmp_path):
    """Wholly covered by a commitment, it has an effective cost alone."""
    covered = make.focus_line("7").replace("7,7,7,7", "0,100,100,100")
    make.store(actor, make.focus_bill(covered), tmp_path=tmp_path)
    assert Bill.objects.get().cost == 0
    source = make.receive(actor, make.focus_bill(covered.replace("0,100", "5,100", 1)), tmp_path=tmp_path)
    part = difference_of(source)[0]
    assert (part.cost_before, part.cost, part.change) == (0, 5, 5)


def test_an_export_without_a_billed_cost_costs_what_is_effective(actor, tmp_path):
    text = "Date,MeterCategory,Cost,BillingCurrency\n10/05/2026,Virtual Machines,1.25,EUR\n"
    source = make.store(actor, text, tmp_path=tmp_path, basis="amortised")
    assert (source.state, Bill.objects.get().cost) == ("committed", Decimal("1.25"))


def test_any_csv_comes_in_through_a_saved_mapping_that_is_found_again(actor, tmp_path):
    text = 'When,What,Paid\n03.10.2026,GPU rental,"12,50"\n04.10.2026,GPU rental,"0,50"\nTotal,,"13,00"\n'
    source = make.receive(actor, text, tmp_path=tmp_path)
    assert (source.state, source.error_code) == ("failed", "unknown-format")
    assert source.head[0] == ["When", "What", "Paid"]
    body = {
        "columns": {"usage_start": "When", "service": "What", "billed": "Paid"},
        "constants": {"currency": "EUR", "provider": "Vast"},
        "date_order": "dmy",
        "decimal_point": ",",
        "total_words": ["Total"],
    }
    mapping = bills.save_mapping(name="Vast", body=body, by=actor)
    source = dispatch.read_again(source=source, by=actor, mapping=mapping)
    make.work_off(source.job)
    source.refresh_from_db()
    assert make.commit(actor, source).state == "committed"
    assert exact_sum("billed", currency="EUR") == Decimal("13.00")
    assert Charge.objects.filter(provider="Vast", usage_start__date=date(2026, 10, 3)).exists()

    later = make.receive(actor, text.replace("10.2026", "11.2026"), tmp_path=tmp_path)
    assert (later.mapping, later.state) == (mapping, "ready")


def test_the_trail_says_who_had_a_bill_read_again_and_with_what(actor, tmp_path):
    source = make.receive(actor, make.focus_bill(make.focus_line("1")), tmp_path=tmp_path)
    dispatch.read_again(source=source, by=actor, currency=source.currency, basis="amortized", export="second")
    entry = AuditEntry.objects.get(action="bill.read_again")
    assert (entry.actor_id, entry.target_id) == (actor.user.pk, str(source.pk))
    assert entry.detail == {"fields": ["basis", "export"]}


def test_a_file_that_is_no_bill_says_why(actor, tmp_path):
    source = make.receive(actor, "a,b\n1,2\n", tmp_path=tmp_path)
    assert source.state == "failed"
    assert "Map its columns" in source.error_message
    assert bills.discard_bill(source=source, by=actor).state == "discarded"


def test_two_workspaces_never_share_what_is_stored(actor, stranger, october, tmp_path):
    theirs = make.store(stranger, make.focus_bill(make.focus_line("7")), tmp_path=tmp_path)
    assert theirs.state == "committed"
    assert Charge.objects.visible_to(actor).count() == 3
    assert Charge.objects.visible_to(stranger).count() == 1
    assert set(BillImport.objects.visible_to(actor)) == {october}


def test_the_original_lies_sealed_where_files_are_sealed(actor, tmp_path, settings):
    settings.SEAL_FILES = True
    source = make.store(actor, make.focus_bill(make.focus_line("12.34")), tmp_path=tmp_path)
    assert (source.state, Charge.objects.get().billed) == ("committed", "12.34")
    with default_storage.open(BILLS.address_of(actor.workspace.pk, source.sha256)) as file:
        kept = file.read()
    assert kept.startswith(b"FMLSEAL1")
    assert b"12.34" not in kept
    original = BILLS.fetch(actor.workspace.pk, source.sha256, tmp_path / "original")
    assert original.read_text() == make.focus_bill(make.focus_line("12.34"))


def test_originals_count_to_the_workspace_s_share_of_the_disk(actor, tmp_path, settings):
    first = make.receive(actor, make.focus_bill(make.focus_line("1")), tmp_path=tmp_path)
    make.receive(actor, make.focus_bill(make.focus_line("1")), tmp_path=tmp_path)
    assert used_bytes(actor.workspace) == first.size  # the same bytes lie there once
    settings.WORKSPACE_MAX_BYTES = first.size + 10
    with pytest.raises(QuotaExceededError, match="bills"):
        make.receive(actor, make.focus_bill(make.focus_line("2")), tmp_path=tmp_path)
    for source in BillImport.objects.all():
        bills.discard_bill(source=source, by=actor)
    assert used_bytes(actor.workspace) == 0
