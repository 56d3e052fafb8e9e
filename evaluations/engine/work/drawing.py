"""Set the acceptance rows of a protocol aside and write both parts as tables of their own."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from evaluations.engine import splits
from evaluations.engine.protocols import Protocol, read_protocol
from projects.errors import DomainError
from projects.sandbox import Task, TaskError

ROW_ID = "row_id"
BATCH = 65_536  # rows
MOST_CLASSES = 100
FORMULA_SIGNS = "=+-@\t\r"  # what makes a spreadsheet take a cell for a formula
FORMULA_PATTERN = r"^[=+\-@\t\r]"


def run(task: Task) -> dict[str, Any]:
    """Draw the rows, write ``acceptance``, ``development`` and ``features`` tables, and count them.

    Arguments: ``protocol`` (dict), ``salt`` (str). Inputs: ``table`` (Parquet). The table ``features`` holds the
    acceptance rows without the target, for those who predict elsewhere; ``features.csv`` holds the same as text.
    """
    protocol = read_protocol(task.arguments["protocol"])
    table = pq.ParquetFile(task.inputs["table"])
    must_have_columns(protocol, table.schema_arrow.names)
    known = table.metadata.num_rows
    task.progress("Drawing the acceptance rows", 0, known)
    truth = read_column(table, protocol.target)
    judged = np.flatnonzero(~truth.is_null().to_numpy(zero_copy_only=False))
    try:
        draw = _draw(protocol, table, truth, judged, task.seed)
    except DomainError as error:
        raise TaskError(error.code, str(error)) from error
    aside = np.zeros(known, dtype=bool)
    aside[judged[draw.acceptance]] = True
    kept = np.zeros(known, dtype=bool)
    kept[judged[draw.development]] = True
    ids = splits.row_ids(np.flatnonzero(aside), task.arguments["salt"])
    _write_parts(task, table, protocol.target, aside=aside, kept=kept, ids=ids)
    return {
        "acceptance_rows": int(aside.sum()),
        "development_rows": int(kept.sum()),
        "without_target": int(known - len(judged)),
        "acceptance_classes": count_classes(protocol, truth.filter(pa.array(aside))),
        "development_classes": count_classes(protocol, truth.filter(pa.array(kept))),
    }


def must_have_columns(protocol: Protocol, names: list[str]) -> None:
    """Raise TaskError unless the table holds every column that the protocol names."""
    wanted = [protocol.target, protocol.text_column, protocol.group_column, protocol.split.column]
    wanted += [*protocol.left_out, *protocol.slices.columns, *(g.slice.column for g in protocol.gates if g.slice)]
    absent = sorted({name for name in wanted if name and name not in names})
    if absent:
        raise TaskError(
            "column-missing",
            f"The table has no column named {', '.join(absent)}. Correct the protocol or choose another dataset.",
        )


def read_column(table: pq.ParquetFile, name: str) -> pa.Array:
    """Read one column whole."""
    column = table.read(columns=[name]).column(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def count_classes(protocol: Protocol, truth: pa.Array) -> dict[str, int]:
    """Count the rows of each class; nothing for regression."""
    if protocol.judged_as == "regression":
        return {}
    counts = pc.value_counts(pc.cast(truth, pa.string())).to_pylist()
    if len(counts) > MOST_CLASSES:
        raise TaskError(
            "too-many-classes",
            f"“{protocol.target}” holds {len(counts)} different values, which is no set of classes. "
            "Choose regression, or another target.",
        )
    return {row["values"]: row["counts"] for row in sorted(counts, key=lambda row: str(row["values"]))}


def _draw(
    protocol: Protocol, table: pq.ParquetFile, truth: pa.Array, judged: NDArray[np.intp], seed: int
) -> splits.Draw:
    split = protocol.split
    wanted = splits.how_many(len(judged), share=split.share, fixed=split.rows)
    if split.method == "stratified":
        classes = None if protocol.judged_as == "regression" else _codes(truth)[judged]
        return splits.draw_stratified(classes, len(judged), wanted, seed)
    if split.column is None:
        return splits.draw_latest(None, len(judged), wanted)
    values = _codes(read_column(table, split.column), ordered=split.method == "time-ordered")[judged]
    if split.method == "grouped":
        return splits.draw_groups(values, wanted, seed)
    return splits.draw_latest(values, len(judged), wanted)


def _codes(values: pa.Array, *, ordered: bool = False) -> NDArray[np.intp]:
    """Give every distinct value a number; in the values' own order if ``ordered``. Missing comes first."""
    if ordered:
        ranks = pc.rank(values, sort_keys="ascending", null_placement="at_start", tiebreaker="dense")
        return ranks.to_numpy(zero_copy_only=False).astype(np.intp)
    encoded = values.dictionary_encode(null_encoding="encode")
    return encoded.indices.to_numpy(zero_copy_only=False).astype(np.intp)


def _write_parts(
    task: Task,
    table: pq.ParquetFile,
    target: str,
    *,
    aside: NDArray[np.bool_],
    kept: NDArray[np.bool_],
    ids: list[str],
) -> None:
    """Write the parts batch by batch, so that memory does not grow with the table."""
    schema = table.schema_arrow
    with_id = schema.insert(0, pa.field(ROW_ID, pa.string()))
    blind = with_id.remove(with_id.get_field_index(target))
    outputs: Path = task.outputs
    with (
        pq.ParquetWriter(outputs / "acceptance.parquet", with_id, compression="zstd") as acceptance,
        pq.ParquetWriter(outputs / "features.parquet", blind, compression="zstd") as features,
        pv.CSVWriter(outputs / "features.csv", harmless_names(blind)) as text,
        pq.ParquetWriter(outputs / "development.parquet", schema, compression="zstd") as development,
    ):
        at = named = 0
        for batch in table.iter_batches(BATCH):
            mask, rest = aside[at : at + batch.num_rows], kept[at : at + batch.num_rows]
            chosen = batch.filter(pa.array(mask))
            names = pa.array(ids[named : named + chosen.num_rows], pa.string())
            labelled = pa.RecordBatch.from_arrays([names, *chosen.columns], schema=with_id)
            acceptance.write_batch(labelled)
            blind_rows = labelled.drop_columns([target])
            features.write_batch(blind_rows)
            text.write_batch(harmless(blind_rows))
            development.write_batch(batch.filter(pa.array(rest)))
            at, named = at + batch.num_rows, named + chosen.num_rows
            task.progress("Drawing the acceptance rows", at, len(aside))


def harmless_names(schema: pa.Schema) -> pa.Schema:
    """Return a schema of text for what CSV cannot write, with names that no spreadsheet takes for a formula."""
    return pa.schema(
        pa.field(f"'{field.name}" if field.name[:1] in FORMULA_SIGNS else field.name, _written(field.type))
        for field in schema
    )


def harmless(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Put an apostrophe before words that a spreadsheet would run as a formula; numbers stay as they are."""
    return pa.RecordBatch.from_arrays(
        [_without_formulas(column) for column in batch.columns], schema=harmless_names(batch.schema)
    )


def _without_formulas(column: pa.Array) -> pa.Array:
    wanted = _written(column.type)
    written = pc.cast(column, wanted) if wanted != column.type else column
    if pa.types.is_decimal(column.type) or not (pa.types.is_string(wanted) or pa.types.is_large_string(wanted)):
        return written
    risky = pc.fill_null(pc.match_substring_regex(written, FORMULA_PATTERN), False)  # noqa: FBT003  # pyarrow takes the value by place
    marked = pc.binary_join_element_wise(pa.scalar("'", wanted), written, pa.scalar("", wanted))
    return pc.if_else(risky, marked, written)


def _written(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return _written(kind.value_type)
    return pa.string() if pa.types.is_decimal(kind) else kind
