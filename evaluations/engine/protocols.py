"""What was promised and how it will be judged, as a value that can be frozen.

A protocol is read from a plain dict, checked field by field, and written back as a plain dict with
every field present, so that its canonical form (RFC 8785) is stable.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

from evaluations.engine.fields import FieldReader, Problem
from evaluations.engine.metrics import REGISTRY, metrics_for
from projects.errors import DomainError

if TYPE_CHECKING:
    from evaluations.engine.predictions import Task

SCHEMA = "freelance-ml/protocol/1"
TASKS = ("binary", "multiclass", "regression", "text")
SPLITS = ("stratified", "grouped", "time-ordered")
DIRECTIONS = ("at_least", "at_most")
AIMS = ("superior", "not_worse")
BASELINES = ("constant", "incumbent")
MOST_LOOKS = 20


class ProtocolError(DomainError):
    """Raised when a protocol cannot be read; ``problems`` names each field and what to do."""

    code = "protocol-invalid"
    template = "The protocol cannot be used as it is. {problems}"

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__(problems=" ".join(f"{p.field}: {p.text}" for p in problems))


@dataclass(frozen=True, slots=True)
class Slice:
    """The rows in which a column holds a value."""

    column: str
    value: str


@dataclass(frozen=True, slots=True)
class Gate:
    """One promise: a metric on one side of a threshold.

    ``confidence`` is one-sided. ``expected`` is the value hoped for, used for planning only.
    """

    metric: str
    direction: Literal["at_least", "at_most"]
    threshold: float
    confidence: float = 0.95
    slice: Slice | None = None
    minimum_support: int | None = None
    primary: bool = True
    expected: float | None = None


@dataclass(frozen=True, slots=True)
class Split:
    """How the acceptance rows are set aside: a share or a fixed number of rows.

    A time-ordered split without a ``column`` goes by the order of the file.
    """

    method: Literal["stratified", "grouped", "time-ordered"] = "stratified"
    share: float | None = 0.3
    rows: int | None = None
    seed: int = 0
    column: str | None = None


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the model must beat, or not fall behind by more than ``margin``."""

    kind: Literal["constant", "incumbent"]
    metric: str
    aim: Literal["superior", "not_worse"] = "superior"
    margin: float = 0.0


@dataclass(frozen=True, slots=True)
class Slices:
    """Columns whose values are looked at one by one, and in pairs if wished."""

    columns: tuple[str, ...] = ()
    pairs: bool = False


@dataclass(frozen=True, slots=True)
class Protocol:
    """Everything a verdict depends on, besides the rows and the seed."""

    dataset: str
    task: Literal["binary", "multiclass", "regression", "text"]
    target: str
    gates: tuple[Gate, ...]
    positive_class: str | None = None
    classes: tuple[str, ...] = ()
    text_column: str | None = None
    left_out: tuple[str, ...] = ()
    split: Split = Split()
    group_column: str | None = None
    baseline: Baseline | None = None
    looks: int = 3
    slices: Slices = Slices()
    confidence: float = 0.95
    cut_off: float = 0.5
    quantile: float = 0.5

    @property
    def judged_as(self) -> "Task":
        """Name the task whose metrics apply; text is judged as the classification it is."""
        if self.task == "text":
            return "binary" if self.positive_class is not None else "multiclass"
        return self.task

    def to_dict(self) -> dict[str, Any]:
        """Write every field into a plain dict, ready for canonical JSON."""
        return {"schema": SCHEMA, **_plain(asdict(self))}


def _plain(value: Any) -> Any:
    """Turn tuples into lists all the way down."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def read_protocol(data: Mapping[str, Any]) -> Protocol:
    """Read and check a protocol.

    Parameters
    ----------
    data : mapping
        As written by `Protocol.to_dict`; fields with a default may be left out.

    Raises
    ------
    ProtocolError
        With every problem found, not only the first.
    """
    reader = FieldReader(data)
    if data.get("schema", SCHEMA) != SCHEMA:
        reader.complain("schema", f"this version reads {SCHEMA}. Convert the protocol to it.")
    reader.only({"schema", *(field.name for field in fields(Protocol))})
    task = reader.choice("task", TASKS)
    confidence = _confidence(reader, 0.95)
    positive = reader.text("positive_class", required=False)
    protocol = Protocol(
        dataset=reader.text("dataset") or "",
        task=task,  # type: ignore[arg-type]  # the reader gives one of TASKS or complains
        target=reader.text("target") or "",
        gates=tuple(_gate(each, confidence) for each in reader.parts("gates")),
        positive_class=positive,
        classes=reader.texts("classes"),
        text_column=reader.text("text_column", required=False),
        left_out=reader.texts("left_out"),
        split=_split(reader.part("split")),
        group_column=reader.text("group_column", required=False),
        baseline=_baseline(reader.part("baseline")),
        looks=reader.whole("looks", 3, low=1, high=MOST_LOOKS) or 1,
        slices=_slices(reader.part("slices")),
        confidence=confidence,
        cut_off=reader.number("cut_off", 0.5, low=0, high=1) or 0.0,
        quantile=reader.number("quantile", 0.5, low=0.001, high=0.999) or 0.5,
    )
    _check_together(protocol, reader)
    if reader.problems:
        raise ProtocolError(reader.problems)
    return protocol


def _confidence(reader: FieldReader, default: float) -> float:
    """Read a one-sided confidence."""
    return reader.number("confidence", default, low=0.5, high=0.9999) or default


def _gate(reader: FieldReader, confidence: float) -> Gate:
    """Read one gate."""
    reader.only({field.name for field in fields(Gate)})
    part = reader.part("slice")
    chosen = None
    if part is not None:
        part.only({"column", "value"})
        chosen = Slice(part.text("column") or "", part.text("value") or "")
    threshold = reader.number("threshold", None)
    if threshold is None:
        reader.complain("threshold", "give the value that was promised, such as 0.80.")
    return Gate(
        metric=reader.text("metric") or "",
        direction=reader.choice("direction", DIRECTIONS),  # type: ignore[arg-type]  # as above
        threshold=threshold or 0.0,
        confidence=_confidence(reader, confidence),
        slice=chosen,
        minimum_support=reader.whole("minimum_support", None, low=1),
        primary=reader.flag("primary", default=True),
        expected=reader.number("expected", None),
    )


def _split(reader: FieldReader | None) -> Split:
    """Read how the acceptance rows are drawn."""
    if reader is None:
        return Split()
    reader.only({field.name for field in fields(Split)})
    rows = reader.whole("rows", None, low=1)
    share = reader.number("share", None if rows is not None else 0.3, low=0, high=1)
    if (rows is None) == (share is None):
        reader.complain("share", "give either a share or a number of rows, not both.")
    if share is not None and not 0 < share <= 1:
        reader.complain("share", "give a share above 0 and at most 1; 1 sets all rows aside.")
    method = reader.choice("method", SPLITS, default="stratified")
    column = reader.text("column", required=False)
    if method == "grouped" and column is None:
        reader.complain("column", "a grouped split needs the column whose values stay together. Name it.")
    return Split(method, share, rows, reader.whole("seed", 0, low=0) or 0, column)  # type: ignore[arg-type]  # as above


def _baseline(reader: FieldReader | None) -> Baseline | None:
    """Read what must be beaten."""
    if reader is None:
        return None
    reader.only({field.name for field in fields(Baseline)})
    return Baseline(
        reader.choice("kind", BASELINES),  # type: ignore[arg-type]  # as above
        reader.text("metric") or "",
        reader.choice("aim", AIMS, default="superior"),  # type: ignore[arg-type]  # as above
        reader.number("margin", 0.0, low=0) or 0.0,
    )


def _slices(reader: FieldReader | None) -> Slices:
    """Read the columns to slice by."""
    if reader is None:
        return Slices()
    reader.only({"columns", "pairs"})
    return Slices(reader.texts("columns"), reader.flag("pairs", default=False))


def _check_together(protocol: Protocol, reader: FieldReader) -> None:
    """Check what only several fields together can get wrong."""
    _check_classes(protocol, reader)
    if protocol.target in protocol.left_out:
        reader.complain("left_out", "the target itself is left out. Remove it from the list.")
    if not protocol.gates:
        reader.complain("gates", "there is no promise to judge. Add at least one gate.")
    elif not any(gate.primary for gate in protocol.gates):
        reader.complain("gates", "none is primary, so no verdict could follow. Mark one primary.")
    if protocol.task not in TASKS:
        return
    for at, gate in enumerate(protocol.gates):
        _check_gate(gate, f"gates[{at}]", protocol, reader)
    if protocol.baseline is not None:
        _check_metric(protocol.baseline.metric, "baseline.metric", protocol, reader)


def _check_classes(protocol: Protocol, reader: FieldReader) -> None:
    """Check the classes and the text against the task."""
    if protocol.task == "binary" and protocol.positive_class is None:
        reader.complain("positive_class", "a binary task needs it. Name the class to be found.")
    if protocol.task == "text" and protocol.text_column is None:
        reader.complain("text_column", "a text task needs the column that holds the text. Name it.")
    if protocol.classes and protocol.positive_class not in (None, *protocol.classes):
        reader.complain("positive_class", "it is not among the classes. Correct one of the two.")
    if protocol.judged_as == "binary" and protocol.classes and len(protocol.classes) != 2:
        reader.complain("classes", "a binary task has two. Leave the list empty or name both.")


def _check_metric(name: str, field: str, protocol: Protocol, reader: FieldReader) -> bool:
    """Complain about a metric that does not judge the task."""
    known = [row.name for row in metrics_for(protocol.judged_as)]
    if name not in known:
        reader.complain_at(field, f"“{name}” does not judge a {protocol.task} task. Choose {', '.join(known)}.")
        return False
    return True


def _check_gate(gate: Gate, at: str, protocol: Protocol, reader: FieldReader) -> None:
    """Complain about a gate that no model or every model meets."""
    if not _check_metric(gate.metric, f"{at}.metric", protocol, reader):
        return
    low, high = REGISTRY[gate.metric].limits
    if not low <= gate.threshold <= high:
        ends = f"{low:g} to {high:g}" if math.isfinite(low + high) else f"at least {low:g}"
        ends = f"at most {high:g}" if math.isinf(low) else ends
        reader.complain_at(f"{at}.threshold", f"{gate.metric} runs from {ends}. Correct the value.")
        return
    meets_all = low if gate.direction == "at_least" else high
    meets_none = high if gate.direction == "at_least" else low
    if gate.threshold == meets_all:
        reader.complain_at(f"{at}.threshold", "every model meets it. Promise something, or remove it.")
    if gate.threshold == meets_none and math.isfinite(meets_none):
        reader.complain_at(
            f"{at}.threshold", "no number of rows can show perfection. Choose a lower promise."
            if gate.direction == "at_least"
            else "no number of rows can show perfection. Choose a higher limit.",
        )  # fmt: skip
    if gate.slice is not None and not gate.slice.column:
        reader.complain_at(f"{at}.slice.column", "name the column of the slice.")


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two protocols, in words."""

    field: str
    before: str
    after: str


def compare_protocols(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """List what changed between two protocols, field by field, in the order of the fields.

    Parameters
    ----------
    before, after : mapping
        As written by `Protocol.to_dict`.
    """
    changes: list[Change] = []
    _collect("", dict(before), dict(after), changes)
    return changes


def _collect(at: str, before: Any, after: Any, changes: list[Change]) -> None:
    """Walk both values side by side; lists of plain values count as one value."""
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            _collect(f"{at}.{key}" if at else key, before.get(key), after.get(key), changes)
    elif at == "gates" and isinstance(before, list) and isinstance(after, list):
        for i in range(max(len(before), len(after))):
            old, new = (side[i] if i < len(side) else None for side in (before, after))
            _collect(f"gates[{i}]", old, new, changes)
    else:
        changes.append(Change(at, describe(before), describe(after)))


def describe(value: Any) -> str:
    """Write a value of a protocol for people."""
    if value is None or value == []:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict) and "metric" in value and "threshold" in value:
        return describe_gate(value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {describe(item)}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(describe(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def describe_gate(gate: Mapping[str, Any]) -> str:
    """Write a gate as a short promise."""
    side = "at least" if gate["direction"] == "at_least" else "at most"
    known = REGISTRY.get(gate["metric"])
    words = f"{known.label if known else gate['metric']} {side} {gate['threshold']:g}"
    chosen = gate.get("slice")
    return f"{words} where {chosen['column']} is {chosen['value']}" if chosen else words
