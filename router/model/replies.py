"""Reading a reply: which option does it mean, or both, neither, not known, something else?"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from router.arrays import Floats, Vectors
from router.encoders.encoder import Encoder
from router.heads.kernel_head import KernelHead, KernelSettings, fit_kernel_head
from router.packs.exemplar_file import read_exemplars
from router.packs.pack import Question
from router.paths import DATA

BOTH, NEITHER, UNSURE = "=both", "=neither", "=unsure"
"""What a reply can mean besides an option. No option id begins with "="."""

ANY_ANSWER = "=answer"
"""What a reply means that answers some question; also the name of the head which tells that."""

_NUMBER = re.compile(r"^\W*(?:option|number|no|nr|answer|choice)?\W*(\d{1,2})\W*$", re.IGNORECASE)
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")
_ORDINAL = re.compile(
    rf"^\W*(?:the\s+)?({'|'.join(_ORDINALS)}|last|former|latter)(?:\s+(?:one|option))?\W*$",
    re.IGNORECASE,
)


class LabelledOption(Protocol):
    """An option of a question: its id and its label."""

    @property
    def id(self) -> str:
        """The id, which may have a kind before a colon, as in "skill:sell-bikes"."""
        ...

    @property
    def label(self) -> str:
        """What the user reads."""
        ...


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
    """A head whose targets are what a reply to one question can mean."""

    head: KernelHead

    @classmethod
    def fit(cls, rows: Sequence[tuple[str, str]], vectors: Vectors) -> "ReplyHead":
        """Fit on (meaning, reply) rows and their vectors."""
        texts, labels = [text for _, text in rows], [label for label, _ in rows]
        head, _ = fit_kernel_head(texts, vectors, labels, KernelSettings(lexical=0.5))
        return cls(head)

    def meanings(self, reply: str, encoder: Encoder) -> dict[str, float]:
        """Compute the probability of each meaning, the likeliest first."""
        probabilities: Floats = self.head.probabilities([reply], encoder.encode([reply]))[0]
        pairs = zip(self.head.names, probabilities.tolist(), strict=True)
        return dict(sorted(pairs, key=lambda pair: -pair[1]))


def literal_meaning(options: Sequence[LabelledOption], reply: str) -> str | None:
    """Read an option's number, position, label or id.

    :return: The id of the option; None if the reply is none of these.
    """
    index = _option_index(reply, len(options))
    if index is not None:
        return options[index].id if 0 <= index < len(options) else None
    plain = reply.strip().strip(".!\"'").casefold()
    for option in options:
        bare = option.id.rpartition(":")[2]
        if plain in (option.id, bare, bare.replace("-", " "), option.label.casefold()):
            return option.id
    return None


def _option_index(reply: str, count: int) -> int | None:
    """Read "2", "option 2" or "the second one" as an index; None if it is no number."""
    if number := _NUMBER.match(reply):
        return int(number[1]) - 1
    if ordinal := _ORDINAL.match(reply):
        word = ordinal[1].casefold()
        special = {"last": count - 1, "former": 0, "latter": 1}
        return special[word] if word in special else _ORDINALS.index(word)
    return None
