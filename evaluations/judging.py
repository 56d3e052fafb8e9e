"""The whole way from a file to a verdict without web, database or queue: what the command line runs.

It takes the same steps in the same order as the jobs do, with the same seeds, so that the result is the same
byte for byte.
"""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from evaluations.engine.evaluation import evaluate
from evaluations.engine.labels import as_words
from evaluations.engine.protocols import Protocol, read_protocol
from evaluations.engine.reading import ReadingError, ReadOptions, read_table
from evaluations.engine.work import drawing, evaluating, training
from projects.errors import DomainError
from projects.sandbox import Task, TaskError

Tell = Callable[[str], None]
NO_SALT = ""  # row ids only matter to those who predict elsewhere


class BadInputError(DomainError):
    """Raised when a file or protocol cannot be judged."""

    code = "bad-input"
    template = "{problem}"


def judge_data(
    data: Path, protocol: Mapping[str, Any], *, options: Mapping[str, Any], budget: int, tell: Tell
) -> dict[str, Any]:
    """Read labelled data, set rows aside, train, and judge the proposed model on the rows set aside.

    Raises BadInputError.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            table = _read(data, folder / "table.parquet", options, tell)
            terms = _terms(protocol)
            return _judge_table(table, terms, folder, budget=budget, tell=tell)
        except (TaskError, DomainError) as error:
            raise BadInputError(problem=str(error)) from error


def judge_predictions(
    predictions: Path, protocol: Mapping[str, Any], *, options: Mapping[str, Any], tell: Tell
) -> dict[str, Any]:
    """Judge a file that holds the truth beside predictions; columns as docs/command-line.md says.

    Raises BadInputError.
    """
    with tempfile.TemporaryDirectory() as name:
        try:
            table = _read(predictions, Path(name) / "table.parquet", options, tell)
            terms = _terms(protocol)
            frame = pq.read_table(table).to_pandas()
            if "truth" not in frame.columns and terms.target in frame.columns:
                frame = frame.rename(columns={terms.target: "truth"})
            if terms.judged_as != "regression":
                for column in {"truth", "prediction", "baseline_prediction"} & set(frame.columns):
                    if not frame[column].isna().any():
                        frame[column] = as_words(frame[column])
            tell("Judging")
            return evaluate(frame, terms.to_dict(), 0)
        except (TaskError, DomainError) as error:
            raise BadInputError(problem=str(error)) from error


def _judge_table(table: Path, terms: Protocol, folder: Path, *, budget: int, tell: Tell) -> dict[str, Any]:
    body = terms.to_dict()

    def task(arguments: dict[str, Any], seed: int, **inputs: Path) -> Task:
        return Task({"protocol": body, **arguments}, inputs, folder, seed)

    tell("Setting the acceptance rows aside")
    drawing.run(task({"salt": NO_SALT}, terms.split.seed, table=table))
    tell("Training on the rest")
    trained = training.run(task({"recipes": [], "budget": budget}, 0, development=folder / "development.parquet"))
    proposed = trained["proposed"]
    tell(f"Judging the proposed model: {proposed}")
    arguments = {"plan": trained["plan"], "classes": trained["classes"]}
    files = {"acceptance": folder / "acceptance.parquet", "model": folder / f"{proposed}.skops"}
    return evaluating.judge_look(task(arguments, 0, **files))


def _terms(protocol: Mapping[str, Any]) -> Protocol:
    """Read the terms, from a protocol as it was frozen or as it was typed; the data's hash may be left out."""
    body = dict(protocol.get("terms", protocol))
    body.setdefault("dataset", "as given on the command line")
    return read_protocol(body)


def _read(source: Path, target: Path, options: Mapping[str, Any], tell: Tell) -> Path:
    tell(f"Reading {source.name}")
    try:
        report = read_table(source, target, name=source.name, options=ReadOptions.from_dict(dict(options)))
    except ReadingError as error:
        raise BadInputError(problem=str(error)) from error
    except OSError as error:
        raise BadInputError(problem=f"{source} cannot be opened: {error.strerror}.") from error
    if report["outcome"] in {"ask", "reject"}:
        told = [q["message"] for q in report["questions"]] or [f["message"] for f in report["findings"]]
        advice = ' Answer it with --read, for example --read \'{"separator": ";"}\'.'
        raise BadInputError(problem=" ".join(told[:2]) + (advice if report["outcome"] == "ask" else ""))
    return target
