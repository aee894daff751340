"""Clusters of texts by their vectors: a tree of average linkage, cut branch by branch.

Average linkage finds more of the topics than density does: by the protocol of `benchmarks/gaps.py`
the adjusted Rand index is 0.88 on CLINC150 and 0.85 on BANKING77, against 0.77 and 0.74 for
scikit-learn's HDBSCAN on the same centred vectors. Of the unrelated texts 0.05 and 0.04 end in a
cluster, against 0.23 and 0.16.
"""

from collections.abc import Iterator
from math import log10

import numpy as np

from router.arrays import Floats, Indices, Vectors
from router.heads.similarity import unit_rows

MIN_CLUSTER_TEXTS = 4
"""The fewest distinct texts of a cluster."""

_MAX_SPREAD = 0.25
"""How much more distant the parts of a cluster may be than its densest part, as a cosine."""

_MIN_EVIDENCE = 0.4
"""Minimum of the mean cosine times sqrt(n - 1): small clusters must be tighter."""

_JOIN_SHARE = 0.5
"""A text left over joins a cluster if it is at least this share as close to its members as they are
to one another."""


def clusters_of(
    vectors: Vectors, common: Vectors | None = None, kinds: Indices | None = None
) -> Indices:
    """Cluster unit vectors by average linkage of their cosines, after centring them.

    :param common: The mean vector of the texts with which these are contrasted. Shape: (width,).
    :param kinds: Texts of different kinds never share a cluster. Shape: (n,).
    :return: The cluster of each text; -1 for a text in none. Shape: (n,).
    """
    codes = np.full(len(vectors), -1, dtype=np.intp)
    cosines = _centred_cosines(vectors, common)
    kinds = np.zeros(len(vectors), dtype=np.intp) if kinds is None else kinds
    for kind in np.unique(kinds):
        members = np.flatnonzero(kinds == kind)
        clusters = _clusters_of_kind(cosines[np.ix_(members, members)])
        codes[members] = np.where(clusters < 0, -1, clusters + codes.max() + 1)
    return codes


def _clusters_of_kind(cosines: Floats) -> Indices:
    """Cluster texts of the same kind. Shape: (n,), -1 for none."""
    codes = np.full(len(cosines), -1, dtype=np.intp)
    if len(cosines) < MIN_CLUSTER_TEXTS:
        return codes
    for members in _branches(1.0 - cosines):
        if _coherence(cosines, members) * (len(members) - 1) ** 0.5 >= _MIN_EVIDENCE:
            codes[members] = codes.max() + 1
    return _join_leftovers(codes, cosines)


def _centred_cosines(vectors: Vectors, common: Vectors | None) -> Floats:
    """Cosines after half of the mean and half of `common` are subtracted.

    Only half of the mean is subtracted, since the mean of texts that all have the same topic is
    that topic.
    """
    wide = vectors.astype(np.float64)
    middle = wide.mean(axis=0)
    shared = (middle + (middle if common is None else common)) / 2
    centred = unit_rows(wide - shared).astype(np.float64)
    return np.asarray(np.clip(centred @ centred.T, -1.0, 1.0))


def _branches(distances: Floats) -> Iterator[Indices]:
    """Give the members of each branch of the tree that is a cluster, from the root down.

    The two parts of a branch must be close enough for its number of texts (among more texts, more
    are close by chance), and not much more distant than its densest part: otherwise the branch
    holds several clusters, or none.
    """
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    count = len(distances)
    np.fill_diagonal(distances, 0.0)
    merges = linkage(squareform(distances, checks=False), "average")
    most = 0.92 - 0.05 * log10(count)
    fewest = max(MIN_CLUSTER_TEXTS, round(count**0.5 / 2))
    densest = np.full(2 * count - 1, -np.inf)  # -inf: too few texts
    for number, (left, right, distance, size) in enumerate(merges, start=count):
        of_parts = max(densest[int(left)], densest[int(right)])
        densest[number] = distance if np.isneginf(of_parts) and size >= fewest else of_parts
    waiting = [2 * count - 2]
    while waiting:
        branch = waiting.pop()
        if np.isneginf(densest[branch]):
            continue
        left, right, distance, _ = merges[branch - count]
        if distance <= min(most, densest[branch] + _MAX_SPREAD):
            yield _leaves(merges, branch)
        else:
            waiting += [int(right), int(left)]


def _leaves(merges: Floats, branch: int) -> Indices:
    count, waiting, leaves = len(merges) + 1, [branch], []
    while waiting:
        node = waiting.pop()
        if node < count:
            leaves.append(node)
        else:
            waiting += [int(merges[node - count, 0]), int(merges[node - count, 1])]
    return np.array(sorted(leaves), dtype=np.intp)


def _coherence(cosines: Floats, members: Indices) -> float:
    """Mean cosine of two different members."""
    n = len(members)
    return float((cosines[np.ix_(members, members)].sum() - n) / (n * (n - 1)))


def _join_leftovers(codes: Indices, cosines: Floats) -> Indices:
    """Let texts that lie in no cluster join the cluster that they are close to."""
    closeness = np.zeros((codes.max() + 2, len(codes)))  # the last row is for no cluster at all
    for code in range(codes.max() + 1):
        members = np.flatnonzero(codes == code)
        closeness[code] = cosines[:, members].mean(axis=1) / _coherence(cosines, members)
    joins = (codes < 0) & (closeness.max(axis=0) >= _JOIN_SHARE)
    return np.where(joins, closeness.argmax(axis=0), codes)
