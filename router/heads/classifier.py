"""Exemplars to classes: scikit-learn estimators on vectors, and on texts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.cluster import KMeans
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from router.arrays import Bools, Floats, Probabilities, Vectors
from router.calibration.maps import (
    LABELLED,
    Calibration,
    Labels,
    Temperature,
    fit_power,
    fit_temperature,
    log_loss,
)

if TYPE_CHECKING:
    from router.encoders.encoder import Encoder

HeadName: TypeAlias = Literal["kernel", "logistic", "centroid", "prototypes", "nearest"]

PENALTIES = {"kernel": (0.03, 0.1, 0.3), "logistic": (0.02, 0.05, 0.1, 0.2)}
WORDS = (0.0, 0.1)  # weights of the words to try
UNCALIBRATED = Temperature(10.0)  # where exemplars are too few to fit one
FITTED_ON = 2000  # held-out exemplars at most: two numbers need no more
ROWS = 4096  # texts decided at once, so that memory stays flat


@dataclass(frozen=True)
class Kernel:
    """Weighted closeness to every exemplar: about 1 for a clear class, 0 far from all.

    :param exemplars: Shape: (n_exemplars, width).
    :param weights: Shape: (n_exemplars, n_classes).
    """

    exemplars: Floats
    weights: Floats
    gamma: float

    def decide(self, vectors: Floats) -> Floats:
        """Give decisions. Shape: (n_texts, n_classes)."""
        return closeness(vectors, self.exemplars, self.gamma) @ self.weights


@dataclass(frozen=True)
class Linear:
    """Logits of a logistic regression.

    :param weights: Shape: (width, n_classes).
    :param bias: Shape: (n_classes,).
    """

    weights: Floats
    bias: Floats

    def decide(self, vectors: Floats) -> Floats:
        """Give decisions. Shape: (n_texts, n_classes)."""
        return vectors @ self.weights + self.bias


@dataclass(frozen=True)
class Nearest:
    """Largest cosine with one of the points of each class.

    :param points: Unit rows, class by class. Shape: (n_points, width).
    :param starts: First point of each class. Shape: (n_classes,).
    """

    points: Floats
    starts: NDArray[np.intp]

    def decide(self, vectors: Floats) -> Floats:
        """Give decisions. Shape: (n_texts, n_classes)."""
        cosines: Floats = np.maximum.reduceat(vectors @ self.points.T, self.starts, axis=1)
        return cosines


Head: TypeAlias = Kernel | Linear | Nearest


class _Calibrated(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Predictions of a classifier that has decisions, and a calibration fitted on held-out ones.

    `held_out_decisions_`, `held_out_labels_`: of exemplars that the head deciding them had not
    seen, and their true columns. Shapes: (n_held_out, n_classes), (n_held_out,).
    """

    classes_: NDArray[Any]
    calibration_: Calibration
    held_out_decisions_: Floats
    held_out_labels_: Labels

    def decisions(self, X: Any) -> Floats:  # noqa: ANN401 - vectors or texts
        """Give what the head says, before calibration. Shape: (n_texts, n_classes)."""
        raise NotImplementedError

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: ANN401
        """Give the likeliest class of each. Shape: (n_texts,)."""
        likeliest = self.decisions(X).argmax(axis=1)
        labels: NDArray[Any] = self.classes_[likeliest]
        return labels

    def predict_proba(self, X: Any) -> Probabilities:  # noqa: ANN401
        """Give the probability of each class. Shape: (n_texts, n_classes)."""
        decisions = self.decisions(X)
        return self.calibration_.transform(decisions)

    def decision_function(self, X: Any) -> Floats:  # noqa: ANN401
        """Give logarithms of probabilities; of two classes, as usual, the lead of the second."""
        decisions = self.decisions(X)
        logarithms = self.calibration_.logarithms(decisions)
        return logarithms[:, 1] - logarithms[:, 0] if len(self.classes_) == 2 else logarithms

    @property
    def held_out_probabilities_(self) -> Probabilities:
        """Probabilities of exemplars held out from the head. Shape: (n_held_out, n_classes)."""
        return self.calibration_.transform(self.held_out_decisions_)


class ExemplarClassifier(_Calibrated):
    """Classify vectors by exemplars, with probabilities fitted on held-out exemplars.

    :param head: `kernel`: regularised least squares under the kernel exp(-gamma |a - b|^2 / 2),
        which on unit vectors is exp(gamma (cosine - 1)). `logistic`: logistic regression.
        `centroid`, `prototypes`, `nearest`: largest cosine with the class's centroid, with one of
        its prototypes (k-means), with one of its exemplars.
    :param penalty: Ridge of `kernel`, 1 / C of `logistic`; chosen by log loss on held-out
        exemplars if None.
    :param gamma: How fast the kernel falls off.
    :param prototypes: Prototypes a class, at most.
    :param folds: In how many parts exemplars are held out; `kernel` holds out each one by itself,
        exactly and at no cost.
    """

    def __init__(
        self,
        head: HeadName = "kernel",
        *,
        penalty: float | None = 0.1,
        gamma: float = 3.0,
        prototypes: int = 3,
        folds: int = 5,
        random_state: int = 0,
    ) -> None:
        self.head = head
        self.penalty = penalty
        self.gamma = gamma
        self.prototypes = prototypes
        self.folds = folds
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike, calibrate_on: Bools | None = None) -> Self:
        """Fit head and calibration.

        :param X: Vectors. Shape: (n_exemplars, width).
        :param y: Labels. Shape: (n_exemplars,).
        :param calibrate_on: Which exemplars are like the texts to come; all if None. A class's
            name is an exemplar, but nobody asks in such words. Shape: (n_exemplars,).
        """
        X, y = validate_data(self, X, y)
        check_classification_targets(y)
        self._check_settings()
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"a classifier needs 2 classes, got {len(self.classes_)} class")
        vectors = np.asarray(X, dtype=np.float64)
        chosen = np.ones(len(labels), dtype=bool) if calibrate_on is None else calibrate_on
        self.centroids_ = _centroids(vectors, labels, len(self.classes_))
        candidates = PENALTIES.get(self.head, (0.0,)) if self.penalty is None else (self.penalty,)
        fitted = [self._fitted(vectors, labels, chosen, penalty) for penalty in candidates]
        self.head_, self.held_out_decisions_, self.calibration_, self.penalty_ = min(
            fitted, key=lambda entry: log_loss(entry[2], entry[1], labels[chosen])
        )
        self.held_out_labels_ = labels[chosen]
        return self

    def decisions(self, X: ArrayLike) -> Floats:
        """Give what the head says, before calibration. Shape: (n_texts, n_classes)."""
        vectors = self._checked(X)
        starts = range(0, len(vectors), ROWS)
        return np.concatenate([self.head_.decide(vectors[at : at + ROWS]) for at in starts])

    def familiarity(self, X: ArrayLike) -> Floats:
        """Tell how much each vector looks like anything known; no probability.

        The largest decision, low between classes, plus the largest cosine with a centroid, low
        away from all of them. Shape: (n_texts,).
        """
        cosines = self._checked(X) @ self.centroids_.T
        familiarity: Floats = self.decisions(X).max(axis=1) + cosines.max(axis=1)
        return familiarity

    def _check_settings(self) -> None:
        if self.head not in get_args(HeadName):
            raise ValueError(f"head is one of {get_args(HeadName)}, was: {self.head!r}")
        if self.penalty is not None and not self.penalty > 0.0:
            raise ValueError(f"penalty is > 0 or None, was: {self.penalty}")
        if not self.gamma > 0.0:
            raise ValueError(f"gamma is > 0, was: {self.gamma}")
        if self.folds < 2:
            raise ValueError(f"folds are at least 2, was: {self.folds}")
        if self.prototypes < 1:
            raise ValueError(f"prototypes are at least 1, was: {self.prototypes}")

    def _checked(self, X: ArrayLike) -> Floats:
        check_is_fitted(self)
        return np.asarray(validate_data(self, X, reset=False), dtype=np.float64)

    def _fitted(
        self, vectors: Floats, labels: Labels, chosen: Bools, penalty: float
    ) -> tuple[Head, Floats, Calibration, float]:
        head: Head
        if self.head == "kernel":
            near = closeness(vectors, vectors, self.gamma)
            weights, held_out = fit_kernel(near, labels, penalty)
            head = Kernel(vectors, weights, self.gamma)
        else:
            head = self._fit_head(vectors, labels, penalty)
            held_out = self._held_out(vectors, labels, penalty)
        return head, held_out[chosen], _calibration(held_out[chosen], labels[chosen]), penalty

    def _fit_head(self, vectors: Floats, labels: Labels, penalty: float) -> Head:
        """Fit one of the heads that are refitted without each fold. Labels without a gap."""
        if self.head == "logistic":
            return fit_logistic(vectors, labels, penalty)
        if self.head == "centroid":
            return _nearest(_centroids(vectors, labels, labels.max() + 1))
        if self.head == "prototypes":
            return self._fit_prototypes(vectors, labels)
        order = np.argsort(labels, kind="stable")
        return _nearest(_unit(vectors[order]), labels[order])

    def _fit_prototypes(self, vectors: Floats, labels: Labels) -> Nearest:
        points, owners = [], []
        for label in range(labels.max() + 1):
            own = vectors[labels == label]
            n_points = min(self.prototypes, len(np.unique(own, axis=0)))
            means = KMeans(n_points, n_init=1, random_state=self.random_state).fit(own)
            points.append(means.cluster_centers_)
            owners.append(np.full(n_points, label))
        return _nearest(_unit(np.concatenate(points)), np.concatenate(owners))

    def _held_out(self, vectors: Floats, labels: Labels, penalty: float) -> Floats:
        """Decide each exemplar by a head that has not seen it. Shape: (n_exemplars, n_classes)."""
        folds = _folds(labels, self.folds, self.random_state)
        held_out = np.zeros((len(labels), labels.max() + 1))
        for fold in np.unique(folds):
            inside = folds != fold
            known, seen = np.unique(labels[inside], return_inverse=True)
            if len(known) < 2:
                continue
            decisions = self._fit_head(vectors[inside], seen, penalty).decide(vectors[~inside])
            # A class whose only exemplar is held out is unknown to this head: the least likely.
            rows = np.repeat(decisions.min(axis=1, keepdims=True), held_out.shape[1], axis=1)
            rows[:, known] = decisions
            held_out[~inside] = rows
        return held_out


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


class FewShotClassifier(_Calibrated):
    """Classify texts by a few exemplars a class and the names of the classes.

    Kernel ridge regression, as `ExemplarClassifier` has it, on the vectors and on the words: two
    texts are near by meaning, exp(gamma (cosine - 1)), plus `words` times the cosine of their
    TF-IDF words and pairs of words.

    :param encoder: Anything with `encode(texts)`; clones share it, for it is never fitted.
    :param names: A text that names each class, one more exemplar of it. The labels themselves,
        made readable, if None; a label that is missing here gets no such exemplar.
    :param words: Weight of the words; 0.0 or 0.1, by log loss on held-out exemplars, if None.
    :param penalty: Ridge.
    """

    def __init__(
        self,
        encoder: "Encoder",
        *,
        names: Mapping[Any, str] | None = None,
        words: float | None = None,
        penalty: float = 0.1,
        gamma: float = 3.0,
    ) -> None:
        self.encoder = encoder
        self.names = names
        self.words = words
        self.penalty = penalty
        self.gamma = gamma

    def fit(self, texts: Sequence[str], y: ArrayLike) -> Self:
        """Embed exemplars and names, and fit weights and calibration on them."""
        asked = np.asarray(y)
        self.classes_ = np.unique(asked)
        names = self._names()
        everything = [*texts, *names.values()]
        all_labels = np.concatenate([asked, np.array(list(names), dtype=asked.dtype)])
        labels = np.searchsorted(self.classes_, all_labels)
        self.exemplars_ = np.asarray(self.encoder.encode(everything), dtype=np.float64)
        self.centroids_ = _centroids(self.exemplars_, labels, len(self.classes_))
        self.lexicon_ = TfidfVectorizer(
            sublinear_tf=True, ngram_range=(1, 2), token_pattern=r"\w+", dtype=np.float64
        )
        self.terms_ = self.lexicon_.fit_transform(everything)
        self.held_out_labels_ = labels[: len(asked)]
        self._fit_weights(labels)
        return self

    def decisions(self, X: Sequence[str]) -> Floats:
        """Give what the head says, before calibration. Shape: (n_texts, n_classes)."""
        return self._decide(X, self._encode(X))

    def familiarity(self, X: Sequence[str]) -> Floats:
        """Tell how much each text looks like anything known; no probability. Shape: (n_texts,)."""
        vectors = self._encode(X)
        cosines = vectors @ self.centroids_.T
        familiarity: Floats = self._decide(X, vectors).max(axis=1) + cosines.max(axis=1)
        return familiarity

    def _names(self) -> Mapping[Any, str]:
        if self.names is None:
            return {label: readable(str(label)) for label in self.classes_}
        return {label: self.names[label] for label in self.classes_ if label in self.names}

    def _fit_weights(self, labels: Labels) -> None:
        by_meaning = closeness(self.exemplars_, self.exemplars_, self.gamma)
        by_words = (self.terms_ @ self.terms_.T).toarray()
        own = self.held_out_labels_
        least = np.inf
        for words in WORDS if self.words is None else (self.words,):
            weights, held_out = fit_kernel(by_meaning + words * by_words, labels, self.penalty)
            decisions = held_out[: len(own)]  # names are exemplars, but nobody asks in such words
            calibration = _calibration(decisions, own)
            loss = log_loss(calibration, decisions, own)
            if loss < least:
                least, self.words_, self.weights_ = loss, words, weights
                self.held_out_decisions_, self.calibration_ = decisions, calibration

    def _encode(self, texts: Sequence[str]) -> Floats:
        check_is_fitted(self)
        return np.asarray(self.encoder.encode(list(texts)), dtype=np.float64)

    def _decide(self, texts: Sequence[str], vectors: Floats) -> Floats:
        parts = []
        for start in range(0, len(vectors), ROWS):
            rows = slice(start, start + ROWS)
            near = closeness(vectors[rows], self.exemplars_, self.gamma)
            if self.words_ > 0.0:
                terms = self.lexicon_.transform(texts[rows])
                near += self.words_ * (terms @ self.terms_.T).toarray()
            parts.append(near @ self.weights_)
        return np.concatenate(parts)

    def __sklearn_clone__(self) -> Self:
        return type(self)(**self.get_params(deep=False))


class LayeredEncoder:
    """The last layer of a sentence-transformers model and the middle one, side by side.

    The middle layer still tells words apart that the last one has made alike. One pass gives both:
    each is averaged over the tokens and put to unit length, so that a cosine of the whole is the
    mean of both cosines.

    :param model: A folder, or a name that sentence-transformers knows; the embedded
        all-MiniLM-L6-v2 if None.
    """

    def __init__(self, model: str | Path | None = None) -> None:
        from router.encoders.encoder import find_model

        self.model = find_model(model)

    @cached_property
    def key(self) -> str:
        """The hash of the model's files, and the layers."""
        from router.encoders.encoder import fingerprint

        return f"{fingerprint(self.model)}:torch-fp32-layered"

    @cached_property
    def width(self) -> int:
        """Length of a vector: twice that of the model."""
        return 2 * int(self._transformer.get_embedding_dimension())

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode a batch. Shape: (n_texts, width); unit rows, a zero row for an empty text."""
        from router.encoders.encoder import is_visible, well_formed

        vectors = np.zeros((len(texts), self.width), dtype=np.float32)
        places = [place for place, text in enumerate(texts) if is_visible(text)]
        places.sort(key=lambda place: len(texts[place]))
        for start in range(0, len(places), 64):
            batch = places[start : start + 64]
            vectors[batch] = self._encode([well_formed(texts[place]) for place in batch])
        return vectors

    def _encode(self, texts: list[str]) -> Vectors:
        import torch

        transformer = self._transformer
        with torch.inference_mode():
            tokens = transformer.tokenizer(
                texts,
                padding=True,
                truncation=True,
                max_length=transformer.max_seq_length,
                return_tensors="pt",
            )
            model = transformer[0].auto_model
            layers = model(**tokens, output_hidden_states=True).hidden_states
            mask = tokens["attention_mask"][..., None].float()
            means = [(layer * mask).sum(1) / mask.sum(1) for layer in (layers[-1], _middle(layers))]
            units = [torch.nn.functional.normalize(mean, dim=1) for mean in means]
        vectors: Vectors = torch.cat(units, dim=1).numpy() / np.float32(np.sqrt(2))
        return vectors

    @cached_property
    def _transformer(self) -> Any:  # noqa: ANN401 - naming the type would import torch
        from router.encoders.encoder import load_sentence_transformer

        return load_sentence_transformer(self.model)


def closeness(vectors: Floats, exemplars: Floats, gamma: float) -> Floats:
    """Kernel exp(-gamma |a - b|^2 / 2), in (0, 1]. Shape: (n_texts, n_exemplars)."""
    squares = np.sum(vectors**2, axis=1)[:, None] + np.sum(exemplars**2, axis=1)
    distances = np.maximum(squares - 2 * vectors @ exemplars.T, 0.0)
    near: Floats = np.exp(-gamma / 2 * distances)
    return near


def fit_kernel(near: Floats, labels: Labels, penalty: float) -> tuple[Floats, Floats]:
    """Fit kernel ridge regression on the classes, and decide each exemplar without itself.

    Leaving one out has a closed form: its residual is its weight over the diagonal of the inverse
    (Rifkin, Lippert 2007, Notes on Regularized Least Squares).

    :param near: Kernel of each exemplar with each. Shape: (n_exemplars, n_exemplars).
    :return: Weights, and held-out decisions. Shapes: (n_exemplars, n_classes), the same.
    """
    n_classes = labels.max() + 1
    targets = np.eye(n_classes)[labels] - 1 / n_classes
    inverse = np.linalg.inv(near + penalty * np.eye(len(labels)))
    weights: Floats = inverse @ targets
    held_out: Floats = targets - weights / np.diag(inverse)[:, None]
    return weights, held_out


def fit_logistic(vectors: Floats, labels: Labels, penalty: float) -> Linear:
    """Fit multinomial logistic regression."""
    model = LogisticRegression(C=1 / penalty, max_iter=1000).fit(vectors, labels)
    if len(model.classes_) == 2:  # scikit-learn keeps one column then
        zero = np.zeros_like(model.coef_)
        return Linear(np.concatenate([zero, model.coef_]).T, np.append(0.0, model.intercept_))
    return Linear(model.coef_.T, model.intercept_)


def readable(label: str) -> str:
    """Make words of a label: "card_arrival" becomes "card arrival"."""
    return " ".join(label.replace("_", " ").replace("-", " ").split()).lower()


def _calibration(decisions: Floats, labels: Labels) -> Calibration:
    """Fit each map and keep the one of least log loss."""
    if len(labels) < LABELLED:
        return UNCALIBRATED
    some = slice(None, None, -(-len(labels) // FITTED_ON))
    decisions, labels = decisions[some], labels[some]
    maps: list[Calibration] = [fit_temperature(decisions, labels), fit_power(decisions, labels)]
    return min(maps, key=lambda entry: log_loss(entry, decisions, labels))


def _middle(layers: Sequence[Any]) -> Any:  # noqa: ANN401 - a tensor
    """Give the layer halfway; the first of `layers` is the embedding of the tokens."""
    return layers[(len(layers) - 1) // 2]


def _unit(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    units: Floats = vectors / np.where(lengths > 0, lengths, 1.0)
    return units


def _centroids(vectors: Floats, labels: Labels, n_classes: int) -> Floats:
    """Mean of each class, to unit length. Shape: (n_classes, width)."""
    sums = np.zeros((n_classes, vectors.shape[1]))
    np.add.at(sums, labels, vectors)
    return _unit(sums)


def _nearest(points: Floats, owners: Labels | None = None) -> Nearest:
    """Group points that come class by class; one a class if they have no owners."""
    if owners is None:
        return Nearest(points, np.arange(len(points)))
    return Nearest(points, np.searchsorted(owners, np.arange(owners.max() + 1)))


def _folds(labels: Labels, n_folds: int, random_state: int) -> Labels:
    """Deal the exemplars of each class round the folds. Shape: (n_exemplars,)."""
    shuffled = np.random.default_rng(random_state).permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    folds = np.empty(len(labels), dtype=np.intp)
    folds[by_class] = np.arange(len(labels)) % n_folds
    return folds
