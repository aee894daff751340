"""From vectors and words to probabilities: kernel ridge regression on the exemplars.

Every exemplar votes for its target with a weight that falls with its distance, and the weights are
solved for in closed form. Two things follow that no other head of this accuracy gives for free:
the vote of each exemplar can be shown, and the score of every exemplar with itself left out is
known exactly, so that probabilities, thresholds and asking are fitted on scores that never saw
their own answer (Rifkin & Lippert 2007, "Notes on regularized least squares", section 4).

Fitting takes n³ steps and a query n_exemplars times n_targets. Beyond `MOST_EXEMPLARS` or
`MOST_VOTES` a target is known by its unit centroid instead: n steps to fit, n_targets to score, and
an exemplar left out still known exactly.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.arrays import Floats, Probabilities, Similarities, Vectors
from router.heads.centroids import sums_of, unit
from router.heads.cosines import cosines, product
from router.heads.lexicon import Alike, Lexicon, Terms
from router.heads.ridge import fit_ridge
from router.heads.shortlist import cosines_of, likeliest, worthwhile
from router.heads.vote_graph import FEWEST, Content, VoteGraph, cosine_graph, vote_graph
from router.heads.word_votes import WordVotes
from router.statistics.probability_maps import Power, TrueColumns, fit_power
from router.text import Words, words_in
from router.threads import in_threads

MOST_EXEMPLARS = 8_000
"""More of them are not solved for: n³ steps would take minutes."""

MOST_VOTES = 4_000_000
"""Exemplars times targets: a query has to read that many numbers."""

SCORED, FITTED = 64, 256
"""Texts scored, and exemplars fitted, at a time: what lies between stays in the cache."""

JUDGED = 500_000
"""Scores, of rows taken evenly, that a `Power` is fitted on."""


@dataclass(frozen=True)
class HeadSettings:
    """How the head weighs its evidence, chosen on validation data.

    `sharpness`: how fast an exemplar's vote falls with its cosine distance. `lexical`: weight of
    the words, and of the pieces of words, beside the vector. `ridge`: how much a vote is damped.
    `pieces`: whether pieces of words count; with ten exemplars a target they only cost time.
    """

    sharpness: float = 3.0
    lexical: float = 0.3
    ridge: float = 0.3
    pieces: bool = True

    @classmethod
    def for_exemplars(cls, per_target: float) -> "HeadSettings":
        """Trust words less and damp more where a target has few exemplars, made from documents.

        Chosen on 62 skills and queries of our own: right skill first 0.79 instead of 0.76.
        """
        return cls() if per_target >= 60 else cls(lexical=0.15, ridge=0.6)


@dataclass(frozen=True)
class Head:
    """A fitted head. `names` are the targets in the order of the columns.

    With `centroids`, these decide alone: there are no votes, and the lexicon has no terms.
    """

    names: tuple[str, ...]
    settings: HeadSettings
    exemplars: Vectors  # (n_exemplars, width)
    votes: NDArray[np.float32]  # (n_exemplars, n_targets)
    lexicon: Lexicon
    term_votes: NDArray[np.float32]  # (n_terms, n_targets): the votes, summed over exemplars
    prior: Floats  # (n_targets,)
    power: Power
    centroids: Vectors | None = None  # (n_targets, width)
    counts: NDArray[np.intp] | None = None  # (n_targets,): exemplars of each; with centroids
    graph: Content | None = None  # of exemplars and votes, or of centroids

    def scores(
        self,
        texts: Sequence[str],
        vectors: Vectors,
        seen: Callable[[slice, Similarities], None] | None = None,
        words: Floats | None = None,
    ) -> Floats:
        """Estimate each target's share. Shape: (n_texts, n_targets).

        :param seen: Shown the cosines with all exemplars, some texts at a time: the rows, and an
            array of shape (n_rows, n_exemplars) that is changed afterwards. Of many texts, by
            several threads.
        :param words: What `word_votes` says of the texts, where it is known.
        """
        if self.centroids is not None:
            return self._scores_by_centroids(vectors, seen)
        words = self.word_votes(words_in(texts)) if words is None else words
        scores = self.settings.lexical * words + self.prior

        def add(start: int) -> None:
            rows = slice(start, start + SCORED)
            looking = None if seen is None else partial(seen, rows)
            scores[rows] += self._votes(vectors[rows], looking)

        in_threads(add, range(0, len(texts), SCORED))
        return scores

    def _votes(
        self, vectors: Vectors, seen: Callable[[Similarities], None] | None
    ) -> NDArray[np.float32]:
        """What the exemplars say for each target. Shape: (n_texts, n_targets)."""
        if self._graph is not None:
            near, votes = self._graph.votes(vectors)
            if seen is not None:
                seen(near)
            return votes
        near = cosines(vectors, self.exemplars)
        if seen is not None:
            seen(near)
        return product(self._likeness(near), self.votes)

    @cached_property
    def _graph(self) -> VoteGraph | None:
        return None if self.graph is None else VoteGraph(self.graph)

    def quickened(self) -> "Head":
        """Read exemplars, or centroids, in 8 bits from now on, where that is faster."""
        points = self.exemplars if self.centroids is None else self.centroids
        if len(points) < FEWEST:
            return self
        if self.centroids is not None:
            return replace(self, graph=cosine_graph(points))
        return replace(self, graph=vote_graph(points, self.votes, self.settings.sharpness))

    def _scores_by_centroids(
        self, vectors: Vectors, seen: Callable[[slice, Similarities], None] | None
    ) -> Floats:
        """Score by the centroids; only who looks on has exemplars read, those of the likeliest."""
        if self.centroids is None or self.counts is None:
            raise ValueError("a head without centroids has votes")
        near = (
            cosines(vectors, self.centroids)
            if self._graph is None
            else self._graph.cosines(vectors)
        )
        scores = self._likeness(near).astype(np.float64)
        if seen is None:
            return scores
        for start in range(0, len(vectors), SCORED):
            rows = slice(start, start + SCORED)
            chosen = likeliest(scores[rows]) if worthwhile(len(self.names)) else None
            seen(rows, cosines_of(vectors[rows], self.exemplars, self.counts, chosen))
        return scores

    def probabilities(
        self,
        texts: Sequence[str],
        vectors: Vectors,
        seen: Callable[[slice, Similarities], None] | None = None,
        words: Floats | None = None,
    ) -> Probabilities:
        """Probability of each target, see `scores`. Shape: (n_texts, n_targets)."""
        return self.power.transform(self.scores(texts, vectors, seen, words))

    def word_votes(self, said: Words) -> Floats:
        """What the words alone say for each target. Shape: (n_texts, n_targets)."""
        return self._word_votes.of(said)

    @cached_property
    def _word_votes(self) -> WordVotes:
        return WordVotes(self.lexicon, self.term_votes)

    def _likeness(self, near: Similarities) -> NDArray[np.float32]:
        """Turn cosines into votes, in place. Shape: as given, in (0, 1]."""
        near -= 1.0
        near *= self.settings.sharpness
        return np.asarray(np.exp(near, out=near))


def fit_head(
    texts: Sequence[str],
    vectors: Vectors,
    labels: Sequence[str],
    settings: HeadSettings | None = None,
    *,
    lexicon: Lexicon | None = None,
    asked: int | None = None,
) -> tuple[Head, Floats]:
    """Fit a head on labelled exemplars, in about n³ / 10¹⁰ seconds; in n / 10⁵ where n is large.

    :param vectors: Unit vectors of the texts. Shape: (n, width).
    :param lexicon: The words of the texts, where it is known; learnt from them if None.
    :param asked: How many of the first texts are like what will be asked, so that probabilities
        are fitted on them; all if None.
    :return: The head, and the scores of each exemplar with itself left out, in single precision
        where n is large. Shape: (n, n_targets).
    """
    settings = settings or HeadSettings.for_exemplars(len(texts) / len(set(labels)))
    names, truth = np.unique(np.asarray(labels), return_inverse=True)
    if len(texts) > MOST_EXEMPLARS or len(texts) * len(names) > MOST_VOTES:
        return _fit_centroids(vectors, names.tolist(), truth, settings, asked)
    lexicon = lexicon or Lexicon.fit(texts, settings.pieces)
    features = lexicon.features(texts)
    shares = np.eye(len(names))[truth]
    prior = shares.mean(axis=0)
    kernel = _kernel(vectors, features, settings)
    votes, held_out = fit_ridge(kernel, shares - prior, settings.ridge)
    held_out += prior
    head = Head(
        names=tuple(names.tolist()),
        settings=settings,
        exemplars=np.ascontiguousarray(vectors, dtype=np.float32),
        votes=votes.astype(np.float32),
        lexicon=lexicon,
        term_votes=np.asarray(features.T @ votes, dtype=np.float32),
        prior=prior,
        power=_fit_power(held_out[:asked], truth[:asked]),
    )
    return head, held_out


def _fit_centroids(
    vectors: Vectors,
    names: Sequence[str],
    truth: TrueColumns,
    settings: HeadSettings,
    asked: int | None,
) -> tuple[Head, Floats]:
    """Know each target by its centroid; the held-out scores are in single precision."""
    counts = np.bincount(truth)
    sums = sums_of(vectors, truth, counts)
    nothing = Terms((), np.empty(0))
    head = Head(
        names=tuple(names),
        settings=settings,
        exemplars=np.ascontiguousarray(vectors, dtype=np.float32),
        votes=np.empty((0, len(names)), dtype=np.float32),
        lexicon=Lexicon(nothing, nothing),
        term_votes=np.empty((0, len(names)), dtype=np.float32),
        prior=counts / len(truth),
        power=Power(1.0, 1.0),
        centroids=unit(sums),
        counts=counts,
    )
    held_out = np.empty((len(truth), len(names)), dtype=np.float32)
    for start in range(0, len(truth), FITTED):
        rows = slice(start, start + FITTED)
        held_out[rows] = head.scores([""] * len(truth[rows]), vectors[rows])
        # Of its own target an exemplar meets the centroid of the others.
        others = unit(sums[truth[rows]] - vectors[rows])
        own = np.exp(settings.sharpness * ((others * vectors[rows]).sum(axis=1) - 1.0))
        held_out[np.arange(start, start + len(own)), truth[rows]] = own
    power = _fit_power(held_out[:asked], truth[:asked])
    return replace(head, power=power), held_out  # type: ignore[return-value]


def _fit_power(held_out: NDArray[Any], truth: TrueColumns) -> Power:
    """Fit on rows taken evenly, as many as make `JUDGED` scores."""
    step = max(1, held_out.size // JUDGED)
    return fit_power(np.asarray(held_out[::step], dtype=np.float64), truth[::step])


def _kernel(vectors: Vectors, features: Any, settings: HeadSettings) -> Floats:  # noqa: ANN401
    """Likeness of each exemplar with each. Shape: (n, n)."""
    wide, words = vectors.astype(np.float64), Alike.of(features)
    kernel = np.empty((len(wide), len(wide)))
    for start in range(0, len(wide), FITTED):
        rows = slice(start, start + FITTED)
        near = wide[rows] @ wide.T
        near -= 1.0
        near *= settings.sharpness
        np.exp(near, out=near)
        near += settings.lexical * words.rows(rows)
        kernel[rows] = near
    return kernel
