"""Two runs beside each other: the same log decided twice, or two logs decided alike."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from router.arrays import Floats, Vectors
from router.errors import LogError
from router.run_folder import Row, RunFolder
from router.sampling import DistinctSample

if TYPE_CHECKING:
    from router.encoder import Encoder

DRAWS = 2_000
SHOWN = 200
SAMPLE = 1_000
"""Distinct texts of each log whose vectors are compared."""


@dataclass(frozen=True)
class Interval:
    """A figure, its 95% interval, and how many it rests on."""

    value: float
    low: float
    high: float
    n: int

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies on one side of 0."""
        return self.low > 0.0 or self.high < 0.0


@dataclass(frozen=True)
class Change:
    """A query that the two runs decide differently."""

    before: Row
    after: Row

    @property
    def verdict(self) -> str:
        """Better or worse where there is a label and it matters, else "other"."""
        if self.before.accepted == self.after.accepted or self.after.accepted is None:
            return "other"
        return "better" if self.after.accepted else "worse"


@dataclass(frozen=True)
class Paired:
    """One log decided twice. `gain`: accepted after less accepted before, as a share; None: no labels.

    `p_value`: McNemar's exact test that better and worse are equally likely; None without labels.
    `moves`: how often a decision went from one target to another, the most frequent first.
    `changes`: a sample of the changed queries, each of these kinds: worse, better, other.
    """

    n: int
    n_changed: int
    n_better: int
    n_worse: int
    gain: Interval | None
    p_value: float | None
    moves: tuple[tuple[str, str, int], ...]
    changes: tuple[Change, ...]


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
    """

    n_before: int
    n_after: int
    actions: Interval
    actions_by_chance: float
    skills: Interval
    skills_by_chance: float
    embedding: Interval | None
    shares: tuple[Share, ...]


@dataclass
class _Tally:
    n: int = 0
    changed: int = 0
    labelled: int = 0
    moves: Counter[tuple[str, str]] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    samples: dict[str, DistinctSample[Change]] = field(
        default_factory=lambda: {
            kind: DistinctSample(SHOWN) for kind in ("worse", "better", "other")
        }
    )

    def add(self, before: Row, after: Row) -> None:
        self.n += 1
        self.labelled += after.accepted is not None and before.accepted is not None
        if before.decided == after.decided:
            return
        change = Change(before, after)
        self.changed += 1
        self.moves[before.given, after.given] += 1
        self.verdicts[change.verdict] += 1
        self.samples[change.verdict].add(after.text, change)


def compare(
    before: RunFolder, after: RunFolder, load_encoder: "Callable[[], Encoder] | None" = None
) -> Paired | Drift:
    """Compare two runs: query by query if they are of one log, else in distribution.

    :param load_encoder: Gives the encoder by whose vectors two logs are compared too; only called
        if the logs differ.
    """
    if same_log(before, after):
        return compare_paired(before, after)
    return compare_logs(before, after, None if load_encoder is None else load_encoder())


def same_log(before: RunFolder, after: RunFolder) -> bool:
    """Tell whether both runs decided the same texts in the same lines."""
    pairs = zip_longest(before.rows(), after.rows())
    return all(a and b and (a.line, a.text) == (b.line, b.text) for a, b in pairs)


def compare_paired(before: RunFolder, after: RunFolder) -> Paired:
    """Compare two runs of one log, line by line.

    :raises LogError: They are not of one log.
    """
    tally = _Tally()
    for a, b in _same_lines(before, after):
        tally.add(a, b)
    better, worse = tally.verdicts["better"], tally.verdicts["worse"]
    return Paired(
        n=tally.n,
        n_changed=tally.changed,
        n_better=better,
        n_worse=worse,
        gain=gain_of(better, worse, tally.labelled) if tally.labelled else None,
        p_value=mcnemar(better, worse) if tally.labelled else None,
        moves=tuple((a, b, count) for (a, b), count in tally.moves.most_common(20)),
        changes=tuple(
            change for sample in tally.samples.values() for _, change, _ in sample.items()
        ),
    )


def _same_lines(before: RunFolder, after: RunFolder) -> Iterator[tuple[Row, Row]]:
    for a, b in zip_longest(before.rows(), after.rows()):
        if a is None or b is None or (a.line, a.text) != (b.line, b.text):
            line = (a or b).line
            raise LogError(
                f"{before.path}, {after.path}: runs of one log hold the same texts in the same"
                f" lines, they part at line {line}; compare them as two logs"
            )
        yield a, b


def mcnemar(better: int, worse: int) -> float:
    """Exact two-sided p-value that a change is as likely for the better as for the worse."""
    from scipy.stats import binomtest

    return float(binomtest(better, better + worse).pvalue) if better + worse else 1.0


def gain_of(better: int, worse: int, n: int, seed: int = 0) -> Interval:
    """Share gained of n pairs, with a paired bootstrap interval.

    Drawing pairs with replacement is drawing how many of them are better, worse and neither.
    """
    shares = np.array([better, worse, n - better - worse]) / n
    drawn = np.random.default_rng(seed).multinomial(n, shares, size=DRAWS)
    return _interval((better - worse) / n, (drawn[:, 0] - drawn[:, 1]) / n, n)


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
    return Drift(
        n_before=a.n,
        n_after=b.n,
        actions=actions,
        actions_by_chance=actions_chance,
        skills=skills,
        skills_by_chance=skills_chance,
        embedding=None if encoder is None else told_apart(a.sample, b.sample, encoder),
        shares=(*_shares(a.actions, b.actions, a.n, b.n), *_shares(a.skills, b.skills, a.n, b.n)),
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
    found = _interval(float(jensen_shannon(p, q)), drawn(p, q), sum(sizes))
    return found, float(np.quantile(drawn(pooled, pooled), 0.95))


def told_apart(
    a: DistinctSample[None], b: DistinctSample[None], encoder: "Encoder", seed: int = 0
) -> Interval | None:
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
    return _auroc(of_b, scores, weights, np.random.default_rng(seed))


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
    return _interval(one(np.arange(len(truth))), np.array(draws), len(truth))


def _counts(a: Counter[str], b: Counter[str]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    names = sorted({*a, *b})
    first, second = (np.array([one[name] for name in names], dtype=np.intp) for one in (a, b))
    return first, second


def _shares(a: Counter[str], b: Counter[str], n_a: int, n_b: int) -> Iterator[Share]:
    rng = np.random.default_rng(0)
    for name in sorted({*a, *b}, key=lambda one: (-a[one] - b[one], one)):
        p, q = a[name] / n_a, b[name] / n_b
        draws = rng.binomial(n_b, q, DRAWS) / n_b - rng.binomial(n_a, p, DRAWS) / n_a
        yield Share(name, p, q, _interval(q - p, draws, n_a + n_b))


def _interval(value: float, draws: Floats | Sequence[float], n: int) -> Interval:
    low, high = np.quantile(draws, [0.025, 0.975])
    return Interval(float(value), float(low), float(high), n)
