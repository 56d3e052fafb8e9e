"""Parts that apps above add to pages of the ground, which so never learns of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from projects.access import Actor


@dataclass(frozen=True, slots=True)
class Part:
    """A template with its values; the template finds them under the name ``part``."""

    template: str
    values: dict[str, Any]


Builder = Callable[[Actor, Any], Part | None]

_builders: dict[tuple[str, str], dict[str, tuple[int, Builder]]] = {}


def register_part(*, page: str, name: str, build: Builder, place: str = "main", order: int = 50) -> None:
    """Add a part to a page ("client", "engagement", "milestone"), in its "main" or "side" column, by order."""
    _builders.setdefault((page, place), {})[name] = (order, build)


def parts_for(page: str, place: str, actor: Actor, row: Any) -> list[Part]:
    """Build the parts of a page's column; a part that has nothing to say is left out."""
    builders = sorted(_builders.get((page, place), {}).values(), key=lambda entry: entry[0])
    return [part for _, build in builders if (part := build(actor, row)) is not None]
