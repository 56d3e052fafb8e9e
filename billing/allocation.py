"""To whom a charge belongs: ordered rules, the first that matches wins, and it can say why.

Comparisons ignore case. A rule holds when all its conditions hold; a rule without conditions
catches everything. A charge that no rule matches stays unallocated, in sight.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fnmatch import translate
from re import compile as pattern
from typing import Any

from projects.errors import DomainError

TEXT_FIELDS = (
    *("provider", "billing_account", "sub_account", "sub_account_name", "service"),
    *("service_category", "category", "region", "resource", "resource_name", "sku"),
    *("description", "invoice", "currency"),
)
TEXT_WORDS = ("equals", "contains", "prefix", "glob")
DATE_WORDS = ("from", "until")
WHOLE = Decimal(100)


class RuleError(DomainError):
    """Raised when a rule cannot be used."""

    code = "bad-rule"
    template = "{message}"

    def __init__(self, message: str) -> None:
        super().__init__(message=message)


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that must hold of a charge.

    ``field`` is a text field of a charge, ``tag`` (with its ``key``) or ``date`` (the day of
    usage). ``word`` is equals, contains, prefix or glob, ``present`` for a tag, and ``from`` or
    ``until`` (both inclusive) for the date.
    """

    field: str
    word: str
    value: str = ""
    key: str = ""

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> "Condition":
        """Read a saved condition; RuleError says what is wrong."""
        unknown = sorted(set(saved) - set(cls.__dataclass_fields__))
        if unknown:
            raise RuleError(f"A condition has no part “{unknown[0]}”. Remove it.")
        condition = cls(**{name: str(value) for name, value in saved.items()})
        condition.check()
        return condition

    def to_dict(self) -> dict[str, str]:
        """Return the condition as plain JSON values."""
        parts = {"field": self.field, "word": self.word, "value": self.value, "key": self.key}
        return {name: text for name, text in parts.items() if text}

    def check(self) -> None:
        """Raise RuleError unless the condition makes sense."""
        words = {"tag": (*TEXT_WORDS, "present"), "date": DATE_WORDS}.get(self.field)
        if words is None and self.field in TEXT_FIELDS:
            words = TEXT_WORDS
        if words is None:
            known = ", ".join((*TEXT_FIELDS, "tag", "date"))
            raise RuleError(f"“{self.field}” is no field of a charge. Use one of: {known}.")
        if self.word not in words:
            raise RuleError(f"“{self.field}” cannot be compared by “{self.word}”. Use one of: {', '.join(words)}.")
        if self.field == "tag" and not self.key:
            raise RuleError("A condition on a tag needs the tag's key.")
        if self.word in DATE_WORDS:
            _read_day(self.value)
        elif not self.value and self.word not in {"present", "equals"}:
            raise RuleError(f"What should “{self.field}” {self.word}? Give a value.")

    def sentence(self) -> str:
        """Say the condition in words."""
        name = f"tag {self.key}" if self.field == "tag" else self.field.replace("_", " ")
        verb = {"equals": "is", "prefix": "begins with", "glob": "is like", "present": "is set"}
        value = "" if self.word == "present" else f" “{self.value}”"
        return f"{name} {verb.get(self.word, self.word)}{value}"

    def compiled(self) -> Callable[[Any], bool]:
        """Return the condition as a function of the field's value (of all tags, for a tag)."""
        if self.field == "date":
            return _date_test(self.word, _read_day(self.value))
        test = _text_test(self.word, self.value.casefold())
        if self.field != "tag":
            return lambda value: test(str(value or "").casefold())
        return lambda tags: self.key in tags and test(tags[self.key].casefold())


def _text_test(word: str, wanted: str) -> Callable[[str], bool]:
    """Return a comparison of folded texts."""
    like = pattern(translate(wanted)).match if word == "glob" else None
    tests: dict[str, Callable[[str], bool]] = {
        "equals": lambda text: text == wanted,
        "contains": lambda text: wanted in text,
        "prefix": lambda text: text.startswith(wanted),
        "glob": lambda text: like is not None and like(text) is not None,
        "present": lambda _: True,
    }
    return tests[word]


def _date_test(word: str, day: date) -> Callable[[Any], bool]:
    """Return a comparison of days; a charge without a day does not match."""

    def test(value: Any) -> bool:
        if not value:
            return False
        own = _as_day(value)
        return own >= day if word == "from" else own <= day

    return test


def _as_day(value: Any) -> date:
    """Return the day of a date, a moment or an ISO text."""
    if isinstance(value, datetime):
        return value.date()
    return value if isinstance(value, date) else date.fromisoformat(str(value)[:10])


def _read_day(text: str) -> date:
    """Read the day of a condition."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise RuleError(f"“{text}” is no date. Write it like 2026-11-20.") from None


@dataclass(frozen=True, slots=True)
class Part:
    """A target (an engagement or milestone, by its key) and its share in per cent."""

    target: str
    percent: Decimal = WHOLE


@dataclass(frozen=True, slots=True)
class Rule:
    """Conditions that must all hold, and the targets that share the charge."""

    key: str
    name: str
    conditions: tuple[Condition, ...]
    parts: tuple[Part, ...]

    def __post_init__(self) -> None:
        for condition in self.conditions:
            condition.check()
        if not self.parts or sum(part.percent for part in self.parts) != WHOLE:
            raise RuleError(f"The shares of “{self.name}” must add up to 100 per cent.")
        if any(part.percent <= 0 for part in self.parts):
            raise RuleError(f"Every share of “{self.name}” must be above zero.")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why one rule did or did not match: the first condition that failed, if any."""

    rule: Rule
    matched: bool
    failed: Condition | None = None

    def sentence(self) -> str:
        """Say it in words."""
        if self.failed is not None:
            return f"“{self.rule.name}” does not match: not {self.failed.sentence()}."
        held = " and ".join(condition.sentence() for condition in self.rule.conditions)
        return f"“{self.rule.name}” matches: {held or 'it takes everything'}."


class Allocator:
    """Ordered rules made ready for many charges.

    ``fields`` names what the rules look at, in the order in which rows must give it: text fields
    by their name, ``tags`` (a dict, or its JSON text) and ``usage_start`` (a date, a moment or an
    ISO text). Rows with equal values are decided once.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        names = [_source(condition) for rule in rules for condition in rule.conditions]
        self.fields: tuple[str, ...] = tuple(dict.fromkeys(names))
        place = {name: index for index, name in enumerate(self.fields)}
        self._tests = [
            [(place[_source(condition)], condition.compiled()) for condition in rule.conditions] for rule in rules
        ]
        self._tags = place.get("tags")

    def facts(self, charge: Any) -> tuple[Any, ...]:
        """Take from a charge (an object or a mapping) what the rules look at."""
        if isinstance(charge, Mapping):
            return tuple(charge.get(name) for name in self.fields)
        return tuple(getattr(charge, name) for name in self.fields)

    def choose(self, facts: Sequence[Any]) -> int | None:
        """Return the index of the first rule that matches, or None."""
        ready = self._ready(facts)
        for index, tests in enumerate(self._tests):
            if all(test(ready[place]) for place, test in tests):
                return index
        return None

    def assign(self, rows: Iterable[Sequence[Any]]) -> list[int | None]:
        """Return the index of the matching rule for every row of facts."""
        known: dict[Any, int | None] = {}
        chosen: list[int | None] = []
        for row in rows:
            key = self._key(row)
            if key not in known:
                known[key] = self.choose(row)
            chosen.append(known[key])
        return chosen

    def explain(self, facts: Sequence[Any]) -> list[Reason]:
        """Say rule by rule why it did not match, down to the one that did."""
        ready, reasons = self._ready(facts), []
        for rule, tests in zip(self.rules, self._tests, strict=True):
            pairs = zip(rule.conditions, tests, strict=True)
            failed = next((c for c, (place, test) in pairs if not test(ready[place])), None)
            reasons.append(Reason(rule, failed is None, failed))
            if failed is None:
                break
        return reasons

    def _key(self, row: Sequence[Any]) -> Any:
        """Return something hashable that equal rows share."""
        if self._tags is None or isinstance(row[self._tags], str):
            return tuple(row)
        tags = row[self._tags] or {}
        place = self._tags
        return (*row[:place], tuple(sorted(tags.items())), *row[place + 1 :])

    def _ready(self, facts: Sequence[Any]) -> list[Any]:
        """Read the tags if they come as text."""
        ready = list(facts)
        if self._tags is not None:
            tags = ready[self._tags]
            ready[self._tags] = json.loads(tags) if isinstance(tags, str) and tags else tags or {}
        return ready


def _source(condition: Condition) -> str:
    """Name the field of a charge that a condition looks at."""
    return {"tag": "tags", "date": "usage_start"}.get(condition.field, condition.field)
