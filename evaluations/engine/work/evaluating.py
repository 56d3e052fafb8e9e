"""Judge a model, or predictions brought as a file, on the acceptance rows."""

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from evaluations.engine.evaluation import evaluate
from evaluations.engine.labels import as_words
from evaluations.engine.protocols import Protocol, read_protocol
from evaluations.engine.reading import ReadingError, read_table
from evaluations.engine.training.artifacts import load_model
from evaluations.engine.training.features import FeaturePlan, lay_out
from evaluations.engine.work.drawing import ROW_ID
from projects.errors import DomainError
from projects.sandbox import Task, TaskError

# Weights, groups and slices are terms of the protocol: whoever is judged does not bring them along.
JUDGED_COLUMNS = ("prediction", "probability")
JUDGED_PREFIXES = ("probability:", "baseline_")
SHOWN_IDS = 3


def run(task: Task) -> dict[str, Any]:
    """Give the frozen result of one look.

    Arguments: ``protocol`` (terms), and for a model ``plan`` and ``classes``; ``name`` for a file of predictions.
    Inputs: ``acceptance`` (Parquet with row ids) and either ``model`` (skops) or ``predictions`` (any table).
    """
    try:
        return judge_look(task)
    except DomainError as error:
        raise TaskError(error.code, str(error)) from error


def judge_look(task: Task) -> dict[str, Any]:
    """Predict or match the rows, then judge them by the protocol."""
    protocol = read_protocol(task.arguments["protocol"])
    task.progress("Opening the acceptance rows", 0, 3)
    rows = pq.read_table(task.inputs["acceptance"]).to_pandas()
    task.progress("Predicting", 1, 3)
    if "model" in task.inputs:
        judged = predict_rows(rows, protocol, task.inputs["model"], task.arguments)
    else:
        judged = match_rows(rows, protocol, _read_predictions(task))
    task.progress("Judging", 2, 3)
    result = evaluate(with_slices(judged, rows, protocol), protocol.to_dict(), task.seed)
    task.progress("Judging", 3, 3)
    return result


def predict_rows(rows: pd.DataFrame, protocol: Protocol, model: Path, arguments: Any) -> pd.DataFrame:
    """Predict the rows with a stored model, the truth beside."""
    pipeline = load_model(model)
    features = lay_out(rows, FeaturePlan.from_dict(arguments["plan"]))
    if protocol.judged_as == "regression":
        predicted = pipeline.predict(features)
        return pd.DataFrame({"truth": rows[protocol.target].to_numpy(dtype="float64"), "prediction": predicted})
    classes = list(arguments["classes"])
    found = pipeline.predict_proba(features)
    shares = pd.DataFrame(0.0, index=rows.index, columns=classes)
    for place, code in enumerate(pipeline.classes_):
        shares[classes[int(code)]] = found[:, place]
    judged = pd.DataFrame({"truth": as_words(rows[protocol.target])})
    if protocol.judged_as == "binary":
        judged["probability"] = shares[protocol.positive_class].to_numpy()
    else:
        for name in classes:
            judged[f"probability:{name}"] = shares[name].to_numpy()
    return judged


def match_rows(rows: pd.DataFrame, protocol: Protocol, predictions: pd.DataFrame) -> pd.DataFrame:
    """Lay brought predictions beside the acceptance rows, one by one by their ids.

    Raises TaskError if an id is missing, unknown or doubled, or a truth differs from the one set aside.
    """
    if ROW_ID not in predictions.columns:
        raise TaskError(
            "row-ids-missing",
            f"The predictions have no column “{ROW_ID}”. Download the rows to predict, and keep that column.",
        )
    ids = predictions[ROW_ID].astype(str)
    _must_be_none("row-ids-doubled", "stand more than once", list(ids[ids.duplicated()]))
    _must_be_none("row-ids-missing", "have no prediction", sorted(set(rows[ROW_ID]) - set(ids)))
    _must_be_none("row-ids-unknown", "are not among the acceptance rows", sorted(set(ids) - set(rows[ROW_ID])))
    ordered = predictions.set_index(ids).loc[rows[ROW_ID]].reset_index(drop=True)
    kept = [name for name in ordered.columns if name in JUDGED_COLUMNS or name.startswith(JUDGED_PREFIXES)]
    judged = ordered[kept].copy()
    regression = protocol.judged_as == "regression"
    truth = rows[protocol.target]
    judged.insert(0, "truth", truth.to_numpy(dtype="float64") if regression else as_words(truth))
    for name in ("truth", protocol.target):
        if name in ordered.columns:
            _must_agree(judged["truth"], ordered[name], regression=regression)
    if not regression:
        for name in ("prediction", "baseline_prediction"):
            if name in judged.columns and not judged[name].isna().any():
                judged[name] = as_words(judged[name])
    return judged


def with_slices(judged: pd.DataFrame, rows: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """Add the columns of the acceptance rows that gates, slices or groups ask for."""
    wanted = {*protocol.slices.columns, *(gate.slice.column for gate in protocol.gates if gate.slice)}
    if protocol.group_column:
        wanted.add(protocol.group_column)
    for name in sorted(wanted):
        values = rows[name]
        judged[f"slice:{name}"] = (
            pd.Series(as_words(values), dtype=object) if pd.api.types.is_bool_dtype(values) else values.to_numpy()
        )
    return judged


def _read_predictions(task: Task) -> pd.DataFrame:
    target = task.outputs / "predictions.parquet"
    try:
        report = read_table(task.inputs["predictions"], target, name=task.arguments["name"])
    except ReadingError as error:
        raise TaskError(error.code, error.message) from error
    if not target.exists():
        first = next((finding["message"] for finding in report["findings"]), "")
        raise TaskError(
            "predictions-unreadable",
            f"The file of predictions cannot be read without a question. {first} Save it as plain CSV or Parquet.",
        )
    frame = pa.parquet.read_table(target).to_pandas()
    target.unlink()
    return frame


def _must_be_none(code: str, words: str, ids: list[str]) -> None:
    if ids:
        shown = ", ".join(ids[:SHOWN_IDS])
        raise TaskError(code, f"{len(ids):,} row ids {words} ({shown}, …). Predict each acceptance row once.")


def _must_agree(ours: "pd.Series[Any]", theirs: "pd.Series[Any]", *, regression: bool) -> None:
    if theirs.isna().any():
        return
    if regression:
        room = 1e-9 * ours.abs().clip(lower=1)  # rounding of a decimal text
        wrong = ~((pd.to_numeric(theirs, errors="coerce") - ours).abs() <= room)  # what is no number agrees with none
    else:
        wrong = pd.Series(as_words(theirs)) != ours
    if wrong.any():
        raise TaskError(
            "truth-differs",
            # How many rows differ is not told: it would measure a guess of the sealed truth, free of charge.
            "The truth in the file is not the one that was set aside. "
            "Leave the column out, or predict the rows that belong to this protocol.",
        )
