"""A text encoded as it is and within a prompt: two views of it as one vector."""

from collections.abc import Sequence

import numpy as np

from router.arrays import Vectors
from router.encoders.encoder import Encoder
from router.text import is_blank

# docs/pages/evidence/accuracy.md has what the second one gains.
_PROMPTS = ("{}", "a user asks: {}")


class PromptedEncoder:
    """The vectors of a text within several prompts, side by side at equal weight.

    A prompt says the same about all texts but changes their vectors differently, and the mean of
    several cosines is steadier than one of them. Each prompt costs a pass of the encoder.

    :param prompts: Sentences with one "{}" each, which the text replaces.
    """

    def __init__(self, encoder: Encoder, prompts: Sequence[str] = _PROMPTS) -> None:
        if not prompts:
            raise ValueError('prompts need at least one sentence with "{}", got none')
        for prompt in prompts:
            if prompt.count("{}") != 1:
                raise ValueError(f'a prompt has one "{{}}", where the text goes, was: {prompt!r}')
        self.encoder = encoder
        self.prompts = tuple(prompts)

    @property
    def key(self) -> str:
        """The key of the encoder within, and the prompts."""
        return f"{self.encoder.key}:{'|'.join(self.prompts)}"

    @property
    def width(self) -> int:
        """Length of a vector: that of the encoder times the number of prompts."""
        return len(self.prompts) * self.encoder.width

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode a batch. Shape: (n_texts, width); unit rows, a zero row for a blank text."""
        views = [
            self.encoder.encode(
                ["" if is_blank(text) else prompt.replace("{}", text) for text in texts]
            )
            for prompt in self.prompts
        ]
        vectors: Vectors = np.concatenate(views, axis=1) / np.float32(np.sqrt(len(views)))
        return vectors
