"""From values to codes, in one pass of a hash table; apart, so that the registry of metrics loads without pandas."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluations.engine.predictions import PredictionsError


def number(values: NDArray[Any]) -> NDArray[np.intp]:
    """Give every distinct value its number 0..g-1 in sorted order."""
    return pd.factorize(values, sort=True)[0].astype(np.intp)


def encode(values: NDArray[Any], classes: Sequence[str], column: str) -> NDArray[np.intp]:
    """Turn labels into codes of ``classes``, refusing a label that is none of them."""
    given, labels = pd.factorize(np.asarray(values, dtype=object))
    places = {name: code for code, name in enumerate(classes)}
    strange = [str(label) for label in labels if str(label) not in places]
    if strange:
        raise PredictionsError(
            column=column,
            problem=f"“{strange[0]}” is not one of the classes {', '.join(classes)}.",
            remedy="Correct the label or add the class to the protocol.",
        )
    codes = np.array([places[str(label)] for label in labels], dtype=np.intp)
    return codes[given]
