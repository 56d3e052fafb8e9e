"""Small bills made by hand: every format, every dress a file comes in."""

import gzip
import io
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from billing.bills import (
    BillError,
    ColumnMapping,
    Reading,
    detect,
)
from billing.bills.focus import version_of
from billing.bills.preview import preview
from billing.bills.reading import read_bill, read_lines
from billing.bills.work import LineWriter

FOCUS = (
    "BilledCost,EffectiveCost,ListCost,ContractedCost,BillingAccountId,BillingCurrency,"
    "BillingPeriodStart,BillingPeriodEnd,ChargePeriodStart,ChargePeriodEnd,ChargeCategory,"
    "InvoiceIssuerName,ServiceCategory,ServiceName,ServiceProviderName,Tags\n"
)
FOCUS_ROW = (
    "{cost},{cost},{cost},{cost},a1,EUR,2026-10-01T00:00:00Z,2026-11-01T00:00:00Z,"
    '2026-10-05T00:00:00Z,2026-10-06T00:00:00Z,Usage,ACME,Compute,GPU,ACME,"{{""client"":""kite""}}"\n'
)


def focus(*costs):
    return FOCUS + "".join(FOCUS_ROW.format(cost=cost) for cost in costs)


@pytest.fixture
def bill(tmp_path):
    """Write text or bytes as a bill and return its path."""

    def write(content, name="bill.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write


def zipped(files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


@pytest.mark.parametrize(
    "dress",
    [
        lambda text: text.encode(),
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.encode("utf-16"),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: gzip.compress(text.encode()),
        lambda text: gzip.compress(text.encode("utf-16")),
        lambda text: zipped({"2026/bill.csv": text, "__MACOSX/._bill.csv": "x", ".DS_Store": "x"}),
        lambda text: b"Exported by ACME\nfor you\n\n" + text.encode(),
        lambda text: text.replace(",", ";").replace("client;", "client,").encode(),
        lambda text: text.encode() + b"\n\n",
    ],
)
def test_a_bill_reads_the_same_in_every_dress(bill, dress):
    found = preview(bill(dress(focus("1.10", "-0.000000000000000000001"))))
    assert found.rows == 2
    tally = found.tallies["EUR"]["billed"]
    assert (tally.total, tally.negative) == (Decimal("1.099999999999999999999"), 1)
    assert found.tag_keys == {"client": 2}


def test_a_focus_row_becomes_a_charge(bill):
    line = next(read_lines(bill(focus("35.2E-7"))))
    assert line.billed == Decimal("0.00000352")
    assert (line.provider, line.service, line.service_category) == ("ACME", "GPU", "Compute")
    assert (line.period_start, line.period_end) == (date(2026, 10, 1), date(2026, 11, 1))
    assert line.usage_start == datetime(2026, 10, 5, tzinfo=UTC)
    assert line.tags == {"client": "kite"}
    assert (line.row, line.category, line.quantity, line.resource) == (1, "usage", None, "")


@pytest.mark.parametrize(
    ("header", "version"),
    [
        (["BilledCost", "InvoiceDetailId", "ProviderName"], "1.4"),
        (["BilledCost", "ServiceProviderName"], "1.4"),
        (["BilledCost", "ServiceProviderName", "ProviderName", "HostProviderName"], "1.3"),
        (["BilledCost", "ProviderName", "PricingCurrency", "SkuMeter"], "1.2"),
        (["BilledCost", "ProviderName", "SkuMeter", "RegionId"], "1.1"),
        (["BilledCost", "ProviderName", "RegionId"], "1.0"),
        (["BilledCost", "ChargeType"], "0.5"),
    ],
)
def test_the_version_of_focus_is_told_by_its_columns(header, version):
    assert version_of(header) == version


def test_faults_are_counted_with_their_first_line(bill):
    text = focus("1", "2", "3").replace("Usage,ACME", "usage,ACME", 1)
    text = text.replace("3,3,3,3", "3,3,3,NULL").replace('{""client""', "{client", 1)
    text = text.replace("2026-10-05T00:00:00Z", "2026-10-05", 1)
    faults = {(f.code, f.column): (f.count, f.first_line) for f in preview(bill(text)).findings}
    assert faults["casing", "ChargeCategory"] == (1, 2)
    assert faults["null", "ContractedCost"] == (1, 4)
    assert faults["bad-tags", "Tags"] == (1, 2)
    assert faults["date-format", "ChargePeriodStart"] == (1, 2)


def test_a_line_number_counts_the_breaks_inside_cells(bill):
    text = focus("1", "2", "x").replace("Compute,GPU", '"Com\npute",GPU')
    with pytest.raises(BillError, match=r"Line 6: .*BilledCost.*“x” is not an amount"):
        preview(bill(text))


AWS = (
    "bill/PayerAccountId,bill/BillingPeriodStartDate,bill/BillingPeriodEndDate,"
    "lineItem/UsageAccountId,lineItem/LineItemType,lineItem/UsageStartDate,lineItem/UsageEndDate,"
    "lineItem/ProductCode,lineItem/CurrencyCode,lineItem/UnblendedCost,reservation/EffectiveCost,"
    "savingsPlan/SavingsPlanEffectiveCost,savingsPlan/TotalCommitmentToDate,"
    "savingsPlan/UsedCommitment,resourceTags/user:client,resourceTags/aws:createdBy,"
    "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod,reservation/UnusedRecurringFee,reservation/ReservationARN\n"
)
AWS_ROW = (
    "p,2026-10-01T00:00:00Z,2026-11-01T00:00:00Z,u,{},2026-10-05T00:00:00Z,2026-10-06T00:00:00Z,"
    "EC2,USD,{},{},{},{},{},{},,1,2,{}\n"
)


def test_aws_rows_have_their_amortised_cost_by_type(bill):
    rows = [
        ("Usage", "5", "", "", "", "", "kite", ""),
        ("DiscountedUsage", "0", "1.25", "", "", "", "", "arn"),
        ("RIFee", "30", "", "", "", "", "", "arn"),
        ("Fee", "90", "", "", "", "", "", "arn"),
        ("Fee", "7", "", "", "", "", "", ""),
        ("SavingsPlanCoveredUsage", "4", "", "3.5", "", "", "kite", ""),
        ("SavingsPlanNegation", "-4", "", "", "", "", "", ""),
        ("SavingsPlanUpfrontFee", "60", "", "", "", "", "", ""),
        ("SavingsPlanRecurringFee", "10", "", "", "10", "3.5", "", ""),
        ("Credit", "-1", "", "", "", "", "", ""),
        ("Refund", "-2", "", "", "", "", "", ""),
        ("SppDiscount", "-3", "", "", "", "", "", ""),
    ]
    text = AWS + "".join(AWS_ROW.format(*row) for row in rows)
    lines = list(read_lines(bill(text)))
    spread = ["5", "1.25", "3", "0", "7", "3.5", "0", "0", "6.5", "-1", "-2", "-3"]
    assert [str(line.effective) for line in lines] == spread
    assert [line.category for line in lines] == [
        *("usage", "usage", "purchase", "purchase", "purchase", "usage", "adjustment", "purchase", "purchase"),
        *("credit", "refund", "adjustment"),
    ]
    assert [line.tags for line in lines[:2]] == [{"client": "kite"}, {}]

    # Data Exports let one leave columns out; what then cannot be spread is told as it was billed, all of it.
    for column, kept in (("reservation/UnusedRecurringFee", slice(0, 5)), ("savingsPlan/UsedCommitment", slice(5, 9))):
        lines = list(read_lines(bill(text.replace(column, "x"))))
        told = [str(line.effective) for line in lines]
        assert told[kept] == [str(line.billed) for line in lines[kept]]
        rest = [place for place in range(len(rows)) if place not in range(*kept.indices(len(rows)))]
        assert [told[place] for place in rest] == [spread[place] for place in rest]


def test_the_new_aws_report_has_its_tags_in_one_column(bill):
    text = (
        "line_item_unblended_cost,line_item_line_item_type,line_item_usage_start_date,"
        "line_item_currency_code,resource_tags\n"
        '1.5,Usage,2026-10-05T00:00:00Z,USD,"{""client"":""kite""}"\n'
    )
    line = next(read_lines(bill(text)))
    assert (line.billed, line.tags) == (Decimal("1.5"), {"client": "kite"})


AZURE = (
    "Billing Account Id,Date,Meter Category,CostInBillingCurrency,BillingCurrency,Tags,ChargeType,"
    "BillingPeriodStartDate,BillingPeriodEndDate\n"
    '7,10/05/2026,Storage,0.00000000000000000000000001,EUR,"""client"": ""kite"",""n"": 1",Usage,'
    "10/01/2026,10/31/2026\n"
)


def test_azure_tags_have_no_braces_and_dates_begin_with_the_month(bill):
    line = next(read_lines(bill(AZURE)))
    assert line.tags == {"client": "kite", "n": "1"}
    assert line.usage_start == datetime(2026, 10, 5, tzinfo=UTC)
    assert (line.period_start, line.period_end) == (date(2026, 10, 1), date(2026, 11, 1))
    assert (line.billed, line.effective) == (Decimal("1E-26"), None)


def test_a_currency_that_a_person_gave_counts_where_the_file_names_none(bill):
    path = bill(AZURE.replace(",BillingCurrency,", ",x,"))
    assert [line.currency for line in read_lines(path, Reading(currency="CHF"))] == ["CHF"]
    assert [line.currency for line in read_lines(bill(AZURE), Reading(currency="CHF"))] == ["EUR"]


def test_actual_and_amortised_exports_of_a_period_are_told_apart(bill):
    amortised = Reading(basis="amortised")
    path = bill(AZURE.replace("Usage", "UnusedReservation"))
    assert [warning.code for warning in preview(path).warnings] == ["looks-amortised"]
    assert preview(path, amortised).warnings == []
    assert next(read_lines(path, amortised)).effective == Decimal("1E-26")


GCP = (
    "billing_account_id,service.description,usage_start_time,project.id,cost,currency,credits,"
    "invoice.month,cost_type,labels\n"
)


@pytest.mark.parametrize(
    "inside",
    [
        '"[{""name"":""free"",""amount"":-0.75},{""name"":""cud"",""amount"":""-0.05""}]"',
        "\"[{'name': 'free', 'amount': -0.75}, {'name': 'cud', 'amount': Decimal('-0.05')}]\"",
    ],
)
def test_gcp_credits_inside_a_row_are_part_of_what_is_billed(bill, inside):
    row = (
        f"b,Compute Engine,2026-10-31 23:00:00 UTC,p,2.00,USD,{inside},202611,regular,"
        '"[{""key"":""client"",""value"":""kite""}]"\n'
    )
    line = next(read_lines(bill(GCP + row)))
    assert (line.billed, line.credits) == (Decimal("1.20"), Decimal("-0.80"))
    assert (line.period_start, line.period_end) == (date(2026, 11, 1), date(2026, 12, 1))
    assert (line.category, line.tags) == ("usage", {"client": "kite"})
    assert preview(bill(GCP + row)).tallies["USD"]["credits"].total == Decimal("-0.80")


GCP_TABLE = """Invoice number,123
Invoice date,2026-10-31
Currency,EUR
Total amount due,"€1,005.72"

Billing account name,Billing account ID,Project ID,Service description,Credit type,Cost type,\
Usage start date,Usage end date,Unrounded Cost (€),Cost (€)
Me,b,p,Vertex AI,,Usage,2026-10-01,2026-10-31,"1,006.718",1006.72
Me,b,p,Vertex AI,Promotion,Usage,2026-10-01,2026-10-31,-1.0,-1.00
,,,,,Rounding error,,,0.002,0.00
,,,,,Total,,,"1,005.72","1,005.72"
"""


def test_the_total_of_googles_cost_table_is_not_a_charge(bill):
    found = preview(bill(GCP_TABLE))
    assert (found.rows, found.skipped) == (3, {"total": 1})
    assert found.tallies["EUR"]["billed"].total == Decimal("1005.720")
    assert {word: rows for word, (rows, _) in found.categories.items()} == {
        "usage": 1,
        "credit": 1,
        "adjustment": 1,
    }
    assert found.periods == [(date(2026, 10, 1), date(2026, 11, 1))]


MAPPING = {
    "columns": {"billed": "Betrag", "usage_start": "Datum", "service": "Was"},
    "constants": {"currency": "EUR", "provider": "Lambda"},
    "tags": {"client": "Kunde"},
    "date_order": "dmy",
    "decimal_point": ",",
    "total_words": ["Summe"],
}
MAPPED = "Datum;Was;Kunde;Betrag\n05.10.2026;H100;kite;1.234,5678\n06.10.2026;H100;;-0,5\nSumme;;;1.234\n"


def test_any_csv_is_read_through_a_mapping(bill):
    reading = Reading(mapping=ColumnMapping.from_dict(MAPPING))
    found = preview(bill(MAPPED), reading)
    assert found.tallies["EUR"]["billed"].total == Decimal("1234.0678")
    assert (found.rows, found.tagged_rows, found.skipped) == (2, 1, {"total": 1})
    line = next(read_lines(bill(MAPPED), reading))
    assert (line.provider, line.usage_start.day, line.tags) == ("Lambda", 5, {"client": "kite"})
    assert (line.period_start, line.period_end) == (date(2026, 10, 1), date(2026, 11, 1))
    assert ColumnMapping.from_dict(reading.mapping.to_dict()) == reading.mapping


def test_equal_amounts_keep_the_digits_that_each_was_written_with(bill):
    typed = bill(focus("+1.5", " 1.50 ", "1.500", "+1.50", "-0 ", "0.00 "))
    assert [str(line.billed) for line in read_lines(typed)] == ["1.5", "1.50", "1.500", "1.50", "-0", "0.00"]
    assert str(preview(bill(focus("+1.5", " 1.50 "))).tallies["EUR"]["billed"].total) == "3.00"
    reading = Reading(mapping=ColumnMapping.from_dict(MAPPING))
    with_comma = bill("Datum;Was;Kunde;Betrag\n05.10.2026;H100;;0,5\n06.10.2026;H100;;0,50\n")
    assert [str(line.billed) for line in read_lines(with_comma, reading)] == ["0.5", "0.50"]


def test_an_identifier_that_no_index_holds_is_refused_with_its_line(bill):
    def write(found):
        lines = LineWriter(io.BytesIO(), {}, [])
        for batch in found.batches:
            lines.write(batch)

    header, row = f"{FOCUS.strip()},SkuId\n", FOCUS_ROW.format(cost=1).strip()
    read_bill(bill(f"{header}{row},a\n{row},{'é' * 1_250}\n"), None, write)
    with pytest.raises(BillError, match="sku is longer than 2500 bytes") as refused:
        read_bill(bill(f"{header}{row},a\n{row},{'é' * 1_251}\n"), None, write)
    assert (refused.value.code, refused.value.line) == ("text-too-long", 3)
    with pytest.raises(BillError, match="Line 2: the currency is longer than 16 bytes"):
        preview(bill(focus(1).replace("EUR", "euros of this year")))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"columns": {"billed": "x"}}, "holds the date"),
        ({"columns": {"usage_start": "x"}}, "holds the cost"),
        ({"columns": {"betrag": "x"}}, "no field “betrag”"),
        ({"constants": {}}, "currency"),
        ({"constants": {"billed": "1"}}, "cannot be a constant"),
        ({"date_order": "ymd"}, "date order"),
        ({"surprise": 1}, "no part “surprise”"),
        ({"tags": ["x"]}, "“tags” must be an object"),
        ({"delimiter": "ab"}, "does not separate"),
        ({"categories": {"x": "food"}}, "no category “food”"),
    ],
)
def test_a_mapping_that_cannot_work_says_why(change, sentence):
    with pytest.raises(BillError, match=sentence) as caught:
        ColumnMapping.from_dict(MAPPING | change)
    assert caught.value.code == "bad-mapping"


def test_a_header_that_nobody_knows_is_not_guessed():
    assert detect(["date", "amount"]) is None
    assert detect(FOCUS.strip().lower().split(",")) == "focus"
    assert detect(AZURE.split("\n", 1)[0].split(",")) == "azure"


@pytest.mark.parametrize("cell", ["", '""', " ", "\u00a0", '" "'])
@pytest.mark.parametrize("beside", ["", "\n"], ids=["alone", "beside-an-empty-line"])
@pytest.mark.parametrize("place", [0, 1, 3])
def test_a_row_of_empty_cells_is_left_out_whatever_stands_beside_it(bill, cell, beside, place):
    header, *rows = focus("1", "2", "4").splitlines(keepends=True)
    blank = ",".join([cell] * (header.count(",") + 1)) + "\n"
    found = preview(bill("".join([header, *rows[:place], blank, beside, *rows[place:]])))
    assert (found.rows, found.tallies["EUR"]["billed"].total) == (3, Decimal(7))
    assert found.skipped == {"blank": 2 if beside else 1}
