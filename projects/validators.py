"""The rule of ``plain_text`` as validators, for the fields of forms and of the API alike."""

import re
from typing import Any

from django.core.exceptions import ValidationError

from projects.plain_text import fault_of

UNSTORABLE = re.compile("[\0\ud800-\udfff]")  # NUL, and halves of characters


def one_line(text: str) -> None:
    """Refuse a text with line breaks or with characters that cannot be seen."""
    if fault := fault_of(text):
        raise ValidationError(fault, code="not-plain-text")


def several_lines(text: str) -> None:
    """Refuse a text with characters that cannot be seen, other than line breaks and tabs."""
    if fault := fault_of(text, lines=True):
        raise ValidationError(fault, code="not-plain-text")


def storable(document: Any) -> None:
    """Refuse a document of JSON with a text, however deep inside, that no database and no page takes."""
    waiting = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str) and UNSTORABLE.search(value):
            raise ValidationError("A text inside holds NUL or half a character. Take it out.", code="not-plain-text")
        if isinstance(value, dict):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, list):
            waiting += value
