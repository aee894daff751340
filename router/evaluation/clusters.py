"""Texts that belong together, by their vectors: a tree of mean distances, cut branch by branch."""

from collections.abc import Iterator
from math import log10

import numpy as np

from router.arrays import Floats, Indices, Vectors
from router.heads.similarity import unit_rows

SMALLEST = 4
"""Fewest distinct texts of a cluster."""

SPREAD = 0.25
"""How much more distant the parts of a cluster may be than its densest part, as a cosine."""

EVIDENCE = 0.4
"""Least mean cosine of a cluster's texts times the root of their number: few must be more alike."""

NEAR = 0.5
"""A text joins in the end if it is this share as close as the members are to one another."""


def clusters_of(
    vectors: Vectors, common: Vectors | None = None, kinds: Indices | None = None
) -> Indices:
    """Cluster unit vectors by average linkage of their cosines, without what all have in common.

    :param common: The mean of the texts that they are held against. Shape: (width,).
    :param kinds: Texts of different kinds are not put together. Shape: (n,).
    :return: The cluster of each text; -1 for one that lies in none. Shape: (n,).
    """
    codes = np.full(len(vectors), -1, dtype=np.intp)
    cosines = _cosines(vectors, common)
    kinds = np.zeros(len(vectors), dtype=np.intp) if kinds is None else kinds
    for kind in np.unique(kinds):
        members = np.flatnonzero(kinds == kind)
        found = _of_kind(cosines[np.ix_(members, members)])
        codes[members] = np.where(found < 0, -1, found + codes.max() + 1)
    return codes


def _of_kind(cosines: Floats) -> Indices:
    """Cluster texts that may all be together. Shape: (n,), -1 for none."""
    codes = np.full(len(cosines), -1, dtype=np.intp)
    if len(cosines) < SMALLEST:
        return codes
    for members in _branches(1.0 - cosines):
        if _coherence(cosines, members) * (len(members) - 1) ** 0.5 >= EVIDENCE:
            codes[members] = codes.max() + 1
    return _joined(codes, cosines)


def _cosines(vectors: Vectors, common: Vectors | None) -> Floats:
    """Cosines without half of the mean and half of `common`.

    Half of the mean, since texts of one topic alone have that topic as their mean.
    """
    wide = vectors.astype(np.float64)
    middle = wide.mean(axis=0)
    shared = (middle + (middle if common is None else common)) / 2
    apart = unit_rows(wide - shared).astype(np.float64)
    return np.asarray(np.clip(apart @ apart.T, -1.0, 1.0))


def _branches(distances: Floats) -> Iterator[Indices]:
    """Give the members of each branch of the tree that is a cluster, from the root down.

    A branch is one if its parts are near enough for so many texts (of more, more are near by
    chance), and not much more distant than its densest part: else it is several, or frayed.
    """
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    count = len(distances)
    np.fill_diagonal(distances, 0.0)
    merges = linkage(squareform(distances, checks=False), "average")
    most = 0.92 - 0.05 * log10(count)
    fewest = max(SMALLEST, round(count**0.5 / 2))
    densest = np.full(2 * count - 1, -np.inf)  # -inf: too few texts
    for number, (left, right, distance, size) in enumerate(merges, start=count):
        parts = max(densest[int(left)], densest[int(right)])
        densest[number] = distance if np.isneginf(parts) and size >= fewest else parts
    waiting = [2 * count - 2]
    while waiting:
        branch = waiting.pop()
        if np.isneginf(densest[branch]):
            continue
        left, right, distance, _ = merges[branch - count]
        if distance <= min(most, densest[branch] + SPREAD):
            yield _leaves(merges, branch)
        else:
            waiting += [int(right), int(left)]


def _leaves(merges: Floats, branch: int) -> Indices:
    count, waiting, found = len(merges) + 1, [branch], []
    while waiting:
        one = waiting.pop()
        if one < count:
            found.append(one)
        else:
            waiting += [int(merges[one - count, 0]), int(merges[one - count, 1])]
    return np.array(sorted(found), dtype=np.intp)


def _coherence(cosines: Floats, members: Indices) -> float:
    """Mean cosine of two different members."""
    n = len(members)
    return float((cosines[np.ix_(members, members)].sum() - n) / (n * (n - 1)))


def _joined(codes: Indices, cosines: Floats) -> Indices:
    """Let texts that lie in no cluster join the one that they are near to."""
    near = np.zeros((codes.max() + 2, len(codes)))  # of the last row nothing is near
    for code in range(codes.max() + 1):
        members = np.flatnonzero(codes == code)
        near[code] = cosines[:, members].mean(axis=1) / _coherence(cosines, members)
    joins = (codes < 0) & (near.max(axis=0) >= NEAR)
    return np.where(joins, near.argmax(axis=0), codes)
