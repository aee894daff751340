"""Compares two runs: query by query if they are of the same log, else two logs in distribution."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import zip_longest

from router.encoders.encoder import Encoder
from router.errors import LogError
from router.evaluation.decisions_file import RunFolder
from router.evaluation.drift import Drift, compare_logs
from router.evaluation.rows import DecidedLine
from router.evaluation.sampling import DistinctSample
from router.evaluation.share_change import ShareChange, gain_of, mcnemar
from router.statistics.figure import Figure

_SHOWN_CHANGES = 200
_SHOWN_MOVES = 20


_VERSIONS = {
    "router": "the package",
    "pack_hash": "the pack",
    "model_hash": "what was fitted on the pack",
    "encoder": "the encoder",
    "calibration": "the calibration",
}
"""What makes the decisions, by its name in `run.json`, and how a person is told."""


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
