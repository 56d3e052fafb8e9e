"""What a check says, and the order of harm."""

from collections.abc import Sequence
from typing import Any, TypedDict

SEVERITIES = ("critical", "high", "medium", "low")
EXAMPLES = 10


class Finding(TypedDict):
    """One thing that an audit found; ``rows`` are example row numbers from 1."""

    code: str
    severity: str
    columns: list[str]
    message: str
    n: int
    rows: list[int]
    advice: str


def make_finding(
    code: str,
    severity: str,
    message: str,
    advice: str,
    *,
    columns: Sequence[str] = (),
    n: int = 0,
    rows: Any = (),
) -> Finding:
    """Make a finding; ``rows`` are positions from 0 and are shown from 1."""
    return {
        "code": code,
        "severity": severity,
        "columns": list(columns)[:50],
        "message": message,
        "n": int(n),
        "rows": [int(r) + 1 for r in rows[:EXAMPLES]],
        "advice": advice,
    }


def list_names(names: Sequence[str], most: int = 5) -> str:
    """Put column names into words, the first few by name."""
    shown = ", ".join(f"“{name}”" for name in names[:most])
    rest = len(names) - most
    return f"{shown} and {rest:,} more" if rest > 0 else shown
