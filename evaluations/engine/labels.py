"""The one spelling of class labels, whatever type a file gave them."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluations.engine.tables import as_labels


def as_words(values: "pd.Series[Any]") -> NDArray[np.str_]:
    """Write labels as text: whole numbers without ".0", true and false in lower case, texts as they are.

    Parameters
    ----------
    values : Series of shape (n,)
        Without missing values.

    Returns
    -------
    ndarray of str, shape (n,)
    """
    words = as_labels(values)
    if pd.api.types.is_bool_dtype(values):
        return np.char.lower(words)
    return words
