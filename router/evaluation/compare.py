"""Two runs beside each other: the same log decided twice, or two logs decided alike."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np

from router.errors import LogError
from router.evaluation.drift import Drift, Share, compare_logs
from router.evaluation.interval import DRAWS, Interval, interval_of
from router.evaluation.run_folder import Row, RunFolder
from router.evaluation.sampling import DistinctSample

if TYPE_CHECKING:
    from router.encoders.encoder import Encoder

SHOWN = 200
VERSIONS = {
    "router": "the package",
    "pack_hash": "the pack",
    "model_hash": "what was fitted on the pack",
    "encoder": "the encoder",
    "calibration": "the calibration",
}
"""What decides, as `run.json` names it, and how a person is told."""


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
    """One log decided twice. `gain`: share accepted after less share before; None: no labels.

    `p_value`: McNemar's exact test that better and worse are equally likely; None without labels.
    `figures`: accepted, silently wrong and asked, before and after, with paired intervals.
    `moves`: how often a decision went from one target to another, the most frequent first.
    `n_relabelled`: lines whose labels differ between the runs, each judged by its own.
    `changes`: a sample of the changed queries, each of these kinds: worse, better, other.
    """

    n: int
    n_changed: int
    n_better: int
    n_worse: int
    gain: Interval | None
    p_value: float | None
    figures: tuple[Share, ...]
    moves: tuple[tuple[str, str, int], ...]
    changes: tuple[Change, ...]
    n_relabelled: int = 0


@dataclass
class _Tally:
    n: int = 0
    relabelled: int = 0
    changed: int = 0
    labelled: int = 0
    pairs: Counter[tuple[str, bool, bool]] = field(default_factory=Counter)
    moves: Counter[tuple[str, str]] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    samples: dict[str, DistinctSample[Change]] = field(
        default_factory=lambda: {
            kind: DistinctSample(SHOWN) for kind in ("worse", "better", "other")
        }
    )

    def add(self, before: Row, after: Row) -> None:
        self.n += 1
        self.relabelled += before.gold != after.gold
        both = after.accepted is not None and before.accepted is not None
        self.labelled += both
        for name, told in _FIGURES.items():
            if both or name == "asked":
                self.pairs[name, told(before), told(after)] += 1
        if before.decided == after.decided:
            return
        change = Change(before, after)
        self.changed += 1
        self.moves[before.given, after.given] += 1
        self.verdicts[change.verdict] += 1
        self.samples[change.verdict].add(after.text, change)

    def figures(self) -> Iterator[Share]:
        """Give each figure in both runs."""
        for name in _FIGURES:
            neither, gained, lost, kept = (
                self.pairs[name, first, second]
                for first, second in ((False, False), (False, True), (True, False), (True, True))
            )
            n = neither + gained + lost + kept
            if n:
                change = gain_of(gained, lost, n)
                yield Share(name, (lost + kept) / n, (gained + kept) / n, change)


_FIGURES: dict[str, Callable[[Row], bool]] = {
    "accepted": lambda row: row.accepted is True,
    "silently_wrong": lambda row: row.silently_wrong,
    "asked": lambda row: row.action == "clarify",
}


def differences(before: RunFolder, after: RunFolder) -> tuple[str, ...] | None:
    """Tell in what the routers of two runs differ; None if a run does not say.

    What is fitted follows from pack and encoder, and is named only where it differs alone.
    """
    first, second = (run.settings.get("versions") for run in (before, after))
    if not isinstance(first, dict) or not isinstance(second, dict):
        return None
    found = [name for name in VERSIONS if first.get(name) != second.get(name)]
    if "model_hash" in found and len(found) > 1:
        found.remove("model_hash")
    return tuple(VERSIONS[name] for name in found)


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
        figures=tuple(tally.figures()),
        moves=tuple((a, b, count) for (a, b), count in tally.moves.most_common(20)),
        changes=tuple(
            change for sample in tally.samples.values() for _, change, _ in sample.items()
        ),
        n_relabelled=tally.relabelled,
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
    return interval_of((better - worse) / n, (drawn[:, 0] - drawn[:, 1]) / n, n)
