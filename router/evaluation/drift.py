"""Compare two logs that share no lines: what is asked, how far it moved, and in which words."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from router.arrays import Floats, Indices
from router.encoders.encoder import Encoder
from router.errors import LogError
from router.evaluation.decisions_file import RunFolder
from router.evaluation.sampling import DistinctSample
from router.evaluation.share_change import DRAWS, ShareChange
from router.statistics.figure import Figure

_SAMPLE_TEXTS = 1_000
"""Distinct texts of each log whose vectors are compared."""


_FEWEST_TEXTS = 20


_TYPICAL_TEXTS = 5
"""Queries of each log that are shown as typical of it."""


@dataclass(frozen=True)
class Drift:
    """The comparison of two logs.

    :param n_before: The number of lines of the first log.
    :param n_after: The number of lines of the second log.
    :param actions: The Jensen-Shannon divergence of the actions in bits, in [0, 1]; 0 means that
        the shares are alike.
    :param actions_by_chance: The divergence below which two halves of the same log of these sizes
        stay 19 times in 20.
    :param skills: The Jensen-Shannon divergence of the skills that are named first.
    :param skills_by_chance: The same bound for the skills.
    :param embedding: How well a classifier can tell from which log a query is: an AUROC, where 0.5
        means not at all. None without an encoder, and for too few texts.
    :param shares: The share of each outcome and skill, before and after.
    :param typical_before: The queries of the first log for which the classifier is surest.
    :param typical_after: The queries of the second log for which the classifier is surest.
    """

    n_before: int
    n_after: int
    actions: Figure
    actions_by_chance: float
    skills: Figure
    skills_by_chance: float
    embedding: Figure | None
    shares: tuple[ShareChange, ...]
    typical_before: tuple[str, ...] = ()
    typical_after: tuple[str, ...] = ()


@dataclass
class _LogSummary:
    """What is kept of a log when two logs are compared."""

    n: int = 0
    actions: Counter[str] = field(default_factory=Counter)
    skills: Counter[str] = field(default_factory=Counter)
    sample: DistinctSample[None] = field(default_factory=lambda: DistinctSample(_SAMPLE_TEXTS))

    @classmethod
    def of(cls, run: RunFolder) -> "_LogSummary":
        summary = cls()
        for line in run.decisions():
            summary.n += 1
            summary.actions[line.action] += 1
            summary.skills.update(line.skills[:1])
            summary.sample.add(line.text, None)
        if not summary.n:
            raise LogError(
                f"{run.path}: a run that is compared has at least 1 decision, this one has none"
            )
        return summary


def compare_logs(before: RunFolder, after: RunFolder, encoder: Encoder | None = None) -> Drift:
    """Compare two logs: the shares of outcomes and skills, and with an encoder their vectors."""
    a, b = _LogSummary.of(before), _LogSummary.of(after)
    actions, actions_by_chance = divergence(*_aligned(a.actions, b.actions))
    skills, skills_by_chance = divergence(*_aligned(a.skills, b.skills))
    auroc, typical_before, typical_after = (
        (None, (), ()) if encoder is None else separate(a.sample, b.sample, encoder)
    )
    return Drift(
        n_before=a.n,
        n_after=b.n,
        actions=actions,
        actions_by_chance=actions_by_chance,
        skills=skills,
        skills_by_chance=skills_by_chance,
        embedding=auroc,
        shares=(
            *_share_changes(a.actions, b.actions, a.n, b.n),
            *_share_changes(a.skills, b.skills, a.n, b.n),
        ),
        typical_before=typical_before,
        typical_after=typical_after,
    )


def jensen_shannon(p: Floats, q: Floats) -> Floats:
    """Divergence of shares in bits, in [0, 1]. Shapes: (..., n_kinds), to (...)."""
    from scipy.special import rel_entr

    middle = (p + q) / 2
    nats = (rel_entr(p, middle) + rel_entr(q, middle)).sum(axis=-1) / 2
    return np.asarray(nats / np.log(2))


def divergence(a: NDArray[np.intp], b: NDArray[np.intp], seed: int = 0) -> tuple[Figure, float]:
    """Jensen-Shannon divergence of two counts with its bootstrap interval, and what chance gives.

    :param a: Counts of each kind. Shape: (n_kinds,), both.
    :return: The divergence, and the 95 % quantile of the divergence between two draws from the sum
        of both counts.
    """
    sizes = int(a.sum()), int(b.sum())
    if not all(sizes):
        return Figure(0.0, 0.0, 0.0, sum(sizes)), 0.0
    rng = np.random.default_rng(seed)

    def draw(p: Floats, q: Floats) -> Floats:
        first, second = rng.multinomial(sizes[0], p, DRAWS), rng.multinomial(sizes[1], q, DRAWS)
        return jensen_shannon(first / sizes[0], second / sizes[1])

    p, q, pooled = a / sizes[0], b / sizes[1], (a + b) / sum(sizes)
    figure = Figure.of_draws(float(jensen_shannon(p, q)), draw(p, q), sum(sizes))
    return figure, float(np.quantile(draw(pooled, pooled), 0.95))


def separate(
    a: DistinctSample[None], b: DistinctSample[None], encoder: Encoder, seed: int = 0
) -> tuple[Figure | None, tuple[str, ...], tuple[str, ...]]:
    """Measure how well a classifier tells from which log a query is that it was not trained on.

    A text of both logs is held out of both at once, and a text that came often counts as often.

    :return: The AUROC, and the queries most typical of each log; None and no queries if a log has
        fewer than 20 distinct texts.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

    samples = [list(sample.items()) for sample in (a, b)]
    if min(map(len, samples)) < _FEWEST_TEXTS:
        return None, (), ()
    texts = [text for sample in samples for text, _, _ in sample]
    is_after = np.repeat([0, 1], [len(sample) for sample in samples])
    counts = np.array([count for sample in samples for _, _, count in sample], dtype=float)
    weights = counts / np.bincount(is_after, weights=counts)[is_after]  # both logs weigh 1
    _, groups = np.unique(texts, return_inverse=True)
    scores = cross_val_predict(
        LogisticRegression(C=3.0, max_iter=500),
        encoder.encode(texts),
        is_after,
        groups=groups,
        cv=StratifiedGroupKFold(5, shuffle=True, random_state=seed),
        method="predict_proba",
        params={"sample_weight": weights * len(texts)},
    )[:, 1]
    order = np.argsort(scores, kind="stable")
    return (
        _auroc(is_after, scores, weights, np.random.default_rng(seed)),
        tuple([texts[i] for i in order if not is_after[i]][:_TYPICAL_TEXTS]),
        tuple([texts[i] for i in order[::-1] if is_after[i]][:_TYPICAL_TEXTS]),
    )


def _auroc(truth: Indices, scores: Floats, weights: Floats, rng: np.random.Generator) -> Figure:
    from sklearn.metrics import roc_auc_score

    def auroc_of(before: Indices, after: Indices) -> float:
        rows = np.concatenate([before, after])
        return float(roc_auc_score(truth[rows], scores[rows], sample_weight=weights[rows]))

    sides = [np.flatnonzero(truth == side) for side in (0, 1)]
    drawn = ([rng.choice(side, len(side)) for side in sides] for _ in range(DRAWS // 10))
    draws = [auroc_of(*rows) for rows in drawn]
    return Figure.of_draws(auroc_of(*sides), np.array(draws), len(truth))


def _aligned(a: Counter[str], b: Counter[str]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    names = sorted({*a, *b})
    first, second = (np.array([counts[name] for name in names], dtype=np.intp) for counts in (a, b))
    return first, second


def _share_changes(a: Counter[str], b: Counter[str], n_a: int, n_b: int) -> Iterator[ShareChange]:
    rng = np.random.default_rng(0)
    for name in sorted({*a, *b}, key=lambda name: (-a[name] - b[name], name)):
        p, q = a[name] / n_a, b[name] / n_b
        draws = rng.binomial(n_b, q, DRAWS) / n_b - rng.binomial(n_a, p, DRAWS) / n_a
        yield ShareChange(name, p, q, Figure.of_draws(q - p, draws, n_a + n_b))
