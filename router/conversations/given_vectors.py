"""An encoder that has the vectors of some texts already."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from router.arrays import TokenVectors, Vectors
from router.encoders.encoder import NO_TOKENS, Encoder, encode_with_tokens
from router.encoders.paired import second_of


@dataclass(frozen=True)
class Given:
    """The vector of a text, and those of its tokens, from encoders that give them."""

    vector: Vectors
    tokens: TokenVectors | None = None


@dataclass(frozen=True)
class GivenVectors:
    """Gives what is known, and has the rest encoded.

    :param known: By text.
    """

    encoder: Encoder
    known: Mapping[str, Given]

    @property
    def key(self) -> str:
        """The key of the encoder within."""
        return self.encoder.key

    @property
    def second(self) -> Encoder | None:
        """The encoder for a second look, if there is one."""
        return second_of(self.encoder)

    @property
    def width(self) -> int:
        """Length of a vector."""
        return self.encoder.width

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode a batch; only texts that are not known are embedded."""
        missing = [text for text in texts if text not in self.known]
        rest = iter(self.encoder.encode(missing) if missing else ())
        rows = [self.known[text].vector if text in self.known else next(rest) for text in texts]
        return np.array(rows, dtype=np.float32).reshape(len(texts), self.width)

    def encode_with_tokens(self, texts: Sequence[str]) -> tuple[Vectors, list[TokenVectors] | None]:
        """Encode a batch with the vectors of its tokens."""
        if any(text not in self.known or self.known[text].tokens is None for text in texts):
            return encode_with_tokens(self.encoder, texts)
        tokens = [self.known[text].tokens for text in texts]
        return self.encode(texts), [NO_TOKENS if of is None else of for of in tokens]


def given_vectors(encoder: Encoder, texts: Sequence[str], *, with_tokens: bool) -> dict[str, Given]:
    """Embed different texts in one batch.

    :param with_tokens: Whether the vectors of the tokens are needed.
    """
    distinct = list(dict.fromkeys(texts))
    vectors, tokens = (
        encode_with_tokens(encoder, distinct) if with_tokens else (encoder.encode(distinct), None)
    )
    of_tokens: Sequence[TokenVectors | None] = tokens or [None] * len(distinct)
    return dict(zip(distinct, map(Given, vectors, of_tokens), strict=True))
