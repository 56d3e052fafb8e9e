#!/usr/bin/env python3
"""Check a report's JSON file offline: python verify_report.py report.json [PUBLIC_KEY_HEX]

Needs only the package "cryptography". The key stands on the sender's page "Check a report". Without it the key
inside the file is used, and anybody can have put one there: that shows only that nothing was changed since the
file was signed, not by whom. Ends with 0 for a genuine report, 1 for another, 2 for a file that is no report,
3 for one whose signer you have not named.
"""

import hashlib
import json
import math
import sys
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def number(value: float) -> str:
    """Write a number as RFC 8785 (ECMAScript) does."""
    if isinstance(value, int):
        return str(value)
    if not math.isfinite(value):
        raise ValueError("no such number in JSON")
    if value == 0:
        return "0"
    sign, value = ("-" if value < 0 else ""), abs(value)
    mantissa, _, exponent = repr(value).partition("e")
    whole, _, part = mantissa.partition(".")
    part = "" if part == "0" else part
    digits, point = (whole + part).lstrip("0"), len(whole) + int(exponent or 0)
    point -= len(whole + part) - len((whole + part).lstrip("0"))
    digits = digits.rstrip("0") or "0"
    count = len(digits)
    if count <= point <= 21:
        return sign + digits + "0" * (point - count)
    if 0 < point <= 21:
        return sign + digits[:point] + "." + digits[point:]
    if -6 < point <= 0:
        return sign + "0." + "0" * -point + digits
    rest = "." + digits[1:] if count > 1 else ""
    return f"{sign}{digits[0]}{rest}e{'+' if point > 0 else '-'}{abs(point - 1)}"


def canonical(value: Any) -> str:
    """Write a JSON value in the one form that is signed (RFC 8785)."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, (int, float)):
        return number(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return "[" + ",".join(canonical(item) for item in value) + "]"
    keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
    return "{" + ",".join(f"{canonical(key)}:{canonical(value[key])}" for key in keys) + "}"


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a name that comes twice: of two values one reader takes the first and another the last."""
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a name comes twice")
    return value


def main() -> int:
    """Check the file and say what was found."""
    if len(sys.argv) not in (2, 3):
        print(__doc__)
        return 2
    try:
        with open(sys.argv[1], encoding="utf-8") as file:
            bundle = json.load(file, object_pairs_hook=once)
        report, signature, fingerprint = bundle["report"], bytes.fromhex(bundle["signature"]), bundle["sha256"]
        # Written so that a forger's words cannot look like ours, on another line or by commands to the terminal.
        named = f"report {report['number']!r} on {report['milestone']['title']!r}: {report['verdict']['headline']!r}"
        key = sys.argv[2] if len(sys.argv) == 3 else bundle["public_key"]
        signer = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
        message = canonical(report).encode()
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        print(f"This cannot be checked ({type(error).__name__}): give the JSON file of a report, and a key in hex.")
        return 2
    try:
        signer.verify(signature, message)
    except InvalidSignature:
        print("NOT GENUINE: the report was changed after it was signed, or signed with another key.")
        return 1
    if hashlib.sha256(message).hexdigest() != fingerprint:
        print("NOT GENUINE: the fingerprint beside the report is not its own.")
        return 1
    if len(sys.argv) == 2:
        print(f"UNCHANGED since it was signed: {named}\nSigned with the key {key}")
        print('Is that the key on the sender\'s page "Check a report"? Give it as second argument to be sure.')
        return 3
    print(f"GENUINE: {named}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
