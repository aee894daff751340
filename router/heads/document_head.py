"""From vectors and words to probabilities where a document describes each target.

The exemplars of a folder of skills are lines of documents: a few for each target, and none of them
a query that anybody asked. A model that is fitted on such lines tells documents apart. A query is
scored by how much closer it is to one document than everyday queries are. Six kinds of closeness
are weighed, and their sum is the log odds of the target against an everyday query:

- the density of the target's lines around the query (the mean of `exp(10 cosine)` over them);
- the cosine with the description as a whole;
- the words and character n-grams that query and document share, code included (the cosine of their
  TF-IDF);
- how much of the query the words of the name, and of the whole document, cover (`coverage.py`);
- how near each of the query's tokens is to one of the description's (`late_interaction.py`), where
  the encoder gives tokens.

The weights are those of a conditional logit (McFadden 1974), the same for every folder: a table of
priors, learned over public collections of skills (`benchmarks/document_weights.py` says how).
Nothing but means is fitted on the folder itself, in n steps, and the probabilities need no labelled
query of it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct

from router.arrays import Floats, Indices, Probabilities, Similarities, Vectors
from router.encoders.encoder import Encoder, encode_with_tokens
from router.heads.coverage import Coverage, stems_in
from router.heads.exemplar_index import ExemplarIndex
from router.heads.late_interaction import LateInteraction
from router.heads.lexicon import Lexicon
from router.heads.postings import Postings
from router.heads.scores import Scores
from router.heads.similarity import cosines, nearest_by_target, unit_rows
from router.heads.term_counts import TermCounts
from router.statistics.probability import softmax
from router.text import Words, words_in, words_of

_EVERYDAY = "none"
"""The target whose exemplars are everyday queries, which concern no other target."""

_SHARPNESS = 10.0
"""How fast the share of a line in the density falls with its cosine distance."""

_OF_DOCUMENTS, _OF_NAMES = (1.2, 0.75), (0.6, 0.3)
"""How much repeating a word adds, and how much the length of a text takes away, as BM25 has it."""

_BATCH = 256
"""Texts scored at a time, so that the temporary arrays stay in the cache."""


class _Weights(Struct, frozen=True):
    """The weight of each kind of evidence: added log odds per unit.

    `everyday` are the log odds of "none": what a target needs to be likelier than that.
    """

    density: float
    description: float
    words: float
    name: float
    document: float
    tokens: float
    everyday: float


_WEIGHTS = msgspec.json.decode(
    Path(__file__).with_name("document_weights.json").read_bytes(), type=dict[str, _Weights]
)
_WITH_TOKENS, _WITHOUT_TOKENS = _WEIGHTS["with_tokens"], _WEIGHTS["without_tokens"]

_TOOL_WITHOUT_TOKENS = _Weights(14.0, 20.0, 2.0, name=0.0, document=0.0, tokens=0.0, everyday=4.0)
_TOOL_WITH_TOKENS = _Weights(7.0, 12.0, 2.0, name=0.0, document=0.0, tokens=7.0, everyday=4.0)
"""A tool has one line: the words that it shares with a query say little. Fitted by cross-validation
on the queries of benchmarks/tools_dev."""

_DENSE_EVERYDAY = 10.0
"""Log odds added to "none" per unit of density above the densest everyday query."""


@dataclass(frozen=True)
class Description:
    """The description in a document."""

    text: str
    vector: Vectors  # (width,)


class DocumentHead(ExemplarIndex, frozen=True, kw_only=True, tag="documents"):
    """A fitted head."""

    descriptions: Vectors  # (n_targets, width): without a description, the exemplars' centroid
    lexicon: Lexicon
    words: Postings  # the TF-IDF of the document of each target
    name_words: Coverage
    document_words: Coverage
    covered: Floats  # (2, n_targets): mean share of everyday queries that either covers
    baseline: Floats  # (2, n_targets): mean density and description cosine of everyday queries
    everyday_density_max: float  # the density of the densest everyday query
    late: LateInteraction | None = None
    of_tools: bool = False  # the documents are one line each

    def score(self, texts: Sequence[str], words: Words, encoder: Encoder) -> Scores:
        """Encode texts and score them, by their tokens too if the head knows tokens."""
        if self.late is None:
            vectors, tokens = encoder.encode(texts), None
        else:
            vectors, tokens = encode_with_tokens(encoder, texts)
        weights = self._weights(has_tokens=tokens is not None)
        votes = self.word_votes(words)
        log_odds, everyday, nearest = self._score_wholes(vectors, words, votes, weights)
        if self.late is not None and tokens is not None:
            log_odds += weights.tokens * self.late.closeness(tokens, log_odds)
        probabilities = self._to_probabilities(log_odds, everyday)
        return Scores(vectors, probabilities, nearest)

    def probabilities(
        self, texts: Sequence[str], vectors: Vectors, word_votes: Floats | None = None
    ) -> Probabilities:
        """Compute probabilities from vectors and words. Shape: (n_texts, n_targets)."""
        words = words_in(texts)
        votes = self.word_votes(words) if word_votes is None else word_votes
        weights = self._weights(has_tokens=False)
        log_odds, everyday, *_ = self._score_wholes(vectors, words, votes, weights)
        return self._to_probabilities(log_odds, everyday)

    def _weights(self, has_tokens: bool) -> _Weights:
        if self.of_tools:
            return _TOOL_WITH_TOKENS if has_tokens else _TOOL_WITHOUT_TOKENS
        return _WITH_TOKENS if has_tokens else _WITHOUT_TOKENS

    def _score_wholes(
        self, vectors: Vectors, words: Words, word_votes: Floats, weights: _Weights
    ) -> tuple[Floats, Floats, Similarities]:
        """Weigh all evidence but tokens.

        :return: Log odds of the targets, shape (n_texts, n_targets), and of "none", shape
            (n_texts,); and the nearest similarities by target.
        """
        log_odds = weights.words * word_votes
        log_odds += weights.description * cosines(vectors, self.descriptions)
        stems = stems_in(words)
        log_odds += weights.name * (self.name_words.shares(stems) - self.covered[0])
        log_odds += weights.document * (self.document_words.shares(stems) - self.covered[1])
        log_odds -= weights.density * self.baseline[0] + weights.description * self.baseline[1]
        everyday = np.zeros(len(vectors))
        nearest = np.empty(log_odds.shape, dtype=np.float32)
        for start in range(0, len(vectors), _BATCH):
            rows = slice(start, start + _BATCH)
            similarities = cosines(vectors[rows], self.exemplars)
            nearest[rows] = nearest_by_target(similarities, self.starts)
            density = densities(similarities, self.starts, self.counts)
            log_odds[rows] += weights.density * density
            if self.none is not None:
                # Everyday queries are of many kinds: only a denser crowd of them speaks for "none".
                excess = np.maximum(density[:, self.none] - self.everyday_density_max, 0.0)
                everyday[rows] = weights.everyday + _DENSE_EVERYDAY * excess
        return log_odds, everyday, nearest

    def _to_probabilities(self, log_odds: Floats, everyday: Floats) -> Probabilities:
        if self.none is not None:
            log_odds[:, self.none] = everyday
        return softmax(log_odds)

    def word_votes(self, words: Words) -> Floats:
        """Tell how much the words alone speak for each target. Shape: (n_texts, n_targets)."""
        return self.words.votes(self.lexicon, words)

    @cached_property
    def none(self) -> int | None:
        """The column of everyday queries; None if there are none."""
        return self.names.index(_EVERYDAY) if _EVERYDAY in self.names else None


def densities(similarities: Similarities, starts: Indices, counts: Indices) -> Floats:
    """Compute the log of each target's mean of `exp(10 cosine)`, divided by 10.

    :param similarities: With all exemplars, changed in place. Shape: (n_texts, n_exemplars).
    :param counts: What the sum of each target is divided by. Shape: (n_targets,), or (n_texts,
        n_targets).
    :return: As a cosine, in [-1, 1]. Shape: (n_texts, n_targets).
    """
    similarities -= 1.0
    similarities *= _SHARPNESS
    np.exp(similarities, out=similarities)
    means = np.add.reduceat(similarities, starts, axis=1) / counts
    # Where the only line of a target is left out, the target is as far away as can be.
    logs = np.log(np.maximum(means, np.exp(-2.0 * _SHARPNESS)), dtype=np.float64)
    return np.asarray(1.0 + logs / _SHARPNESS)


def fit_document_head(
    texts: Sequence[str],
    vectors: Vectors,
    labels: Sequence[str],
    descriptions: Mapping[str, Description],
    lexicon: Lexicon,
    words: TermCounts,
    titles: Mapping[str, str] | None = None,
) -> DocumentHead:
    """Fit a head on exemplars and descriptions.

    :param vectors: Unit vectors of the texts. Shape: (n, width).
    :param labels: In rising order, so that the exemplars of a target stand together.
    :param descriptions: By label, for the targets that have one.
    :param lexicon: The terms of all documents.
    :param words: Of the document of each target, in the order of the labels.
    :param titles: What each target is called, by label.
    """
    names, starts, counts = np.unique(labels, return_index=True, return_counts=True)
    described = unit_rows(np.add.reduceat(vectors, starts, axis=0, dtype=np.float64))
    for column, name in enumerate(names.tolist()):
        if name in descriptions:
            described[column] = descriptions[name].vector
    called = TermCounts.of(words_of((titles or {}).get(name, "")) for name in names.tolist())
    name_words, document_words = Coverage.of(called, *_OF_NAMES), Coverage.of(words, *_OF_DOCUMENTS)
    everyday = [text for label, text in zip(labels, texts, strict=True) if label == _EVERYDAY]
    baseline, everyday_density_max = _everyday_baseline(
        vectors, names.tolist(), starts, counts, described
    )
    return DocumentHead(
        names=tuple(names.tolist()),
        exemplars=np.ascontiguousarray(vectors, dtype=np.float32),
        counts=counts,
        descriptions=described,
        lexicon=lexicon,
        words=Postings.of(lexicon.document_features(words)),
        name_words=name_words,
        document_words=document_words,
        covered=np.array([_mean_share(one, everyday) for one in (name_words, document_words)]),
        baseline=baseline,
        everyday_density_max=everyday_density_max,
    )


def documents_of(exemplars: Iterable[tuple[str, str]], *more: Mapping[str, str]) -> dict[str, str]:
    """Join all that is known of each target into one text.

    :param exemplars: Label and exemplar.
    :param more: Descriptions, whole documents, by label.
    """
    lines: dict[str, list[str]] = {}
    for label, text in exemplars:
        lines.setdefault(label, []).append(text)
    return {
        label: "\n".join([*sorted(group), *(texts.get(label, "") for texts in more)])
        for label, group in lines.items()
    }


def _mean_share(words: Coverage, everyday: Sequence[str]) -> Floats:
    """Average the shares of everyday queries that each target covers. Shape: (n_targets,)."""
    if not everyday:
        return np.zeros(words.n_targets)
    return np.asarray(words.shares(stems_in(words_in(everyday))).mean(axis=0), dtype=np.float64)


def _everyday_baseline(
    vectors: Vectors, names: Sequence[str], starts: Indices, counts: Indices, described: Vectors
) -> tuple[Floats, float]:
    """Measure how close everyday queries are to each target, each of them itself left out.

    :return: The mean density and cosine with the description, shape (2, n_targets); and the highest
        density of an everyday query among the others.
    """
    if _EVERYDAY not in names:
        return np.zeros((2, len(names))), 1.0  # nothing is denser
    none = names.index(_EVERYDAY)
    own = np.arange(starts[none], starts[none] + counts[none])
    similarities = vectors[own] @ vectors.T
    similarities[np.arange(len(own)), own] = -np.inf
    divisors = np.tile(counts, (len(own), 1))
    divisors[:, none] = max(len(own) - 1, 1)
    density = densities(similarities, starts, divisors)
    mean_cosine = (vectors[own] @ described.T).mean(axis=0)
    densest = float(density[:, none].max()) if len(own) > 1 else 1.0
    return np.array([density.mean(axis=0), mean_cosine], dtype=np.float64), densest
