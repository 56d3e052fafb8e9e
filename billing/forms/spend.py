"""Reads from an address what is asked of the explorer."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from billing.queries.narrowing import COLUMNS, ITEM_COLUMNS, OVERHEAD, TITLES, UNALLOCATED, Question

LONGEST = 300
ID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}")
MONTH = re.compile(r"(\d{4})-(\d{2})")
KNOWN = {"by", "basis", "currency", "from", "to", *COLUMNS, *ITEM_COLUMNS, "engagement"}
BASES = ("billed", "effective")


def read_question(params: Mapping[str, Any]) -> Question:
    """Turn query parameters into a question; what nobody offered counts as not asked."""
    by = _text(params.get("by", ""))
    if by not in TITLES and not (by.startswith("tag:") and len(by) > 4):  # noqa: PLR2004  # a key after the colon
        by = "service"
    where = {}
    for name in params:
        is_tag = name.startswith("tag:") and len(name) > 4  # noqa: PLR2004  # as above
        if name in COLUMNS or is_tag or (name in ("engagement", *ITEM_COLUMNS) and params[name]):
            where[_text(name)] = _text(params[name])
    basis = params.get("basis", "")
    return Question(
        by="service" if by == "tag" else by,
        currency=_text(params.get("currency", ""))[:16],
        basis=basis if basis in BASES else "billed",
        first=_month(params.get("from", "")),
        last=_month(params.get("to", "")),
        where=where,
    )


def faults_in(params: Mapping[str, Any]) -> dict[str, str]:
    """Say which values a program did not mean as the explorer would read them."""
    by, engagement = str(params.get("by", "")), str(params.get("engagement", ""))
    grouped = [name for name in TITLES if name != "tag"]
    is_id = engagement in ("", UNALLOCATED, OVERHEAD) or ID.fullmatch(engagement.lower())
    rules = (
        ("by", by in ("", *grouped) or by.startswith("tag:"), f"Choose one of: {', '.join(grouped)}, or tag:KEY."),
        ("basis", params.get("basis", "") in ("", *BASES), f"Choose one of: {', '.join(BASES)}."),
        ("from", not params.get("from") or _month(params["from"]), "Write a month like 2026-01."),
        ("to", not params.get("to") or _month(params["to"]), "Write a month like 2026-01."),
        ("engagement", is_id, f"Give the id of an engagement, {UNALLOCATED} or {OVERHEAD}."),
    )
    return {name: sentence for name, holds, sentence in rules if not holds}


def unknown_parameters(params: Mapping[str, Any]) -> list[str]:
    """List the parameters that the explorer does not take."""
    return sorted(name for name in params if name not in KNOWN and not name.startswith("tag:"))


def _text(value: str) -> str:
    return str(value).replace("\0", "")[:LONGEST]


def _month(text: str) -> date | None:
    found = MONTH.match(text)
    if not found or not 1 <= int(found[2]) <= 12 or int(found[1]) < 1:  # noqa: PLR2004  # months
        return None
    return date(int(found[1]), int(found[2]), 1)
