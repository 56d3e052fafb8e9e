"""Rows as lines of JSON, the same whichever database they come from.

Columns are read as they are stored: what is sealed stays sealed, so an archive without keys opens nothing.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Col

BATCH = 500  # rows
MICROSECOND = timedelta(microseconds=1)

Row = list[Any]


def stored_models() -> list[type[models.Model]]:
    """List every model that has a table, also the tables between many and many."""
    found = [
        model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy and not model._meta.swapped
    ]
    return sorted(found, key=lambda model: model._meta.db_table)


def columns_of(model: type[models.Model]) -> list[models.Field]:
    """List the columns that hold something of their own."""
    return [field for field in model._meta.concrete_fields if not getattr(field, "generated", False)]


def read_rows(connection: BaseDatabaseWrapper, model: type[models.Model]) -> Iterator[Row]:
    """Read a table in the order of its key, a batch at a time."""
    quote = connection.ops.quote_name
    columns = columns_of(model)
    names = ", ".join(quote(str(field.column)) for field in columns)
    sql = f"SELECT {names} FROM {quote(model._meta.db_table)} ORDER BY {_order(connection, model)}"  # noqa: S608  # names of our own models
    readers = [_Reader(connection, field) for field in columns]
    with connection.chunked_cursor() as cursor:
        cursor.execute(sql)
        while batch := cursor.fetchmany(BATCH):
            for row in batch:
                yield [reader.read(value) for reader, value in zip(readers, row, strict=True)]


def _order(connection: BaseDatabaseWrapper, model: type[models.Model]) -> str:
    key = model._meta.pk
    assert key is not None  # noqa: S101  # every table of Django has one
    order = connection.ops.quote_name(str(key.column))
    if connection.vendor == "postgresql" and isinstance(_kind(key), models.CharField | models.TextField):
        order += ' COLLATE "C"'  # by bytes, as SQLite sorts
    return order


def _kind(field: models.Field) -> models.Field:
    """Follow a foreign key to the field that says what it stores."""
    while field.is_relation and getattr(field, "target_field", None) is not None:
        field = field.target_field  # type: ignore[attr-defined]  # a relation has one
    return field


def _is_sealed(field: models.Field) -> bool:
    """Say whether the field translates between its column and Python, as encrypted fields do."""
    return hasattr(field, "from_db_value") and not isinstance(field, models.JSONField)


class _Reader:
    """Turns the values of one column into JSON."""

    def __init__(self, connection: BaseDatabaseWrapper, field: models.Field) -> None:
        self.connection = connection
        self.kind = _kind(field)
        self.expression = Col("", self.kind)
        self.converters = connection.ops.get_db_converters(self.expression)

    def read(self, value: Any) -> Any:
        """Give the value as JSON can hold it; None stays None."""
        if value is None:
            return None
        for convert in self.converters:
            value = convert(value, self.expression, self.connection)
        if isinstance(self.kind, models.JSONField):
            return [json.loads(value) if isinstance(value, str) else value]  # in a list: JSON's null is not SQL's
        if isinstance(self.kind, models.DurationField):
            return value // MICROSECOND if isinstance(value, timedelta) else value
        return _plain(value)


def _plain(value: Any) -> Any:
    match value:
        case bool() | int() | float() | str():
            return value
        case Decimal():
            return format(value, "f")
        case datetime():
            return value.astimezone(UTC).isoformat()
        case date() | time():
            return value.isoformat()
        case UUID():
            return str(value)
        case bytes() | bytearray() | memoryview():
            return base64.b64encode(bytes(value)).decode()
    message = f"A value of type {type(value).__name__} cannot be kept in a backup."
    raise TypeError(message)


def write_rows(connection: BaseDatabaseWrapper, model: type[models.Model], rows: Iterable[Row]) -> None:
    """Insert rows as ``read_rows`` gave them."""
    quote = connection.ops.quote_name
    columns = columns_of(model)
    names = ", ".join(quote(str(field.column)) for field in columns)
    places = ", ".join(["%s"] * len(columns))
    sql = f"INSERT INTO {quote(model._meta.db_table)} ({names}) VALUES ({places})"  # noqa: S608  # names of our own models
    remaining = iter(rows)
    with connection.cursor() as cursor:
        while batch := list(islice(remaining, BATCH)):
            cursor.executemany(
                sql,
                [
                    [_stored(connection, field, value) for field, value in zip(columns, row, strict=True)]
                    for row in batch
                ],
            )


def _stored(connection: BaseDatabaseWrapper, field: models.Field, value: Any) -> Any:
    kind = _kind(field)
    if value is None or _is_sealed(kind):
        return value
    if isinstance(kind, models.JSONField):
        return connection.ops.adapt_json_value(value[0], kind.encoder)
    if isinstance(kind, models.BinaryField):
        value = base64.b64decode(value)
    elif isinstance(kind, models.DurationField):
        value = timedelta(microseconds=value)
    else:
        value = kind.to_python(value)
    return kind.get_db_prep_save(value, connection)


class TableDigest:
    """A SHA-256 over rows that is the same on every database."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.rows = 0

    def add(self, row: Row) -> None:
        """Take in one row."""
        self._hash.update(_canonical(row))
        self.rows += 1

    def hexdigest(self) -> str:
        """Give the digest of the rows so far."""
        return self._hash.hexdigest()


def _canonical(row: Row) -> bytes:
    return (json.dumps(_whole(row), sort_keys=True, ensure_ascii=False, separators=(",", ":")) + "\n").encode()


def _whole(value: Any) -> Any:
    """Write 1e22 as PostgreSQL's jsonb gives it back: as a whole number."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    return value


def line_of(row: Row) -> bytes:
    """Write a row as one line."""
    return (json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n").encode()
