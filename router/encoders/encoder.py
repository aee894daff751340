"""What an encoder is: text to unit vectors, and, from some encoders, a vector for each token."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from router._deprecated import renamed
from router.arrays import Bools, TokenVectors, Vectors

_SPECIAL_TOKENS = 3  # at both ends, and a blank that some tokenizers put in front

NO_TOKENS: TokenVectors = np.zeros((0, 1), dtype=np.float16)


class Encoder(Protocol):
    """Text to unit vectors.

    An encoder may also have the methods `encode_with_tokens` and `truncated`, see the functions of
    these names.
    """

    @property
    def key(self) -> str:
        """Name of model and precision, so that a cache never mixes two; no model is loaded."""
        ...

    @property
    def width(self) -> int:
        """Length of a vector."""
        ...

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode a batch. Shape: (n_texts, width); unit rows, a zero row for a blank text.

        :param texts: Any texts, blank ones included.
        """
        ...


def encode_with_tokens(
    encoder: Encoder, texts: Sequence[str]
) -> tuple[Vectors, list[TokenVectors] | None]:
    """Encode a batch, with the vectors of its tokens where the encoder gives them.

    :return: The vectors, shape (n_texts, width). For each text the unit vectors of its tokens,
        without the special tokens at its ends, shape (n_tokens, width of the model's layers);
        None from an encoder that gives no tokens.
    """
    method = getattr(encoder, "encode_with_tokens", None)
    return (encoder.encode(texts), None) if method is None else method(texts)


def truncated(encoder: Any, texts: Sequence[str]) -> Bools:  # noqa: ANN401
    """Tell of which texts an encoder leaves something out. Shape: (n_texts,).

    :param encoder: An encoder, or one around another one; one that does not say leaves out nothing.
    """
    while not hasattr(encoder, "truncated"):
        encoder = getattr(encoder, "encoder", None) or getattr(encoder, "first", None)
        if encoder is None:
            return np.zeros(len(texts), dtype=np.bool_)
    return np.array(encoder.truncated(texts), dtype=np.bool_)


def may_exceed(text: str, max_tokens: int) -> bool:
    """Tell whether a text can have more tokens, each of which takes a byte at least."""
    return len(text.encode()) + _SPECIAL_TOKENS > max_tokens


def token_units(layer: Vectors) -> TokenVectors:
    """Scale the vectors of a text's tokens to length 1, without the special tokens at its ends.

    :param layer: What the last layer gives for one text. Shape: (n_tokens + 2, width).
    """
    inner = layer[1:-1] if len(layer) > 2 else layer
    lengths = np.linalg.norm(inner, axis=1, keepdims=True)
    return np.asarray(inner / lengths, dtype=np.float16)


__getattr__ = renamed(__name__, {"default_encoder": "router.encoders.default.default_encoder"})
