"""Queries whose SQL is made once in a process: making it takes Django longer than the database takes to answer."""

import inspect
import uuid
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache, update_wrapper
from typing import Any, Generic, ParamSpec, TypeVar

from django.core.exceptions import EmptyResultSet
from django.db import connections, models
from django.db.models import QuerySet, Value

from projects.access import Actor, Role
from projects.models.people import Workspace

P = ParamSpec("P")
Row = TypeVar("Row")

SHAPES = 64  # of one query: orders and filters that are kept
STEP = 8  # sets of values are filled up to a multiple of it
FIELDS: dict[Any, models.Field] = {
    Actor: models.UUIDField(),  # of the workspace
    uuid.UUID: models.UUIDField(),
    str: models.TextField(),
    date: models.DateField(),
    datetime: models.DateTimeField(),
}


class Slot(Value):
    """The place of a value that is not known when the SQL is made."""

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        """Stand among the parameters until the value comes."""
        return "%s", [self]


@dataclass(frozen=True, slots=True)
class Plan:
    """A queryset, which is never read itself, with its compiler and what that made of it."""

    rows: QuerySet[Any]
    compiler: Any
    sql: str
    parameters: Sequence[Any]
    converters: dict[int, Any]

    def read(self, values: dict[str, Any]) -> list[Any]:
        """Read the rows as the queryset would, with values in the places of the slots."""
        compiler, query, rows = copy(self.compiler), copy(self.rows.query), QuerySet.__new__(type(self.rows))
        compiler.connection = connections[self.rows.db]
        filled = [_fill(one, values, compiler.connection) if isinstance(one, Slot) else one for one in self.parameters]
        compiler.as_sql = lambda: (self.sql, filled)
        compiler.get_converters = lambda _: self.converters
        vars(query)["get_compiler"] = lambda *_, **__: compiler
        rows.__dict__.update(self.rows.__dict__, _query=query)
        return list(rows)


class Prepared(Generic[P, Row]):
    """A function that builds a queryset, called for its rows; ``build`` is the function itself.

    Positional arguments are values. The queryset is built once, with slots in their places, and each call fills
    them in; where an actor stands, the slot is their workspace. None of them may be None, as SQL compares that in
    another way. Arguments behind a star are one set of values: the last is repeated, so that few numbers of them
    occur. Keyword arguments decide what the SQL looks like: each combination is built for itself, so they take
    few values and never what somebody typed.
    """

    def __init__(self, build: Callable[P, "QuerySet[Any, Row]"]) -> None:
        update_wrapper(self, build)
        self.build = build
        given = inspect.signature(build).parameters.values()
        self._kinds = {one.name: one.annotation for one in given if one.kind is one.POSITIONAL_OR_KEYWORD}
        self._set = next(((one.name, one.annotation) for one in given if one.kind is one.VAR_POSITIONAL), None)
        self._plan = lru_cache(maxsize=SHAPES)(self._prepare)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> list[Row]:
        """Read the rows."""
        kinds, values = self._kinds, tuple[Any, ...](args)
        if self._set:
            rest = args[len(kinds) :]
            values += rest[-1:] * (-len(rest) % STEP)
            kinds = kinds | {f"{self._set[0]}{place}": self._set[1] for place in range(len(values) - len(kinds))}
        plan = self._plan(tuple(kinds.items()), tuple(kwargs.items()))
        return plan.read(dict(zip(kinds, values, strict=True))) if plan else []

    def _prepare(self, kinds: tuple[tuple[str, Any], ...], shape: tuple[tuple[str, Any], ...]) -> Plan | None:
        build: Callable[..., QuerySet[Any, Row]] = self.build
        rows = build(*(_slot(name, kind) for name, kind in kinds), **dict(shape))
        compiler = rows.query.get_compiler(rows.db)
        try:
            sql, parameters = compiler.as_sql()
        except EmptyResultSet:  # such as one of no values
            return None
        columns = [column[0] for column in compiler.select[: compiler.col_count]]
        return Plan(rows, compiler, sql, parameters, compiler.get_converters(columns))


def know(row: models.Model, **related: list[Any]) -> None:
    """Let a row know its related rows, by the names of the relations, as prefetching does."""
    known = row.__dict__.setdefault("_prefetched_objects_cache", {})
    for name, rows in related.items():
        manager = getattr(row, name)
        for one in rows:
            setattr(one, manager.field.name, row)
        found = manager.get_queryset()
        found._result_cache, found._prefetch_done = rows, True
        known[name] = found


def _slot(name: str, kind: Any) -> Any:
    slot: Any = Slot(name, output_field=FIELDS[kind])
    return Actor(workspace=Workspace(pk=slot), role=Role.MEMBER) if kind is Actor else slot


def _fill(slot: Slot, values: dict[str, Any], connection: Any) -> Any:
    value = values[slot.value]
    if value is None:
        raise ValueError(f"{slot.value} is None, which SQL compares in another way: it has to decide the shape.")
    known = value.workspace.pk if isinstance(value, Actor) else value
    return slot.output_field.get_db_prep_value(known, connection)
