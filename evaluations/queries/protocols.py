"""What is known of a protocol before it is frozen: whether its rows can decide it, and who may look."""

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from evaluations.engine.fields import Problem
from evaluations.engine.protocols import Change, Gate, ProtocolError, compare_protocols, describe_gate, read_protocol
from evaluations.engine.protocols import Protocol as Terms
from evaluations.models import Column, DatasetVersion, Protocol

if TYPE_CHECKING:
    from evaluations.engine.power import Feasibility

FEW_VALUES = 20  # a numeric target with more distinct values is a quantity
HARMFUL = ("critical", "high")
NO_DATA = "no data chosen yet"


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is known of a draft while it is written: what is still to do, and what its rows can decide."""

    problems: list[Problem] = field(default_factory=list)
    facts: dict[str, Any] | None = None
    findings: list[dict[str, Any]] = field(default_factory=list)

    @property
    def refusals(self) -> list[str]:
        """The gates that forbid the freeze, in words."""
        return [g["problem"] for g in (self.facts or {}).get("gates", []) if g["primary"] and g["problem"]]

    @property
    def ready(self) -> bool:
        """Whether it can be frozen."""
        return self.facts is not None and not self.refusals and not self.problems


def outlook(protocol: Protocol) -> Outlook:
    """Look ahead from a draft: problems by field, rows by class, rows needed, chance to pass, harmful findings."""
    version = protocol.dataset_version
    table = version.table.sha256 if version and version.table else NO_DATA
    problems = [] if version else [Problem("dataset_version", "choose the rows that the promise is about.")]
    try:
        terms = read_protocol({**protocol.body, "dataset": table})
    except ProtocolError as error:
        return Outlook(problems + error.problems, findings=_harmful(protocol))
    facts = feasibility(terms=terms, version=version) if version else None
    return Outlook(problems, facts, _harmful(protocol))


def _harmful(protocol: Protocol) -> list[dict[str, Any]]:
    version, left_out = protocol.dataset_version, set(protocol.body.get("left_out") or [])
    found = version.findings if version else []
    return [f for f in found if f.get("severity") in HARMFUL and not set(f.get("columns") or ["?"]) <= left_out]


def starting_terms(version: DatasetVersion | None) -> dict[str, Any]:
    """Propose the terms of a first draft from what is known of the data."""
    usual = {"split": {"method": "stratified", "share": 0.3, "seed": 0}, "looks": 3, "confidence": 0.95}
    target = version.dataset.target if version else ""
    column = Column.objects.filter(version=version, name=target).first() if target else None
    if column is None:
        return {"task": "binary", **usual, "gates": [{"metric": "roc_auc", "direction": "at_least", "primary": True}]}
    counts = class_counts(column)
    distinct = column.facts.get("distinct", 0)
    if column.kind in {"integer", "number"} and distinct > FEW_VALUES:
        start: dict[str, Any] = {"task": "regression"}
        gate = {"metric": "mae", "direction": "at_most", "primary": True}
    elif distinct == 2 and counts:  # noqa: PLR2004  # two classes
        start = {"task": "binary", "positive_class": min(counts, key=lambda name: counts[name])}
        gate = {"metric": "roc_auc", "direction": "at_least", "primary": True}
    else:
        start = {"task": "multiclass"}
        gate = {"metric": "macro_f1", "direction": "at_least", "primary": True}
    return {**start, "target": target, **usual, "gates": [gate]}


def changes_since(protocol: Protocol, earlier: Protocol | None) -> list[Change]:
    """List in words what a protocol changes against the version before it."""
    if earlier is None:
        return []
    before, after = ({**(p.body.get("terms", p.body))} for p in (earlier, protocol))
    if protocol.state == Protocol.State.DRAFT:
        after["dataset"] = (
            before.get("dataset") if protocol.dataset_version_id == earlier.dataset_version_id else "other"
        )
        try:
            after = read_protocol(after).to_dict()
        except ProtocolError:
            before = {key: value for key, value in before.items() if key in after}
    return compare_protocols(before, after)


def feasibility(*, terms: Terms, version: DatasetVersion) -> dict[str, Any]:
    """Say for each gate whether the acceptance rows can decide it, how many would, and the chance to pass."""
    from evaluations.engine.power import Shape, assess  # noqa: PLC0415  # brings numpy, which planning alone needs

    rows = version.rows or 0
    aside = acceptance_rows(terms, rows)
    target = Column.objects.filter(version=version, name=terms.target).first()
    shape = Shape(shares=class_shares(terms, target, rows))
    return {
        "rows": rows,
        "acceptance_rows": aside,
        "classes": class_counts(target),
        "gates": [
            _as_dict(gate, assess(gate, terms, rows_of_gate(gate, version, aside), shape)) for gate in terms.gates
        ],
    }


def acceptance_rows(terms: Terms, rows: int) -> int:
    """Estimate how many rows the split will set aside."""
    if terms.split.rows is not None:
        return min(terms.split.rows, rows)
    return round(rows * (terms.split.share or 0.0))


def class_counts(target: Column | None) -> dict[str, int]:
    """Count the classes of the target, the most frequent first, as far as the profile kept them."""
    if target is None:
        return {}
    return {str(top["value"]): int(top["n"]) for top in target.facts.get("top", [])}


def class_shares(terms: Terms, target: Column | None, rows: int) -> tuple[float, ...]:
    """Give the classes' shares, the positive class last in a binary task; halves where no second class is known."""
    counts = class_counts(target)
    total = sum(counts.values())
    if terms.judged_as == "regression" or not total or len(counts) == 1:
        return (0.5, 0.5)
    if terms.judged_as == "binary":
        positive = counts.get(terms.positive_class or "", 0) / total
        return (1 - positive, positive) if 0 < positive < 1 else (0.5, 0.5)
    return tuple(count / total for count in counts.values())


def rows_of_gate(gate: Gate, version: DatasetVersion, aside: int) -> int:
    """Estimate how many acceptance rows a gate is about: all, or those of its slice."""
    if gate.slice is None or not version.rows:
        return aside
    column = Column.objects.filter(version=version, name=gate.slice.column).first()
    held = class_counts(column).get(gate.slice.value, 0)
    return int(aside * held / version.rows)


def looks_left(protocol: Protocol, taken: int | None = None) -> int:
    """Count the looks that the budget still holds; ``taken`` is how many were used up, where that is known."""
    if protocol.looks_closed_at is not None:
        return 0
    return max(look_budget(protocol) - (protocol.looks.count() if taken is None else taken), 0)


def look_budget(protocol: Protocol) -> int:
    """Read how many looks the terms allow; 1 while a draft does not say it."""
    budget = protocol.body.get("terms", protocol.body).get("looks", 1)
    return budget if isinstance(budget, int) else 1


def _as_dict(gate: Gate, found: "Feasibility") -> dict[str, Any]:
    return {
        "metric": gate.metric,
        "promise": describe_gate(asdict(gate)),
        "primary": gate.primary,
        "threshold": gate.threshold,
        "expected": gate.expected,
        "rows": found.rows,
        "rows_floor": found.rows_floor,
        "rows_needed": found.rows_needed,
        "chance": found.chance,
        "curve": [list(point) for point in found.curve],
        "approximate": found.approximate,
        "method": found.method,
        "problem": found.refusal or "",
        "warning": found.warning or "",
    }
