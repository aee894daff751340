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


_MOST_BYTES = 16 << 20
"""What kept vectors take at most; then all are dropped."""


class KeptVectors:
    """An encoder that keeps the last vectors: the turns of a chat come again with each new turn.

    That changes no decision, only how long it takes. It is pickled without what it keeps.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._kept: dict[str, Given] = {}
        self._bytes = 0

    def __reduce__(self) -> tuple[type["KeptVectors"], tuple[Encoder]]:
        return type(self), (self._encoder,)

    def given(self, texts: Sequence[str], with_tokens: bool) -> dict[str, Given]:
        """Give the vectors of distinct texts; those that are not kept are embedded in one batch.

        :param with_tokens: Whether the vectors of the tokens are needed.
        """
        kept = {text: given for text in texts if (given := self._kept.get(text)) is not None}
        missing = [text for text in dict.fromkeys(texts) if text not in kept]
        if not missing:
            return kept
        vectors, tokens = (
            encode_with_tokens(self._encoder, missing)
            if with_tokens
            else (self._encoder.encode(missing), None)
        )
        of_tokens: Sequence[TokenVectors | None] = tokens or [None] * len(missing)
        new = dict(zip(missing, map(Given, vectors, of_tokens), strict=True))
        self._keep(new)
        return kept | new

    def _keep(self, new: Mapping[str, Given]) -> None:
        size = sum(_bytes_of(text, given) for text, given in new.items())
        if self._bytes + size > _MOST_BYTES:
            self._kept, self._bytes = {}, 0
        if size <= _MOST_BYTES:
            self._kept.update(new)
            self._bytes += size


def _bytes_of(text: str, given: Given) -> int:
    tokens = 0 if given.tokens is None else given.tokens.nbytes
    return 4 * len(text) + given.vector.nbytes + tokens
