"""How deep JSON from outside may be nested: the parsers of newer Pythons take what recursive code does not."""

from typing import Any

DEEPEST = 100


def must_be_shallow(value: Any) -> None:
    """Raise ValueError for lists and objects within each other in more than ``DEEPEST`` steps."""
    level = [value]
    for _ in range(DEEPEST + 1):
        inside = [one.values() if isinstance(one, dict) else one for one in level if isinstance(one, (dict, list))]
        if not inside:
            return
        level = [one for part in inside for one in part]
    message = "it is nested too deeply"
    raise ValueError(message)
