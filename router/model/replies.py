"""Reading a reply: which option does it mean, or both, neither, not known, something else?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from router.arrays import Floats, Similarities, Vectors
from router.encoders.encoder import Encoder
from router.heads.kernel_head import KernelHead, KernelSettings, fit_kernel_head
from router.model.reply_language import corrected, denied
from router.packs.exemplar_file import read_exemplars
from router.packs.parts import Question
from router.paths import DATA

BOTH, NEITHER, UNSURE = "=both", "=neither", "=unsure"
"""What a reply can mean besides an option. No option id begins with "="."""

ANY_ANSWER = "=answer"
"""What a reply means that answers some question; also the name of the head which tells that."""

DENIED = 0.5
"""A denied reply rules an option out if it means that with at least this probability."""


def general_replies() -> dict[str, tuple[str, ...]]:
    """Read the replies that mean the same whatever was asked, from data/replies/."""
    return {
        meaning: read_exemplars(DATA / "replies" / f"{meaning[1:]}.txt")
        for meaning in (BOTH, NEITHER, UNSURE)
    }


def reply_exemplars(
    question: Question, replies: Mapping[str, Sequence[str]]
) -> list[tuple[str, str]]:
    """List (meaning, reply) of a question: its options' labels and exemplars, and the general."""
    rows = [(option.id, option.label) for option in question.options]
    rows += [(option.id, line) for option in question.options for line in replies[option.id]]
    rows += [(meaning, line) for meaning, lines in general_replies().items() for line in lines]
    return rows


@dataclass(frozen=True)
class ReplyHead:
    """A head that tells the options of one question apart, or else what any reply can mean.

    The general replies are among the exemplars of the former, since the options alone are few.
    """

    head: KernelHead

    @classmethod
    def fit(cls, rows: Sequence[tuple[str, str]], vectors: Vectors) -> "ReplyHead":
        """Fit on (meaning, reply) rows and their vectors."""
        texts, labels = [text for _, text in rows], [label for label, _ in rows]
        head, _ = fit_kernel_head(texts, vectors, labels, KernelSettings(lexical=0.5))
        return cls(head)

    def meanings(self, reply: str, encoder: Encoder) -> dict[str, float]:
        """Compute the probability of each option, or of each general meaning, the likeliest first.

        Of a reply that corrects itself, what comes after the correction counts; of a reply that
        denies an option, what it says besides. A reply that only denies one of two means the other.
        """
        reply = corrected(reply)
        probabilities = self._of(reply, encoder)
        if ANY_ANSWER not in probabilities and (split := denied(reply)) is not None:
            probabilities = self._without_denied(*split, probabilities, encoder)
        return dict(sorted(probabilities.items(), key=lambda pair: -pair[1]))

    def closeness(self, vectors: Vectors) -> Similarities:
        """Compute the cosine with the closest known reply that means an option.

        :param vectors: Of replies. Shape: (n_replies, width).
        :return: Shape: (n_replies,).
        """
        options = [not name.startswith("=") for name in self.head.names]
        known = self.head.exemplars[np.repeat(options, self.head.counts)]
        return np.asarray((vectors @ known.T).max(axis=1))

    def _without_denied(
        self, what: str, besides: str, whole: dict[str, float], encoder: Encoder
    ) -> dict[str, float]:
        """Rule out the option that a reply denies, if it is clear which one it denies.

        :param what: What the reply denies.
        :param besides: What it says besides.
        :param whole: The probabilities of the whole reply.
        """
        options = list(whole)
        of_denied = self._of(what, encoder)
        ruled_out = max(options, key=lambda name: of_denied[name])
        if of_denied[ruled_out] < DENIED:
            return whole
        if besides:
            probabilities = self._of(besides, encoder)
            likeliest = max(probabilities, key=lambda name: probabilities[name])
            if likeliest != ruled_out and probabilities[likeliest] >= DENIED:
                return probabilities
        if len(options) != 2:
            return whole
        left = next(name for name in options if name != ruled_out)
        moved = max(whole[left] + whole[ruled_out], of_denied[ruled_out])
        probabilities = whole | {left: moved, ruled_out: 0.0}
        total = sum(probabilities.values())
        return {name: p / total for name, p in probabilities.items()}

    def _of(self, text: str, encoder: Encoder) -> dict[str, float]:
        probabilities: Floats = self.head.probabilities([text], encoder.encode([text]))[0]
        named = dict(zip(self.head.names, probabilities.tolist(), strict=True))
        options = {name: p for name, p in named.items() if not name.startswith("=")} or named
        total = max(sum(options.values()), 1e-12)
        return {name: p / total for name, p in options.items()}
