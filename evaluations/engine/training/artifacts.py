"""Models on disk: skops files, loaded only if every type in them is on this list."""

from pathlib import Path

from sklearn.pipeline import Pipeline
from skops import io as skops

from projects.errors import DomainError

# Beyond what skops trusts by itself: plain containers of numbers that the recipes need. None runs code of the
# file when it is loaded; a forged tree could at worst crash the limited child that reads it.
ALLOWED_TYPES = frozenset(
    {
        "numpy.dtype",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.tree._tree.Tree",
    }
)


class UntrustedModelError(DomainError):
    """Raised when a model file holds a type that is not on the list."""

    code = "untrusted-model"
    template = "The model holds {types}, which is not allowed here. Bring its predictions as a file instead."


class DamagedModelError(DomainError):
    """Raised when a model file cannot be read."""

    code = "damaged-model"
    template = "The model file is damaged or not a skops file. Train it again or restore it."


def save_model(pipeline: Pipeline, path: Path) -> None:
    """Write a fitted pipeline, and refuse to write one that could not be loaded again."""
    skops.dump(pipeline, path)
    _must_be_allowed(path)


def load_model(path: Path) -> Pipeline:
    """Read a pipeline.

    Raises
    ------
    UntrustedModelError
        If the file holds a type that is neither trusted by skops nor on the list.
    DamagedModelError
        If it is no skops file, or one whose parts are not what it says.
    """
    _must_be_allowed(path)
    try:
        model = skops.load(path, trusted=sorted(ALLOWED_TYPES))
    except MemoryError:
        raise
    except Exception as error:  # arrays that are none, references in a circle
        raise DamagedModelError from error
    if not isinstance(model, Pipeline):
        raise UntrustedModelError(types=type(model).__name__)
    return model


def _must_be_allowed(path: Path) -> None:
    try:
        strange = set(skops.get_untrusted_types(file=path)) - ALLOWED_TYPES
    except Exception as error:  # a hostile archive may raise anything; none of it is loaded
        raise DamagedModelError from error
    if strange:
        raise UntrustedModelError(types=", ".join(sorted(strange)[:3]))
