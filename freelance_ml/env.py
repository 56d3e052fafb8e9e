"""Typed reading of the environment; every variable read is remembered for docs/settings.md."""

import os
from dataclasses import dataclass
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off", ""}


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable: its name, what it means and what holds without it."""

    name: str
    default: str | None
    meaning: str


VARIABLES: dict[str, Variable] = {}


def text(name: str, default: str | None, meaning: str) -> str:
    """Read a text; without a default it must be set."""
    VARIABLES[name] = Variable(name, default, meaning)
    value = os.environ.get(name, default)
    if value is None:
        message = f"{name} is not set. It means: {meaning} See docs/settings.md."
        raise ImproperlyConfigured(message)
    return value


def flag(name: str, default: str, meaning: str) -> bool:
    """Read a yes or no."""
    value = text(name, default, meaning).strip().lower()
    if value not in TRUE | FALSE:
        message = f"{name} is {value!r}; write true or false."
        raise ImproperlyConfigured(message)
    return value in TRUE


def number(name: str, default: str, meaning: str, *, at_least: int = 0) -> int:
    """Read a whole number."""
    value = text(name, default, meaning)
    if not value.strip().isdigit() or int(value) < at_least:
        message = f"{name} is {value!r}; write a whole number of at least {at_least}."
        raise ImproperlyConfigured(message)
    return int(value)


def words(name: str, default: str, meaning: str) -> list[str]:
    """Read a list separated by commas."""
    return [word.strip() for word in text(name, default, meaning).split(",") if word.strip()]


def path(name: str, default: str, meaning: str) -> Path:
    """Read a path and make it absolute."""
    return Path(text(name, default, meaning)).expanduser().resolve()
