"""How two logs differ: in what was decided, and in what was asked."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from router.arrays import Floats, Vectors
from router.errors import LogError
from router.evaluation.interval import DRAWS, Interval, interval_of
from router.evaluation.run_folder import RunFolder
from router.evaluation.sampling import DistinctSample

if TYPE_CHECKING:
    from router.encoders.encoder import Encoder

SAMPLE = 1_000
"""Distinct texts of each log whose vectors are compared."""

TYPICAL = 5
"""Queries of each log that are shown as typical of it."""


@dataclass(frozen=True)
class Share:
    """How often an outcome or a skill was decided, of all lines, in each log."""

    name: str
    before: float
    after: float
    change: Interval


@dataclass(frozen=True)
class Drift:
    """Two logs. Divergences are Jensen-Shannon's, in bits, in [0, 1]; 0: the shares are alike.

    `by_chance`: divergence that two halves of one log of these sizes stay below 19 times in 20.
    `embedding`: how well a classifier tells the logs' queries apart (AUROC; 0.5: not at all).
    `typical_before`, `typical_after`: the queries that it is surest of, of each log.
    """

    n_before: int
    n_after: int
    actions: Interval
    actions_by_chance: float
    skills: Interval
    skills_by_chance: float
    embedding: Interval | None
    shares: tuple[Share, ...]
    typical_before: tuple[str, ...] = ()
    typical_after: tuple[str, ...] = ()


@dataclass(frozen=True)
class Apart:
    """How two samples of queries differ: AUROC, and the queries most typical of each."""

    auroc: Interval
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass
class _Log:
    """What is kept of one log when two are compared."""

    n: int = 0
    actions: Counter[str] = field(default_factory=Counter)
    skills: Counter[str] = field(default_factory=Counter)
    sample: DistinctSample[None] = field(default_factory=lambda: DistinctSample(SAMPLE))

    @classmethod
    def of(cls, run: RunFolder) -> "_Log":
        log = cls()
        for row in run.rows():
            log.n += 1
            log.actions[row.action] += 1
            log.skills.update(row.skills[:1])
            log.sample.add(row.text, None)
        return log


def compare_logs(before: RunFolder, after: RunFolder, encoder: "Encoder | None" = None) -> Drift:
    """Compare two logs: shares of outcomes and skills, and with an encoder their vectors."""
    a, b = _Log.of(before), _Log.of(after)
    if not a.n or not b.n:
        empty = before.path if not a.n else after.path
        raise LogError(
            f"{empty}: a run that is compared has at least 1 decision, this one has none"
        )
    actions, actions_chance = divergence(*_counts(a.actions, b.actions))
    skills, skills_chance = divergence(*_counts(a.skills, b.skills))
    apart = None if encoder is None else told_apart(a.sample, b.sample, encoder)
    return Drift(
        n_before=a.n,
        n_after=b.n,
        actions=actions,
        actions_by_chance=actions_chance,
        skills=skills,
        skills_by_chance=skills_chance,
        embedding=None if apart is None else apart.auroc,
        shares=(*_shares(a.actions, b.actions, a.n, b.n), *_shares(a.skills, b.skills, a.n, b.n)),
        typical_before=() if apart is None else apart.before,
        typical_after=() if apart is None else apart.after,
    )


def jensen_shannon(p: Floats, q: Floats) -> Floats:
    """Divergence of shares in bits, in [0, 1]. Shapes: (..., n_kinds), to (...)."""
    middle = (p + q) / 2

    def relative(one: Floats) -> Floats:
        logs = np.log2(np.divide(one, middle, out=np.ones_like(one), where=one > 0))
        return np.asarray((one * logs).sum(axis=-1))

    return np.asarray((relative(p) + relative(q)) / 2)


def divergence(a: NDArray[np.intp], b: NDArray[np.intp], seed: int = 0) -> tuple[Interval, float]:
    """Jensen-Shannon divergence of two counts, its bootstrap interval, and what chance gives.

    :param a: Counts of each kind. Shape: (n_kinds,), both.
    :return: The divergence, and the 95% quantile of it between two draws from the sum of both.
    """
    sizes = int(a.sum()), int(b.sum())
    if not all(sizes):
        return Interval(0.0, 0.0, 0.0, sum(sizes)), 0.0
    rng = np.random.default_rng(seed)

    def drawn(p: Floats, q: Floats) -> Floats:
        first, second = rng.multinomial(sizes[0], p, DRAWS), rng.multinomial(sizes[1], q, DRAWS)
        return jensen_shannon(first / sizes[0], second / sizes[1])

    p, q, pooled = a / sizes[0], b / sizes[1], (a + b) / sum(sizes)
    found = interval_of(float(jensen_shannon(p, q)), drawn(p, q), sum(sizes))
    return found, float(np.quantile(drawn(pooled, pooled), 0.95))


def told_apart(
    a: DistinctSample[None], b: DistinctSample[None], encoder: "Encoder", seed: int = 0
) -> Apart | None:
    """How well a classifier that has not seen a query tells which log it is from (AUROC).

    None if either log has fewer than 20 distinct texts. A text of both logs is held out of both
    at once, and one that came often counts as often.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

    texts = [text for sample in (a, b) for text, _, _ in sample.items()]
    weights = np.array([count for sample in (a, b) for _, _, count in sample.items()], dtype=float)
    of_b = np.repeat([0, 1], [len(texts) - (n := sum(1 for _ in b.items())), n])
    if min(np.bincount(of_b, minlength=2)) < 20:
        return None
    vectors: Vectors = encoder.encode(texts)
    weights /= np.where(of_b == 1, weights[of_b == 1].sum(), weights[of_b == 0].sum())
    _, groups = np.unique(texts, return_inverse=True)
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
    scores = cross_val_predict(
        LogisticRegression(C=3.0, max_iter=500),
        vectors,
        of_b,
        groups=groups,
        cv=folds,
        method="predict_proba",
        params={"sample_weight": weights * len(texts)},
    )[:, 1]
    auroc = _auroc(of_b, scores, weights, np.random.default_rng(seed))
    order = np.argsort(scores, kind="stable")
    before = [texts[i] for i in order if of_b[i] == 0][:TYPICAL]
    after = [texts[i] for i in order[::-1] if of_b[i] == 1][:TYPICAL]
    return Apart(auroc, tuple(before), tuple(after))


def _auroc(
    truth: NDArray[np.intp], scores: Floats, weights: Floats, rng: np.random.Generator
) -> Interval:
    from sklearn.metrics import roc_auc_score

    def one(rows: NDArray[np.intp]) -> float:
        return float(roc_auc_score(truth[rows], scores[rows], sample_weight=weights[rows]))

    sides = [np.flatnonzero(truth == side) for side in (0, 1)]
    draws = [
        one(np.concatenate([rng.choice(side, len(side)) for side in sides]))
        for _ in range(DRAWS // 10)
    ]
    return interval_of(one(np.arange(len(truth))), np.array(draws), len(truth))


def _counts(a: Counter[str], b: Counter[str]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    names = sorted({*a, *b})
    first, second = (np.array([one[name] for name in names], dtype=np.intp) for one in (a, b))
    return first, second


def _shares(a: Counter[str], b: Counter[str], n_a: int, n_b: int) -> Iterator[Share]:
    rng = np.random.default_rng(0)
    for name in sorted({*a, *b}, key=lambda one: (-a[one] - b[one], one)):
        p, q = a[name] / n_a, b[name] / n_b
        draws = rng.binomial(n_b, q, DRAWS) / n_b - rng.binomial(n_a, p, DRAWS) / n_a
        yield Share(name, p, q, interval_of(q - p, draws, n_a + n_b))
