"""Two encoders as one: a fast one for every text, and a stronger one for a second look."""

from collections.abc import Sequence

from router.arrays import TokenVectors, Vectors
from router.encoders.encoder import Encoder, encode_with_tokens


class PairedEncoder:
    """Encodes as the first encoder does, and carries the second one for texts that need it.

    :param first: Encodes every text.
    :param second: Encodes the texts of which a router isn't sure.
    """

    def __init__(self, first: Encoder, second: Encoder) -> None:
        self.first = first
        self.second = second

    def __repr__(self) -> str:
        return f"<PairedEncoder {self.first!r}, {self.second!r}>"

    @property
    def key(self) -> str:
        """Both keys: a model that was fitted with one encoder is none for two."""
        return f"{self.first.key}+{self.second.key}"

    @property
    def width(self) -> int:
        """Length of a vector of the first encoder."""
        return self.first.width

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode a batch with the first encoder. Shape: (n_texts, width)."""
        return self.first.encode(texts)

    def encode_with_tokens(self, texts: Sequence[str]) -> tuple[Vectors, list[TokenVectors] | None]:
        """Encode a batch with the vectors of its tokens, with the first encoder."""
        return encode_with_tokens(self.first, texts)


def second_of(encoder: Encoder) -> Encoder | None:
    """Give the encoder for a second look; None if there is none."""
    second: Encoder | None = getattr(encoder, "second", None)
    return second
