"""What the doctor says: one row for each thing that was looked at."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How a row came out."""

    OK = "ok"
    NOTE = "note"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Row:
    """One thing looked at: its state, what was found, and what to do when it is not well."""

    check: str
    state: State
    found: str
    remedy: str = ""
