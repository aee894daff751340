"""Divide exemplars into parts, so that some are judged by what the others have taught."""

from collections.abc import Sequence

import numpy as np

from router.arrays import Indices

_N_QUARTERS = 4


def parts_of(labels: Sequence[str], n_parts: int, texts: Sequence[str] = ()) -> Indices:
    """Spread the exemplars of each label evenly over parts. Shape: (n,).

    :param texts: The exemplars. A text of several labels lies in one part with all of them.
    """
    part, count = np.zeros(len(labels), dtype=np.intp), dict.fromkeys(labels, 0)
    for row, label in enumerate(labels):
        part[row] = count[label]
        count[label] += 1
    # A label with fewer exemplars than parts begins at another part than the one before it.
    start = {label: index for index, label in enumerate(count)}
    part = np.asarray((part + [start[label] for label in labels]) % n_parts, dtype=np.intp)
    return _together(part, labels, texts) if texts else part


def _together(part: Indices, labels: Sequence[str], texts: Sequence[str]) -> Indices:
    """Move texts of several labels into one part each, unless that part would hold everything."""
    first = first_rows(texts)
    of_first = np.array(labels)[first] != np.array(labels)
    if not of_first.any():
        return part
    moved = np.where(of_first, part[first], part)
    return moved if len(np.unique(moved)) > 1 else part


def first_rows(texts: Sequence[str]) -> Indices:
    """Find the first row with the text of each row. Shape: (n,)."""
    first: dict[str, int] = {}
    return np.array([first.setdefault(text, row) for row, text in enumerate(texts)], dtype=np.intp)


def part_to_judge(labels: Sequence[str], texts: Sequence[str]) -> Indices:
    """Give the rows of a quarter of the exemplars; each label keeps others besides.

    :param texts: The exemplars. A text of several labels is judged with all of them.
    """
    judged = parts_of(labels, _N_QUARTERS, texts) == 0
    seen = np.isin(labels, np.asarray(labels)[~judged])
    return np.flatnonzero(judged & seen)


def halves_in_turn(
    labels: Sequence[str], texts: Sequence[str] = ()
) -> list[tuple[list[int], list[int]]]:
    """Give (seen, unseen) twice: every second exemplar of each label, and the rest.

    :param texts: The exemplars. A text of several labels lies in one half with all of them.
    """
    half = halves_of(labels, texts)
    parts = [np.flatnonzero(half == side).tolist() for side in (0, 1)]
    return [(parts[0], parts[1]), (parts[1], parts[0])]


def halves_of(labels: Sequence[str], texts: Sequence[str] = ()) -> Indices:
    """Put every second exemplar of each label into the other half. Shape: (n,), 0 or 1.

    :param texts: The exemplars. A text of several labels lies in one half with all of them.
    """
    members: dict[str, list[int]] = {}
    for index, label in enumerate(labels):
        members.setdefault(label, []).append(index)
    half = np.zeros(len(labels), dtype=np.intp)
    half[[index for of_label in members.values() for index in of_label[1::2]]] = 1
    return _together(half, labels, texts) if texts else half
