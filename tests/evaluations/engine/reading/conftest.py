import pyarrow.parquet as pq
import pytest

from evaluations.engine.reading import ReadLimits, ReadOptions, read_table


class Outcome:
    """What read_table gave: the report, and the table if one was written."""

    def __init__(self, report, path):
        self.report = report
        self.table = pq.read_table(path) if path.exists() else None

    def __getitem__(self, key):
        return self.report[key]

    @property
    def names(self):
        return [c["name"] for c in self.report["columns"]]

    @property
    def types(self):
        return {c["name"]: c["type"] for c in self.report["columns"]}

    @property
    def codes(self):
        return {f["code"] for f in self.report["findings"]}

    @property
    def asked(self):
        return {q["code"] for q in self.report["questions"]}

    def finding(self, code):
        return next(f for f in self.report["findings"] if f["code"] == code)

    def question(self, code):
        return next(q for q in self.report["questions"] if q["code"] == code)

    def cells(self, name):
        return self.table.column(name).to_pylist()


@pytest.fixture
def read(tmp_path):
    """Read bytes, text or a file; keyword arguments are options."""

    def reads(source, name="data.csv", *, limits=None, **options):
        path = source
        if isinstance(source, str | bytes):
            path = tmp_path / "upload"
            path.write_bytes(source.encode() if isinstance(source, str) else source)
        folder = tmp_path / "work"
        folder.mkdir(exist_ok=True)
        target = folder / "table.parquet"
        target.unlink(missing_ok=True)
        report = read_table(
            path, target, name=name, options=ReadOptions.from_dict(options), limits=limits or ReadLimits()
        )
        left = {p.name for p in folder.iterdir()}
        assert left <= {"table.parquet"}, "temporary files were left behind"
        assert (report["outcome"] == "reject") == (not target.exists())
        return Outcome(report, target)

    return reads
