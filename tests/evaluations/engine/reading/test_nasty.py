"""All 44 odd files do what EXPECTED.json says: the figures from the file, the words by hand."""

import json
import time

import pytest

GOOD_NAMES = ["age", "score", "colour", "bought"]


def good(out):
    assert out.names == GOOD_NAMES
    assert out.types == {"age": "number", "score": "integer", "colour": "text", "bought": "text"}
    assert out.codes == {"small"}
    assert set(out.cells("bought")) == {"yes", "no"}


def empty(out):
    assert out.codes == {"empty"}
    assert "empty" in out["findings"][0]["message"]


def header_only(out):
    assert "3 columns (age, score, bought)" in out["findings"][0]["message"]
    assert "0 rows" in out["findings"][0]["message"]


def one_column(out):
    assert out.names == ["text"]
    assert out.cells("text")[0] == "line 0"
    assert "no feature is left" in out.finding("one_column")["message"]


def one_row(out):
    assert "at least 20" in out.finding("one_row")["message"]


def wide(out):
    assert "more_columns_than_rows" in out.codes
    assert len(out["preview"][0]) <= 200


def large_cell(out):
    assert max(len(cell or "") for row in out["preview"] for cell in row) <= 201
    assert max(len(cell) for cell in out.cells("text")) > 5_000_000
    assert out.finding("long_cell")["lines"] == [2]


def million(out):
    assert out.types == {"id": "integer", "x": "integer", "y": "text"}


def accents(out):
    assert out.names[0] == "prénom"
    assert {"Orléans", "Ångström"} <= set(out.cells("ville"))
    assert out.types["montant"] == "number"


def latin(out):
    accents(out)
    assert "latin-1" in out.finding("legacy_encoding")["message"]
    assert {c["options"]["encoding"] for c in out.finding("legacy_encoding")["choices"]} >= {"cp1252"}


def utf16_unsure(out):
    accents(out)
    assert not any("\0" in name for name in out.names)
    assert out.asked == {"encoding"}


def euro(out):
    assert out.cells("prix") == ["12 €", "8 €"]
    assert out.cells("avis")[0] == "“bon” – très"


def mixed_encodings(out):
    assert out.finding("mixed_encoding")["lines"] == [3]
    assert out.cells("name") == ["Zoé", "André"]
    assert out.cells("city") == ["Orléans", "Besançon"]


def shift_jis(out):
    assert out.asked == {"encoding"}
    assert all(c["preview"] for c in out.question("encoding")["choices"])
    assert out.names == ["名前", "都市", "値"]


def fixed_width(out):
    assert out.asked == {"fixed_width"}
    assert out.cells("city") == ["New York", "Rome", "St Ives"]
    assert out.cells("age") == [31, 4, 27]


def comma_text(out):
    assert out.cells("comment")[0] == "well, yes, 0, maybe"


def decimal_comma(out):
    assert (min(out.cells("prix")), max(out.cells("prix"))) == (1.5, 30.5)
    assert (min(out.cells("total")), max(out.cells("total"))) == (1001.25, 1030.25)
    assert out["decimal_mark"] == ","
    assert out.finding("decimal_comma")["columns"] == ["prix", "total"]


def ambiguous(out):
    assert out.asked == {"unclear_comma"}
    assert out.types["amount"] == "text"


def quoted_newlines(out):
    assert out.cells("comment")[1] == "plain, with comma"
    assert out.cells("comment")[0].startswith("first line")
    assert 'second "quoted" line' in out.cells("comment")[0]


def unclosed(out):
    assert out.finding("unclosed_quote")["lines"] == [2]
    assert out["rows"] == 3


def stray(out):
    assert out.cells("size") == ['5" pipe', '6" pipe', '7" pipe']


def backslashes(out):
    assert out.cells("comment") == ['said "hi", left', "ok"]
    assert out.finding("backslash_escapes")["lines"] == [2]


def conflict(out):
    assert out.finding("merge_conflict")["lines"] == [32, 35, 37]
    assert out.finding("doubled_in_conflict")["lines"] == [36]
    assert out["rows"] == 61
    assert out.types["age"] == "number"
    assert not any(str(c).startswith(("<<", "==", ">>")) for n in out.names for c in out.cells(n))


def ragged_short(out):
    assert out.finding("short_rows")["lines"] == [3, 4]
    assert out.finding("short_rows")["n"] == 2
    assert out.cells("c") == [3, None, None, 9]


def ragged_long(out):
    assert out.names == ["a", "b", "c"]
    assert out.finding("long_rows")["lines"] == [3]
    assert out.cells("a") == [1, 8]


def no_return(out):
    good(out)
    assert not any("\r" in cell for cell in out.cells("bought"))


def mixed_ends(out):
    assert out.cells("b") == [2, 4, 6]


def preamble(out):
    assert out.question("header_row")["choices"][0]["options"] == {"header_row": 4}
    assert out.question("total_row")["choices"][0]["options"] == {"footer_rows": 1}
    assert out.cells("amount") == [10, 20, 30]


def comments(out):
    assert out.question("comment_lines")["choices"][0]["options"] == {"comment": "#"}
    assert out.cells("weight") == [70, 90]


def units(out):
    assert out.finding("units_row")["lines"] == [2]
    assert "97 %" in out.finding("units_row")["message"]
    assert out.types == {"time": "integer", "speed": "number", "label": "text"}
    assert "[-]" not in out.cells("label")


def no_header(out):
    assert out.names == ["column_1", "column_2", "column_3", "column_4"]
    assert out.asked == {"no_header"}


def nul_bytes(out):
    assert out.cells("name") == ["Ann", "Bo", "Cy"]
    assert "nul_bytes" in out.codes


def controls(out):
    assert out.cells("name")[0] == "a\x07b"
    assert out["preview"][0][1] == "a\\x07b"
    assert out.finding("control_characters")["lines"] == [2, 3, 4]


SHOULD = {
    "00_good_control.csv": good,
    "01_empty.csv": empty,
    "01_whitespace_only.csv": empty,
    "01_bom_only.csv": empty,
    "02_header_only.csv": header_only,
    "03_one_column.csv": one_column,
    "04_one_row.csv": one_row,
    "05_wide_5000_columns.csv": wide,
    "06_cell_5mb.csv": large_cell,
    "07_million_rows.csv.gz": million,
    "10_bom_utf8.csv": accents,
    "11_utf16_le_bom.csv": accents,
    "11_utf16_be_bom.csv": accents,
    "11_utf16_le_nobom.csv": utf16_unsure,
    "11_utf16_tab_excel_unicode_text.txt": accents,
    "12_latin1_accents.csv": latin,
    "12_cp1252_euro_quotes.csv": euro,
    "12_mixed_encodings.csv": mixed_encodings,
    "12_shift_jis.csv": shift_jis,
    "20_semicolon.csv": good,
    "20_tab.tsv": good,
    "20_pipe.csv": good,
    "20_sep_hint_excel.csv": good,
    "20_spaces_fixed_width.txt": fixed_width,
    "20_comma_in_text_semicolon_sep.csv": comma_text,
    "21_decimal_comma.csv": decimal_comma,
    "21_ambiguous_1,234.csv": ambiguous,
    "22_quoted_newlines.csv": quoted_newlines,
    "22_unclosed_quote.csv": unclosed,
    "22_stray_quotes.csv": stray,
    "22_backslash_escapes.csv": backslashes,
    "22_merge_conflict_markers.csv": conflict,
    "23_ragged_short.csv": ragged_short,
    "23_ragged_long.csv": ragged_long,
    "24_crlf.csv": no_return,
    "24_cr_only.csv": good,
    "24_mixed_line_ends.csv": mixed_ends,
    "24_no_final_newline.csv": good,
    "25_preamble_and_footer.csv": preamble,
    "25_comment_lines.csv": comments,
    "25_units_row.csv": units,
    "25_no_header.csv": no_header,
    "26_nul_bytes.csv": nul_bytes,
    "26_control_chars.csv": controls,
}


@pytest.mark.parametrize("name", SHOULD)
def test_odd_file_does_what_is_expected(name, shared_data, read):
    folder = shared_data / "nasty"
    expected = next(e for e in json.loads((folder / "EXPECTED.json").read_text()) if e["file"] == name)
    began = time.monotonic()
    out = read(folder / name, name)
    assert time.monotonic() - began < 60
    assert out["outcome"] == expected["expect"]
    if expected["expect"] != "reject":
        assert out["rows"] == expected.get("rows", out["rows"]) == out.table.num_rows
        assert len(out["columns"]) == expected.get("columns", len(out["columns"])) == out.table.num_columns
    assert out["separator"] == expected.get("sep", out["separator"])
    assert out["encoding"] == expected.get("encoding", out["encoding"])
    SHOULD[name](out)
    json.dumps(out.report, allow_nan=False)


def test_no_file_is_forgotten(shared_data):
    expected = json.loads((shared_data / "nasty" / "EXPECTED.json").read_text())
    assert {e["file"] for e in expected} == set(SHOULD)


def test_answers_settle_the_questions(shared_data, read):
    """Taking the guess of every question leaves nothing to ask and the same rows."""
    folder = shared_data / "nasty"
    for name in SHOULD:
        if name.startswith(("07", "06", "05")):
            continue
        out = read(folder / name, name)
        if out["outcome"] != "ask":
            continue
        answers = {}
        for question in out["questions"]:
            answers |= question["choices"][0]["options"]
        again = read(folder / name, name, **answers)
        assert again["questions"] == [], name
        assert again["rows"] == out["rows"], name
        assert again.types == out.types, name


def test_telco_churn(shared_data, read):
    out = read(shared_data / "tables" / "telco_churn.csv")
    assert (out["rows"], len(out["columns"])) == (7043, 21)
    assert out.types["TotalCharges"] == "number"
    assert out.table.column("TotalCharges").null_count == 11
    assert "11 blank cells" in out.finding("missing_spelling")["message"]
    assert out["questions"] == []


def test_bank_offers_spellings_and_changes_nothing(shared_data, read):
    out = read(shared_data / "tables" / "bank-additional-full.csv")
    assert (out["rows"], len(out["columns"]), out["separator"], out["quote"]) == (41188, 21, ";", '"')
    offered = {f["columns"][0]: f["n"] for f in out["findings"] if f["code"] == "possible_missing"}
    assert offered["default"] == 8597
    assert offered["pdays"] == 39673
    assert out.table.column("default").null_count == 0
    changed = read(
        shared_data / "tables" / "bank-additional-full.csv", extra_missing={"pdays": ["999"], "default": ["unknown"]}
    )
    assert changed.table.column("pdays").null_count == 39673
    assert changed.table.column("default").null_count == 8597


def test_sms_lines_are_not_merged(shared_data, read):
    out = read(shared_data / "tables" / "SMSSpamCollection", "SMSSpamCollection")
    assert (out["rows"], len(out["columns"])) == (5574, 2)
    assert out.asked == {"no_header"}
    answered = read(shared_data / "tables" / "SMSSpamCollection", "SMSSpamCollection", header_row=0)
    assert answered["questions"] == []
    assert answered["rows"] == 5574
    assert set(answered.cells("column_1")) == {"ham", "spam"}


def test_bike_hour_dates(shared_data, read):
    out = read(shared_data / "tables" / "bike_hour.csv")
    assert (out["rows"], len(out["columns"]), out["outcome"]) == (17379, 17, "accept")
    assert out.types["dteday"] == "date"


@pytest.mark.parametrize("name", ["bike_hour.csv", "obd_bts_men.csv", "telco_churn.csv", "bank-additional-full.csv"])
def test_swift_and_careful_ways_agree(name, shared_data, tmp_path, read):
    from evaluations.engine.reading import ReadLimits

    swift = read(shared_data / "tables" / name, limits=ReadLimits(swift_bytes=0))
    careful = read(shared_data / "tables" / name, limits=ReadLimits(swift_bytes=2**40))
    assert swift.table.equals(careful.table)
    assert swift.types == careful.types
    assert swift["source_sha256"] == careful["source_sha256"]
