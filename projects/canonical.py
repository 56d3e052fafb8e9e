"""The one byte form of a value that is hashed, signed or frozen."""

import hashlib
from collections.abc import Mapping
from typing import Any

import rfc8785


def canonical(value: Any) -> bytes:
    """Write a JSON value in the form of RFC 8785.

    Raises ValueError for what JSON cannot carry (NaN, infinities, integers beyond 2**53).
    """
    try:
        return rfc8785.dumps(value)
    except rfc8785.CanonicalizationError as error:
        message = f"This value has no canonical form: {error}"
        raise ValueError(message) from error


def digest(value: Mapping[str, Any] | list[Any]) -> str:
    """Return the SHA-256 of a value's canonical form, in hex."""
    return hashlib.sha256(canonical(value)).hexdigest()
