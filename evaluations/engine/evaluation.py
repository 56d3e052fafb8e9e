"""One evaluation from end to end: predictions and protocol in, a plain frozen value out."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from evaluations.engine.compare import Comparison, compare, constant_baseline
from evaluations.engine.curves import all_curves
from evaluations.engine.gates import GateResult, judge, shared_confidence
from evaluations.engine.measuring import Measure, measure_all
from evaluations.engine.metrics import REGISTRY, metric
from evaluations.engine.predictions import Predictions
from evaluations.engine.protocols import Gate, Protocol, describe_gate, read_protocol
from evaluations.engine.slices import Column, column, slice_all, weak_slices
from evaluations.engine.tables import Sheet, Table, read_predictions
from evaluations.engine.verdict import combine, summarise

SCHEMA = "freelance-ml/evaluation/1"
DIGITS = 12  # significant; fewer than a double holds, so that summing in another order shows nothing


def evaluate(table: Table, protocol: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Judge predictions by a protocol.

    Parameters
    ----------
    table : pandas.DataFrame, pyarrow.Table or mapping of columns
        Named as `evaluations.engine.tables` says.
    protocol : mapping
        As `evaluations.engine.protocols.read_protocol` reads it.
    seed : int
        Fixes every draw: the same rows, protocol and seed give the same bytes.

    Returns
    -------
    dict
        Plain and finite, floats of 12 significant digits; ready for canonical JSON. Undefined
        figures are None with a reason beside them.

    Raises
    ------
    ProtocolError, PredictionsError
        With the field or column and what to do.
    """
    promised = read_protocol(protocol)
    sheet = Sheet(table)
    rows = read_predictions(sheet, promised)
    gates = [judge(gate, _rows_of(gate, rows, sheet), looks=promised.looks, seed=seed) for gate in promised.gates]
    verdict = combine(gates)
    level = shared_confidence(promised.confidence, promised.looks)  # as at the gates: one figure, one interval
    result = {
        "schema": SCHEMA,
        "seed": seed,
        "facts": _facts(rows),
        "metrics": [measure_to_dict(each) for each in measure_all(rows, level, seed)],
        "gates": [gate_to_dict(each) for each in gates],
        "verdict": {"verdict": verdict, "sentence": summarise(verdict, gates)},
        "slices": _slices(promised, rows, sheet),
        "comparison": _comparison(promised, rows, sheet, seed),
        "curves": all_curves(rows, promised.confidence),
    }
    return plain(result)


def _rows_of(gate: Gate, rows: Predictions, sheet: Sheet) -> Predictions:
    """Take the rows that a gate is about."""
    if gate.slice is None:
        return rows
    return rows.take(sheet.slice_values(gate.slice.column) == gate.slice.value)


def _facts(rows: Predictions) -> dict[str, Any]:
    """Count what was judged."""
    facts: dict[str, Any] = {
        "rows": rows.rows,
        "task": rows.task,
        "weighted": rows.weights is not None,
        "groups": None if rows.groups is None else int(rows.groups.max(initial=-1)) + 1,
    }
    if rows.task != "regression":
        counts = np.bincount(rows.truth.astype(np.intp), minlength=len(rows.classes))
        facts["classes"] = [
            {"name": name, "rows": int(count)} for name, count in zip(rows.classes, counts, strict=True)
        ]
    return facts


def measure_to_dict(measured: Measure) -> dict[str, Any]:
    """Write a measure with the words that belong to it."""
    row = REGISTRY[measured.metric]
    return {
        "metric": row.name,
        "label": row.label,
        "meaning": row.meaning,
        "better": row.better,
        "value": measured.value,
        "rows": measured.rows,
        "n": measured.support,
        "counted": row.counted,
        "interval": {
            "low": measured.interval.low,
            "high": measured.interval.high,
            "confidence": 2 * measured.confidence - 1,
            "method": measured.method,
        },
        "bounds": {
            "low": measured.bounds.low,
            "high": measured.bounds.high,
            "confidence": measured.confidence,
            "method": measured.bound_method,
        },
        "undefined": measured.undefined,
    }


def gate_to_dict(result: GateResult) -> dict[str, Any]:
    """Write a judged gate."""
    gate = asdict(result.gate)
    return {
        **gate,
        "promise": describe_gate(gate),
        "verdict": result.verdict,
        "reason": result.reason,
        "sentence": result.sentence,
        "minimum_support_used": result.minimum_support,
        "rows_to_decide": result.rows_to_decide,
        "measure": measure_to_dict(result.measure),
    }


def _slices(protocol: Protocol, rows: Predictions, sheet: Sheet) -> dict[str, Any] | None:
    """Judge the slices of the protocol's columns, weakest first."""
    names = protocol.slices.columns
    if not names or not rows.rows:
        return None
    columns: dict[str, Column] = {name: column(name, sheet.slice_values(name)) for name in names}
    found = slice_all(rows, list(columns.values()), confidence=protocol.confidence, pairs=protocol.slices.pairs)
    shown = _sliced_metric(protocol, found[0].figures if found else {})
    if shown is None:
        return None
    lower = shown in {"mae", "bias"}
    return {
        "metric": shown,
        "counted": REGISTRY[shown].counted,
        "rows": weak_slices(found, columns, shown, lower_is_better=lower, confidence=protocol.confidence),
        "note": "Found by looking, so adjusted for many slices; unweighted, each row on its own. "
        f"Each end of an interval holds with {protocol.confidence * 100:.3g} %, one-sided.",
    }


def _sliced_metric(protocol: Protocol, figures: Mapping[str, Any]) -> str | None:
    """Choose the figure to show by slice: the first primary gate's, where slices have it."""
    wished = [gate.metric for gate in protocol.gates if gate.primary]
    usual = ["roc_auc", "accuracy", "mae"]
    return next((name for name in [*wished, *usual] if name in figures), None)


def _comparison(protocol: Protocol, rows: Predictions, sheet: Sheet, seed: int) -> dict[str, Any] | None:
    """Compare with the baseline of the protocol, if it names one."""
    asked = protocol.baseline
    if asked is None or not rows.rows:
        return None
    known = asked.kind == "incumbent"
    theirs = read_predictions(sheet, protocol, "baseline_") if known else constant_baseline(rows)
    margin = asked.margin if asked.aim == "not_worse" else 0.0
    found = compare(
        metric(asked.metric, rows.task),
        rows,
        theirs,
        confidence=protocol.confidence,
        seed=seed,
        margin=margin,
    )
    return {"kind": asked.kind, "aim": asked.aim, **comparison_to_dict(found)}


def comparison_to_dict(found: Comparison) -> dict[str, Any]:
    """Write a comparison."""
    entry = asdict(found)
    entry["interval"] = {
        "low": found.interval.low,
        "high": found.interval.high,
        "confidence": 2 * found.confidence - 1,
    }
    return entry


def plain(value: Any) -> Any:
    """Turn a result into JSON's own kinds, floats rounded and never NaN."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        number = float(value)
        return float(f"{number:.{DIGITS}g}") if math.isfinite(number) else None
    return value
