"""The two works of jobs: read a file, profile and audit a table."""

import hashlib
import json

import pyarrow.parquet as pq
import pytest

from evaluations.engine.work import profiling, reading
from projects.sandbox import Task, TaskError

CSV = "id,x,y\n" + "".join(f"{i},{i % 9},{'ab'[i % 2]}\n" for i in range(150))


@pytest.fixture
def task(tmp_path):
    def makes(arguments, **inputs):
        outputs = tmp_path / "outputs"
        outputs.mkdir(exist_ok=True)
        paths = {}
        for name, data in inputs.items():
            paths[name] = data
            if isinstance(data, bytes):
                paths[name] = tmp_path / name
                paths[name].write_bytes(data)
        return Task(arguments=arguments, inputs=paths, outputs=outputs)

    return makes


def test_reading_writes_the_table_and_reports(task):
    job = task({"name": "t.csv", "options": {"types": {"x": "text"}}}, original=CSV.encode())
    result = reading.run(job)
    path = job.outputs / "table.parquet"
    assert pq.read_metadata(path).num_rows == result["rows"] == 150
    assert result["columns"] == 3
    assert result["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert result["report"]["source_sha256"] == hashlib.sha256(CSV.encode()).hexdigest()
    assert [c["type"] for c in result["report"]["columns"]] == ["integer", "text", "text"]
    json.dumps(result, allow_nan=False)


def test_reading_the_same_bytes_gives_the_same_bytes(task):
    job = task({"name": "t.csv"}, original=CSV.encode())
    assert reading.run(job)["sha256"] == reading.run(job)["sha256"]


@pytest.mark.parametrize(
    ("data", "options", "code"),
    [(b"", {}, "empty"), (b"a,b\n", {}, "no_rows"), (b"a,b\n1,2\n", {"colour": 1}, "bad_options")],
)
def test_bad_input_is_a_task_error(task, data, options, code):
    job = task({"name": "t.csv", "options": options}, original=data)
    with pytest.raises(TaskError) as caught:
        reading.run(job)
    assert caught.value.code == code
    assert not list(job.outputs.iterdir())


def test_profiling_writes_the_profile_and_lists_findings(task):
    job = task({"name": "t.csv"}, original=CSV.encode())
    reading.run(job)
    table = job.outputs / "table.parquet"
    result = profiling.run(task({"target": "y", "parts": {"a": list(range(99)), "b": [5, 99, 100]}}, table=table))
    profile = json.loads((job.outputs / result["profile"]).read_text())
    assert [c["name"] for c in profile["columns"]] == ["id", "x", "y"]
    assert {"row_number", "overlap_between_parts"} <= {f["code"] for f in result["findings"]}
    with pytest.raises(TaskError) as caught:
        profiling.run(task({"target": "nobody"}, table=table))
    assert caught.value.code == "unknown_column"
