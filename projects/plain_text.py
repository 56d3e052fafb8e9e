"""The one rule for text that people type: characters that can be seen, on one line or on several."""

import re

BREAKS = re.compile("[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]")
# Control characters, signs that turn the direction of writing around, halves of characters.
HIDDEN = re.compile("[\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
BREAK = "This must stand on one line: take out line breaks and tabs."
HIDES = "This holds a character that cannot be seen (U+{code:04X}) and may mislead readers. Type it anew without it."


def fault_of(text: str, *, lines: bool = False) -> str:
    """Say what is wrong with a text; empty if nothing is. ``lines`` lets it have several."""
    hidden = HIDDEN.search(text)
    if hidden:
        return HIDES.format(code=ord(hidden[0]))
    return BREAK if not lines and BREAKS.search(text) else ""


def made_plain(name: str) -> str:
    """Put an underscore for whatever breaks the rule, in a name that nobody typed, such as a file's."""
    return HIDDEN.sub("_", BREAKS.sub("_", name))
