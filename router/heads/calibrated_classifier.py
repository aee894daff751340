"""What all classifiers here have in common: decisions, a map to probabilities, held-out ones."""

from typing import Any

from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

from router.arrays import Floats, Probabilities
from router.statistics.probability_maps import ProbabilityMap, TrueColumns


class CalibratedClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Predictions of a classifier that has decisions, and a calibration fitted on held-out ones.

    `held_out_decisions_`, `held_out_labels_`: of exemplars that the head deciding them had not
    seen, and their true columns. Shapes: (n_held_out, n_classes), (n_held_out,).
    """

    classes_: NDArray[Any]
    calibration_: ProbabilityMap
    held_out_decisions_: Floats
    held_out_labels_: TrueColumns

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
        logarithms = self.calibration_.log_probabilities(decisions)
        return logarithms[:, 1] - logarithms[:, 0] if len(self.classes_) == 2 else logarithms

    @property
    def held_out_probabilities_(self) -> Probabilities:
        """Probabilities of exemplars held out from the head. Shape: (n_held_out, n_classes)."""
        return self.calibration_.transform(self.held_out_decisions_)
