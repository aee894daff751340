"""Reading a reply: which option does it mean, or both, neither, not known, something else?"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from router.arrays import Floats, Vectors
from router.encoders.encoder import Encoder
from router.heads.head import Head, HeadSettings, fit_head
from router.packs.exemplar_file import read_exemplars
from router.packs.pack import Question
from router.paths import DATA

BOTH, NEITHER, UNSURE = "=both", "=neither", "=unsure"
"""What a reply can mean besides an option. No option id begins with "="."""

_NUMBER = re.compile(r"^\W*(?:option|number|no|nr|answer|choice)?\W*(\d{1,2})\W*$", re.IGNORECASE)
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")
_ORDINAL = re.compile(
    rf"^\W*(?:the\s+)?({'|'.join(_ORDINALS)}|last|former|latter)(?:\s+(?:one|option))?\W*$",
    re.IGNORECASE,
)


def general_replies() -> dict[str, tuple[str, ...]]:
    """Replies that mean the same whatever was asked, from data/replies/."""
    return {
        meaning: read_exemplars(DATA / "replies" / f"{meaning[1:]}.txt")
        for meaning in (BOTH, NEITHER, UNSURE)
    }


def reply_exemplars(
    question: Question, replies: Mapping[str, Sequence[str]]
) -> list[tuple[str, str]]:
    """Give (meaning, reply) for a question: its options' labels and exemplars, and the general."""
    rows = [(option.id, option.label) for option in question.options]
    rows += [(option.id, line) for option in question.options for line in replies[option.id]]
    rows += [(meaning, line) for meaning, lines in general_replies().items() for line in lines]
    return rows


@dataclass(frozen=True)
class ReplyHead:
    """A head whose targets are what a reply to one question can mean."""

    head: Head

    @classmethod
    def fit(cls, rows: Sequence[tuple[str, str]], vectors: Vectors) -> "ReplyHead":
        """Fit on (meaning, reply) rows and their vectors."""
        texts, labels = [text for _, text in rows], [label for label, _ in rows]
        return cls(fit_head(texts, vectors, labels, HeadSettings(lexical=0.5))[0])

    def meanings(self, reply: str, encoder: Encoder) -> dict[str, float]:
        """Probability of each meaning, the likeliest first."""
        row: Floats = self.head.probabilities([reply], encoder.encode([reply]))[0]
        pairs = zip(self.head.names, row.tolist(), strict=True)
        return dict(sorted(pairs, key=lambda pair: -pair[1]))


def literal_meaning(question: Question, reply: str) -> str | None:
    """Read an option's number, place, label or id; None if it is none of these."""
    place = _place(reply, len(question.options))
    if place is not None:
        return question.options[place].id if 0 <= place < len(question.options) else None
    plain = reply.strip().strip(".!\"'").casefold()
    for option in question.options:
        if plain in (option.id, option.id.replace("-", " "), option.label.casefold()):
            return option.id
    return None


def _place(reply: str, count: int) -> int | None:
    """Read "2", "option 2" or "the second one" as a place from 0; None if it is no number."""
    if number := _NUMBER.match(reply):
        return int(number[1]) - 1
    if ordinal := _ORDINAL.match(reply):
        word = ordinal[1].casefold()
        special = {"last": count - 1, "former": 0, "latter": 1}
        return special[word] if word in special else _ORDINALS.index(word)
    return None
