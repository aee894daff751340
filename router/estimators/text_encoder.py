"""An encoder as a step of a scikit-learn pipeline."""

from collections.abc import Sequence
from typing import Self

from sklearn.base import BaseEstimator, TransformerMixin

from router.arrays import Vectors
from router.encoders.encoder import Encoder


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
        return self.encoder.encode(list(texts))

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_clone__(self) -> Self:
        return type(self)(self.encoder)
