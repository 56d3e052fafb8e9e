"""No input whatever makes the reader fall over: it accepts, warns, asks or rejects."""

import gzip
import io
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evaluations.engine.reading import ReadLimits, ReadOptions, read_table

LIMITS = ReadLimits(columns=200, inflated_bytes=10_000_000)
QUIET = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
WORDS = """1 2.5 1,5 1.000,5 " "" "a,b" NA x é 01/02/2024 2024-01-01
Total # ======= 007 inf 0x1 ' \\ 😀 true 1e999"""
CELLS = st.sampled_from([*WORDS.split(), "a\nb", "", " ", "\0", "\x07", "\r", "\ufeff"])


def read_bytes(data, name="t.csv", limits=LIMITS, options=None):
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source"
        source.write_bytes(data)
        target = Path(folder) / "table.parquet"
        report = read_table(source, target, name=name, options=options, limits=limits)
        assert report["outcome"] in {"accept", "warn", "ask", "reject"}
        assert (report["outcome"] != "reject") == target.exists()
        assert {p.name for p in Path(folder).iterdir()} <= {"source", "table.parquet"}
        if target.exists():
            stored = pq.read_table(target)
            assert stored.num_rows == report["rows"] > 0
            assert stored.schema.names == [c["name"] for c in report["columns"]]
            stored.validate(full=True)
        else:
            assert report["findings"][0]["message"]
        return report


@QUIET
@given(st.binary(max_size=600))
def test_random_bytes(data):
    read_bytes(data)


@QUIET
@given(
    st.lists(st.lists(CELLS, min_size=1, max_size=5), min_size=1, max_size=12),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["utf-8", "utf-16", "cp1252", "shift_jis"]),
)
def test_random_tables(rows, separator, end, encoding):
    data = end.join(separator.join(row) for row in rows).encode(encoding, "replace")
    swift = read_bytes(data, limits=ReadLimits(columns=200, swift_bytes=0))
    careful = read_bytes(data, limits=ReadLimits(columns=200, swift_bytes=2**40))
    for key in ("outcome", "rows", "columns", "preview"):
        assert swift[key] == careful[key]


@QUIET
@given(st.data())
def test_cut_and_flipped_files(data):
    table = pa.table({"a": list(range(200)), "b": ["x", "yy"] * 100, "c": [0.5] * 200})
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    text = "a,b\n" + "1,é\n" * 50
    jsonl = '{"a": 1, "b": [1, {"c": 2}]}\n' * 20
    whole = data.draw(st.sampled_from([buffer.getvalue(), gzip.compress(text.encode(), mtime=0), jsonl.encode()]))
    cut = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for at in data.draw(st.lists(st.integers(0, max(len(cut) - 1, 0)), max_size=4)):
        if cut:
            cut[at] = data.draw(st.integers(0, 255))
    read_bytes(bytes(cut), "t.jsonl" if whole[:1] == b"{" else "t")


@QUIET
@given(
    st.lists(st.lists(CELLS, min_size=2, max_size=4), min_size=2, max_size=8),
    st.fixed_dictionaries(
        {},
        optional={
            "header_row": st.integers(0, 12),
            "skip_rows": st.integers(0, 12),
            "footer_rows": st.integers(0, 12),
            "quote": st.sampled_from(["", '"', "'"]),
            "comment": st.sampled_from(["", "#"]),
            "decimal": st.sampled_from([",", "."]),
            "units_row": st.booleans(),
            "long_rows": st.sampled_from(["drop", "cut"]),
            "fixed_starts": st.sampled_from([[], [0, 2], [1]]),
            "names": st.lists(st.sampled_from(["a", "", "b"]), max_size=5),
            "encoding": st.sampled_from(["utf-8", "utf-16", "shift_jis", "latin-1"]),
        },
    ),
)
def test_random_options(rows, options):
    data = "\n".join(",".join(row) for row in rows).encode()
    read_bytes(data, options=ReadOptions.from_dict(options))
