"""A text encoded as it is and inside a sentence: two views of it as one vector."""

from collections.abc import Sequence

import numpy as np

from router.arrays import Vectors
from router.encoders.encoder import Encoder
from router.text import is_blank

FRAMES = ("{}", "a user asks: {}")
"""The text as it is, and as something that a user asks; see docs/pages/evidence/accuracy.md."""


class FramedEncoder:
    """An encoder's vectors of a text inside several sentences, side by side at equal weight.

    What the frame says is the same for all texts, what it does to their vectors is not: the mean of
    the cosines is steadier than one of them. It takes as many passes as there are frames.

    :param encoder: Whose vectors are joined.
    :param frames: Sentences with one "{}" each, where the text goes.
    """

    def __init__(self, encoder: Encoder, frames: Sequence[str] = FRAMES) -> None:
        for frame in frames:
            if frame.count("{}") != 1:
                raise ValueError(f'a frame has one "{{}}", where the text goes; this is: {frame!r}')
        if not frames:
            raise ValueError('frames are at least one sentence with "{}"; there is none')
        self.encoder = encoder
        self.frames = tuple(frames)

    @property
    def key(self) -> str:
        """The key of the encoder behind it, and the frames."""
        return f"{self.encoder.key}:{'|'.join(self.frames)}"

    @property
    def width(self) -> int:
        """Length of a vector: that of the encoder for each frame."""
        return len(self.frames) * self.encoder.width

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode a batch. Shape: (n_texts, width); unit rows, a zero row for an empty text."""
        views = [
            self.encoder.encode(
                ["" if is_blank(text) else frame.replace("{}", text) for text in texts]
            )
            for frame in self.frames
        ]
        vectors: Vectors = np.concatenate(views, axis=1) / np.float32(np.sqrt(len(views)))
        return vectors
