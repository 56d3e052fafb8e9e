"""Starting points for a scope, per kind of work, made of the tables in ``data``.

Words in square brackets are blanks that the freelancer fills in. They are patterns to think
with, and no legal advice.
"""

import csv
import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from projects.scoping.documents import (
    AcceptanceClause,
    Assumption,
    PlannedMilestone,
    ScopeDocument,
    Statement,
)
from projects.scoping.errors import ScopingError


@dataclass(frozen=True, slots=True)
class Starter:
    """A kind of work that a scope can start from."""

    key: str
    title: str
    summary: str


@dataclass(frozen=True, slots=True)
class PaymentPattern:
    """A way to be paid, when it fits, and the risk it leaves with the freelancer."""

    key: str
    title: str
    when: str
    risk: str
    deposit_percent: int


@cache
def table(name: str) -> dict[str, dict[str, str]]:
    """Return the rows of a table in ``data`` by their id."""
    text = files("projects.scoping").joinpath("data", f"{name}.csv").read_text("utf-8")
    return {row["id"]: row for row in csv.DictReader(text.splitlines())}


@cache
def _kinds() -> dict[str, dict[str, Any]]:
    """Return the kinds of work by their key."""
    text = files("projects.scoping").joinpath("data", "kinds.json").read_text("utf-8")
    return {kind["key"]: kind for kind in json.loads(text)}


def starters() -> list[Starter]:
    """List the kinds of work, in the order in which they are offered."""
    return [Starter(k["key"], k["title"], k["summary"]) for k in _kinds().values()]


def payment_patterns() -> list[PaymentPattern]:
    """List the ways to be paid."""
    return [
        PaymentPattern(row["id"], row["title"], row["when"], row["risk"], int(row["deposit_percent"]))
        for row in table("payments").values()
    ]


def starting_point(key: str, *, title: str = "", currency: str = "EUR") -> ScopeDocument:
    """Return a draft scope for a kind of work; ids are stable, blanks stand in brackets."""
    kind = _kinds().get(key)
    if kind is None:
        known = ", ".join(_kinds())
        raise ScopingError("bad-scope", f"There is no starting point “{key}”. Use one of: {known}.")
    rows, clauses = table("milestones"), table("clauses")
    milestones = tuple(
        PlannedMilestone(milestone, rows[milestone]["title"], rows[milestone]["goal"])
        for milestone in kind["milestones"]
    )
    acceptance = [
        _clause(clauses[clause], milestone) for milestone, wanted in kind["milestones"].items() for clause in wanted
    ]
    acceptance += [_clause(clauses[clause], "") for clause in kind["terms"]]
    return ScopeDocument(
        title=title or kind["title"],
        currency=currency,
        objectives=_statements(kind["objectives"], "objective"),
        in_scope=_statements(kind["in_scope"], "in"),
        out_of_scope=tuple(Statement(row, table("exclusions")[row]["text"]) for row in kind["exclusions"]),
        assumptions=tuple(_assumption(row) for row in kind["assumptions"]),
        deliverables=_statements(kind["deliverables"], "deliverable"),
        milestones=milestones,
        acceptance=tuple(acceptance),
        deposit_percent=int(table("payments")[kind["payment"]]["deposit_percent"]),
    )


def _statements(texts: list[str], stem: str) -> tuple[Statement, ...]:
    """Give every sentence an id of its own."""
    return tuple(Statement(f"{stem}-{n}", text) for n, text in enumerate(texts, start=1))


def _assumption(key: str) -> Assumption:
    """Take an assumption from its table."""
    row = table("assumptions")[key]
    return Assumption(key, row["text"], row["check"], row["if_false"])


def _clause(row: dict[str, str], milestone: str) -> AcceptanceClause:
    """Bind a clause to a milestone."""
    key = f"{milestone}-{row['id']}" if milestone else row["id"]
    return AcceptanceClause(key, row["text"], milestone, row["kind"])
