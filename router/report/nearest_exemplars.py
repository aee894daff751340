"""The exemplars that explain a mistake: the nearest of the right target and of the decided one."""

from collections.abc import Sequence

import numpy as np

from router.arrays import Vectors
from router.decisions.decision import NearbyExemplar
from router.evaluation.rows import DecidedLine
from router.logs.labels import ANY_QUESTION
from router.router import Router

_ALL_QUESTIONS = "question:"
"""Stands for all questions together."""


def nearest_exemplars(
    router: Router, vectors: Vectors, targets: Sequence[frozenset[str]]
) -> list[NearbyExemplar | None]:
    """Find the exemplar nearest to each text, among those of its targets.

    :param vectors: Unit vectors of the texts. Shape: (n_texts, width).
    :param targets: The targets of each text; "question:" stands for all questions.
    :return: None where no exemplar is of such a target.
    """
    model = router.model
    labels = np.array(model.exemplar_labels)
    nearest: list[NearbyExemplar | None] = [None] * len(targets)
    for wanted in set(targets):
        is_member = np.isin(labels, sorted(wanted))
        if _ALL_QUESTIONS in wanted:
            is_member |= np.char.startswith(labels, _ALL_QUESTIONS)
        members = np.flatnonzero(is_member)
        texts = [index for index, of_text in enumerate(targets) if of_text == wanted]
        if not len(members):
            continue
        cosines = vectors[texts] @ model.head.exemplars[members].T
        for index, row in zip(texts, cosines, strict=True):
            best = row.argmax()
            member = members[best]
            cosine = round(float(row[best]), 3)
            nearest[index] = NearbyExemplar(
                str(labels[member]), model.exemplar_texts[member], cosine
            )
    return nearest


def decided_targets(line: DecidedLine) -> frozenset[str]:
    """Give the targets whose exemplars speak for the decision."""
    return frozenset((f"question:{line.question}" if line.asks else line.given,))


def wanted_targets(line: DecidedLine) -> frozenset[str]:
    """Give the targets whose exemplars speak for what the label asks for."""
    gold = line.gold
    if gold is None:
        return frozenset()
    if gold.action == "clarify":
        known = gold.question not in (None, ANY_QUESTION)
        return frozenset((f"question:{gold.question}" if known else _ALL_QUESTIONS,))
    if gold.action == "route" and not gold.skills:
        return frozenset(f"skill:{skill}" for skill in gold.ok_skills)
    return frozenset((line.wanted or line.given,))
