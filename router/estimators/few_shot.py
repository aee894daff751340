"""Classify texts by a few exemplars a class: the head of a router as a scikit-learn estimator."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import assert_all_finite, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from router.arrays import Floats, Probabilities
from router.encoders.encoder import Encoder
from router.estimators.text_encoder import text_list
from router.fitting.discriminant_fitter import DiscriminantFitter
from router.heads.discriminant_head import DiscriminantHead
from router.packs.labels import readable
from router.text import words_in


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

    `head_` is what `Router.from_exemplars` fits on the same exemplars, without its judgement of
    doubt: this classifier always decides.

    :param encoder: Clones share it, because it is never fitted.
    :param names: For each class a text that names it, which is one more exemplar. The labels
        themselves, made readable, if None; a label without a name gets no such exemplar.
    """

    classes_: NDArray[Any]
    head_: DiscriminantHead

    def __init__(self, encoder: Encoder, *, names: Mapping[Any, str] | None = None) -> None:
        self.encoder = encoder
        self.names = names

    def fit(self, texts: Sequence[str], y: ArrayLike) -> Self:
        """Embed exemplars and names, and fit the head on them.

        :raises ValueError: Texts and labels do not fit, or the labels are no classes.
        """
        texts = text_list(texts)
        labels = _checked_labels(texts, y)
        self.classes_, truth = np.unique(labels, return_inverse=True)
        order = np.argsort(truth, kind="stable")
        names = self._names()
        titles = self.encoder.encode(list(names.values()))
        fitter = DiscriminantFitter(dict(zip(map(_column, names), titles, strict=True)))
        exemplars = [texts[row] for row in order.tolist()]
        columns = [_column(code) for code in truth[order].tolist()]
        self.head_ = fitter.fit(exemplars, self.encoder.encode(exemplars), columns)
        return self

    def predict(self, X: Sequence[str]) -> NDArray[Any]:
        """Give the likeliest class of each text. Shape: (n_texts,)."""
        labels: NDArray[Any] = self.classes_[self.decisions(X).argmax(axis=1)]
        return labels

    def predict_proba(self, X: Sequence[str]) -> Probabilities:
        """Give the probability of each class. Shape: (n_texts, n_classes)."""
        return self.head_.power.transform(self.decisions(X))

    def decision_function(self, X: Sequence[str]) -> Floats:
        """Give log probabilities, shape (n_texts, n_classes).

        For two classes, as usual in scikit-learn, give how far the second is above the first.
        """
        logs = self.head_.power.log_probabilities(self.decisions(X))
        return logs[:, 1] - logs[:, 0] if len(self.classes_) == 2 else logs

    def decisions(self, X: Sequence[str]) -> Floats:
        """Give the decisions of the head, before calibration. Shape: (n_texts, n_classes)."""
        check_is_fitted(self)
        texts = text_list(X)
        return self.head_.decisions(self.encoder.encode(texts), words_in(texts))

    def _names(self) -> dict[int, str]:
        """Give the text that names each class, by its code."""
        classes = self.classes_.tolist()
        if self.names is None:
            return {code: readable(str(label)).lower() for code, label in enumerate(classes)}
        given = self.names
        return {code: given[label] for code, label in enumerate(classes) if label in given}

    def __sklearn_clone__(self) -> Self:
        return type(self)(**self.get_params(deep=False))


def _column(code: int) -> str:
    """Name a class so that names rise with codes."""
    return f"{code:09d}"
