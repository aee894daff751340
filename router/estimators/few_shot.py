"""Classify texts by a few exemplars a class: a scikit-learn estimator."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import assert_all_finite, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from router.arrays import Floats, Probabilities, Vectors
from router.encoders.encoder import Encoder
from router.estimators.text_encoder import text_list
from router.heads.centroid_head import CentroidHead, fit_centroid_head, is_too_large_for_kernel
from router.heads.kernel_head import KernelHead, KernelSettings, fit_kernel_head
from router.heads.lexicon import Lexicon
from router.heads.similarity import Centroids, unit_rows
from router.packs.labels import readable
from router.statistics.probability import Power, TrueColumns, fit_power, log_loss

FEW_SHOT_SETTINGS = KernelSettings(lexical=0.0, ridge=0.1, pieces=False)
"""Settings for some ten exemplars a class, see docs/pages/evidence/accuracy.md."""

WORD_WEIGHTS = (0.0, 0.1)
"""Values of `lexical` to try where no settings are given, see docs/pages/evidence/accuracy.md."""

_CERTAIN = 0.95  # probability from which on an unlabelled text becomes an exemplar
_FAINT = 1e-6  # directions weaker than this share of the strongest are rounding errors


@dataclass(frozen=True)
class Discriminants:
    """A head that sees only the directions along which the classes are told apart.

    The votes of a first head, summed over its exemplars, are one direction a class, along which its
    score rises fastest. What lies outside the span of these directions is the same for every class:
    a kernel that still measures it measures noise.
    """

    directions: Floats  # (width, n_directions)
    head: KernelHead

    def decisions(self, texts: Sequence[str], vectors: Vectors) -> Floats:
        """Estimate the share of each class. Shape: (n_texts, n_classes)."""
        return self.head.decisions(texts, unit_rows(vectors @ self.directions))


@dataclass(frozen=True)
class Shots:
    """The exemplars to fit on: labelled texts, then names of classes, then self-taught texts.

    :param n_labelled: The first so many are labelled texts; only they are held out and calibrate.
    """

    texts: Sequence[str]
    vectors: Vectors
    labels: Sequence[Any]
    n_labelled: int
    lexicon: Lexicon

    def without(self, held_out: TrueColumns) -> "Shots":
        """Hold out some of the labelled texts."""
        kept = np.delete(np.arange(len(self.texts)), held_out).tolist()
        return replace(
            self,
            texts=[self.texts[index] for index in kept],
            vectors=self.vectors[kept],
            labels=[self.labels[index] for index in kept],
            n_labelled=self.n_labelled - len(held_out),
        )

    def with_more(self, texts: Sequence[str], vectors: Vectors, labels: Sequence[Any]) -> "Shots":
        """Append exemplars that nobody labelled."""
        return replace(
            self,
            texts=[*self.texts, *texts],
            vectors=np.concatenate([self.vectors, vectors]),
            labels=[*self.labels, *labels],
        )

    def fit(self, settings: KernelSettings) -> tuple[KernelHead, Floats]:
        """Fit a head; give it with its decisions on each exemplar held out."""
        return fit_kernel_head(
            self.texts,
            self.vectors,
            self.labels,
            settings,
            lexicon=self.lexicon,
            n_calibrated=self.n_labelled,
        )

    def fit_discriminants(self, first: KernelHead) -> Discriminants:
        """Fit a second head on the directions along which the first one tells classes apart."""
        along = first.exemplars.T.astype(np.float64) @ first.votes
        directions, strength, _ = np.linalg.svd(along, full_matrices=False)
        kept = strength > _FAINT * strength[0]
        projection = directions[:, kept] * (strength[kept] / strength[0]) ** 0.25
        projected = replace(self, vectors=unit_rows(self.vectors @ projection))
        return Discriminants(projection, projected.fit(first.settings)[0])


def _checked_labels(texts: Sequence[str], y: ArrayLike) -> NDArray[Any]:
    """Give the class of each text; what scikit-learn refuses is refused in its words."""
    labels: NDArray[Any] = column_or_1d(y)
    check_consistent_length(texts, labels)
    assert_all_finite(labels, input_name="y")
    if labels.dtype == object and any(label is None for label in labels):
        raise ValueError("Input y contains None.")
    check_classification_targets(labels)
    if len(set(labels.tolist())) < 2:
        raise ValueError(f"a classifier needs 2 classes, got 1 class: {labels[0]!r}")
    return labels


class FewShotClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Classify texts by a few exemplars a class and the names of the classes.

    `head_` is kernel ridge regression on vectors and words. A router fits a head of the same class
    on its pack, but with other settings, without names and without a second head. `discriminants_`
    is a second head, which sees only the directions along which the first one tells classes apart;
    it is None unless it lowers the loss on held-out exemplars.

    `held_out_decisions_` and `held_out_labels_` are the decisions on the labelled texts by heads
    that were fitted without them, and their true columns: shapes (n_texts, n_classes), (n_texts,).
    `calibration_` maps decisions to probabilities and is fitted on these.

    :param encoder: Clones share it, because it is never fitted.
    :param names: For each class a text that names it, which is one more exemplar. The labels
        themselves, made readable, if None; a label without a name gets no such exemplar.
    :param settings: Settings of both heads. If None, the weight of the words is chosen among
        `WORD_WEIGHTS` by log loss on held-out exemplars.
    :param discriminants: Share of the second head in a decision, in [0, 1); 0 fits none.
    :param folds: Number of parts that are held out in turn, to judge both heads together.
    """

    classes_: NDArray[Any]
    head_: KernelHead | CentroidHead
    discriminants_: Discriminants | None
    calibration_: Power
    held_out_decisions_: Floats
    held_out_labels_: TrueColumns

    def __init__(
        self,
        encoder: Encoder,
        *,
        names: Mapping[Any, str] | None = None,
        settings: KernelSettings | None = None,
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
            exemplars as well, and it is fitted again (self-training; Scudder 1965, Probability of
            error of some adaptive pattern-recognition machines).
        :raises ValueError: A setting is out of its range, or texts and labels do not fit.
        """
        self._check_settings()
        texts = text_list(texts)
        labels = _checked_labels(texts, y)
        self.classes_, self.held_out_labels_ = np.unique(labels, return_inverse=True)
        names = self._names()
        exemplars = [*texts, *names.values()]
        shots = Shots(
            exemplars,
            self.encoder.encode(exemplars),
            [*labels.tolist(), *names],
            len(labels),
            Lexicon.fit(exemplars, (self.settings or FEW_SHOT_SETTINGS).pieces),
        )
        self._fit(shots)
        known = set(exemplars)
        new = [text for text in dict.fromkeys(unlabelled) if text not in known]
        if new:
            self._fit(shots.with_more(*self._certain(new)))
        return self

    def predict(self, X: Sequence[str]) -> NDArray[Any]:
        """Give the likeliest class of each text. Shape: (n_texts,)."""
        labels: NDArray[Any] = self.classes_[self.decisions(X).argmax(axis=1)]
        return labels

    def predict_proba(self, X: Sequence[str]) -> Probabilities:
        """Give the probability of each class. Shape: (n_texts, n_classes)."""
        return self.calibration_.transform(self.decisions(X))

    def decision_function(self, X: Sequence[str]) -> Floats:
        """Give log probabilities, shape (n_texts, n_classes).

        For two classes, as usual in scikit-learn, give how far the second is above the first.
        """
        logs = self.calibration_.log_probabilities(self.decisions(X))
        return logs[:, 1] - logs[:, 0] if len(self.classes_) == 2 else logs

    def decisions(self, X: Sequence[str]) -> Floats:
        """Give the decisions of the heads, before calibration. Shape: (n_texts, n_classes)."""
        check_is_fitted(self)
        texts = text_list(X)
        return self._decide(texts, self.encoder.encode(texts))

    def familiarity(self, X: Sequence[str]) -> Floats:
        """Tell how much each text is like anything known; no probability. Shape: (n_texts,).

        The largest decision, which is low between classes, plus the largest cosine with a
        centroid, which is low far from all of them.
        """
        check_is_fitted(self)
        texts = text_list(X)
        vectors = self.encoder.encode(texts)
        similarities = self.centroids_.similarities(vectors)
        familiarity: Floats = self._decide(texts, vectors).max(axis=1) + similarities.max(axis=1)
        return familiarity

    @property
    def held_out_probabilities_(self) -> Probabilities:
        """Probabilities of the labelled texts, each held out. Shape: (n_texts, n_classes)."""
        return self.calibration_.transform(self.held_out_decisions_)

    def _check_settings(self) -> None:
        if not 0.0 <= self.discriminants < 1.0:
            raise ValueError(f"discriminants is a share in [0, 1), was: {self.discriminants}")
        if self.folds < 2:
            raise ValueError(f"folds are at least 2, was: {self.folds}")

    def _names(self) -> Mapping[Any, str]:
        labels = self.classes_.tolist()
        if self.names is None:
            return {label: readable(str(label)).lower() for label in labels}
        return {label: self.names[label] for label in labels if label in self.names}

    def _fit(self, shots: Shots) -> None:
        self.centroids_ = Centroids.of(shots.vectors, shots.labels)
        self.discriminants_ = None
        if is_too_large_for_kernel(shots.labels):
            self.head_, held_out = fit_centroid_head(shots.vectors, shots.labels, shots.n_labelled)
            self._calibrate(held_out[: shots.n_labelled], self.head_.power)
            return
        head, held_out = self._fit_first(shots)
        self.head_ = head
        self._calibrate(held_out[: shots.n_labelled], head.power)
        if self.discriminants > 0.0:
            self._fit_second(shots, head)

    def _calibrate(self, held_out: Floats, calibration: Power) -> None:
        self.held_out_decisions_, self.calibration_ = held_out, calibration

    def _fit_first(self, shots: Shots) -> tuple[KernelHead, Floats]:
        """Fit on the vectors as they are, with the weight of words that does best."""
        if self.settings is not None:
            return shots.fit(self.settings)

        def loss(fitted: tuple[KernelHead, Floats]) -> float:
            head, held_out = fitted
            return log_loss(head.power, held_out[: shots.n_labelled], self.held_out_labels_)

        return min(
            (shots.fit(replace(FEW_SHOT_SETTINGS, lexical=weight)) for weight in WORD_WEIGHTS),
            key=loss,
        )

    def _fit_second(self, shots: Shots, head: KernelHead) -> None:
        """Add the discriminants if both heads have a lower loss than one, on the same folds."""
        labels = self.held_out_labels_
        first, second = self._held_out(shots, head.settings)
        both = self._mixed(first, second)
        power = fit_power(both, labels)
        if log_loss(power, both, labels) < log_loss(fit_power(first, labels), first, labels):
            self.discriminants_ = shots.fit_discriminants(head)
            self._calibrate(both, power)

    def _held_out(self, shots: Shots, settings: KernelSettings) -> tuple[Floats, Floats]:
        """Decide each labelled text by heads fitted without it. Shapes: (n_labelled, n_classes).

        Leaving single texts out in closed form would not do, because the directions are fitted on
        the text that is left out.
        """
        folds = _folds(self.held_out_labels_, self.folds, self.random_state)
        first, second = np.zeros((2, shots.n_labelled, len(self.classes_)))
        for fold in np.unique(folds):
            held_out = np.flatnonzero(folds == fold)
            kept = shots.without(held_out)
            head, _ = kept.fit(settings)
            texts = [shots.texts[index] for index in held_out.tolist()]
            vectors = shots.vectors[held_out]
            # A class whose only exemplar is held out is unknown to these heads, and stays at 0.
            cells = np.ix_(held_out, np.searchsorted(self.classes_, head.names))
            first[cells] = head.decisions(texts, vectors)
            second[cells] = kept.fit_discriminants(head).decisions(texts, vectors)
        return first, second

    def _certain(self, texts: Sequence[str]) -> tuple[list[str], Vectors, list[Any]]:
        """Give the texts that are certain of a class, with their vectors and classes."""
        vectors = self.encoder.encode(texts)
        probabilities = self.calibration_.transform(self._decide(texts, vectors))
        rows = np.flatnonzero(probabilities.max(axis=1) >= _CERTAIN).tolist()
        labels = self.classes_[probabilities[rows].argmax(axis=1)].tolist()
        return [texts[row] for row in rows], vectors[rows], labels

    def _decide(self, texts: Sequence[str], vectors: Vectors) -> Floats:
        first = self.head_.decisions(texts, vectors)
        if self.discriminants_ is None:
            return first
        return self._mixed(first, self.discriminants_.decisions(texts, vectors))

    def _mixed(self, first: Floats, second: Floats) -> Floats:
        return (1.0 - self.discriminants) * first + self.discriminants * second

    def __sklearn_clone__(self) -> Self:
        return type(self)(**self.get_params(deep=False))


def _folds(labels: TrueColumns, n_folds: int, random_state: int) -> TrueColumns:
    """Give each text a fold, so that every class is spread evenly. Shape: (n_texts,)."""
    shuffled = np.random.default_rng(random_state).permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    folds = np.empty(len(labels), dtype=np.intp)
    folds[by_class] = np.arange(len(labels)) % n_folds
    return folds
