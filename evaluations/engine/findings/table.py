"""The table under audit: its columns read when a check asks for them, and kept while they are small."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from evaluations.engine.findings.hashing import take_rows
from evaluations.engine.profile import kind_of, profile_table

SAMPLE_ROWS = 20_000


@dataclass
class AuditTable:
    """A typed table with what the person said about it.

    ``parts`` maps a part's name to row positions of this table or to another table's file.
    """

    path: Path
    target: str | None = None
    positive: str | None = None
    task: str | None = None
    parts: Mapping[str, Sequence[int] | Path] = field(default_factory=dict)
    group: str | None = None
    seed: int = 0
    given_profile: dict[str, Any] | None = None

    @cached_property
    def schema(self) -> Any:
        """The stored schema."""
        return pq.read_schema(self.path)

    @cached_property
    def profile(self) -> dict[str, Any]:
        """The profile, reckoned once."""
        return self.given_profile or profile_table(self.path)

    @property
    def rows(self) -> int:
        """The number of rows."""
        return int(self.profile["rows"])

    @cached_property
    def columns(self) -> dict[str, dict[str, Any]]:
        """The profile of each column by name."""
        return {part["name"]: part for part in self.profile["columns"]}

    @property
    def features(self) -> list[str]:
        """The columns a model may learn from."""
        out = {self.target}
        return [name for name in self.schema.names if name not in out]

    def kind(self, name: str) -> str:
        """Name the type of a column."""
        return kind_of(self.schema.field(name).type)

    def read(self, name: str) -> Any:
        """Read one column as one Arrow array or chunked array, text as a dictionary."""
        text = [name] if self.kind(name) == "text" else []
        return pq.read_table(self.path, columns=[name], read_dictionary=text, use_threads=False).column(0)

    @cached_property
    def sample_rows(self) -> Any:
        """Row positions of an even random sample, in rising order."""
        if self.rows <= SAMPLE_ROWS:
            return np.arange(self.rows)
        chosen = np.random.default_rng(self.seed).choice(self.rows, SAMPLE_ROWS, replace=False)
        return np.sort(chosen)

    @cached_property
    def sample(self) -> Any:
        """The sampled rows of up to 2,000 columns, the target always among them."""
        names = self.features[:2000] + ([self.target] if self.target else [])
        return take_rows(self.path, names, self.sample_rows)

    @cached_property
    def problem(self) -> str:
        """The kind of task: "binary", "multiclass" or "regression"; "" without a target."""
        if self.target is None or self.target not in self.columns:
            return ""
        if self.task in {"binary", "multiclass", "regression"}:
            return str(self.task)
        part = self.columns[self.target]
        if part["distinct"] <= 2:
            return "binary"
        if part["type"] in {"text", "boolean"} or (part["type"] == "integer" and part["distinct"] <= 10):
            return "multiclass"
        return "regression"

    def numbers(self, name: str) -> Any:
        """Give the sampled cells of a column as floats; NaN where missing; text as codes of its words."""
        column = self.sample.column(name)
        if pa.types.is_string(column.type):
            codes = column.combine_chunks().dictionary_encode()
            codes = codes.combine_chunks() if isinstance(codes, pa.ChunkedArray) else codes
            column = codes.indices
        elif pa.types.is_date(column.type):
            column = pc.cast(pc.cast(column, pa.int32()), pa.int64())
        elif pa.types.is_timestamp(column.type):
            column = pc.cast(column, pa.int64())
        return pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False).astype(float)

    def classes(self) -> tuple[list[Any], Any]:
        """List the target's classes in the sample, and each row's class number (-1 missing)."""
        cells = self.sample.column(self.target).to_pylist()
        names = sorted({c for c in cells if c is not None}, key=str)
        if self.positive is not None and len(names) == 2:
            names.sort(key=lambda c: str(c) == self.positive)
        number = {name: at for at, name in enumerate(names)}
        return names, np.array([number.get(c, -1) if c is not None else -1 for c in cells])
