"""The audit of a table: a registry of checks, each one function and one row."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluations.engine.findings import columns, rows, target
from evaluations.engine.findings.table import AuditTable
from evaluations.engine.findings.values import SEVERITIES, Finding, make_finding

Progress = Callable[[str, float, float], None]


@dataclass(frozen=True, slots=True)
class Check:
    """One check of the audit: what it looks for, in words, and the function that looks."""

    name: str
    title: str
    run: Callable[[AuditTable], list[Finding]]


CHECKS: tuple[Check, ...] = (
    Check("leaks", "Features that know the target too well", target.find_leaks),
    Check("overlap", "Rows in two parts", rows.find_overlap),
    Check("group_overlap", "Groups in two parts", rows.find_group_overlap),
    Check("missing_target", "Rows without a target", target.find_missing_target),
    Check("imbalance", "Rare classes", target.find_imbalance),
    Check("labels", "Labels that differ by case or blanks", columns.find_label_spellings),
    Check("duplicates", "Rows that repeat", rows.find_duplicates),
    Check("contradictions", "Equal features, other target", rows.find_contradictions),
    Check("predictive_missing", "Missing values that tell the target", target.find_predictive_missing),
    Check("row_numbers", "Columns that count rows", columns.find_row_numbers),
    Check("identifiers", "Columns that name rows", columns.find_identifiers),
    Check("missing", "Missing values", columns.find_missing),
    Check("mixed_types", "Numbers and words in one column", columns.find_mixed_types),
    Check("width", "More columns than rows", columns.find_width),
    Check("high_cardinality", "Many categories", columns.find_high_cardinality),
    Check("constants", "Constant columns", columns.find_constants),
    Check("near_constants", "Nearly constant columns", columns.find_near_constants),
)


def _no_progress(phase: str, done: float, total: float) -> None:
    return None


def _looked_for(check: Check, table: AuditTable) -> list[Finding]:
    """Run a check; one that needs more memory than there is costs the audit nothing else."""
    try:
        return check.run(table)
    except MemoryError:
        message = f"There was too little memory to look for this: {check.title.lower()}."
        return [make_finding("not_checked", "medium", message, "Audit a part of the rows, or give jobs more memory.")]


def audit_table(
    parquet: Path,
    *,
    target: str | None = None,
    positive: str | None = None,
    task: str | None = None,
    parts: Mapping[str, Sequence[int] | Path] | None = None,
    group: str | None = None,
    profile: dict[str, Any] | None = None,
    progress: Progress = _no_progress,
    seed: int = 0,
) -> list[Finding]:
    """Look for what may harm a model or a verdict.

    Parameters
    ----------
    parquet : Path
        A table as the reading engine writes it.
    target, positive, task : str, optional
        The column to predict, its positive class, and "binary", "multiclass" or "regression".
    parts : mapping, optional
        Part name to row positions from 0, or to another table's file, to look for overlap.
    group : str, optional
        The column whose values belong together.
    profile : dict, optional
        The table's profile, if it is known already.
    seed : int
        Seeds the sample of large tables.

    Returns
    -------
    list of Finding
        Most harmful first.
    """
    table = AuditTable(parquet, target, positive, task, parts or {}, group, seed=seed, given_profile=profile)
    findings: list[Finding] = []
    if table.rows:
        for at, check in enumerate(CHECKS, 1):
            findings += _looked_for(check, table)
            progress("Auditing", at, len(CHECKS))
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding["severity"]))


__all__ = ["CHECKS", "AuditTable", "Check", "Finding", "audit_table"]
