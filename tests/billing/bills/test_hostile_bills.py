"""Files made to break the reader: each is refused with a code and a sentence, or read unharmed."""

import csv
import gzip
import io
import zipfile
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.bills import BillError, Reading
from billing.bills.amounts import from_nanos, plain_text, read_amount, to_nanos
from billing.bills.export import safe_cell, write_csv, write_focus
from billing.bills.preview import preview
from billing.bills.reading import read_lines
from billing.bills.sources import Limits
from billing.bills.tags import read_tags
from billing.bills.work import run
from projects.sandbox import Task, TaskError
from tests.billing.bills.test_formats import FOCUS, FOCUS_ROW, MAPPING, bill, focus, zipped

__all__ = ["bill"]


def code_of(path, **options):
    with pytest.raises(BillError) as caught:
        preview(path, Reading(**options) if options else None)
    return caught.value.code


def test_a_zip_bomb_is_stopped_by_the_bytes_that_come_out(bill):
    wide = FOCUS_ROW.format(cost=1).replace("GPU", "G" * 100_000)
    bomb = zipped({"bill": FOCUS + wide * 800})
    assert len(bomb) < 200_000
    assert code_of(bill(bomb)) == "bomb"


def test_a_lying_directory_does_not_help_a_bomb(bill):
    honest = zipped({"bill": focus("1") + "\n" * 3_000_000})
    small = (1000).to_bytes(4, "little")
    lying = honest.replace((len(focus("1")) + 3_000_000).to_bytes(4, "little"), small)
    assert code_of(bill(lying)) in {"broken-archive", "bomb"}


def test_a_long_list_of_files_in_a_zip_is_refused_before_it_unfolds(bill):
    many = zipped({f"{number:05}": "" for number in range(20_000)})
    assert code_of(bill(many)) == "archive-content"
    with pytest.raises(BillError, match="too many files"):
        preview(bill(many))


def test_a_bill_that_is_too_large_is_refused(bill):
    text = gzip.compress(focus(*range(500)).encode())
    assert code_of(bill(text), limits=Limits(inflated_bytes=20_000)) == "too-large"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty-bill"),
        (b"\n\n , \n", "empty-bill"),
        (b"\xef\xbb\xbf", "empty-bill"),
        (b"a,b\n1,2\n", "unknown-format"),
        ((FOCUS.replace("Tags", '"Ta"gs') + FOCUS_ROW.format(cost=1)).encode(), "broken-csv"),
        ((focus("1") + "\n" * 20_000).encode(), "broken-csv"),
        (b"\x89PNG\r\n\x1a\n\0\0", "not-text"),
        (gzip.compress(focus("1").encode())[:-20], "broken-archive"),
        (b"\x1f\x8b" + b"x" * 50, "broken-archive"),
        (b"PK\x03\x04" + b"x" * 50, "broken-archive"),
        (zipped({"a": focus("1"), "b": focus("2")}), "archive-content"),
        (zipped({}), "archive-content"),
        ((FOCUS + FOCUS_ROW.format(cost=1)[:-5] + "\n").encode(), "broken-csv"),
        ((focus("1") + "1,2,3\n").encode(), "ragged-row"),
        ((focus("1") + focus("1").split("\n")[1] + ",extra\n").encode(), "ragged-row"),
        (focus("1,000.00").encode(), "ragged-row"),
        (focus("NaN").encode(), "bad-amount"),
        (focus("Infinity").encode(), "bad-amount"),
        (focus("1_000").encode(), "bad-amount"),
        (focus("1E-999").encode(), "bad-amount"),
        (focus("9E99").encode(), "bad-amount"),
        (focus("9" * 40).encode(), "bad-amount"),
        (focus("--1").encode(), "bad-amount"),
        (focus("\u0661").encode(), "bad-amount"),
        (focus("=1+1").encode(), "bad-amount"),
        (focus("1").replace("2026-10-05T", "2026-13-05T").encode(), "bad-date"),
        (focus("1").replace("2026-10-05T00:00:00Z", "05/10/2026").encode(), "bad-date"),
        (focus("1").replace(",GPU", ",G\0PU").encode(), "not-text"),
        (focus("1").replace(",GPU", ",G\u00e9").encode("latin-1"), "not-text"),
        (focus("1").replace(",GPU", "," + "G" * 200_000).encode(), "broken-csv"),
        ((",".join(["BilledCost", "BillingCurrency", "ChargePeriodStart"] + ["x"] * 3000)).encode(),
         "too-many-columns"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_its_code(bill, content, code):
    assert code_of(bill(content)) == code


def test_an_endless_line_does_not_fill_the_memory(bill):
    path = bill(focus("1").encode() + b"x" * 3_000_000)
    assert code_of(path, limits=Limits(line_bytes=1_000_000)) == "not-text"


def test_an_amount_beyond_the_database_is_named(bill, tmp_path):
    task = Task(arguments={}, inputs={"bill": bill(focus("9999999999.5"))}, outputs=tmp_path)
    with pytest.raises(TaskError, match=r"9\.2 billion") as caught:
        run(task)
    assert caught.value.code == "amount-out-of-range"


def test_a_lone_return_in_a_cell_stays_in_its_cell(bill, tmp_path):
    text = focus("1").replace(",GPU,", ',"G\rPU",')
    run(Task(arguments={}, inputs={"bill": bill(text.encode())}, outputs=tmp_path))
    with (tmp_path / "lines.csv").open(encoding="utf-8", newline="") as stream:
        assert [row["service"] for row in csv.DictReader(stream)] == ["G\rPU"]


def test_the_job_takes_a_mapping_and_previews_without_writing(bill, tmp_path):
    text = "Datum;Was;Kunde;Betrag\n05.10.2026;H100;kite;1,5\n"
    task = Task(
        arguments={"mapping": MAPPING, "write": False},
        inputs={"bill": bill(text)},
        outputs=tmp_path / "none",
    )
    assert run(task)["tallies"]["EUR"]["billed"]["total"] == "1.5"


def test_a_broken_mapping_reaches_the_user(bill, tmp_path):
    arguments = {"mapping": {"columns": {}}}
    task = Task(arguments=arguments, inputs={"bill": bill(focus("1"))}, outputs=tmp_path)
    with pytest.raises(TaskError, match="column mapping"):
        run(task)


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ('{"a": "1", "b": true, "c": null}', {"a": "1", "b": "true", "c": ""}),
        ('"a": "1","b": "2"', {"a": "1", "b": "2"}),
        ('[{"key": "a", "value": "1"}]', {"a": "1"}),
        ("", {}),
        ("NULL", {}),
        ("{}", {}),
        ("a=1", None),
        ("[1]", None),
        ("7", None),
        ('{"a": "\\u0000"}', None),
        ('{"a": "\\ud800"}', None),
        ("[" * 100_000, None),
    ],
)
def test_tags(text, tags):
    assert read_tags(text) == tags


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=28))
def test_an_amount_survives_its_text(amount):
    text = plain_text(amount)
    assert read_amount(text) == amount
    assert abs(from_nanos(to_nanos(amount)) - amount) <= Decimal("5E-10")


@pytest.mark.parametrize("text", ["0.012264277499950943", "0.00000080000", "-1.5", "100", "1E2"])
def test_the_digits_of_the_source_are_kept(text):
    kept = plain_text(read_amount(text))
    assert kept == {"1E2": "100"}.get(text, text)


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("@SUM(1)", "'@SUM(1)"),
        ("+1+cmd", "'+1+cmd"),
        ("-2+3", "'-2+3"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("-12.50", "-12.50"),
        ("+3", "+3"),
        ("1E-7", "1E-7"),
        ("plain", "plain"),
        ("", ""),
    ],
)
def test_no_cell_is_run_by_a_spreadsheet(cell, written):
    assert safe_cell(cell) == written


def test_exports_are_safe_and_read_back_to_the_last_digit(bill):
    text = focus("-0.000000000000000000012", "35.2E-7").replace(",GPU,", ",=1+1,")
    lines = list(read_lines(bill(text)))
    focus_file, plain_file = io.StringIO(), io.StringIO()
    assert write_focus(focus_file, lines) == write_csv(plain_file, lines) == 2

    again = list(read_lines(bill(focus_file.getvalue(), "again.csv")))
    assert [line.billed for line in again] == [line.billed for line in lines]
    assert [line.usage_start for line in again] == [line.usage_start for line in lines]
    assert [line.tags for line in again] == [line.tags for line in lines]
    assert again[0].service == "'=1+1"
    rows = list(csv.DictReader(io.StringIO(plain_file.getvalue())))
    assert rows[0]["billed"] == "-0.000000000000000000012"
    assert rows[1]["service"] == "'=1+1"


def test_a_locked_zip_is_named(bill):
    content = bytearray(zipped({"bill": focus("1")}))
    at = content.index(b"PK\x01\x02")
    content[at + 8] |= 1
    content[6] |= 1
    assert code_of(bill(bytes(content))) == "archive-content"
    assert zipfile.is_zipfile(io.BytesIO(bytes(content)))


@pytest.mark.parametrize("way", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_whose_unpacking_has_no_bounds_is_refused_before_it(bill, way):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", way) as archive:
        archive.writestr("bill.csv", focus("1"))
    assert code_of(bill(packed.getvalue())) == "archive-content"
