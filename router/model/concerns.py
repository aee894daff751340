"""One query to its concerns: find the clauses, and judge which of them is a concern of its own.

A clause that names another skill proves little: long stories with one concern touch many. What
tells them apart is fitted, on queries joined from two exemplars against exemplars as they are.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from router.arrays import Bools, Floats, Probabilities
from router.statistics.logistic import Logistic, logit
from router.text import Phrases, Words, lower_first

MOST_CLAUSES = 12
"""Of a longer text only so many clauses are weighed, the first ones."""

SHORTEST_CLAUSE = 7
"""Characters: "monitor" can be a concern, "thanks" is none."""

SHORT = 14
"""Words of an exemplar that is joined with another, at most."""

MISSED = 0.02
"""Share of the further concerns of joined queries that are too faint in the whole text."""

_JOINING = (
    r"(?:and|but|then|plus|once|as well as|after that|afterwards|followed by|while also|along with"
    r"|which we also|on top of that)"
)
_AND_ALSO = r"(?:\s+(?:then|also|first|after that|afterwards|later|next|finally|both)\b)*"
_JOINT = re.compile(
    r"(?=[\s.;!?:,+])"  # most characters begin no joint: a third of the time
    rf"(?:[.;!?:\n]+\s+|,\s*(?:{_JOINING}\b)?{_AND_ALSO}\s*"
    rf"|\s+(?:{_JOINING}{_AND_ALSO}|-+>?|&)\s+|\s*\+\s+)"
    r"|^\s*(?:first|once|after|before)\s+",
    re.IGNORECASE,
)
JOINERS = Phrases.of(["and", "plus", "also", "both", "as well as"])
SEQUENCERS = Phrases.of(
    ["first", "then", "after that", "afterwards", "once", "later", "next", "finally", "followed by"]
)
_TEMPLATES = (
    "{a} and {b}",
    "{a}, then {b}",
    "first {a}, then {b}",
    "{a}. Also {b}",
    "{a}. {b}",
    "{b} once this is done: {a}",
    "{a} and also {b}",
    "{a}, plus {b}",
    "{b}, but first {a}",
    "{a}; {b}",
    "{a}, after that {b}",
    "{a} as well as {b}",
)


def clauses_of(text: str) -> list[str]:
    """Split at sentence ends, commas and joining words; what is too short is dropped."""
    clauses: list[str] = []
    for line in text.splitlines():
        parts = _JOINT.split(" ".join(line.split()))  # runs of blanks cost squares
        stripped = [part.strip(" ,.;:") for part in parts]
        clauses += [part for part in stripped if len(part) >= SHORTEST_CLAUSE]
    return clauses[:MOST_CLAUSES] if len(clauses) > 1 else []


def join_exemplars(
    exemplars: Mapping[str, Sequence[str]], count: int, seed: int = 0, longest: int = SHORT
) -> list[tuple[str, frozenset[str]]]:
    """Make queries with two concerns out of short exemplars of two skills each.

    :param longest: Words of an exemplar that is joined, at most.

    :return: (text, its two skills), `count` of them; none if fewer than two skills have any.
    """
    chance = random.Random(seed)
    short = {
        skill: kept
        for skill, lines in exemplars.items()
        if (kept := [line for line in lines if len(line.split()) <= longest])
    }
    if len(short) < 2:
        return []
    made = []
    for _ in range(count):
        one, other = chance.sample(sorted(short), 2)
        first, second = chance.choice(short[one]), chance.choice(short[other])
        template = chance.choice(_TEMPLATES)
        text = template.format(a=first.rstrip(".?! "), b=lower_first(second))
        made.append((text, frozenset((one, other))))
    return made


@dataclass(frozen=True)
class ClauseView:
    """What the clauses of a batch say about the skills, padded to the most clauses of any text."""

    probabilities: Probabilities  # (n_texts, most, n_skills); 0 where there is no clause
    words: Floats  # (n_texts, most): words in each clause
    joined: Bools  # (n_texts,): says a word that joins
    sequenced: Bools  # (n_texts,): says a word that puts things in order

    @classmethod
    def of(cls, said: Words, clauses: Sequence[Sequence[str]], flat: Probabilities) -> "ClauseView":
        """Lay the clauses' probabilities out by text.

        :param said: The words of each text.
        :param flat: One row for each clause of each text, in order. Shape: (n_clauses, n_skills).
        """
        counts = np.array([len(group) for group in clauses], dtype=np.intp)
        most = max(int(counts.max(initial=0)), 1)
        filled = np.arange(most) < counts[:, None]  # (n_texts, most)
        probabilities = np.zeros((len(said), most, flat.shape[1]))
        probabilities[filled] = flat
        words = np.zeros((len(said), most))
        words[filled] = [len(clause.split()) for group in clauses for clause in group]
        joined, sequenced = (
            np.array([phrases.match(one) for one in said], dtype=np.bool_)
            for phrases in (JOINERS, SEQUENCERS)
        )
        return cls(probabilities, words, joined, sequenced)

    def rows(self, places: NDArray[np.intp]) -> "ClauseView":
        """Give the same view of some of the texts."""
        return ClauseView(*(getattr(self, one.name)[places] for one in fields(self)))

    def features(self, whole: Probabilities) -> tuple[Floats, Bools]:
        """Describe each skill as a further concern of each text.

        :param whole: The skills' probabilities from the whole texts. Shape: (n_texts, n_skills).
        :return: Features, shape (n_texts, n_skills, 10); and which skills can be a further concern:
            not the likeliest of the whole, and spoken for by a clause of at least two.
        """
        n_texts, n_skills = whole.shape
        rows = np.arange(n_texts)
        top = whole.argmax(axis=1)
        best = self.probabilities.argmax(axis=1)  # (n_texts, n_skills): the clause speaking for it
        own = self.probabilities.max(axis=1)
        counts = (self.words > 0).sum(axis=1)
        total = np.maximum(self.words.sum(axis=1), 1.0)
        of_top = self.probabilities[rows, :, top]  # (n_texts, most)
        length = np.maximum(np.take_along_axis(self.words, best, axis=1), 1.0)
        both = self.probabilities + of_top[:, :, None]
        covered = (both * self.words[:, :, None]).sum(axis=1) / total[:, None]

        def each(column: Floats) -> Floats:
            return np.broadcast_to(column[:, None], (n_texts, n_skills))

        features = np.stack(
            [
                logit(own),
                logit(whole),
                each(logit(whole.max(axis=1))),
                logit(np.take_along_axis(of_top, best, axis=1)),
                np.log(length / total[:, None]),
                each(np.log(total)),
                each(np.log(np.maximum(counts, 1))),
                covered,
                each(self.joined.astype(np.float64)),
                each(self.sequenced.astype(np.float64)),
            ],
            axis=2,
        )
        possible = (own >= 0.15) & (counts[:, None] >= 2)
        possible[rows, top] = False
        return features, possible


@dataclass(frozen=True)
class Concerns:
    """The fitted judgement whether a skill is a further concern of a text.

    `least`: probability from the whole text below which a skill is none; fitted so that few are
    missed, and what it saves is the encoding of most texts' clauses.
    """

    model: Logistic
    least: float = 0.0

    @classmethod
    def fit(cls, features: Floats, truth: Bools, whole: Floats) -> "Concerns":
        """Fit on skills that can be a further concern of texts whose skills are known.

        :param features: As `ClauseView.features` gives them. Shape: (n, 10).
        :param truth: Whether each is one. Shape: (n,).
        :param whole: Its probability from the whole text. Shape: (n,).
        """
        least = float(np.quantile(whole[truth], MISSED)) if truth.any() else 0.0
        return cls(Logistic.fit(features, truth), least)

    def several(self, whole: Probabilities) -> Bools:
        """Whether a text can have a further concern at all. Shape: (n_texts,).

        :param whole: The skills' probabilities from the whole texts. Shape: (n_texts, n_skills).
        """
        return np.asarray((whole >= self.least).sum(axis=1) > 1)

    def further(self, view: ClauseView, whole: Probabilities) -> Probabilities:
        """Probability of each skill to be a further concern. Shape: (n_texts, n_skills)."""
        features, possible = view.features(whole)
        possible &= whole >= self.least
        found = np.zeros(whole.shape)
        found[possible] = self.model.probabilities(features[possible])
        return found
