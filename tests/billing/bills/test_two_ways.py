"""A bill read in blocks of columns is to the byte what the same bill is when it is read row by row."""

import csv
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.bills import BillError, Reading, blocks
from billing.bills.formats import find_layout
from billing.bills.preview import preview_bill
from billing.bills.reading import Bill, read_bill, read_by_rows
from billing.bills.work import LineWriter
from tests.billing.bills.test_formats import FOCUS

RULES = [
    {"key": "k1", "conditions": [{"field": "tag", "key": "client", "word": "equals", "value": "kite"}]},
    {"key": "k2", "conditions": [{"field": "service", "word": "contains", "value": "g"}]},
]
AWS = """
    bill/PayerAccountId bill/BillingPeriodStartDate bill/BillingPeriodEndDate lineItem/LineItemType
    lineItem/UsageStartDate lineItem/ProductCode lineItem/CurrencyCode lineItem/UnblendedCost
    reservation/EffectiveCost reservation/ReservationARN savingsPlan/TotalCommitmentToDate
    savingsPlan/UsedCommitment resourceTags/user:client resourceTags/aws:createdBy
"""
AZURE = "BillingAccountId MeterCategory Date CostInBillingCurrency BillingCurrency ChargeType Tags"
GCP = "project.id service.description usage_start_time cost credits currency labels invoice.month"
HEADERS = {
    "focus": [*FOCUS.strip().split(","), "ResourceId", "SkuId", "SkuPriceId", "ConsumedQuantity", "x_Own"],
    "aws": AWS.split(),
    "azure": AZURE.split(),
    "gcp": GCP.split(),
}
DAYS = ["2026-10-05T00:00:00Z", "2026-10-06T07:00:00Z", "2026-10-05"]
AMOUNTS = ["0", "1.10", "-2.345678901234567890", "12", "", "0.000", "7.1234567885", "0.0000000005"]
ODD_AMOUNTS = ["-0", ".5", "5.", "+3", " 1 ", " 1.0", "+3.00", "007", "NULL", "1e-28", "35.2E-7"]
WRONG_AMOUNTS = [
    "9" * 25,
    "9" * 24 + "." + "9" * 39,
    "9" * 24 + "." + "1" * 39,
    "x",
    "1,5",
    "1e-49",
    "9" * 26,
    "9999999999.5",
    "--1",
]
TEXTS = ["a", "GPU", "gke", "", "kite", "x,y", 'say "hi"', "é", "日本", " blank ", "NULL"]
ODD_TEXTS = ["new\nline", "lone\rreturn", "two\r\nsigns", "n\0l", "\ufeffmark", "\u2028", "z" * 1_100]
TAGS = ["", "{}", '{"client":"kite"}', '{"b":"2","a":"1"}', '"a": "1"', "{bad", '{"ü":"é"}']
CREDITS = ["[]", "", '[{"amount":"-0.5"},{"amount":0.25}]', "[{'amount': Decimal('-1.5')}]"]
KINDS = ["Usage", "Credit", "usage", "DiscountedUsage", "Fee", "SavingsPlanRecurringFee", "UnusedReservation", "Odd"]
DAMAGES = [
    lambda text: text.rstrip("\r\n"),
    lambda text: text + "\n",
    lambda text: text + "a,b,c\n",
    lambda text: text + '"',
    lambda text: text.replace("GPU", '"G"PU'),
    lambda text: text.replace("gke", 'g"ke'),
    lambda text: text.replace("\n", ",\n"),
    lambda text: "Report\n\n" + text,
    lambda text: text.replace("kite", '""kite'),
    lambda text: text + "," * text.split("\n", 1)[0].count(",") + "\n",
    lambda text: text.replace("\n", "\n" + '"",' * text.split("\n", 1)[0].count(",") + ' ""\n', 1),
]


CELLS = (  # what a column's name ends with, and what its cells may be: usually, oddly, wrongly
    (("billingcurrency", "currencycode", "currency"), ["USD", "USD", "EUR"], ["", "usd"], []),
    (("cost", "quantity", "todate", "usedcommitment"), AMOUNTS, ODD_AMOUNTS, WRONG_AMOUNTS),
    (("date", "periodstart", "periodend", "_time", "month"), DAYS, [], ["", "05/10/2026"]),
    (("tags", "labels"), TAGS, [], []),
    (("credits",), CREDITS, [], []),
    (("chargecategory", "type"), KINDS, [], []),
    (("",), TEXTS, [], ODD_TEXTS),
)


def cells_of(name, odd):
    """Choose among the cells that a column may hold."""
    folded = name.casefold().replace("costinbillingcurrency", "cost")
    usual, odder, wrong = next(cells for ends, *cells in CELLS if folded.endswith(ends))
    return [*usual, *(odder if odd else []), *(wrong if odd > 1 else [])]


@st.composite
def bills(draw):
    """Make the bytes of a bill, more or less hostile."""
    header = HEADERS[draw(st.sampled_from(sorted(HEADERS)))]
    odd = draw(st.sampled_from([0, 1, 1, 2]))
    row = st.tuples(*[st.sampled_from(cells_of(name, odd)) for name in header])
    text = io.StringIO()
    ends = draw(st.sampled_from(["\n", "\n", "\r\n"]))
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    writer = csv.writer(text, delimiter=draw(st.sampled_from(",,,;\t")), lineterminator=ends, quoting=quoting)
    writer.writerows([header, *draw(st.lists(row, max_size=12))])
    damage = draw(st.sampled_from([str, str, str, *DAMAGES]))
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1"]))
    return damage(text.getvalue()).encode(encoding, "replace")


def taken(bill):
    """Preview a bill and write its lines."""
    stream = io.BytesIO()
    lines, kept = LineWriter(stream, {"source_id": "s"}, RULES), []

    def passing(batches):
        for batch in batches:
            lines.write(batch)
            kept.append(batch.count)
            yield batch

    preview = preview_bill(Bill(bill.layout, passing(bill.batches), bill.done, bill.skipped))
    return json.dumps(preview.to_dict(), ensure_ascii=False), stream.getvalue()


def outcome(read):
    """Return what a reading gives, or how it is refused."""
    try:
        return read()
    except BillError as error:
        return error.code, str(error)


def by_rows(path):
    reading = Reading()
    return read_by_rows(path, reading, *find_layout(path, reading), taken)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    longest = csv.field_size_limit(1_000)  # a cell that is too long need not be long
    yield tmp_path_factory.mktemp("ways") / "bill.csv"
    csv.field_size_limit(longest)


@settings(max_examples=80, deadline=None)
@given(content=bills(), size=st.sampled_from([64, 1 << 15]))
def test_both_ways_give_the_same_bytes_or_the_same_message(path, content, size):
    path.write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "FIRST", size)
        patch.setattr(blocks, "BLOCK", size)
        swift = outcome(lambda: read_bill(path, None, taken))
    assert swift == outcome(lambda: by_rows(path))


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_a_regular_bill_needs_no_reading_by_rows(path, ends, quoting):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=ends, quoting=quoting)
    header = HEADERS["focus"]
    writer.writerow(header)
    for row in range(700):
        writer.writerow([cells[row % len(cells)] for cells in (cells_of(name, 1) for name in header)])
    path.write_text(text.getvalue(), encoding="utf-8", newline="")
    reading = Reading()
    _, delimiter, layout = find_layout(path, reading)
    with blocks.open_blocks(path, reading.limits, delimiter, layout) as (batches, done):
        found = taken(Bill(layout, batches, done))
    assert found == by_rows(path)
    assert found[1].count(b"\n") == 701
