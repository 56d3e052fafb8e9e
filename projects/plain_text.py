"""The one rule for text that people type: characters that can be seen, on one line or on several."""

import re
from collections.abc import Iterator
from typing import Any

from projects.errors import DomainError

BREAKS = re.compile("[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]")
# Control characters, signs that turn the direction of writing around, those without width, halves of characters.
# The joiners of scripts and emoji (U+200C to U+200F) stay: people write with them.
HIDDEN = re.compile(
    "[\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f\u061c\u180e\u200b\u202a-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb]"
)
BREAK = "This must stand on one line: take out line breaks and tabs."
HIDES = "This holds a character that cannot be seen (U+{code:04X}) and may mislead readers. Type it anew without it."


class NotPlainTextError(DomainError):
    """Raised when a text that came past the fields of forms and the API breaks the rule."""

    code = "not-plain-text"
    template = "This text was not taken. {fault}"


def fault_of(text: str, *, lines: bool = False) -> str:
    """Say what is wrong with a text; empty if nothing is. ``lines`` lets it have several."""
    hidden = HIDDEN.search(text)
    if hidden:
        return HIDES.format(code=ord(hidden[0]))
    return BREAK if not lines and BREAKS.search(text) else ""


def must_be_plain(*texts: str) -> None:
    """Raise NotPlainTextError unless all that people read in these texts, of several lines each, can be seen."""
    for text in texts:
        if fault := fault_of(text, lines=True):
            raise NotPlainTextError(fault=fault)


def texts_in(value: Any) -> Iterator[str]:
    """Yield every text inside a plain value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from texts_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts_in(item)


def made_plain(name: str) -> str:
    """Put an underscore for whatever breaks the rule, in a name that nobody typed, such as a file's."""
    return HIDDEN.sub("_", BREAKS.sub("_", name))
