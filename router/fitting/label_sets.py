"""Fit which skills go together on the exemplars that several of them share."""

from collections.abc import Sequence

import numpy as np

from router.arrays import Bools, Floats, Indices, Probabilities, Vectors
from router.model.label_sets import LabelSets, set_features
from router.packs.pack import Pack
from router.statistics.probability import Logistic

_REGULARISATION = 20.0
"""The C of the logistic regressions, as for single labels on unit vectors."""

_N_PARTS = 4


def fit_label_sets(
    pack: Pack, texts: Sequence[str], vectors: Vectors, rows: Indices, held_out: Probabilities
) -> LabelSets | None:
    """Fit on all exemplars that need no question; None if too few of them have several skills.

    :param texts: The exemplars, a shared one once for each of its skills.
    :param vectors: Of each. Shape: (n, width).
    :param rows: Those that a head has judged that has not seen them. Shape: (n_judged,).
    :param held_out: What it says of the skills. Shape: (n_judged, n_skills).
    """
    if not pack.learns_label_sets:
        return None
    wanted = _wanted(pack)
    first = {text: row for row, text in reversed(list(enumerate(texts))) if text in wanted}
    kept = np.array(sorted(first.values()), dtype=np.intp)
    truth = np.array([wanted[texts[row]] for row in kept.tolist()])
    shared = np.logical_or.reduce([wanted[line.text] for line in pack.exemplars.several])
    judged = {texts[row]: index for index, row in reversed(list(enumerate(rows.tolist())))}
    with_judgement = np.array([texts[row] in judged for row in kept.tolist()])
    features, answers = [], []
    for part in range(_N_PARTS):
        out = np.arange(len(kept)) % _N_PARTS == part
        weights, biases = _fit(vectors[kept[~out]], truth[~out], shared)
        chosen = kept[out & with_judgement]
        whole = held_out[[judged[texts[row]] for row in chosen.tolist()]]
        decisions = vectors[chosen] @ weights[:, shared] + biases[shared]
        features.append(set_features(decisions, whole[:, shared]).reshape(-1, 3))
        answers.append(truth[out & with_judgement][:, shared].reshape(-1))
    rescaling = Logistic.fit(np.concatenate(features), np.concatenate(answers))
    return LabelSets(*_fit(vectors[kept], truth, shared), rescaling)


def _wanted(pack: Pack) -> dict[str, Bools]:
    """Tell which skills each exemplar asks for that needs no question: none, one or several."""
    skills = list(pack.skills)
    wanted = {
        text: np.array([label == f"skill:{skill}" for skill in skills])
        for label, text in pack.target_exemplars(shared=False)
        if not label.startswith("question:")
    }
    for line in pack.exemplars.several:
        wanted[line.text] = np.array([skill in line.targets for skill in skills])
    return wanted


def _fit(vectors: Vectors, truth: Bools, shared: Bools) -> tuple[Vectors, Floats]:
    """Fit one regression for each skill that shares exemplars."""
    from sklearn.linear_model import LogisticRegression

    weights = np.zeros((vectors.shape[1], len(shared)), dtype=np.float32)
    biases = np.full(len(shared), -np.inf)
    for column in np.flatnonzero(shared).tolist():
        of_column = truth[:, column]
        if of_column.all() or not of_column.any():
            biases[column] = 5.0 if of_column.all() else -5.0
            continue
        model = LogisticRegression(C=_REGULARISATION, max_iter=1_000).fit(vectors, of_column)
        weights[:, column], biases[column] = model.coef_[0], model.intercept_[0]
    return weights, biases
