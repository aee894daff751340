"""Kernel ridge regression, with each exemplar left out at no further cost."""

import numpy as np

from router.arrays import Floats


def fit_ridge(near: Floats, targets: Floats, penalty: float) -> tuple[Floats, Floats]:
    """Solve for the exemplars' weights, and decide each exemplar without itself.

    Leaving one out has a closed form: its residual is its weight over the diagonal of the inverse
    (Rifkin & Lippert 2007, "Notes on regularized least squares", section 4).

    :param near: Kernel of each exemplar with each. Shape: (n_exemplars, n_exemplars).
    :param targets: What is to be told of each. Shape: (n_exemplars, n_classes).
    :return: Weights, and held-out decisions. Shapes: (n_exemplars, n_classes), the same.
    """
    damped = near.copy()
    damped[np.diag_indices_from(damped)] += penalty
    inverse = np.linalg.inv(damped)
    weights: Floats = inverse @ targets
    held_out: Floats = targets - weights / np.diag(inverse)[:, None]
    return weights, held_out
