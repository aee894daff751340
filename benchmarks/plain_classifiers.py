"""Plain classifiers of vectors, by scikit-learn: what the benchmark compares with."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.preprocessing import normalize
from temperature import Temperature, fit_temperature

from router.arrays import Floats, Probabilities, Vectors
from router.statistics.probability import Power, TrueColumns, fit_power, log_loss

FOLDS = 5


class CentroidClassifier(NearestCentroid):  # type: ignore[misc]
    """Decide by the cosine with the centroid of each class."""

    def decision_function(self, X: Vectors) -> Floats:
        """Shape: (n_texts, n_classes)."""
        return np.asarray(X @ normalize(self.centroids_).T, dtype=np.float64)


class NeighbourClassifier(KNeighborsClassifier):  # type: ignore[misc]
    """Decide by the largest cosine with an exemplar of each class."""

    def decision_function(self, X: Vectors) -> Floats:
        """Shape: (n_texts, n_classes)."""
        distances, exemplars = self.kneighbors(X, n_neighbors=self.n_samples_fit_)
        decisions = np.full((len(X), len(self.classes_)), -1.0)
        rows = np.arange(len(X))[:, None]
        np.maximum.at(decisions, (rows, self._y[exemplars]), 1.0 - distances)
        return decisions


BASELINES: dict[str, Callable[[], Any]] = {
    "centroid": CentroidClassifier,
    "nearest-neighbour": lambda: NeighbourClassifier(metric="cosine", algorithm="brute"),
    "logistic-regression": lambda: LogisticRegression(C=20, max_iter=1000),
}


class CalibratedBaseline:
    """A baseline whose probabilities are fitted on decisions that cross-validation holds out."""

    def __init__(self, name: str, vectors: Vectors, labels: Sequence[str]) -> None:
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
        self.classifier = BASELINES[name]().fit(vectors, labels)
        self.held_out_labels_: TrueColumns = np.unique(labels, return_inverse=True)[1]
        self.held_out_decisions_: Floats = cross_val_predict(
            BASELINES[name](), vectors, labels, cv=folds, method="decision_function"
        )
        fitted = self.held_out_decisions_, self.held_out_labels_
        temperature, power = fit_temperature(*fitted), fit_power(*fitted)
        is_sharper = temperature.log_loss(*fitted) <= log_loss(power, *fitted)
        self._map: Temperature | Power = temperature if is_sharper else power

    def decisions(self, vectors: Vectors) -> Floats:
        """Decide, before calibration. Shape: (n_texts, n_classes)."""
        return np.asarray(self.classifier.decision_function(vectors))

    def predict_proba(self, vectors: Vectors) -> Probabilities:
        """Shape: (n_texts, n_classes)."""
        return self._map.transform(self.decisions(vectors))
