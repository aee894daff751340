"""Parts of the exemplars to hold out in turn, each with its share of every class."""

import numpy as np

from router.statistics.probability_maps import TrueColumns


def folds_of(labels: TrueColumns, n_folds: int, random_state: int) -> TrueColumns:
    """Deal the exemplars of each class round the folds. Shape: (n_exemplars,)."""
    shuffled = np.random.default_rng(random_state).permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    folds = np.empty(len(labels), dtype=np.intp)
    folds[by_class] = np.arange(len(labels)) % n_folds
    return folds
