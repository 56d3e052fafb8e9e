"""Checking a report that somebody holds: unchanged, signed here, and still the latest."""

import json
from dataclasses import dataclass
from typing import Any

from evaluations.models import Report
from freelance_ml.reports.milestone import SCHEMA
from projects.canonical import canonical, digest
from projects.secrets import public_key, signature_holds


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check found; ``holds`` only if every byte is as it was signed here."""

    holds: bool
    sentence: str
    body: dict[str, Any] | None = None
    latest: bool | None = None


NO_REPORT = Outcome(holds=False, sentence="This is not the JSON file of a report. Download it from the report’s page.")


def check_report(raw: bytes) -> Outcome:
    """Check the bundle of a report; anything at all may be handed in."""
    try:
        bundle = json.loads(raw, object_pairs_hook=_once)
        body, signature, key_id = dict(bundle["report"]), str(bundle["signature"]), str(bundle["key_id"])
        message = canonical(body)
    except (ValueError, KeyError, TypeError, RecursionError):
        return NO_REPORT
    if body.get("schema") != SCHEMA:  # the same key signs other things as well
        return NO_REPORT
    key = public_key(key_id) or b""
    beside = {"sha256": digest(body), "signature": signature, "key_id": key_id, "public_key": key.hex()}
    if not signature_holds(message, key_id=key_id, signature=signature) or bundle != {"report": body, **beside}:
        return Outcome(
            holds=False,
            sentence="The signature does not hold: the report was changed, or it was not made here. Do not rely on it.",
        )
    stored = Report.objects.filter(digest=digest(body)).select_related("milestone").first()
    return Outcome(
        holds=True,
        sentence="The report is exactly as it was signed here.",
        body=body,
        latest=stored.is_latest if stored else None,
    )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a name that comes twice: of two values one reader takes the first and another the last."""
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError
    return value
