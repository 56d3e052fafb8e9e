"""Tags of bills: JSON with or without braces, key-value lists, and true for a bare key."""

import json
from typing import Any


def read_tags(text: str) -> dict[str, str] | None:
    """Read the tags of one row; None if the text is not tags."""
    body = text.strip()
    if body in {"", "NULL", "null", "{}", "[]"}:
        return {}
    if body[0] == '"':
        body = f"{{{body}}}"  # Azure writes the object without its braces
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if isinstance(found, dict):
        tags: dict[str, str] | None = {str(key): _as_text(value) for key, value in found.items()}
    else:
        tags = _from_pairs(found) if isinstance(found, list) else None
    return tags if tags is not None and _can_be_stored(tags) else None


def _can_be_stored(tags: dict[str, str]) -> bool:
    """Refuse what JSON can spell but no database keeps: NUL and half characters."""
    text = "".join([*tags, *tags.values()])
    return "\0" not in text and not any("\ud800" <= sign <= "\udfff" for sign in text)


def _from_pairs(found: list[Any]) -> dict[str, str] | None:
    """Read GCP's list of {"key": …, "value": …}."""
    try:
        return {str(pair["key"]): _as_text(pair.get("value")) for pair in found}
    except (TypeError, KeyError, AttributeError):
        return None


def _as_text(value: Any) -> str:
    """Write a tag's value as text; a text stays as it is."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def write_tags(tags: dict[str, str]) -> str:
    """Write tags as one JSON object, keys in order, so that equal tags are equal texts."""
    return json.dumps(tags, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
