"""The way to a method, by name: what only speaks of metrics need not load what computes them."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evaluations.engine.methods import Method


class Way:
    """A family of methods and the figures it is made of, each as ``module:name`` of the engine; options as they are."""

    def __init__(self, family: str, *figures: str, **options: Any) -> None:
        self.family, self.figures, self.options = family, figures, options

    def method(self) -> "Method":
        """Load what is named, and make the method."""
        made: Method = _named(self.family)(*map(_named, self.figures), **self.options)
        return made


def _named(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(import_module(f"{__package__}.{module}"), name)
