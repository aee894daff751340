"""The exemplars that explain a decision: the closest of the right target and of the given one."""

from collections.abc import Sequence

import numpy as np

from router.arrays import Bools, Vectors
from router.decisions.decision import NearbyExemplar
from router.evaluation.rows import DecidedLine
from router.router import Router


def closest_exemplars(
    router: Router, vectors: Vectors, sought: Sequence[frozenset[str]]
) -> list[NearbyExemplar | None]:
    """Find the exemplar closest to each text, of those of some targets only.

    :param vectors: Unit vectors of the texts. Shape: (n_texts, width).
    :param sought: Targets of each text. One of them alone names all questions: "question:".
    :return: None where no exemplar is of such a target.
    """
    model = router.model
    labels = np.array(model.exemplar_labels)
    found: list[NearbyExemplar | None] = [None] * len(sought)
    for targets in set(sought):
        members = np.flatnonzero(_of_targets(labels, targets))
        rows = [i for i, one in enumerate(sought) if one == targets]
        if not len(members):
            continue
        cosines = vectors[rows] @ model.head.exemplars[members].T
        for row, best in zip(rows, cosines.argmax(axis=1), strict=True):
            place = members[best]
            cosine = round(float(cosines[rows.index(row), best]), 3)
            found[row] = NearbyExemplar(str(labels[place]), model.exemplar_texts[place], cosine)
    return found


def given_targets(row: DecidedLine) -> frozenset[str]:
    """Targets whose exemplars speak for what was given."""
    if row.action == "clarify":
        return frozenset((f"question:{row.question}",))
    return frozenset((row.given,))


def wanted_targets(row: DecidedLine) -> frozenset[str]:
    """Targets whose exemplars speak for what was wanted."""
    gold = row.gold
    if gold is None:
        return frozenset()
    if gold.action == "clarify":
        known = gold.question not in (None, "other")
        return frozenset((f"question:{gold.question}" if known else "question:",))
    if gold.action == "route" and not gold.skills:
        return frozenset(f"skill:{skill}" for skill in gold.ok_skills)
    return frozenset((row.wanted or row.given,))


def _of_targets(labels: np.ndarray, targets: frozenset[str]) -> Bools:
    if targets == {"question:"}:
        return np.char.startswith(labels, "question:")
    return np.isin(labels, sorted(targets))
