"""Whether a reply to an authored question is no answer, but a query of its own."""

import re
from collections.abc import Collection
from dataclasses import astuple, dataclass

import numpy as np

from router import english
from router.model.model import Evidence, Model
from router.model.reply_language import corrected, denied
from router.statistics.probability import logit
from router.text import words_of

_BIAS = -3.38
_WEIGHTS = np.array([7.3, -0.42, 1.58])
"""Of the fields of `Novelty`, fitted by `benchmarks/reply_weights.py`."""

_NONE_OF_THEM = re.compile(
    r"\W*(?:neither|none)\b(?:\s+(?:one|of\s+\w+(?:\s+(?:two|three|four))?|really|actually))?"
    r"\W*[.,;:!\u2013\u2014-]\s*",
    re.IGNORECASE,
)
"""An opening that turns all options down."""


def besides(reply: str) -> str:
    """Give what a reply says besides what it takes back or turns down; all of it if nothing."""
    rest = corrected(reply)
    split = denied(rest)
    if split is not None and split[1]:
        rest = split[1]
    rest = _NONE_OF_THEM.sub("", rest, count=1)
    return rest if words_of(rest) else reply


@dataclass(frozen=True)
class Novelty:
    """What speaks for a reply being a new query.

    :param closer: How much closer it is to what people ask than to known replies to the question, a
        difference of cosines in [-2, 2].
    :param inside: The log odds of all that this question can lead to.
    :param turns: Whether it turns something down, corrects something or announces another topic.
    """

    closer: float
    inside: float
    turns: float

    @classmethod
    def of(
        cls,
        model: Model,
        question: str,
        open_to: Collection[str],
        reply: str,
        alone: Evidence,
    ) -> "Novelty":
        """Compare a reply with what is known.

        :param question: The id of a question that has replies of its own.
        :param open_to: The targets that it can lead to.
        :param alone: Of what the reply says `besides`.
        """
        nearest = float(model.replies[question].closeness(alone.vectors)[0])
        likely = dict(zip(model.names, alone.probabilities[0].tolist(), strict=True))
        unasked = {name: p for name, p in likely.items() if not name.startswith("question:")}
        inside = sum(p for name, p in unasked.items() if name in open_to)
        inside /= max(sum(unasked.values()), 1e-9)
        words = words_of(reply)
        turns = (
            alone.texts[0] != reply
            or english.SWITCHING.match(words)
            or english.CORRECTING.match(words)
        )
        closer = float(alone.nearest[0].max()) - nearest
        return cls(closer, float(logit(np.array([inside]), edge=1e-4)[0]), float(turns))

    def probability(self) -> float:
        """Estimate how likely the reply is a new query."""
        return float(1.0 / (1.0 + np.exp(-(_BIAS + _WEIGHTS @ astuple(self)))))
