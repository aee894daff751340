"""Classify texts by a few exemplars a class: the head of the router, as an estimator."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from router.arrays import Floats, Vectors
from router.heads.calibrated_classifier import CalibratedClassifier
from router.heads.centroids import Centroids, unit
from router.heads.folds import folds_of
from router.heads.head import Head, HeadSettings, fit_head
from router.heads.lexicon import Lexicon
from router.statistics.probability_maps import TrueColumns, fit_power, log_loss

if TYPE_CHECKING:
    from router.encoders.encoder import Encoder

FEW = HeadSettings(lexical=0.0, ridge=0.1, pieces=False)
WORDS = (0.0, 0.1)
"""Settings for few exemplars, and the weights of words to try (docs/pages/evidence/accuracy.md)."""

CERTAIN = 0.95
"""Least probability of an unlabelled text that becomes an exemplar."""

FAINT = 1e-6
"""Of the strongest direction: what is weaker is rounding."""


class TextEncoder(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Turn texts into vectors, as a step of a scikit-learn pipeline.

    :param encoder: Anything with `encode(texts)`; clones share it, for it is never fitted.
    """

    def __init__(self, encoder: "Encoder") -> None:
        self.encoder = encoder

    def fit(self, texts: Sequence[str], y: object = None) -> Self:
        """Learn nothing."""
        return self

    def transform(self, texts: Sequence[str]) -> Vectors:
        """Encode. Shape: (n_texts, width)."""
        return self.encoder.encode(list(texts))

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_clone__(self) -> Self:
        return type(self)(self.encoder)


@dataclass(frozen=True)
class Discriminants:
    """The directions along which the classes are told apart, and a head that sees nothing else.

    A first head's votes, summed over its exemplars, give one direction a class: there its scores
    rise the fastest. What lies outside their span is the same for every class, so a kernel that
    still measures it measures noise.
    """

    directions: Floats  # (width, n_directions)
    head: Head

    def scores(self, texts: Sequence[str], vectors: Vectors) -> Floats:
        """Estimate each class's share. Shape: (n_texts, n_classes)."""
        return self.head.scores(texts, unit(vectors @ self.directions))


@dataclass(frozen=True)
class Shots:
    """Exemplars to fit on: labelled texts, then the names of classes, then what was learnt."""

    texts: Sequence[str]
    vectors: Vectors
    labels: Sequence[Any]
    asked: int
    lexicon: Lexicon

    def without(self, left_out: TrueColumns) -> "Shots":
        """Leave some of the asked ones out."""
        kept = np.delete(np.arange(len(self.texts)), left_out).tolist()
        return Shots(
            [self.texts[place] for place in kept],
            self.vectors[kept],
            [self.labels[place] for place in kept],
            self.asked - len(left_out),
            self.lexicon,
        )

    def with_more(self, texts: Sequence[str], vectors: Vectors, labels: Sequence[Any]) -> "Shots":
        """Add exemplars that nobody labelled. They stand last: nothing is calibrated on them."""
        return Shots(
            [*self.texts, *texts],
            np.concatenate([self.vectors, vectors]),
            [*self.labels, *labels],
            self.asked,
            self.lexicon,
        )

    def fit(self, settings: HeadSettings) -> tuple[Head, Floats]:
        """Fit a head on the vectors as they are."""
        return fit_head(
            self.texts,
            self.vectors,
            self.labels,
            settings,
            lexicon=self.lexicon,
            asked=self.asked,
        )

    def fit_discriminants(self, first: Head) -> Discriminants:
        """Fit a second head, on what the first one tells classes apart by."""
        along = first.exemplars.T.astype(np.float64) @ first.votes
        directions, strength, _ = np.linalg.svd(along, full_matrices=False)
        kept = strength > FAINT * strength[0]
        weights = (strength[kept] / strength[0]) ** 0.25
        projection = directions[:, kept] * weights
        projected = Shots(
            self.texts, unit(self.vectors @ projection), self.labels, self.asked, self.lexicon
        )
        return Discriminants(projection, projected.fit(first.settings)[0])


class FewShotClassifier(CalibratedClassifier):
    """Classify texts by a few exemplars a class and the names of the classes.

    `head_`, kernel ridge regression on vectors and words, is the very object that a router decides
    with. Where that lowers the loss on held-out exemplars, a second one joins it that sees only the
    directions in which the first tells classes apart (`discriminants_`).

    :param encoder: Anything with `encode(texts)`; clones share it, for it is never fitted.
    :param names: A text that names each class, one more exemplar of it. The labels themselves,
        made readable, if None; a label that is missing here gets no such exemplar.
    :param settings: Of the heads; if None, the weight of words is 0.0 or 0.1, by log loss on
        held-out exemplars.
    :param discriminants: Share of the second head in a decision, in [0, 1); 0 fits none.
    :param folds: In how many parts exemplars are held out from both heads.
    """

    def __init__(
        self,
        encoder: "Encoder",
        *,
        names: Mapping[Any, str] | None = None,
        settings: HeadSettings | None = None,
        discriminants: float = 0.7,
        folds: int = 5,
        random_state: int = 0,
    ) -> None:
        self.encoder = encoder
        self.names = names
        self.settings = settings
        self.discriminants = discriminants
        self.folds = folds
        self.random_state = random_state

    def fit(self, texts: Sequence[str], y: ArrayLike, unlabelled: Sequence[str] = ()) -> Self:
        """Embed exemplars and names, and fit heads and calibration on them.

        :param unlabelled: Texts of a log. Those that the fitted classifier is certain of become
            exemplars as well, and it is fitted once more (self-training; Scudder 1965, Probability
            of error of some adaptive pattern-recognition machines). Only labelled ones calibrate.
        :raises ValueError: A setting is out of its range.
        """
        self._check_settings()
        asked = np.asarray(y)
        self.classes_, self.held_out_labels_ = np.unique(asked, return_inverse=True)
        names = self._names()
        everything = [*texts, *names.values()]
        shots = Shots(
            everything,
            self.encoder.encode(everything),
            [*asked.tolist(), *names],
            len(asked),
            Lexicon.fit(everything, (self.settings or FEW).pieces),
        )
        self._fit(shots)
        known = set(everything)
        more = [text for text in dict.fromkeys(unlabelled) if text not in known]
        if more:
            self._fit(shots.with_more(*self._certain(more)))
        return self

    def _fit(self, shots: Shots) -> None:
        self.centroids_ = Centroids.of(shots.vectors, shots.labels)
        self.head_, held_out = self._fit_first(shots)
        self.discriminants_: Discriminants | None = None
        self.held_out_decisions_, self.calibration_ = held_out[: shots.asked], self.head_.power
        if self.discriminants > 0.0 and self.head_.centroids is None:
            self._fit_second(shots)

    def _certain(self, texts: Sequence[str]) -> tuple[list[str], Vectors, list[Any]]:
        """Give the texts that are certain of a class, with their vectors and classes."""
        vectors = self.encoder.encode(texts)
        decisions = self._decide(self.head_, self.discriminants_, texts, vectors)
        likely = self.calibration_.transform(decisions)
        rows = np.flatnonzero(likely.max(axis=1) >= CERTAIN).tolist()
        labels = self.classes_[likely[rows].argmax(axis=1)].tolist()
        return [texts[row] for row in rows], vectors[rows], labels

    def decisions(self, X: Sequence[str]) -> Floats:
        """Give what the heads say, before calibration. Shape: (n_texts, n_classes)."""
        check_is_fitted(self)
        return self._decide(self.head_, self.discriminants_, X, self.encoder.encode(list(X)))

    def familiarity(self, X: Sequence[str]) -> Floats:
        """Tell how much each text looks like anything known; no probability. Shape: (n_texts,).

        The largest decision, low between classes, plus the largest cosine with a centroid, low
        away from all of them.
        """
        check_is_fitted(self)
        vectors = self.encoder.encode(list(X))
        decisions = self._decide(self.head_, self.discriminants_, X, vectors)
        cosines = self.centroids_.similarities(vectors)
        familiarity: Floats = decisions.max(axis=1) + cosines.max(axis=1)
        return familiarity

    def _check_settings(self) -> None:
        if not 0.0 <= self.discriminants < 1.0:
            raise ValueError(f"discriminants is a share in [0, 1), was: {self.discriminants}")
        if self.folds < 2:
            raise ValueError(f"folds are at least 2, was: {self.folds}")

    def _names(self) -> Mapping[Any, str]:
        labels = self.classes_.tolist()
        if self.names is None:
            return {label: readable(str(label)) for label in labels}
        return {label: self.names[label] for label in labels if label in self.names}

    def _fit_first(self, shots: Shots) -> tuple[Head, Floats]:
        """Fit on the vectors as they are, with the weight of words that does best."""
        if self.settings is not None:
            return shots.fit(self.settings)
        tried = [shots.fit(replace(FEW, lexical=words)) for words in WORDS]

        def loss(fitted: tuple[Head, Floats]) -> float:
            head, held_out = fitted
            return log_loss(head.power, held_out[: shots.asked], self.held_out_labels_)

        return min(tried, key=loss)

    def _fit_second(self, shots: Shots) -> None:
        """Add the discriminants, if both heads have a lower loss than one, on the same folds."""
        labels, share = self.held_out_labels_, self.discriminants
        first, second = self._held_out(shots)
        both = (1.0 - share) * first + share * second
        power = fit_power(both, labels)
        if log_loss(power, both, labels) < log_loss(fit_power(first, labels), first, labels):
            self.discriminants_ = shots.fit_discriminants(self.head_)
            self.held_out_decisions_, self.calibration_ = both, power

    def _held_out(self, shots: Shots) -> tuple[Floats, Floats]:
        """Decide each exemplar by heads that have not seen it. Shapes: (n_asked, n_classes).

        Leaving one out in closed form would not do: the directions have seen the one left out.
        """
        fold = folds_of(self.held_out_labels_, self.folds, self.random_state)
        first, second = np.zeros((2, shots.asked, len(self.classes_)))
        for part in np.unique(fold):
            left_out = np.flatnonzero(fold == part)
            seen = shots.without(left_out)
            head, _ = seen.fit(self.head_.settings)
            texts = [shots.texts[place] for place in left_out.tolist()]
            vectors = shots.vectors[left_out]
            # A class whose only exemplar is left out is unknown to these heads, and stays at 0.
            cells = np.ix_(left_out, np.searchsorted(self.classes_, head.names))
            first[cells] = head.scores(texts, vectors)
            second[cells] = seen.fit_discriminants(head).scores(texts, vectors)
        return first, second

    def _decide(
        self, head: Head, second: Discriminants | None, texts: Sequence[str], vectors: Vectors
    ) -> Floats:
        first = head.scores(texts, vectors)
        if second is None:
            return first
        share = self.discriminants
        return (1.0 - share) * first + share * second.scores(texts, vectors)

    def __sklearn_clone__(self) -> Self:
        return type(self)(**self.get_params(deep=False))


def readable(label: str) -> str:
    """Make words of a label: "card_arrival" becomes "card arrival"."""
    return " ".join(label.replace("_", " ").replace("-", " ").split()).lower()
