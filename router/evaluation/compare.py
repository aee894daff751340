"""Compares two runs: query by query if they are of the same log, else two logs in distribution."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from router.arrays import Floats, Indices
from router.encoders.encoder import Encoder
from router.errors import LogError
from router.evaluation.decisions_file import RunFolder
from router.evaluation.rows import DecidedLine
from router.evaluation.sampling import DistinctSample
from router.statistics.figure import Figure
from router.statistics.intervals import auroc

_DRAWS = 2_000
"""Bootstrap draws of an interval."""

_SHOWN_CHANGES = 200
_SHOWN_MOVES = 20
_SAMPLE_TEXTS = 1_000
"""Distinct texts of each log whose vectors are compared."""

_FEWEST_TEXTS = 20
_TYPICAL_TEXTS = 5
"""Queries of each log that are shown as typical of it."""

_VERSIONS = {
    "router": "the package",
    "pack_hash": "the pack",
    "model_hash": "what was fitted on the pack",
    "encoder": "the encoder",
    "calibration": "the calibration",
}
"""What makes the decisions, by its name in `run.json`, and how a person is told."""


@dataclass(frozen=True)
class ShareChange:
    """The share of a figure, an outcome or a skill in two runs, and how much it changed.

    :param name: The name of the figure, the outcome or the skill.
    :param before: The share in the first run, in [0, 1].
    :param after: The share in the second run, in [0, 1].
    :param change: The second share less the first one, in [-1, 1].
    """

    name: str
    before: float
    after: float
    change: Figure


@dataclass(frozen=True)
class Change:
    """A query that the two runs decide differently.

    :param before: The line in the first run.
    :param after: The line in the second run.
    """

    before: DecidedLine
    after: DecidedLine

    @property
    def verdict(self) -> str:
        """Whether the label makes the change "better" or "worse", else "other"."""
        if not _have_same_label(self.before, self.after):
            return "other"
        if self.before.accepted == self.after.accepted:
            return "other"
        return "better" if self.after.accepted else "worse"


@dataclass(frozen=True)
class Paired:
    """The comparison of two runs of the same log.

    :param n: The number of lines.
    :param n_changed: The lines that are decided differently.
    :param n_better: The lines that are accepted only after.
    :param n_worse: The lines that are accepted only before.
    :param gain: The share accepted after less the share accepted before; None without labels.
    :param p_value: The p-value of McNemar's exact test that better and worse are equally likely;
        None without labels.
    :param figures: Accepted, silently wrong and asked, before and after.
    :param moves: How often a decision went from one target to another, the most frequent first.
    :param changes: A sample of the changed queries of each kind: worse, better, other.
    :param n_relabelled: The lines whose labels differ. What is accepted there says nothing of the
        routers, so the figures leave them out.
    """

    n: int
    n_changed: int
    n_better: int
    n_worse: int
    gain: Figure | None
    p_value: float | None
    figures: tuple[ShareChange, ...]
    moves: tuple[tuple[str, str, int], ...]
    changes: tuple[Change, ...]
    n_relabelled: int = 0


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


def compare(
    before: RunFolder, after: RunFolder, load_encoder: Callable[[], Encoder] | None = None
) -> Paired | Drift:
    """Compare two runs: query by query if they are of the same log, else in distribution.

    :param before: The first run.
    :param after: The second run.
    :param load_encoder: Loads the encoder by whose vectors two logs are compared too; it is called
        only if the logs differ.
    """
    pairs = zip_longest(before.decisions(), after.decisions())
    if all(_is_same_line(*pair) for pair in pairs):
        return compare_paired(before, after)
    return compare_logs(before, after, None if load_encoder is None else load_encoder())


def differences(before: RunFolder, after: RunFolder) -> tuple[str, ...] | None:
    """Say in what the routers of two runs differ; None if one of the runs does not say.

    What was fitted follows from pack and encoder, so it is named only if nothing else differs.

    :param before: The first run.
    :param after: The second run.
    """
    versions, later_versions = (run.settings.get("versions") for run in (before, after))
    if not isinstance(versions, dict) or not isinstance(later_versions, dict):
        return None
    names = [name for name in _VERSIONS if versions.get(name) != later_versions.get(name)]
    if "model_hash" in names and len(names) > 1:
        names.remove("model_hash")
    return tuple(_VERSIONS[name] for name in names)


_PAIRED_FIGURES: dict[str, Callable[[DecidedLine], bool]] = {
    "accepted": lambda line: line.accepted is True,
    "silently_wrong": lambda line: line.silently_wrong,
    "asked": lambda line: line.asks,
}


@dataclass
class _PairedCounts:
    n: int = 0
    n_relabelled: int = 0
    n_labelled: int = 0
    pairs: Counter[tuple[str, bool, bool]] = field(default_factory=Counter)
    moves: Counter[tuple[str, str]] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    samples: dict[str, DistinctSample[Change]] = field(
        default_factory=lambda: {
            kind: DistinctSample(_SHOWN_CHANGES) for kind in ("worse", "better", "other")
        }
    )

    def add(self, before: DecidedLine, after: DecidedLine) -> None:
        self.n += 1
        self.n_relabelled += before.gold != after.gold
        is_labelled = _have_same_label(before, after)
        self.n_labelled += is_labelled
        for name, holds in _PAIRED_FIGURES.items():
            if is_labelled or name == "asked":
                self.pairs[name, holds(before), holds(after)] += 1
        if before.decision != after.decision:
            change = Change(before, after)
            self.moves[before.given, after.given] += 1
            self.verdicts[change.verdict] += 1
            self.samples[change.verdict].add(after.text, change)

    def figures(self) -> Iterator[ShareChange]:
        """Give each figure in both runs."""
        for name in _PAIRED_FIGURES:
            gained, lost, kept = (
                self.pairs[name, *pair] for pair in ((False, True), (True, False), (True, True))
            )
            n = self.pairs[name, False, False] + gained + lost + kept
            if n:
                change = gain_of(gained, lost, n)
                yield ShareChange(name, (lost + kept) / n, (gained + kept) / n, change)


def compare_paired(before: RunFolder, after: RunFolder) -> Paired:
    """Compare two runs of the same log, line by line.

    :raises LogError: The runs are not of the same log.
    """
    counts = _PairedCounts()
    for first, second in zip_longest(before.decisions(), after.decisions()):
        if not _is_same_line(first, second):
            raise LogError(
                f"{before.path}, {after.path}: runs of the same log hold the same texts in the same"
                f" lines, these differ at line {(first or second).line}; compare them as two logs"
            )
        counts.add(first, second)
    better, worse, n = counts.verdicts["better"], counts.verdicts["worse"], counts.n_labelled
    return Paired(
        n=counts.n,
        n_changed=counts.verdicts.total(),
        n_better=better,
        n_worse=worse,
        gain=gain_of(better, worse, n) if n else None,
        p_value=mcnemar(better, worse) if n else None,
        figures=tuple(counts.figures()),
        moves=tuple((*move, count) for move, count in counts.moves.most_common(_SHOWN_MOVES)),
        changes=tuple(
            change for sample in counts.samples.values() for _, change, _ in sample.items()
        ),
        n_relabelled=counts.n_relabelled,
    )


def _have_same_label(before: DecidedLine, after: DecidedLine) -> bool:
    return before.gold is not None and before.gold == after.gold


def _is_same_line(first: DecidedLine | None, second: DecidedLine | None) -> bool:
    if first is None or second is None:
        return False
    return (first.line, first.text) == (second.line, second.text)


def mcnemar(better: int, worse: int) -> float:
    """Exact two-sided p-value that a change is as likely for the better as for the worse."""
    from scipy.stats import binomtest

    return float(binomtest(better, better + worse).pvalue) if better + worse else 1.0


def gain_of(better: int, worse: int, n: int, seed: int = 0) -> Figure:
    """Share gained of n pairs, with a paired bootstrap interval.

    Drawing pairs with replacement is drawing how many of them are better, worse and neither.
    """
    shares = np.array([better, worse, n - better - worse]) / n
    draws = np.random.default_rng(seed).multinomial(n, shares, size=_DRAWS)
    return Figure.of_draws((better - worse) / n, (draws[:, 0] - draws[:, 1]) / n, n)


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
        first, second = rng.multinomial(sizes[0], p, _DRAWS), rng.multinomial(sizes[1], q, _DRAWS)
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
    def auroc_of(before: Indices, after: Indices) -> float:
        return auroc(scores[after], scores[before], weights[after], weights[before])

    sides = [np.flatnonzero(truth == side) for side in (0, 1)]
    drawn = ([rng.choice(side, len(side)) for side in sides] for _ in range(_DRAWS // 10))
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
        draws = rng.binomial(n_b, q, _DRAWS) / n_b - rng.binomial(n_a, p, _DRAWS) / n_a
        yield ShareChange(name, p, q, Figure.of_draws(q - p, draws, n_a + n_b))
