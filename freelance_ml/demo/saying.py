"""How a step tells the terminal what it does."""

from typing import Protocol


class Say(Protocol):
    """Writes a line; with another ``end`` the line goes on later."""

    def __call__(self, text: str, *, end: str = "\n") -> None:
        """Write ``text``."""
