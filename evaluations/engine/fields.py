"""Reading a plain dict field by field, gathering every problem instead of stopping at the first."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Problem:
    """A field and what to do about it."""

    field: str
    text: str


class FieldReader:
    """Reads the fields of one mapping; parts share its list of problems."""

    def __init__(self, data: Any, at: str = "", problems: list[Problem] | None = None) -> None:
        self.problems: list[Problem] = [] if problems is None else problems
        self.at = at
        self.data: Mapping[str, Any] = data if isinstance(data, Mapping) else {}
        if not isinstance(data, Mapping):
            self.complain_at(at or "protocol", "give named fields here.")

    def _path(self, name: str) -> str:
        return f"{self.at}.{name}" if self.at else name

    def complain(self, name: str, text: str) -> None:
        """Note a problem with one of the fields."""
        self.complain_at(self._path(name), text)

    def complain_at(self, path: str, text: str) -> None:
        """Note a problem at a full path; the first one there is the one to mend first."""
        if all(problem.field != path for problem in self.problems):
            self.problems.append(Problem(path, text))

    def only(self, known: set[str]) -> None:
        """Complain about fields that nobody reads."""
        for name in self.data:
            if name not in known:
                self.complain(str(name), "this field is not known. Remove it or correct its name.")

    def text(self, name: str, *, required: bool = True) -> str | None:
        """Read words; blank counts as missing."""
        value = self.data.get(name)
        if value is not None and not isinstance(value, str):
            self.complain(name, "write it as text, in quotes.")
            return None
        if not value:
            if required:
                self.complain(name, "it is missing. Fill it in.")
            return None
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """Read a list of different words."""
        value = self.data.get(name) or []
        if not isinstance(value, list | tuple) or not all(isinstance(v, str) and v for v in value):
            self.complain(name, "give a list of names.")
            return ()
        if len(set(value)) != len(value):
            self.complain(name, "a name stands there twice. Remove one.")
        return tuple(value)

    def choice(self, name: str, among: Sequence[str], default: str = "") -> str:
        """Read one of a few words."""
        value = self.data.get(name) or default
        if value not in among:
            self.complain(name, f"choose one of {', '.join(among)}.")
            return str(value)
        return str(value)

    def number(self, name: str, default: float | None, low: float = -math.inf, high: float = math.inf) -> float | None:
        """Read a finite number within limits."""
        value = self.data.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            self.complain(name, "give a number.")
            return default
        if not low <= value <= high:
            wanted = f"from {low:g} to {high:g}" if math.isfinite(high) else f"of at least {low:g}"
            self.complain(name, f"give a number {wanted}.")
        return float(value)

    def whole(self, name: str, default: int | None, low: int = 0, high: int = 2**53 - 1) -> int | None:
        """Read a whole number within limits."""
        value = self.data.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or value % 1 != 0:
            self.complain(name, "give a whole number.")
            return default
        if not low <= value <= high:
            self.complain(name, f"give a whole number from {low} to {high}.")
        return int(value)

    def flag(self, name: str, *, default: bool) -> bool:
        """Read yes or no."""
        value = self.data.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.complain(name, "give true or false.")
            return default
        return value

    def part(self, name: str) -> "FieldReader | None":
        """Open a nested mapping, if it is there."""
        value = self.data.get(name)
        return None if value is None else FieldReader(value, self._path(name), self.problems)

    def parts(self, name: str) -> list["FieldReader"]:
        """Open a list of nested mappings."""
        value = self.data.get(name) or []
        if not isinstance(value, list | tuple):
            self.complain(name, "give a list.")
            return []
        return [FieldReader(each, f"{self._path(name)}[{i}]", self.problems) for i, each in enumerate(value)]
