"""What a head says of a batch of texts, and what a head is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from router.arrays import Bools, Floats, Indices, Probabilities, Similarities, Vectors
from router.encoders.encoder import Encoder
from router.text import Words

TokenSimilarities: TypeAlias = NDArray[np.float32]
"""The cosine of each token with its nearest token of each document. Shape: (n_documents,
n_tokens)."""


@dataclass(frozen=True)
class Looks:
    """What each of two encoders says, where a second one looks at the unsure texts.

    :param twice: Whether each text was looked at again. Shape: (n_texts,).
    :param first: By the first encoder. Shape: (n_texts, n_targets).
    :param second: By the second encoder; as the first one where it did not look. Shape: (n_texts,
        n_targets).
    """

    twice: Bools
    first: Probabilities
    second: Probabilities


@dataclass(frozen=True)
class Scores:
    """What a head says of a batch of texts; each row is one text, in order.

    :param vectors: Shape: (n_texts, width).
    :param probabilities: The probability of each target. Shape: (n_texts, n_targets).
    :param nearest: The cosine with the closest exemplar of each target. Shape: (n_texts,
        n_targets).
    :param looks: What each encoder says; None if there is only one.
    """

    vectors: Vectors
    probabilities: Probabilities
    nearest: Similarities
    looks: Looks | None = None


class Head(Protocol):
    """From texts to the probability of each target. It is a frozen value that can be stored."""

    @property
    def names(self) -> tuple[str, ...]:
        """The targets, in the order of the columns."""
        ...

    @property
    def exemplars(self) -> Vectors:
        """The exemplars' vectors, target by target. Shape: (n_exemplars, width)."""
        ...

    @property
    def starts(self) -> Indices:
        """Where the exemplars of each target begin. Shape: (n_targets,)."""
        ...

    def score(self, texts: Sequence[str], words: Words, encoder: Encoder) -> Scores:
        """Encode texts and score them by everything that the head knows.

        :param words: The words of each text.
        """
        ...

    def probabilities(
        self, texts: Sequence[str], vectors: Vectors, word_votes: Floats | None = None
    ) -> Probabilities:
        """Compute probabilities from vectors and words alone. Shape: (n_texts, n_targets).

        :param word_votes: What `word_votes` gives for the texts, where it is known already.
        """
        ...

    def nearest(self, vectors: Vectors) -> Similarities:
        """Compute the cosine with each target's closest exemplar. Shape: (n_texts, n_targets)."""
        ...

    def word_votes(self, words: Words) -> Floats:
        """Tell how much the words alone speak for each target. Shape: (n_texts, n_targets)."""
        ...
