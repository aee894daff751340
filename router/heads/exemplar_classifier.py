"""Classify vectors by exemplars: a scikit-learn estimator with a choice of heads."""

from dataclasses import dataclass
from typing import Literal, Self, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from router.arrays import Bools, Floats
from router.heads.calibrated_classifier import CalibratedClassifier
from router.heads.folds import folds_of
from router.heads.ridge import fit_ridge
from router.statistics.probability_maps import (
    MIN_LABELLED,
    ProbabilityMap,
    Temperature,
    TrueColumns,
    fit_power,
    fit_temperature,
    log_loss,
)

HeadName: TypeAlias = Literal["kernel", "logistic", "centroid", "prototypes", "nearest"]

PENALTIES = {"kernel": (0.03, 0.1, 0.3), "logistic": (0.02, 0.05, 0.1, 0.2)}
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


class ExemplarClassifier(CalibratedClassifier):
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
        self, vectors: Floats, labels: TrueColumns, chosen: Bools, penalty: float
    ) -> tuple[Head, Floats, ProbabilityMap, float]:
        head: Head
        if self.head == "kernel":
            near = closeness(vectors, vectors, self.gamma)
            weights, held_out = fit_kernel(near, labels, penalty)
            head = Kernel(vectors, weights, self.gamma)
        else:
            head = self._fit_head(vectors, labels, penalty)
            held_out = self._held_out(vectors, labels, penalty)
        return head, held_out[chosen], _calibration(held_out[chosen], labels[chosen]), penalty

    def _fit_head(self, vectors: Floats, labels: TrueColumns, penalty: float) -> Head:
        """Fit one of the heads that are refitted without each fold. Labels without a gap."""
        if self.head == "logistic":
            return fit_logistic(vectors, labels, penalty)
        if self.head == "centroid":
            return _nearest(_centroids(vectors, labels, labels.max() + 1))
        if self.head == "prototypes":
            return self._fit_prototypes(vectors, labels)
        order = np.argsort(labels, kind="stable")
        return _nearest(_unit(vectors[order]), labels[order])

    def _fit_prototypes(self, vectors: Floats, labels: TrueColumns) -> Nearest:
        points, owners = [], []
        for label in range(labels.max() + 1):
            own = vectors[labels == label]
            n_points = min(self.prototypes, len(np.unique(own, axis=0)))
            means = KMeans(n_points, n_init=1, random_state=self.random_state).fit(own)
            points.append(means.cluster_centers_)
            owners.append(np.full(n_points, label))
        return _nearest(_unit(np.concatenate(points)), np.concatenate(owners))

    def _held_out(self, vectors: Floats, labels: TrueColumns, penalty: float) -> Floats:
        """Decide each exemplar by a head that has not seen it. Shape: (n_exemplars, n_classes)."""
        folds = folds_of(labels, self.folds, self.random_state)
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


def closeness(vectors: Floats, exemplars: Floats, gamma: float) -> Floats:
    """Kernel exp(-gamma |a - b|^2 / 2), in (0, 1]. Shape: (n_texts, n_exemplars)."""
    squares = np.sum(vectors**2, axis=1)[:, None] + np.sum(exemplars**2, axis=1)
    distances = np.maximum(squares - 2 * vectors @ exemplars.T, 0.0)
    near: Floats = np.exp(-gamma / 2 * distances)
    return near


def fit_kernel(near: Floats, labels: TrueColumns, penalty: float) -> tuple[Floats, Floats]:
    """Fit kernel ridge regression on the classes, and decide each exemplar without itself.

    :param near: Kernel of each exemplar with each. Shape: (n_exemplars, n_exemplars).
    :return: Weights, and held-out decisions. Shapes: (n_exemplars, n_classes), the same.
    """
    n_classes = labels.max() + 1
    return fit_ridge(near, np.eye(n_classes)[labels] - 1 / n_classes, penalty)


def fit_logistic(vectors: Floats, labels: TrueColumns, penalty: float) -> Linear:
    """Fit multinomial logistic regression."""
    model = LogisticRegression(C=1 / penalty, max_iter=1000).fit(vectors, labels)
    if len(model.classes_) == 2:  # scikit-learn keeps one column then
        zero = np.zeros_like(model.coef_)
        return Linear(np.concatenate([zero, model.coef_]).T, np.append(0.0, model.intercept_))
    return Linear(model.coef_.T, model.intercept_)


def _calibration(decisions: Floats, labels: TrueColumns) -> ProbabilityMap:
    """Fit each map and keep the one of least log loss."""
    if len(labels) < MIN_LABELLED:
        return UNCALIBRATED
    some = slice(None, None, -(-len(labels) // FITTED_ON))
    decisions, labels = decisions[some], labels[some]
    maps: list[ProbabilityMap] = [fit_temperature(decisions, labels), fit_power(decisions, labels)]
    return min(maps, key=lambda entry: log_loss(entry, decisions, labels))


def _unit(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    units: Floats = vectors / np.where(lengths > 0, lengths, 1.0)
    return units


def _centroids(vectors: Floats, labels: TrueColumns, n_classes: int) -> Floats:
    """Mean of each class, to unit length. Shape: (n_classes, width)."""
    sums = np.zeros((n_classes, vectors.shape[1]))
    np.add.at(sums, labels, vectors)
    return _unit(sums)


def _nearest(points: Floats, owners: TrueColumns | None = None) -> Nearest:
    """Group points that come class by class; one a class if they have no owners."""
    if owners is None:
        return Nearest(points, np.arange(len(points)))
    return Nearest(points, np.searchsorted(owners, np.arange(owners.max() + 1)))
