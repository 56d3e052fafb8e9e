"""Reading any table that people send into one typed Parquet file, with a report of what was found."""

import hashlib
import zipfile
import zlib
from pathlib import Path

import pyarrow as pa

from evaluations.engine.reading.columnar import limits_for, read_parquet
from evaluations.engine.reading.containers import BLOCK, Source, find_format
from evaluations.engine.reading.delimited import TableRead, read_delimited
from evaluations.engine.reading.jsonlines import read_json_lines
from evaluations.engine.reading.previews import offer_missing, preview
from evaluations.engine.reading.spreadsheets import read_sheet
from evaluations.engine.reading.values import (
    Notes,
    Progress,
    ReadingError,
    ReadLimits,
    ReadOptions,
    ReadReport,
)

HEAD = 4_096
SMALL_ROWS = 100
FEW_ROWS = 20
UNEXPECTED = (
    pa.ArrowException,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    UnicodeError,
    ValueError,
    OverflowError,
    RecursionError,
    MemoryError,
)


def _no_progress(phase: str, done: float, total: float) -> None:
    return None


def read_table(
    source: Path,
    target_parquet: Path,
    *,
    name: str,
    options: ReadOptions | None = None,
    limits: ReadLimits | None = None,
    progress: Progress = _no_progress,
) -> ReadReport:
    """Read a table in any supported format into a typed Parquet file.

    Parameters
    ----------
    source : Path
        CSV in any dialect, TSV, Parquet, JSON lines or XLSX, plain or inside gzip or zip.
    target_parquet : Path
        Where the typed table goes; its folder also takes temporary files while reading. Not there
        afterwards if the outcome is "reject".
    name : str
        The file's name as its owner knows it; only a hint.
    options : ReadOptions, optional
        What a person decided; what is not given is found out.
    limits : ReadLimits, optional
        How much the file may hold.
    progress : callable
        Called with a phase, what is done and the total.

    Returns
    -------
    ReadReport
        Plain values for JSON. ``outcome`` is "accept", "warn", "ask" (questions must be answered by
        options before anything is trained) or "reject" (one finding of severity "error" says why).
    """
    options, limits = options or ReadOptions(), limits or ReadLimits()
    notes = Notes()
    report = _blank_report(source)
    try:
        result = _read(
            source, target_parquet, name, options=options, limits=limits, notes=notes, progress=progress, report=report
        )
        _say_size(result, notes)
        offer_missing(target_parquet, notes)
        report["preview"] = preview(target_parquet)
    except ReadingError as error:
        return _rejected(report, error, target_parquet)
    except UNEXPECTED as error:
        message = "The file cannot be read as a table; it may be damaged. Save it again, best as UTF-8 CSV."
        if isinstance(error, MemoryError):
            message = "The file needs more memory than a reading may use; split it or send Parquet."
        return _rejected(report, ReadingError("unreadable", message), target_parquet)
    _fill(report, result, notes)
    if report["source_sha256"] is None:
        report["source_sha256"] = result.sha256 or _digest(source, progress)
    return report


def _blank_report(source: Path) -> ReadReport:
    return {
        "outcome": "reject",
        "format": "unknown",
        "encoding": None,
        "separator": None,
        "quote": None,
        "header_row": None,
        "decimal_mark": None,
        "rows": 0,
        "columns": [],
        "findings": [],
        "questions": [],
        "preview": [],
        "source_sha256": None,
        "source_bytes": source.stat().st_size,
    }


def _read(
    source: Path,
    target: Path,
    name: str,
    *,
    options: ReadOptions,
    limits: ReadLimits,
    notes: Notes,
    progress: Progress,
    report: ReadReport,
) -> TableRead:
    if not report["source_bytes"]:
        raise ReadingError("empty", "The file is empty; upload a file with a header and rows.")
    opened = Source(source, limits, options.member)
    kind = find_format(opened.head(HEAD), opened.inner_name or name)
    report["format"] = kind
    if kind == "delimited":
        return read_delimited(opened, target, options, limits, notes, progress)
    if kind == "jsonl":
        return read_json_lines(opened, target, options, limits, notes, progress)
    reader = read_parquet if kind == "parquet" else read_sheet
    limits = limits_for(report["source_bytes"], limits) if kind == "parquet" else limits
    unpacked = target.with_name(target.name + ".unpacked")
    try:
        return reader(opened.unpack(unpacked), target, options, limits, notes, progress)
    finally:
        unpacked.unlink(missing_ok=True)


def _say_size(result: TableRead, notes: Notes) -> None:
    rows, columns = result.rows, len(result.columns)
    if rows == 1:
        notes.add(
            "one_row",
            "warning",
            f"The table has 1 row; it can be kept, but splitting and training need at least {FEW_ROWS}.",
            n=1,
        )
    elif rows < SMALL_ROWS:
        notes.add(
            "small",
            "note",
            f"The table is small: {rows} rows. Intervals will be wide; training needs at least {FEW_ROWS}.",
            n=rows,
        )
    if columns == 1:
        notes.add(
            "one_column",
            "warning",
            "The table has one column; once it is the target, no feature is left to learn from.",
        )
    if columns > 10 and columns > rows:
        notes.add(
            "more_columns_than_rows",
            "warning",
            f"The table has {columns:,} columns but only {rows:,} rows; a model can fit noise perfectly.",
            n=columns,
        )


def _fill(report: ReadReport, result: TableRead, notes: Notes) -> None:
    report["outcome"] = notes.outcome()
    report["encoding"], report["separator"] = result.encoding, result.separator
    report["quote"], report["header_row"] = result.quote, result.header_row
    report["decimal_mark"], report["rows"] = result.decimal_mark, result.rows
    report["columns"], report["findings"] = result.columns, notes.findings
    report["questions"] = notes.questions


def _rejected(report: ReadReport, error: ReadingError, target: Path) -> ReadReport:
    target.unlink(missing_ok=True)
    report["outcome"] = "reject"
    report["findings"] = [{"code": error.code, "severity": "error", "message": error.message}]
    return report


def _digest(source: Path, progress: Progress) -> str:
    digest = hashlib.sha256()
    with source.open("rb") as stream:
        while data := stream.read(BLOCK):
            digest.update(data)
    progress("Reckoning the digest", 1, 1)
    return digest.hexdigest()
