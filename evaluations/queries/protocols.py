"""What is known of a protocol before it is frozen: whether its rows can decide it, and who may look."""

from typing import Any

from evaluations.engine.power import Feasibility, Shape, assess
from evaluations.engine.protocols import Gate
from evaluations.engine.protocols import Protocol as Terms
from evaluations.models import Column, DatasetVersion, Protocol


def feasibility(*, terms: Terms, version: DatasetVersion) -> dict[str, Any]:
    """Say for each gate whether the acceptance rows can decide it, how many would, and the chance to pass."""
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
    """Give the classes' shares, the positive class last in a binary task; halves where nothing is known."""
    counts = class_counts(target)
    total = sum(counts.values())
    if terms.judged_as == "regression" or not total:
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


def looks_left(protocol: Protocol) -> int:
    """Count the looks that the budget still holds."""
    if protocol.looks_closed_at is not None:
        return 0
    budget: int = protocol.body.get("terms", protocol.body).get("looks", 1)
    return max(budget - protocol.looks.count(), 0)


def _as_dict(gate: Gate, found: Feasibility) -> dict[str, Any]:
    return {
        "metric": gate.metric,
        "primary": gate.primary,
        "threshold": gate.threshold,
        "expected": gate.expected,
        "rows": found.rows,
        "rows_floor": found.rows_floor,
        "rows_needed": found.rows_needed,
        "chance": found.chance,
        "curve": [list(point) for point in found.curve],
        "approximate": found.approximate,
        "problem": found.refusal or "",
        "warning": found.warning or "",
    }
