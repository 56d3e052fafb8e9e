"""Small odd texts, made here: dialects, encodings, types, dates and what a person may override."""

import datetime as dt

import pytest

from evaluations.engine.reading import ReadingError, ReadLimits, ReadOptions

ROWS = "".join(f"{20 + i},{i % 7 / 2},{['red', 'blue'][i % 2]},{['no', 'yes'][i % 3 == 0]}\n" for i in range(120))
GOOD = "age,score,colour,bought\n" + ROWS


def test_good_file_is_accepted_without_a_word(read):
    out = read(GOOD)
    assert (out["outcome"], out["rows"], out["findings"], out["questions"]) == ("accept", 120, [], [])
    assert out.types == {"age": "integer", "score": "number", "colour": "text", "bought": "text"}
    assert (out["header_row"], out["decimal_mark"]) == (1, ".")
    assert out["preview"][0] == ["20", "0.0", "red", "yes"]


@pytest.mark.parametrize("separator", [";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_separators_and_line_ends(read, separator, end):
    out = read(GOOD.replace(",", separator).replace("\n", end))
    assert (out["outcome"], out["separator"], out["rows"]) == ("accept", separator, 120)
    assert set(out.cells("bought")) == {"yes", "no"}


@pytest.mark.parametrize(
    ("encoding", "outcome"),
    [("utf-8", "accept"), ("utf-8-sig", "accept"), ("utf-16", "accept"), ("utf-32", "accept"), ("cp1252", "warn")],
)
def test_encodings(read, encoding, outcome):
    out = read(GOOD.replace("red", "rosé €").replace("age", "âge").encode(encoding))
    assert (out["outcome"], out["encoding"]) == (outcome, encoding)
    assert out.names[0] == "âge"
    assert "rosé €" in out.cells("colour")


def test_chosen_encoding_is_used(read):
    text = "имя,x\n" + "".join(f"Анна{i},{i}\n" for i in range(40))
    assert read(text.encode("koi8-r")).asked == {"encoding"}
    out = read(text.encode("koi8-r"), encoding="koi8-r")
    assert out["questions"] == []
    assert out.names[0] == "имя"


def test_empty_things_are_rejected(read):
    for data in (b"", b"\n\n \n", b"\xef\xbb\xbf", b"\0\0\0"):
        assert read(data)["findings"][0]["code"] in {"empty", "not_text"}
    assert read("a,b\n")["findings"][0]["code"] == "no_rows"


def test_quotes_commas_and_newlines(read):
    out = read('id,t,y\r\n1,"a\r\n""b""\n\nc",x\r\n2,"p, q",y\r\n3,"",x\r\n')
    assert (out["outcome"], out["rows"]) == ("accept", 3)
    assert out.cells("t")[1:] == ["p, q", None]
    assert '"b"' in out.cells("t")[0]


def test_unclosed_quote_swallows_nothing(read):
    out = read('id,t,y\n1,"never,a\n2,fine,b\n3,"fine, too",a\n')
    assert out["rows"] == 3
    assert out.finding("unclosed_quote")["lines"] == [2]


def test_ragged_rows_are_named(read):
    out = read("a,b,c\n1,2,3\n4,5\n4,5,6,7\n8,9,10\n1,1,1,\n")
    assert out.finding("short_rows")["lines"] == [3]
    assert out.finding("long_rows")["lines"] == [4]
    assert out.finding("extra_separators")["lines"] == [6]
    assert out.cells("a") == [1, 4, 8, 1]
    assert read("a,b,c\n1,2,3\n4,5,6,7\n8,9,10\n", long_rows="cut").cells("a") == [1, 4, 8]


def test_header_above_and_total_below(read):
    out = read("Sales\n\nid,region,amount\n1,N,10\n2,S,20\n3,N,30\nTotal,,60\n")
    assert out.asked == {"header_row", "total_row"}
    kept = read("Sales\n\nid,region,amount\n1,N,10\n2,S,20\n3,N,30\nTotal,,60\n", header_row=3, footer_rows=0)
    assert (kept["outcome"], kept["rows"]) != ("ask", 3)
    assert kept["rows"] == 4


def test_no_header_is_asked_and_answered(read):
    assert read(ROWS).asked == {"no_header"}
    assert read(ROWS, header_row=0)["rows"] == 120
    assert read(ROWS, header_row=1)["rows"] == 119
    assert read(ROWS, header_row=0, names=["a", "b", "c", "d"]).names == ["a", "b", "c", "d"]


def test_r_style_header_lacks_the_row_names(read):
    out = read("x,y\n" + "".join(f"row{i},{i},{i * 2}\n" for i in range(30)))
    assert out.names == ["column_1", "x", "y"]
    assert out.cells("x")[:2] == [0, 1]


def test_names_are_filled_and_doubled_ones_numbered(read):
    out = read("a,,a,a\n1,2,3,4\n5,6,7,8\n")
    assert out.names == ["a", "column_2", "a_2", "a_3"]
    assert {"doubled_names", "unnamed_columns"} <= out.codes


def test_late_word_in_a_numeric_column_is_pointed_at(read):
    out = read("x,y\n" + "".join(f"{i},a\n" for i in range(99)) + "oops,a\n")
    assert out.types["x"] == "integer"
    assert out.finding("does_not_fit")["lines"] == [101]
    assert "'oops'" in out.finding("does_not_fit")["message"]
    assert read("x,y\n" + "1,a\n" * 99 + "oops,a\n", types={"x": "text"}).cells("x")[-1] == "oops"


def test_mixed_column_stays_text(read):
    out = read("x,y\n" + "1,a\n" * 60 + "many,a\n" * 40)
    assert out.types["x"] == "text"
    assert "60 %" in out.finding("mixed_types")["message"]
    forced = read("x,y\n" + "1,a\n" * 60 + "many,a\n" * 40, types={"x": "number"})
    assert forced.table.column("x").null_count == 40


def test_missing_spellings(read):
    text = "x,y\n1,a\nNA,b\n ,NA\n4,unknown\n" + "5,c\n" * 20
    out = read(text)
    assert out.cells("x")[:4] == [1, None, None, 4]
    assert out.cells("y")[2:4] == [None, "unknown"]
    assert "possible_missing" in out.codes
    assert read(text, missing=[])["outcome"] == "warn"
    assert read(text, missing=[]).cells("y")[2] == "NA"


def test_leading_zeros_and_long_numbers_stay_text(read):
    out = read("zip,id,n\n" + "".join(f"0{i:04d},1234567890123456789{i:03d},{i}\n" for i in range(40)))
    assert out.types == {"zip": "text", "id": "text", "n": "integer"}
    assert out.cells("zip")[3] == "00003"


def test_decimal_commas_and_groups(read):
    out = read("a;b;c\n" + "1,5;1.234,5;1.234\n" * 30)
    assert out.types == {"a": "number", "b": "number", "c": "number"}
    assert [out.cells(n)[0] for n in "abc"] == [1.5, 1234.5, 1234.0]
    out = read('a,b\n"1,234.5",x\n"1,234,567",y\n')
    assert out.cells("a") == [1234.5, 1234567.0]


def test_one_comma_before_three_digits_is_asked(read):
    text = "id;v\n" + "".join(f"{i};{i + 1},{i + 100}\n" for i in range(50))
    assert read(text).asked == {"unclear_comma"}
    assert read(text, types={"v": "grouped_comma"}).cells("v")[0] == 1100.0
    assert read(text, types={"v": "decimal_comma"}).cells("v")[0] == 1.1
    assert read(text, decimal=",").cells("v")[0] == 1.1


@pytest.mark.parametrize(
    ("cells", "kind", "first"),
    [
        (["2024-02-29", "2023-01-05"], "date", dt.date(2024, 2, 29)),
        (["2024-02-29 10:11", "2023-01-05T01:02:03.5"], "timestamp", dt.datetime(2024, 2, 29, 10, 11)),  # noqa: DTZ001 # the table has none
        (["31/12/2023", "01/02/2023"], "date", dt.date(2023, 12, 31)),
        (["12/31/2023", "01/02/2023"], "date", dt.date(2023, 12, 31)),
        (["31.12.2023 23:59", "1.2.2023 01:00"], "timestamp", dt.datetime(2023, 12, 31, 23, 59)),  # noqa: DTZ001 # the table has none
        (["2023/12/31", "2023/2/1"], "date", dt.date(2023, 12, 31)),
    ],
)
def test_dates_are_found(read, cells, kind, first):
    out = read("d,x\n" + "".join(f"{c},1\n" for c in cells * 10))
    assert out["questions"] == []
    assert out.types["d"] == kind
    assert out.cells("d")[0] == first


def test_unclear_dates_are_asked(read):
    text = "d,x\n" + "01/02/2023,1\n11/12/2023,2\n" * 10
    assert read(text).asked == {"date_order"}
    assert read(text, types={"d": "day_first"}).cells("d")[0] == dt.date(2023, 2, 1)
    assert read(text, types={"d": "month_first"}).cells("d")[0] == dt.date(2023, 1, 2)


def test_impossible_dates_become_missing_and_are_named(read):
    out = read("d,x\n" + "2023-02-27,1\n" * 30 + "2023-02-30,1\n")
    assert out.cells("d")[-1] is None
    assert out.finding("does_not_fit")["lines"] == [32]


def test_infinity_becomes_missing_and_is_named(read):
    out = read("x,y\n" + "1.5,a\n" * 30 + "inf,a\n")
    assert out.cells("x")[-1] is None
    assert "does_not_fit" in out.codes


def test_booleans(read):
    assert read("f,x\n" + "True,1\nfalse,2\n" * 9).cells("f")[:2] == [True, False]


def test_comments_are_asked(read):
    text = "# made by hand\nid,x\n1,2\n#3,4\n5,6\n"
    assert read(text).asked == {"comment_lines"}
    assert read(text, comment="#").cells("id") == [1, 5]


def test_conflict_markers_never_become_classes(read):
    out = read("a,b\n1,x\n<<<<<<< HEAD\n2,y\n=======\n2,y\n>>>>>>> other\n3,z\n")
    assert out.finding("merge_conflict")["lines"] == [3, 5, 7]
    assert out.cells("a") == [1, 2, 2, 3]


def test_fixed_width_is_asked(read):
    text = "name      n  city    \nAnn Lee  31  New York\nBo        4  Rome    \nCy       27  St Ives \n"
    assert read(text).asked == {"fixed_width"}
    assert read(text, fixed_starts=[0, 9, 13]).cells("city") == ["New York", "Rome", "St Ives"]
    assert read(text, fixed_starts=[]).table.num_columns == 1


def test_prose_is_one_column(read):
    out = read("text\n" + "".join(f"line {i} has, maybe, words{',' * (i % 3)}\n" for i in range(30)))
    assert out["separator"] in {None, ","}
    assert out["rows"] == 30 or out["outcome"] != "accept"


def test_options_are_checked():
    for bad in (
        {"colour": 1},
        {"separator": ",,"},
        {"encoding": "klingon"},
        {"header_row": -1},
        {"types": {"a": "animal"}},
        {"decimal": "x"},
        {"missing": "NA"},
        {"fixed_starts": [3, 1]},
        {"quote": "ab"},
        {"long_rows": "burn"},
    ):
        with pytest.raises(ReadingError) as caught:
            ReadOptions.from_dict(bad)
        assert caught.value.code == "bad_options"


def test_limits(read):
    assert read(GOOD, limits=ReadLimits(columns=3))["findings"][0]["code"] == "too_many_columns"
    assert read(GOOD, limits=ReadLimits(cells=100))["findings"][0]["code"] == "too_many_cells"
    long = "a,b\n" + "x" * 5_000 + ",1\n"
    assert read(long, limits=ReadLimits(cell_bytes=1_000))["findings"][0]["code"] == "cell_too_large"
    endless = "a,b\n" + "x" * 3_000_000
    assert read(endless, limits=ReadLimits(line_bytes=2**20))["findings"][0]["code"] == "line_too_long"


def test_a_hundred_thousand_columns_are_refused_quickly(read):
    wide = ",".join(f"c{i}" for i in range(100_000))
    out = read(f"{wide}\n{wide}\n")
    assert out["findings"][0]["code"] == "too_many_columns"


def test_many_unclosed_quotes_take_no_quadratic_time(read):
    out = read("a,b,c\n" + 'x,"y,1\n' * 20_000)
    assert out["rows"] == 20_000
