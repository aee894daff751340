"""From vectors and words to probabilities where a document describes each target.

The exemplars of a folder of skills are lines of documents: a few for each target, and none of them
a query that anybody asked. What is fitted on such lines tells documents apart. A query is told by
how much closer it is to one document than everyday queries are, so four kinds of closeness are
weighed, and their sum is the target's log odds against an everyday query:

- how dense the target's lines are where the query lies (a mean of `exp(10 cosine)` over them);
- the cosine with the description as a whole;
- the words and pieces of words that query and document, code and all, share (cosine of their
  TF-IDF);
- how near each of the query's tokens is to one of the document's (`router/heads/late.py`), where
  the encoder gives tokens.

The weights are those of a conditional logit (McFadden 1974), the same for every folder: fitted
once, on queries to real collections of skills, see docs/pages/evidence/skill-folders.md. Nothing
but means is fitted on the folder itself, and the probabilities need no labelled query of it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeAlias

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from router.arrays import Bools, Floats, Indices, Probabilities, Similarities, TokenVectors, Vectors
from router.heads.centroids import unit
from router.heads.cosines import cosines
from router.heads.head import Head
from router.heads.late import LateInteraction, Near
from router.heads.lexicon import Lexicon
from router.heads.postings import Postings
from router.heads.shortlist import cosines_of, likeliest, worthwhile
from router.statistics.probability_maps import Temperature
from router.text import Words, words_in

EVERYDAY = "none"
"""The target whose exemplars are everyday queries: no concern of any other."""

SHARPNESS = 10.0
"""How fast a line's share in the density falls with its cosine distance."""


class Weights(NamedTuple):
    """Log odds for each cosine more, by the kind of evidence.

    `beyond`: log odds of "none": what a target needs beyond an everyday query to be likelier.
    """

    density: float
    description: float
    words: float
    tokens: float
    beyond: float


ALONE = Weights(density=15.0, description=9.0, words=25.0, tokens=0.0, beyond=8.0)
BESIDE_TOKENS = Weights(density=5.0, description=6.5, words=19.0, tokens=27.0, beyond=9.0)
"""Density could be left out beside tokens, but an exemplar that a user adds must count."""

CROWD = 23.0
"""Log odds of "none" for each cosine of density beyond what everyday queries have."""

CENTRE = 10.0
"""Where targets are only shortlisted, what a cosine with the centroid counts: it stands for the
density, without which some of the likeliest would be left out."""

SCORED = 256
"""Texts scored at a time, so that what lies between stays in the cache."""


@dataclass(frozen=True)
class Description:
    """What a document says of itself."""

    text: str
    vector: Vectors  # (width,)


class DescribedHead(Struct, frozen=True, array_like=True, dict=True, eq=False):
    """A fitted head, to be used as `Head` is. `names` are the targets in the order of the columns.

    It is array-like so that a stored model tells it from a `Head`, which is an object.
    """

    names: tuple[str, ...]
    exemplars: Vectors  # (n_exemplars, width): in the order of the names
    counts: Indices  # (n_targets,): how many exemplars each target has
    descriptions: Vectors  # (n_targets, width): without a description, the exemplars' centroid
    lexicon: Lexicon
    words: Postings  # TF-IDF of each target's document
    usual: Floats  # (2, n_targets): density and cosine with the description of everyday queries
    crowded: float  # density of everyday queries from which on they attract
    late: LateInteraction | None = None

    def scores(
        self,
        texts: Sequence[str],
        vectors: Vectors,
        seen: Callable[[slice, Similarities], None] | None = None,
        tokens: Sequence[TokenVectors] | None = None,
        heard: Callable[[int, Indices, Near], None] | None = None,
        words: Floats | None = None,
    ) -> Floats:
        """Log odds of each target against an everyday query. Shape: (n_texts, n_targets).

        Of many targets, those that words, description and centroid leave far behind have no
        density: their exemplars are not read.

        :param seen: Shown the cosines with all exemplars, some texts at a time: the rows, and an
            array of shape (n_rows, n_exemplars) that is changed afterwards.
        :param tokens: Of each text; without them, or a head that knows no tokens, less is known.
        :param heard: Shown how near each token is, see `LateInteraction.closeness`.
        :param words: What `word_votes` says of the texts, where it is known.
        """
        late = None if tokens is None else self.late
        weights = ALONE if late is None else BESIDE_TOKENS
        scores = weights.words * (self.word_votes(words_in(texts)) if words is None else words)
        scores += weights.description * cosines(vectors, self.descriptions)
        chosen = self._shortlist(scores, vectors)
        scores -= weights.density * self.usual[0] + weights.description * self.usual[1]
        nothing = np.zeros(len(texts))
        for start in range(0, len(texts), SCORED):
            rows = slice(start, start + SCORED)
            among = None if chosen is None else chosen[rows]
            near = cosines_of(vectors[rows], self.exemplars, self.counts, among)
            if seen is not None:
                seen(rows, near)
            density = densities(near, self.starts, self.counts)
            scores[rows] += weights.density * density
            if self.none is not None:
                # Everyday queries are of many kinds, so only what crowds around them is theirs.
                more = np.maximum(density[:, self.none] - self.crowded, 0.0)
                nothing[rows] = weights.beyond + CROWD * more
        if late is not None and tokens is not None:
            scores += weights.tokens * late.closeness(tokens, scores, heard)
        if self.none is not None:
            scores[:, self.none] = nothing
        return scores

    def _shortlist(self, scores: Floats, vectors: Vectors) -> Bools | None:
        """Mark the targets whose exemplars are read; None if all are. Shape: (n_texts, n_targets).

        :param scores: Log odds from words and description.
        """
        if not worthwhile(len(self.names)):
            return None
        chosen = likeliest(scores + CENTRE * cosines(vectors, self._centroids))
        if self.none is not None:
            chosen[:, self.none] = True
        return chosen

    @cached_property
    def _centroids(self) -> Vectors:
        return unit(np.add.reduceat(self.exemplars, self.starts, axis=0, dtype=np.float64))

    def probabilities(
        self,
        texts: Sequence[str],
        vectors: Vectors,
        seen: Callable[[slice, Similarities], None] | None = None,
        tokens: Sequence[TokenVectors] | None = None,
        heard: Callable[[int, Indices, Near], None] | None = None,
        words: Floats | None = None,
    ) -> Probabilities:
        """Probability of each target, see `scores`. Shape: (n_texts, n_targets)."""
        return Temperature().transform(self.scores(texts, vectors, seen, tokens, heard, words))

    def with_words(self, documents: Sequence[str]) -> "DescribedHead":
        """Know each target by the words of these documents. They are in the order of the names."""
        return replace(self, words=Postings.of(self.lexicon.document_features(documents)))

    def word_votes(self, said: Words) -> Floats:
        """What the words alone say for each target. Shape: (n_texts, n_targets)."""
        return self.words.votes(self.lexicon, said)

    @cached_property
    def starts(self) -> Indices:
        """Where each target's exemplars begin. Shape: (n_targets,)."""
        return np.cumsum(self.counts) - self.counts

    @cached_property
    def none(self) -> int | None:
        """The column of everyday queries; None if there are none."""
        return self.names.index(EVERYDAY) if EVERYDAY in self.names else None


AnyHead: TypeAlias = Head | DescribedHead


def densities(near: Similarities, starts: Indices, counts: Indices) -> Floats:
    """Log of each target's mean of `exp(SHARPNESS cosine)`, over `SHARPNESS`.

    :param near: Cosines with all exemplars, changed in place. Shape: (n_texts, n_exemplars).
    :param counts: Of each target, by how many its sum is divided. Shape: (n_targets,), or
        (n_texts, n_targets).
    :return: As a cosine, in [-1, 1]. Shape: (n_texts, n_targets).
    """
    near -= 1.0
    near *= SHARPNESS
    np.exp(near, out=near)
    means = np.add.reduceat(near, starts, axis=1) / counts
    # A line left out leaves nothing where it is the only one: as far away as can be.
    logs = np.log(np.maximum(means, np.exp(-2.0 * SHARPNESS)), dtype=np.float64)
    return np.asarray(1.0 + logs / SHARPNESS)


def fit_described(
    texts: Sequence[str],
    vectors: Vectors,
    labels: Sequence[str],
    descriptions: Mapping[str, Description],
    lexicon: Lexicon,
) -> DescribedHead:
    """Fit a head on exemplars and descriptions.

    :param vectors: Unit vectors of the texts. Shape: (n, width).
    :param labels: Rising: the exemplars of a target stand together.
    :param descriptions: By label, of the targets that have one.
    :param lexicon: The words of all documents.
    """
    names, starts, counts = np.unique(labels, return_index=True, return_counts=True)
    described = unit(np.add.reduceat(vectors, starts, axis=0, dtype=np.float64))
    for place, name in enumerate(names.tolist()):
        if name in descriptions:
            described[place] = descriptions[name].vector
    said = {name: one.text for name, one in descriptions.items()}
    documents = documents_of(zip(labels, texts, strict=True), said)
    usual, crowded = _everyday(vectors, names.tolist(), starts, counts, described)
    return DescribedHead(
        names=tuple(names.tolist()),
        exemplars=np.ascontiguousarray(vectors, dtype=np.float32),
        counts=counts,
        descriptions=described,
        lexicon=lexicon,
        words=Postings.of(lexicon.document_features([documents[one] for one in names.tolist()])),
        usual=usual,
        crowded=crowded,
    )


def documents_of(rows: Iterable[tuple[str, str]], *more: Mapping[str, str]) -> dict[str, str]:
    """Join what is known of each target, its exemplars and what else it says, into one text.

    :param rows: Label and exemplar.
    :param more: Descriptions, whole documents, by label.
    """
    lines: dict[str, list[str]] = {}
    for label, text in rows:
        lines.setdefault(label, []).append(text)
    return {
        one: "\n".join([*group, *(said.get(one, "") for said in more)])
        for one, group in lines.items()
    }


def _everyday(
    vectors: Vectors, names: Sequence[str], starts: Indices, counts: Indices, described: Vectors
) -> tuple[Floats, float]:
    """See what closeness everyday queries have with each target, each of them itself left out.

    :return: The mean density and cosine with the description, shape (2, n_targets); and the highest
        density of everyday queries among their own.
    """
    if EVERYDAY not in names:
        return np.zeros((2, len(names))), 1.0  # nothing is denser
    none = names.index(EVERYDAY)
    own = np.arange(starts[none], starts[none] + counts[none])
    near = vectors[own] @ vectors.T
    near[np.arange(len(own)), own] = -np.inf
    others = np.tile(counts, (len(own), 1))
    others[:, none] = max(len(own) - 1, 1)
    density = densities(near, starts, others)
    cosine = (vectors[own] @ described.T).mean(axis=0)
    crowded = float(density[:, none].max()) if len(own) > 1 else 1.0
    return np.array([density.mean(axis=0), cosine], dtype=np.float64), crowded
