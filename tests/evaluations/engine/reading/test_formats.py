"""Parquet, JSON lines, XLSX, gzip and zip; and what hides in them."""

import datetime as dt
import decimal
import gzip
import io
import json
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evaluations.engine.reading import ReadLimits, containers
from evaluations.engine.reading.pages import unpacked_sizes

CSV = "id,x,y\n" + "".join(f"{i},{i / 4},{'ab'[i % 2]}\n" for i in range(150))


def packed(files, **options):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def parquet(table, **options):
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **options)
    return buffer.getvalue()


def sheet(rows, name="Sheet1"):
    """Write a small XLSX by hand."""
    cells = []
    for r, row in enumerate(rows, 1):
        line = ""
        for c, value in enumerate(row):
            at = f"{chr(65 + c)}{r}"
            if isinstance(value, str):
                line += f'<c r="{at}" t="inlineStr"><is><t>{value}</t></is></c>'
            elif isinstance(value, bool):
                line += f'<c r="{at}" t="b"><v>{int(value)}</v></c>'
            elif value is not None:
                line += f'<c r="{at}"><v>{value}</v></c>'
        cells.append(f'<row r="{r}">{line}</row>')
    return workbook({name: f"<sheetData>{''.join(cells)}</sheetData>"})


def workbook(sheets):
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    rel = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    files = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{rel}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{rel}"><sheets>'
        + "".join(f'<sheet name="{n}" sheetId="{i}" r:id="r{i}"/>' for i, n in enumerate(sheets, 1))
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">'
        + "".join(
            f'<Relationship Id="r{i}" Type="{rel}/worksheet" Target="worksheets/sheet{i}.xml"/>'
            for i in range(1, len(sheets) + 1)
        )
        + "</Relationships>",
    }
    for i, body in enumerate(sheets.values(), 1):
        files[f"xl/worksheets/sheet{i}.xml"] = f'<worksheet xmlns="{main}">{body}</worksheet>'
    return packed(files)


@pytest.mark.parametrize("pack", [gzip.compress, lambda d: packed({"t.csv": d, "__MACOSX/._t.csv": b"x"})])
def test_packed_csv_reads_like_the_plain_one(read, pack):
    plain, out = read(CSV), read(pack(CSV.encode()), "t.csv.gz")
    assert out.table.equals(plain.table)
    assert out["outcome"] == "accept"


def test_archive_with_several_tables_needs_a_name(read):
    two = packed({"a.csv": CSV, "b.csv": "p,q\n1,2\n"})
    assert read(two)["findings"][0]["code"] == "zip_needs_one_table"
    assert read(two, member="b.csv").names == ["p", "q"]
    assert read(two, member="c.csv")["findings"][0]["code"] == "zip_member_unknown"


def test_archives_that_are_refused(read):
    assert read(packed({f"{i}.csv": b"" for i in range(1001)}))["findings"][0]["code"] == "zip_too_many_files"
    assert read(gzip.compress(gzip.compress(CSV.encode())))["findings"][0]["code"] == "nested_archive"
    assert read(gzip.compress(CSV.encode())[:-200])["findings"][0]["code"] == "broken_archive"
    assert read(packed({"a.csv": CSV})[:-60])["findings"][0]["code"] == "broken_archive"


def test_inflated_bytes_are_counted_not_believed(read, monkeypatch):
    monkeypatch.setattr(containers, "SMALL", 2**21)
    bomb = gzip.compress(b"a,b\n" + b"1,2\n" * 2_000_000, 9)
    assert len(bomb) < 20_000
    assert read(bomb)["findings"][0]["code"] == "inflates_too_much"
    limits = ReadLimits(inflated_bytes=10_000)
    assert read(gzip.compress(CSV.encode() * 100), limits=limits)["findings"][0]["code"] == "inflates_too_large"


def test_xlsx(read):
    rows = [["id", "name", "x", "ok"]] + [[i, f"n{i}", i / 2, i % 2 == 0] for i in range(120)]
    out = read(sheet(rows), "book.xlsx")
    assert out["format"] == "xlsx"
    assert (out["rows"], out["outcome"]) == (120, "accept")
    assert out.types == {"id": "integer", "name": "text", "x": "number", "ok": "boolean"}


def test_xlsx_title_lines_and_sheets_are_asked(read):
    rows = [["Report"], [], ["id", "x", "y"]] + [[i, i * 2, "a"] for i in range(30)]
    assert read(sheet(rows), "book.xlsx").asked == {"header_row"}
    assert read(sheet(rows), "book.xlsx", header_row=3).names == ["id", "x", "y"]
    body = "<sheetData><row r='1'><c r='A1' t='inlineStr'><is><t>a</t></is></c></row>"
    body += "<row r='2'><c r='A2'><v>1</v></c></row></sheetData>"
    both = workbook({"one": body.replace("'", '"'), "two": body.replace("'", '"').replace("<t>a</t>", "<t>b</t>")})
    assert read(both, "book.xlsx").asked == {"sheet"}
    assert read(both, "book.xlsx", sheet="two").names == ["b"]


def test_xlsx_far_cell_does_not_reserve_memory(read):
    body = '<sheetData><row r="1"><c r="A1"><v>1</v></c></row>'
    body += '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    assert read(workbook({"s": body}), "b.xlsx")["findings"][0]["code"] == "sheet_too_large"
    lower = body.replace(' r="XFD1048576"', " r='XFD1048576'")
    assert read(workbook({"s": lower}), "b.xlsx")["findings"][0]["code"] == "sheet_too_large"


@pytest.mark.parametrize(
    ("row", "cell"),
    [
        ("2", ' r="A99999999"'),
        ("2", ' r="ZZZZZZZZ1"'),
        ("2", f' r="A{"0" * 60}99999999"'),
        ("99999999", ""),
        ("0" * 60 + "99999999", ""),
    ],
)
def test_xlsx_a_place_beyond_all_sheets_does_not_reserve_memory(read, row, cell):
    body = f'<sheetData><row r="1"><c r="A1"><v>1</v></c></row><row r="{row}"><c{cell}><v>1</v></c></row></sheetData>'
    assert read(workbook({"s": body}), "b.xlsx")["findings"][0]["code"] in {"sheet_too_large", "broken_workbook"}


def test_xlsx_a_sheet_is_looked_at_whatever_its_part_is_called(read):
    body = '<sheetData><row r="1"><c r="A1"><v>1</v></c></row><row r="9999999"><c r="A9999999"/></row></sheetData>'
    with zipfile.ZipFile(io.BytesIO(workbook({"s": body}))) as book:
        parts = {name: book.read(name).replace(b"sheet1.xml", b"sheet1.dat") for name in book.namelist()}
    odd = packed({name.replace("sheet1.xml", "sheet1.dat"): content for name, content in parts.items()})
    assert read(odd, "b.xlsx")["findings"][0]["code"] == "sheet_too_large"


def test_xlsx_bytes_are_counted(read):
    body = "<sheetData>" + "<row></row>" * 200_000 + "</sheetData>"
    limits = ReadLimits(sheet_bytes=1_000_000)
    assert read(workbook({"s": body}), "b.xlsx", limits=limits)["findings"][0]["code"] == "inflates_too_large"


def test_xlsx_broken(read):
    assert read(workbook({"s": "<sheetData><row"}), "b.xlsx")["outcome"] == "reject"
    assert read(packed({"[Content_Types].xml": "x"}), "b.xlsx")["outcome"] == "reject"


def test_json_lines(read):
    lines = [{"id": i, "x": i / 3, "who": f"n{i}", "ok": True, "gone": None} for i in range(120)]
    lines[7]["late"] = "5"
    out = read("\n".join(map(json.dumps, lines)), "t.jsonl")
    assert (out["format"], out["rows"]) == ("jsonl", 120)
    assert out.types == {
        "id": "integer", "x": "number", "who": "text", "ok": "boolean", "gone": "text", "late": "integer",
    }  # fmt: skip
    assert out.cells("late")[6:9] == [None, 5, None]


def test_json_lines_that_are_odd(read):
    nested = "\n".join(json.dumps({"a": i, "b": {"c": [1, 2]}}) for i in range(30))
    assert "nested_values" in read(nested, "t.jsonl").codes
    deep = '{"a":' + "[" * 50 + "]" * 50 + "}\n"
    assert read(deep, "t.jsonl")["findings"][0]["code"] == "json_too_deep"
    deeper = '{"a":' + "[" * 100_000 + "]" * 100_000 + "}\n"
    assert read(deeper, "t.jsonl")["findings"][0]["code"] == "json_too_deep"
    assert read('{"a": 1}\nnonsense\nmore\n' * 3, "t.jsonl")["findings"][0]["code"] == "not_json_lines"
    assert read('[{"a": 1}, {"a": 2}]', "t.json")["findings"][0]["code"] == "json_array"
    one = read('{"a": 1}\n' * 200 + '{"a": \n', "t.jsonl")
    assert one.finding("bad_json_lines")["lines"] == [201]
    long = '{"a": ' + "9" * 6000 + "}\n"
    assert read(long, "t.jsonl")["outcome"] == "reject"


def test_parquet_types_become_plain(read):
    table = pa.table(
        {
            "i": pa.array([1, 2, None], pa.int8()),
            "u": pa.array([1, 2, 2**63], pa.uint64()),
            "f": pa.array([1.5, float("nan"), float("inf")], pa.float32()),
            "s": pa.array(["a", "", "c\0d"]),
            "d": pa.array(["x", "y", "x"]).dictionary_encode(),
            "t": pa.array([dt.datetime(2024, 1, 1, tzinfo=dt.UTC)] * 3, pa.timestamp("ns", "Europe/Paris")),
            "day": pa.array([dt.date(2024, 1, 1)] * 3),
            "m": pa.array([decimal.Decimal("1.10")] * 3),
            "b": pa.array([True, False, None]),
        }
    )
    out = read(parquet(table), "t.parquet")
    assert out["format"] == "parquet"
    assert out.types == {
        "i": "integer", "u": "number", "f": "number", "s": "text", "d": "text",
        "t": "timestamp", "day": "date", "m": "number", "b": "boolean",
    }  # fmt: skip
    assert out.cells("f") == [1.5, None, None]
    assert out.cells("s") == ["a", None, "cd"]
    assert out.cells("m") == [1.1, 1.1, 1.1]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([[1], [2]]),
        pa.array([{"a": 1}, {"a": 2}]),
        pa.array([[("k", 1)], []], pa.map_(pa.string(), pa.int64())),
        pa.array([dt.timedelta(1)] * 2),
    ],
)
def test_parquet_with_nested_columns_is_refused_by_name(read, column):
    out = read(parquet(pa.table({"good": [1, 2], "odd": column})), "t.parquet")
    assert out["findings"][0]["code"] == "unreadable_type"
    assert "“odd”" in out["findings"][0]["message"]


def test_parquet_bombs(read):
    wide = parquet(pa.table({"a": pa.array([0] * 3_000_000, pa.int8())}))
    assert read(wide, limits=ReadLimits(cells=1_000_000))["findings"][0]["code"] == "too_many_cells"
    bomb = parquet(pa.table({"s": repeated(["x" * 100_000], 300_000)}))
    assert len(bomb) < 1_000_000
    out = read(bomb, limits=ReadLimits(inflated_bytes=200_000_000))
    assert out["findings"][0]["code"] == "inflates_too_much"


def repeated(words, rows):
    return pa.DictionaryArray.from_arrays(pa.array(np.arange(rows) % len(words), pa.int32()), pa.array(words))


@pytest.mark.parametrize("says", ["the truth", "little"])
def test_a_small_parquet_file_of_large_words_is_refused_before_they_are_unpacked(read, says):
    words = pa.table({"s": repeated([f"{at}".zfill(1_000_000) for at in range(150)], 300)})
    bomb = parquet(words, compression="zstd", dictionary_pagesize_limit=2**31 - 1, write_statistics=False)
    assert len(bomb) < 60_000
    if says == "little":
        declared = zigzag(pq.read_metadata(io.BytesIO(bomb)).row_group(0).total_byte_size)
        assert declared in bomb
        bomb = bomb.replace(declared, zigzag(1000, len(declared)))
        assert pq.read_metadata(io.BytesIO(bomb)).row_group(0).total_byte_size == 1000
    out = read(bomb)
    assert out["findings"][0]["code"] == "inflates_too_much"
    assert "Leave out columns" in out["findings"][0]["message"]


def zigzag(number, width=0):
    """Write a number as Thrift does, in so many bytes."""
    parts = [(number * 2 >> shift) & 0x7F for shift in range(0, max((number * 2).bit_length(), 7 * width), 7)]
    return bytes([part | 0x80 for part in parts[:-1]] + parts[-1:])


def test_a_tall_parquet_file_of_equal_values_is_read(read):
    rows = 1_000_000
    same = {f"n{at}": pa.array(np.zeros(rows, np.int64)) for at in range(4)}
    file = parquet(pa.table(same | {"s": repeated(["the same description of some length in every row"], rows)}))
    assert len(file) < 40_000
    assert read(file)["rows"] == rows


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("dictionary", [True, False])
@pytest.mark.parametrize("page", [500, 2**20])
def test_the_size_of_every_page_is_known_before_it_is_unpacked(tmp_path, version, dictionary, page):
    rows = 3000
    table = pa.table({"n": np.arange(rows), "s": [f"word {at % 900}" for at in range(rows)], "z": pa.nulls(rows)})
    kept = {"data_page_version": version, "use_dictionary": dictionary, "data_page_size": page, "row_group_size": 700}
    path = tmp_path / "t.parquet"
    path.write_bytes(parquet(table, compression="none", write_page_checksum=True, write_page_index=True, **kept))
    metadata = pq.read_metadata(path)
    declared = sum(metadata.row_group(at).total_byte_size for at in range(metadata.num_row_groups))
    sizes = list(unpacked_sizes(path, metadata))
    assert declared - 120 * len(sizes) < sum(sizes) < declared  # which counts the headers as well


def test_broken_parquet_and_empty_parquet(read):
    whole = parquet(pa.table({"a": list(range(1000))}))
    for data in (whole[:-8], whole[:100], b"PAR1" + b"\0" * 50 + b"PAR1", whole[:200] + b"\xff" * 50 + whole[250:]):
        assert read(data, "t.parquet")["outcome"] == "reject"
    assert read(parquet(pa.table({"a": pa.array([], pa.int64())})))["findings"][0]["code"] == "no_rows"
    assert read(parquet(pa.table({})))["outcome"] == "reject"


@pytest.mark.parametrize(
    "magic",
    [
        b"%PDF-1.7",
        b"\x89PNG\r\n",
        b"\xd0\xcf\x11\xe0",
        b"SQLite format 3\0",
        b"\x80\x04\x95",
        b"<!DOCTYPE html><p>",
        b"BZh9",
    ],
)
def test_other_files_are_named(read, magic):
    assert read(magic + b" more,of,it\n" * 30)["findings"][0]["code"] == "not_a_table"
