"""Measure how the exemplars of a pack relate to each other, each judged without itself."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from router.arrays import Floats, Indices, Probabilities, Similarities
from router.fitting.parts_of_exemplars import first_rows
from router.heads.scores import Head
from router.heads.similarity import nearest_by_target, sums_by_code, unit_rows
from router.model.doubt import MAX_OPTIONS, MIN_OPTIONS, Doubt, Nearness, scale_of
from router.model.exemplar_statistics import ExemplarStatistics
from router.model.layout import Layout
from router.statistics.probability import Logistic, logit
from router.text import words_in


def statistics_of(
    head: Head,
    layout: Layout,
    texts: Sequence[str],
    labels: Sequence[str],
    judged: Indices,
    held_out: Probabilities,
    *,
    joined: bool,
) -> ExemplarStatistics:
    """Measure how exemplars relate to the others.

    :param judged: The rows of the exemplars that were judged without themselves. Shape:
        (n_judged,).
    :param held_out: What was judged. Shape: (n_judged, n_targets).
    :param joined: Whether two encoders judged.
    """
    _, every = np.unique(np.asarray(labels), return_inverse=True)
    truth = every[judged]
    others = _nearest_others(head, judged)
    nearest = np.delete(others, layout.none, axis=1).max(axis=1, initial=-1.0).astype(np.float64)
    in_scope = ~np.isin(truth, layout.none)
    unasked = np.flatnonzero(~np.isin(truth, layout.questions))
    not_asked = 1.0 - held_out[:, layout.questions].sum(axis=1)
    true_probability = held_out[unasked, truth[unasked]] / np.maximum(not_asked[unasked], 1e-12)
    none = held_out[:, layout.none].sum(axis=1)
    out_of_scope = None
    if not in_scope.all():
        out_of_scope = Logistic.fit(np.column_stack([logit(none), nearest]), ~in_scope)
    first = first_rows(texts)
    once = (first == np.arange(len(texts)))[judged]
    shared = (np.bincount(first) > 1)[first]
    rows = np.flatnonzero(np.isin(truth, layout.targets) & once)
    centroid = _closest_centroid(head, layout, every, judged[rows])
    nearness = Nearness.of(others[rows], centroid, held_out[rows], layout)
    doubt = Doubt(
        scale=scale_of(np.stack([nearness.nearest, centroid], axis=1)),
        n_exemplars=int(np.isin(every, layout.targets).sum()),
        has_none=len(layout.none) > 0,
        has_shared=bool(shared.any()),
    )
    in_targets = held_out[rows][:, layout.targets]
    words = words_in(texts[row] for row in judged[rows].tolist())
    if joined and len(rows):
        doubt = doubt.with_joined_margin(nearness, in_targets, words)
    ambiguity = doubt.ambiguity_of(nearness, in_targets, words)
    ambiguity[shared[judged[rows]]] = -np.inf  # what has several skills is not asked about
    return ExemplarStatistics(
        np.sort(nearest[in_scope]),
        np.sort(true_probability),
        out_of_scope,
        replace(
            doubt,
            ambiguity=ambiguity,
            strangeness=doubt.strangeness_of(nearness),
            true_share=_offered_share(in_targets, held_out[rows, truth[rows]]),
        ),
    )


def _offered_share(in_targets: Probabilities, of_truth: Floats) -> Floats:
    """Compute from which threshold on a question no longer offers the true target, see `Doubt`.

    :param in_targets: Of skills and neighbours. Shape: (n, n_targets).
    :param of_truth: Of the true target. Shape: (n,).
    """
    rank = np.count_nonzero(in_targets > of_truth[:, None], axis=1)
    share = of_truth / np.maximum(in_targets.sum(axis=1), 1e-12)
    return np.where(rank < MIN_OPTIONS, 1.0, np.where(rank < MAX_OPTIONS, share, 0.0))


def _closest_centroid(head: Head, layout: Layout, truth: Indices, judged: Indices) -> Floats:
    """Compute the cosine with the closest centroid; an exemplar is no part of its own centroid.

    :param truth: The column of every exemplar. Shape: (n,).
    :param judged: The rows of skills and neighbours that are judged. Shape: (n_judged,).
    :return: Shape: (n_judged,).
    """
    sums = sums_by_code(head.exemplars, truth, np.bincount(truth, minlength=len(head.names)))
    own, of_judged = truth[judged], head.exemplars[judged]
    similarities = (of_judged @ unit_rows(sums).T)[:, layout.targets]
    without_itself = unit_rows(sums[own] - of_judged)
    column = np.full(len(head.names), -1)
    column[layout.targets] = np.arange(len(layout.targets))
    similarities[np.arange(len(own)), column[own]] = (without_itself * of_judged).sum(axis=1)
    return np.asarray(similarities.max(axis=1, initial=-1.0), dtype=np.float64)


def _nearest_others(head: Head, judged: Indices) -> Similarities:
    """Compute the cosine of exemplars with the closest other one of each target.

    :return: Shape: (n_judged, n_targets).
    """
    nearest = np.empty((len(judged), len(head.names)), dtype=np.float32)
    for start in range(0, len(judged), 500):
        rows = judged[start : start + 500]
        similarities = head.exemplars[rows] @ head.exemplars.T
        similarities[np.arange(len(rows)), rows] = -1.0
        nearest[start : start + 500] = nearest_by_target(similarities, head.starts)
    return nearest
