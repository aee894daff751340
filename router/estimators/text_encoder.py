"""An encoder as a step of a scikit-learn pipeline."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from router.arrays import Vectors
from router.encoders.encoder import Encoder


def text_list(texts: Any) -> list[str]:  # noqa: ANN401 - whatever scikit-learn takes for X
    """Give texts as a list; a table may hold them in its only column.

    :raises ValueError: It is one text, or something else than texts.
    """
    if isinstance(texts, str):
        raise ValueError("texts are a list of texts, was one text; cure: put it in a list")
    rows = np.asarray(texts, dtype=object)
    if rows.ndim == 2 and rows.shape[1] == 1:
        rows = rows[:, 0]
    values: list[str] = rows.tolist()
    for index, value in enumerate(values):
        if not isinstance(value, str):
            raise ValueError(f"texts are a list of texts, number {index} was: {value!r:.80}")
    return values


class TextEncoder(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Turn texts into vectors.

    :param encoder: Clones share it, because it is never fitted.
    """

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder

    def fit(self, texts: Sequence[str], y: object = None) -> Self:
        """Do nothing."""
        return self

    def transform(self, texts: Sequence[str]) -> Vectors:
        """Encode. Shape: (n_texts, width)."""
        return self.encoder.encode(text_list(texts))

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_clone__(self) -> Self:
        return type(self)(self.encoder)
