"""What a spare look may tell: one bit."""

from typing import Any


def one_bit(verdict: str) -> str:
    """Tell a spare look no more than PASS or NOT-PASS, so that the shared risk holds."""
    return "pass" if verdict == "pass" else "not_pass"


def seal(result: dict[str, Any]) -> dict[str, Any]:
    """Keep of an evaluation what a spare look may reveal: one bit, unless it passed."""
    if result["verdict"]["verdict"] == "pass":
        return result
    kept: dict[str, Any] = {key: result[key] for key in ("schema", "seed") if key in result}
    return {**kept, "verdict": {"verdict": "not_pass", "sentence": "Not every promise was shown."}}
