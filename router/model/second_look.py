"""A second look: where the first encoder isn't sure, a stronger one decides together with it.

The margin between the two likeliest targets tells where. There the logarithms of the probabilities
by both encoders are weighed and added; margin and weights were fitted on exemplars that both heads
had not seen. For all other texts the second encoder does not run, so that a query costs on average

    cost of the first encoder + share of unsure texts * cost of the second encoder.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from router.arrays import Bools, Floats, Probabilities
from router.encoders.encoder import Encoder
from router.heads.discriminant_head import DiscriminantHead
from router.heads.document_head import DocumentHead
from router.heads.kernel_head import KernelHead
from router.heads.scores import Looks, Scores
from router.statistics.probability import margins_of, softmax
from router.text import Words

_LEAST = 1e-9
"""Probabilities are at least this, so that their logarithms are finite."""


@dataclass(frozen=True)
class JoiningRule:
    """Which texts are looked at twice, and what both looks together say.

    :param margin: A text whose two likeliest targets are closer than this is unsure, in [0, 1].
    :param weights: Of the logarithms of the probabilities by the first and the second encoder.
        Shape: (2,).
    """

    margin: float
    weights: Floats

    def unsure(self, first: Probabilities) -> Bools:
        """Tell which texts need a second look. Shape: (n_texts,)."""
        return np.asarray(margins_of(first) < self.margin)

    def over(self, first: Probabilities, second: Probabilities) -> Probabilities:
        """Join both where the first one is unsure. Shapes: (n_texts, n_targets)."""
        return np.where(self.unsure(first)[:, None], self.join(first, second), first)

    def join(self, first: Probabilities, second: Probabilities) -> Probabilities:
        """Add what both encoders say. Shapes: (n_texts, n_targets)."""
        return softmax(log_odds_of(first, second) @ self.weights)


def log_odds_of(first: Probabilities, second: Probabilities) -> Floats:
    """Give what `JoiningRule` weighs. Shape: (n_texts, n_targets, 2)."""
    return np.log(np.maximum(np.stack([first, second], axis=2), _LEAST))


@dataclass(frozen=True)
class SecondLook:
    """What was fitted for the second look.

    :param head: Fitted on the same exemplars as the second encoder sees them.
    """

    head: KernelHead | DiscriminantHead | DocumentHead
    rule: JoiningRule

    def over(self, scores: Scores, texts: Sequence[str], words: Words, second: Encoder) -> Scores:
        """Look at the unsure texts of a batch again.

        :param scores: What the first encoder says.
        :param second: The second encoder.
        """
        first = scores.probabilities
        rows = self.rule.unsure(first).nonzero()[0]
        again, joined = first.copy(), first.copy()
        if len(rows):
            chosen = rows.tolist()
            again[rows] = self.head.score(
                [texts[row] for row in chosen], [words[row] for row in chosen], second
            ).probabilities
            joined[rows] = self.rule.join(first[rows], again[rows])
        looked = np.zeros(len(first), dtype=np.bool_)
        looked[rows] = True
        return replace(scores, probabilities=joined, looks=Looks(looked, first, again))
