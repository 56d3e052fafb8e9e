"""Checks of single columns: constants, identifiers, missing values, mixed types, spellings."""

import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from evaluations.engine.findings.table import AuditTable
from evaluations.engine.findings.values import Finding, list_names, make_finding
from evaluations.engine.profile import count_words

NEARLY = 0.995
MUCH_MISSING, SOME_MISSING = 0.5, 0.05
FREE_TEXT_LENGTH = 30
MANY_CATEGORIES = 100
FEW_ROWS = 20
WORDS_AT_MOST = 20_000
ID_NAME = re.compile(r"(^|[_\s.-])(id|uuid|guid|key|nr|no|number|code|index|idx)$|^id([_\s.-]|$)|[a-z](ID|Id)$", re.I)
NUMBER = r"^\s*[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?\s*$"


def find_constants(table: AuditTable) -> list[Finding]:
    """Name columns with one value only, or none."""
    names = [n for n, part in table.columns.items() if part["distinct"] <= 1 and part["missing"] in {0, table.rows}]
    if not names or table.rows < 2:
        return []
    return [
        make_finding(
            "constant_columns",
            "low",
            f"{len(names):,} column{'s hold' if len(names) > 1 else ' holds'} the same value in every row "
            f"({list_names(names)}).",
            "Leave them out: they tell a model nothing.",
            columns=names,
            n=len(names),
        )
    ]


def find_near_constants(table: AuditTable) -> list[Finding]:
    """Name columns where one value fills nearly all rows."""
    found = []
    for name, part in table.columns.items():
        top = part.get("top") or []
        if name == table.target or part["distinct"] < 2 or not top or part["n"] < FEW_ROWS:
            continue
        if top[0]["n"] / part["n"] >= NEARLY:
            found.append((name, top[0]["n"], part["n"]))
    if not found:
        return []
    name, n, total = found[0]
    return [
        make_finding(
            "near_constant_columns",
            "low",
            f"In {len(found):,} column{'s' if len(found) > 1 else ''} one value fills nearly all rows "
            f"({list_names([f[0] for f in found])}); in “{name}” it is {n:,} of {total:,}.",
            "Leave them out unless the rare values matter.",
            columns=[f[0] for f in found],
            n=len(found),
        )
    ]


def is_free_text(part: dict[str, Any]) -> bool:
    """Tell a column of sentences from one of labels."""
    return bool(
        part["type"] == "text" and part["n"] and part["length"]["mean"] > FREE_TEXT_LENGTH and part["distinct"] > 50
    )


def find_row_numbers(table: AuditTable) -> list[Finding]:
    """Name columns that only count the rows."""
    found = []
    for name, part in table.columns.items():
        if part["type"] != "integer" or part["missing"] or part["distinct"] != table.rows or table.rows < FEW_ROWS:
            continue
        if part["max"] - part["min"] != table.rows - 1:
            continue
        values = table.read(name).to_numpy()
        if (np.diff(values) == 1).all():
            found.append(name)
    return [
        make_finding(
            "row_number",
            "medium",
            f"Column “{name}” counts the rows one by one ({table.columns[name]['min']:,} to "
            f"{table.columns[name]['max']:,}).",
            "Leave it out; if the rows are in order of time, use it to split by time.",
            columns=[name],
            n=table.rows,
        )
        for name in found
    ]


def identifiers(table: AuditTable) -> list[str]:
    """List the columns that name a row rather than describe it."""
    found = []
    for name, part in table.columns.items():
        if part["n"] < FEW_ROWS or part["distinct"] < 0.99 * part["n"] or name == table.target:
            continue
        if (part["type"] == "text" and not is_free_text(part)) or (
            part["type"] == "integer" and ID_NAME.search(name) and part["distinct"] == part["n"]
        ):
            found.append(name)
    return found


def find_identifiers(table: AuditTable) -> list[Finding]:
    """Name columns with a value of its own in every row."""
    numbers = {f["columns"][0] for f in find_row_numbers(table)}
    return [
        make_finding(
            "identifier",
            "medium",
            f"Column “{name}” has {table.columns[name]['distinct']:,} different values in "
            f"{table.columns[name]['n']:,} rows: it names rows and does not describe them.",
            "Leave it out as a feature; keep it to match predictions, or as the group of a grouped split.",
            columns=[name],
            n=table.columns[name]["distinct"],
        )
        for name in identifiers(table)
        if name not in numbers
    ]


def find_missing(table: AuditTable) -> list[Finding]:
    """Say where values are missing, most first."""
    findings = []
    gone = [(part["missing_share"], name) for name, part in table.columns.items() if name != table.target]
    much = [(s, n) for s, n in sorted(gone, reverse=True) if s >= MUCH_MISSING]
    some = [(s, n) for s, n in sorted(gone, reverse=True) if SOME_MISSING <= s < MUCH_MISSING]
    for code, severity, listed, advice in (
        ("mostly_missing", "medium", much, "Leave them out, or ask the client why they are empty."),
        ("missing_values", "low", some, "Ask why; recipes fill them inside the folds and can mark them."),
    ):
        if listed:
            share, name = listed[0]
            findings.append(
                make_finding(
                    code,
                    severity,
                    f"{len(listed):,} column{'s miss' if len(listed) > 1 else ' misses'} "
                    f"{'half of the values or more' if code == 'mostly_missing' else '5 % of the values or more'} "
                    f"({list_names([n for _, n in listed])}); “{name}” misses {100 * share:.1f} %.",
                    advice,
                    columns=[n for _, n in listed],
                    n=table.columns[name]["missing"],
                )
            )
    return findings


def find_mixed_types(table: AuditTable) -> list[Finding]:
    """Name text columns in which most values are numbers."""
    findings = []
    for name, part in table.columns.items():
        if part["type"] != "text" or part["n"] < FEW_ROWS or is_free_text(part):
            continue
        if not any(_looks_number(row["value"]) for row in part["top"]):
            continue
        words, counts = count_words(table.read(name))
        numeric = pc.match_substring_regex(words, pattern=NUMBER).to_numpy(zero_copy_only=False)
        share = float(counts[numeric].sum() / counts.sum())
        if not 0.5 <= share < 1:
            continue
        odd = words.filter(pa.array(~numeric)).slice(0, 3).to_pylist()
        findings.append(
            make_finding(
                "mixed_types",
                "medium",
                f"Column “{name}” is text, but {100 * share:.1f} % of its values are numbers; others are "
                f"{', '.join(f'“{w[:30]}”' for w in odd)}.",
                "Correct the column’s type, or name these spellings as missing.",
                columns=[name],
                n=int(counts[~numeric].sum()),
            )
        )
    return findings


def _looks_number(text: str) -> bool:
    return bool(re.match(NUMBER, text))


def find_high_cardinality(table: AuditTable) -> list[Finding]:
    """Name text columns with many rare categories."""
    known = set(identifiers(table))
    found = [
        name
        for name, part in table.columns.items()
        if part["type"] == "text"
        and name not in known
        and name != table.target
        and part["distinct"] > MANY_CATEGORIES
        and not is_free_text(part)
    ]
    return [
        make_finding(
            "high_cardinality",
            "low",
            f"Column “{name}” has {table.columns[name]['distinct']:,} different values, "
            f"{table.columns[name]['n'] / table.columns[name]['distinct']:.1f} rows each.",
            "Rare values are put together by the recipes; consider grouping them by meaning.",
            columns=[name],
            n=table.columns[name]["distinct"],
        )
        for name in found[:20]
    ]


def find_width(table: AuditTable) -> list[Finding]:
    """Warn when columns outnumber rows."""
    features, rows = len(table.features), table.rows
    if features <= 10 or features * 5 <= rows:
        return []
    return [
        make_finding(
            "more_columns_than_rows",
            "high" if features > rows else "medium",
            f"The table has {features:,} features for {rows:,} rows; chance alone fits such data well.",
            "Choose features by knowledge, collect more rows, and trust only the acceptance rows.",
            n=features,
        )
    ]


def find_label_spellings(table: AuditTable) -> list[Finding]:
    """Name labels that differ only by case or blanks."""
    findings = []
    for name, part in table.columns.items():
        if part["type"] != "text" or not 2 <= part["distinct"] <= WORDS_AT_MOST or is_free_text(part):
            continue
        if part["distinct"] > 0.5 * part["n"] and part["n"] > FEW_ROWS:
            continue
        words, counts = count_words(table.read(name))
        torn = same_labels(words.to_pylist(), counts)
        if torn:
            findings.append(_spellings(table, name, torn))
    return findings


def same_labels(words: list[str], counts: Any) -> list[list[tuple[str, int]]]:
    """Group words that are one label once case and blanks are ignored; only groups of several."""
    groups: dict[str, list[tuple[str, int]]] = {}
    for word, n in zip(words, counts, strict=True):
        groups.setdefault(" ".join(word.casefold().split()), []).append((word, int(n)))
    torn = [sorted(g, key=lambda pair: -pair[1]) for g in groups.values() if len(g) > 1]
    return sorted(torn, key=lambda g: -sum(n for _, n in g))


def _spellings(table: AuditTable, name: str, torn: list[list[tuple[str, int]]]) -> Finding:
    shown = "; ".join(", ".join(f"“{word}” ({n:,})" for word, n in group[:3]) for group in torn[:3])
    is_target = name == table.target
    return make_finding(
        "label_spellings",
        "high" if is_target else "low",
        f"{'The classes of' if is_target else 'Values of'} “{name}” differ only by case or blanks: {shown}.",
        "Bring them to one spelling before the protocol is frozen.",
        columns=[name],
        n=sum(n for group in torn for _, n in group[1:]),
    )
