"""One query to its concerns: find the clauses, and judge which of them is a concern of its own.

A clause that names another skill proves little, because long stories with one concern touch many.
The judgement has fixed weights, fitted once on small bots of many domains and on public intents
(`benchmarks/concern_weights.py`). A pack with thresholds of its own has its own judgement, fitted
on queries joined from two exemplars against exemplars as they are.

Encoding the clauses of a text costs twice what the text did, and few texts need it. A gate
decides by what is known at no cost: the skills that the whole text speaks for, and the words of its
clauses. It is fitted on what encoding the clauses of exemplars, plain and joined, has shown.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from router.arrays import Bools, Floats, Indices, Probabilities, Similarities
from router.model.request_words import RequestWords
from router.statistics.probability import Logistic, logit
from router.text import Phrases, Words

FOUND = 0.5
"""A further concern counts as found from this probability on; no shipped policy asks for less."""

_MAX_CLAUSES = 12
"""Only so many clauses of a longer text are weighed, beginning with the first."""

_MIN_CLAUSE_LENGTH = 7
"""Characters: "monitor" can be a concern, "thanks" is none."""

_MISSED = 0.02
"""The share of the further concerns of joined queries that are too faint in the whole text."""

_N_GATE_FEATURES = 8

_WEIGHTS = [0.6, 0.34, -0.04, 0.01, 1.36, 0.88, -1.03, 0.85, 0.68, 1.15, 7.29, 0.0, 0.0]
_BIAS = -2.3
_GATE_WEIGHTS, _GATE_BIAS = [0.0, 0.0, -0.01, 0.52, 1.62, -3.42, 1.31, 2.89], 0.0
"""The fixed weights, in the order of the features."""

_JOINING = (
    r"(?:and|but|then|plus|once|as well as|after that|afterwards|followed by|while also|along with"
    r"|which we also|on top of that)"
)
_AND_ALSO = r"(?:\s+(?:then|also|first|after that|afterwards|later|next|finally|both)\b)*"
_JOINT = re.compile(
    r"(?=[\s.;!?:,+])"  # most characters begin no joint, and this skips them three times as fast
    rf"(?:[.;!?:\n]+\s+|,\s*(?:{_JOINING}\b)?{_AND_ALSO}\s*"
    rf"|\s+(?:{_JOINING}{_AND_ALSO}|-+>?|&)\s+|\s*\+\s+)"
    r"|^\s*(?:first|once|after|before)\s+",
    re.IGNORECASE,
)
_JOINERS = Phrases.of(["and", "plus", "also", "both", "as well as"])
_SEQUENCERS = Phrases.of(
    ["first", "then", "after that", "afterwards", "once", "later", "next", "finally", "followed by"]
)


def clauses_of(text: str) -> list[str]:
    """Split at sentence ends, commas and joining words; very short clauses are dropped."""
    clauses: list[str] = []
    for line in text.splitlines():
        parts = _JOINT.split(" ".join(line.split()))  # long runs of blanks take quadratic time
        stripped = [part.strip(" ,.;:") for part in parts]
        clauses += [part for part in stripped if len(part) >= _MIN_CLAUSE_LENGTH]
    return clauses[:_MAX_CLAUSES] if len(clauses) > 1 else []


@dataclass(frozen=True)
class ClauseEvidence:
    """What the clauses of a batch say about the skills, padded to the most clauses of any text.

    :param probabilities: 0 where there is no clause. Shape: (n_texts, most, n_skills).
    :param n_words: The words in each clause. Shape: (n_texts, most).
    :param nearest: The cosine with the closest exemplar of each skill. Shape: (n_texts, most,
        n_skills).
    :param requests: The log odds that what a clause names is asked for, 0 if nothing tells. Shape:
        (n_texts, most).
    :param joined: Whether the text has a word that joins. Shape: (n_texts,).
    :param sequenced: Whether the text has a word that puts things in order. Shape: (n_texts,).
    """

    probabilities: Probabilities
    n_words: Floats
    nearest: Floats
    requests: Floats
    joined: Bools
    sequenced: Bools

    @classmethod
    def of(
        cls,
        words: Words,
        clauses: Sequence[Sequence[str]],
        flat: Probabilities,
        flat_nearest: Similarities,
        flat_requests: Floats | None = None,
    ) -> "ClauseEvidence":
        """Lay what is known of the clauses out by text.

        :param words: The words of each text.
        :param flat: One row for each clause of each text, in order. Shape: (n_clauses, n_skills).
        :param flat_nearest: The cosine with the closest exemplar, likewise.
        :param flat_requests: The log odds that each clause is a request; 0 if None.
        """
        counts = np.array([len(group) for group in clauses], dtype=np.intp)
        most = max(int(counts.max(initial=0)), 1)
        filled = np.arange(most) < counts[:, None]  # (n_texts, most)
        probabilities, nearest = np.zeros((2, len(words), most, flat.shape[1]))
        probabilities[filled], nearest[filled] = flat, flat_nearest
        n_words, requests = np.zeros((2, len(words), most))
        if flat_requests is not None:
            requests[filled] = flat_requests
        n_words[filled] = [len(clause.split()) for group in clauses for clause in group]
        joined, sequenced = (
            np.array([phrases.match(of_text) for of_text in words], dtype=np.bool_)
            for phrases in (_JOINERS, _SEQUENCERS)
        )
        return cls(probabilities, n_words, nearest, requests, joined, sequenced)

    def features(self, whole: Probabilities) -> tuple[Floats, Bools]:
        """Describe each skill as a further concern of each text.

        :param whole: The skills' probabilities from the whole texts. Shape: (n_texts, n_skills).
        :return: Features, shape (n_texts, n_skills, 13); and which skills can be a further concern:
            not the likeliest of the whole, and spoken for by a clause of at least two.
        """
        n_texts, n_skills = whole.shape
        rows = np.arange(n_texts)
        top = whole.argmax(axis=1)
        best = self.probabilities.argmax(axis=1)  # (n_texts, n_skills): the clause that speaks most
        own = self.probabilities.max(axis=1)
        counts = (self.n_words > 0).sum(axis=1)
        total = np.maximum(self.n_words.sum(axis=1), 1.0)
        of_top = self.probabilities[rows, :, top]  # (n_texts, most)
        length = np.maximum(np.take_along_axis(self.n_words, best, axis=1), 1.0)
        both = self.probabilities + of_top[:, :, None]
        nearest = np.take_along_axis(self.nearest, best[:, None], axis=1)[:, 0]
        nearest_of_top = np.take_along_axis(self.nearest[rows, :, top], best, axis=1)
        covered = (both * self.n_words[:, :, None]).sum(axis=1) / total[:, None]
        request = np.take_along_axis(self.requests, best, axis=1)

        def for_each_skill(column: Floats) -> Floats:
            return np.broadcast_to(column[:, None], (n_texts, n_skills))

        features = np.stack(
            [
                logit(own),
                logit(whole),
                for_each_skill(logit(whole.max(axis=1))),
                logit(np.take_along_axis(of_top, best, axis=1)),
                np.log(length / total[:, None]),
                for_each_skill(np.log(total)),
                for_each_skill(np.log(np.maximum(counts, 1))),
                covered,
                for_each_skill(self.joined.astype(np.float64)),
                for_each_skill(self.sequenced.astype(np.float64)),
                nearest - nearest_of_top,
                request,
                self._other_requests(best),
            ],
            axis=2,
        )
        possible = (own >= 0.15) & (counts[:, None] >= 2)
        possible[rows, top] = False
        return features, possible

    def _other_requests(self, best: Indices) -> Floats:
        """Find the clause besides the best one of each skill that is the likeliest request.

        :param best: The best clause of each skill. Shape: (n_texts, n_skills).
        :return: Its log odds; 0 where there is no other clause. Shape: (n_texts, n_skills).
        """
        requests = np.where(self.n_words > 0, self.requests, -np.inf)[:, None]
        is_best = np.arange(requests.shape[2]) == best[:, :, None]
        highest = np.where(is_best, -np.inf, requests).max(axis=2)
        return np.where(np.isfinite(highest), highest, 0.0)


@dataclass(frozen=True)
class Concerns:
    """The fitted judgement whether a skill is a further concern of a text.

    :param min_probability: A skill that is less probable in the whole text is no further concern.
        It is fitted so that few are missed, and saves encoding the clauses of most texts.
    :param request_words: Tells requests from what is only told; None if nothing does.
    """

    model: Logistic
    min_probability: float = 0.0
    request_words: RequestWords | None = None

    @classmethod
    def fit(
        cls,
        features: Floats,
        truth: Bools,
        whole: Floats,
        request_words: RequestWords | None = None,
    ) -> "Concerns":
        """Fit on skills that can be a further concern of texts whose skills are known.

        :param features: See `ClauseEvidence.features`. Shape: (n, 13).
        :param truth: Whether each skill is one. Shape: (n,).
        :param whole: Its probability from the whole text. Shape: (n,).
        """
        least = float(np.quantile(whole[truth], _MISSED)) if truth.any() else 0.0
        return cls(Logistic.fit(features, truth), least, request_words)

    def requests(self, clauses: Sequence[str]) -> Floats | None:
        """Give the log odds that each clause is a request, where something tells them."""
        return None if self.request_words is None else self.request_words.log_odds(clauses)

    @classmethod
    def typical(cls) -> "Concerns":
        """Give the judgement with fixed weights."""
        return cls(Logistic(np.array(_WEIGHTS), _BIAS))

    def possible(self, whole: Probabilities) -> Bools:
        """Tell whether a text can have a further concern at all. Shape: (n_texts,).

        :param whole: The skills' probabilities from the whole texts. Shape: (n_texts, n_skills).
        """
        return np.asarray((whole >= self.min_probability).sum(axis=1) > 1)

    def extra_skills(self, evidence: ClauseEvidence, whole: Probabilities) -> Probabilities:
        """Compute the probability that each skill is a further concern.

        :return: Shape: (n_texts, n_skills).
        """
        features, possible = evidence.features(whole)
        possible &= whole >= self.min_probability
        extra = np.zeros(whole.shape)
        extra[possible] = self.model.probabilities(features[possible])
        return extra


@dataclass(frozen=True)
class ClauseGate:
    """The fitted guess whether encoding a text's clauses will find a further concern.

    :param threshold: The gate opens from this probability on.
    """

    model: Logistic = field(default_factory=lambda: Logistic(np.zeros(_N_GATE_FEATURES), 0.0))
    threshold: float = 0.0

    @classmethod
    def fit(cls, features: Floats, found: Bools, overlooked: float) -> "ClauseGate":
        """Fit on texts of two clauses and more.

        :param features: See `gate_features`. Shape: (n, 8).
        :param found: Whether their clauses did show a further concern. Shape: (n,).
        :param overlooked: The share of those that may stay closed.
        """
        model = Logistic.fit(features, found)
        if not found.any():
            return cls(model, 0.0)
        return cls(model, float(np.quantile(model.probabilities(features[found]), overlooked)))

    @classmethod
    def typical(cls) -> "ClauseGate":
        """Give the guess with fixed weights, which overlooks 3 % of the further concerns."""
        return cls(Logistic(np.array(_GATE_WEIGHTS), _GATE_BIAS), 0.5)

    def opens(self, features: Floats) -> Bools:
        """Tell whether each text's clauses are worth encoding. Shape: (n_texts,)."""
        return self.model.probabilities(features) >= self.threshold


def gate_features(
    words: Words, clauses: Sequence[Sequence[str]], votes: Floats, whole: Probabilities
) -> Floats:
    """Describe texts of at least one clause each by what needs no clause to be encoded.

    :param words: The words of each text.
    :param votes: What the words of each clause of each text, in order, say for each skill. Shape:
        (n_clauses, n_skills).
    :param whole: The skills' probabilities from the whole texts. Shape: (n_texts, n_skills).
    :return: Shape: (n_texts, 8); no rows where no skill can come second.
    """
    if not len(words) or whole.shape[1] < 2:
        return np.empty((0, _N_GATE_FEATURES))
    counts = np.array([len(group) for group in clauses], dtype=np.intp)
    starts = np.cumsum(counts) - counts
    top = np.repeat(whole.argmax(axis=1), counts)  # (n_clauses,)
    of_top = votes[np.arange(len(votes)), top]
    not_top = votes.copy()
    not_top[np.arange(len(votes)), top] = -np.inf
    best = not_top.max(axis=1)
    ranked = np.sort(whole, axis=1)
    return np.column_stack(
        [
            np.maximum.reduceat(best, starts),
            np.maximum.reduceat(best - of_top, starts),
            logit(ranked[:, -1]),
            logit(ranked[:, -2]),
            np.log([max(len(of_text), 1) for of_text in words]),
            np.log(counts),
            [_JOINERS.match(of_text) for of_text in words],
            [_SEQUENCERS.match(of_text) for of_text in words],
        ]
    )
