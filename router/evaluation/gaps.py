"""Gaps of a pack: clusters of queries that nothing fits, and what to do about each."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from router.arrays import Floats, Vectors
from router.evaluation.clusters import MIN_CLUSTER_TEXTS, clusters_of
from router.evaluation.keywords import keywords_of
from router.evaluation.pack_health import held_out_cosines
from router.evaluation.rows import DecidedLine
from router.evaluation.sampling import DistinctSample
from router.heads.similarity import unit_rows
from router.packs.exemplar_file import MAX_EXEMPLAR_LENGTH, write_exemplars
from router.paths import DATA
from router.router import Router
from router.text import words_of

MAX_CLUSTERED_TEXTS = 2_000
"""The most distinct texts that are clustered; if there are more, a random sample of them is."""

UNSURE_BELOW = 0.7
"""A decision below this confidence that is not a question counts as one that fits badly."""

_MIN_REPEATS = 2 * MIN_CLUSTER_TEXTS
"""The fewest lines with which a text that is in no cluster is a gap by itself."""

_GREETINGS = frozenset((DATA / "greetings.txt").read_text(encoding="utf-8").split())
"""The words of texts that only greet or thank."""

_MEMBER_QUANTILE = 0.25
"""A cluster belongs to a target if it is closer to its centroid than this quantile of the target's
own exemplars."""


@dataclass(frozen=True)
class Gap:
    """A cluster of queries that nothing fits.

    :param words: Its keywords.
    :param queries: Its distinct texts with how often each came, the most typical first.
    :param n_lines: Its number of lines, estimated if the log was sampled.
    :param nearest: The nearest target, "skill:ID" or "neighbour:ID".
    :param similarity: The mean cosine of its texts with the centroid of that target, in [-1, 1].
    :param belongs: Whether the cluster is as close to that target as the target's own exemplars.
    :param wanted: The target ("skill:ID", "neighbour:ID", "ask" or "none") that more than half of
        the labels ask for, or None.
    """

    words: tuple[str, ...]
    queries: tuple[tuple[str, int], ...]
    n_lines: int
    nearest: str
    similarity: float
    belongs: bool
    wanted: str | None

    @property
    def typical(self) -> tuple[str, ...]:
        """The queries closest to the middle of the cluster."""
        return tuple(text for text, _ in self.queries[:3])

    @property
    def takes_exemplars(self) -> str | None:
        """The target that should get the queries as exemplars; None if a skill is missing."""
        if self.wanted is not None:
            return self.wanted
        return self.nearest if self.belongs else None

    @property
    def suggestion(self) -> str:
        """A sentence that says what would close the gap."""
        kind, _, name = (self.takes_exemplars or "").partition(":")
        if kind == "none":
            return (
                "Labelled as nothing of this pack: add them to its none.txt, so that they are"
                " refused, or write a skill for them."
            )
        if kind == "ask":
            return "Labelled as lacking a detail: add them to the exemplars of a question."
        if self.wanted is not None:
            return f"Add exemplars like these to {name}: that is where their labels point."
        if self.belongs:
            return f"Add exemplars like these to {name}: they lie as close as its own lines."
        nearest = self.nearest.partition(":")[2]
        return (
            f"Write a new skill, or refuse them: nothing here is close, not even {nearest},"
            " which is nearest."
        )


@dataclass(frozen=True)
class Gaps:
    """All gaps of a run.

    :param gaps: The gaps, the largest first.
    :param n_lines: The number of lines of the run.
    :param n_unfit: The number of lines that nothing fits.
    :param n_texts: The number of distinct texts that were clustered.
    """

    gaps: tuple[Gap, ...]
    n_lines: int
    n_unfit: int
    n_texts: int


def is_unfit(line: DecidedLine) -> bool:
    """Whether nothing fits a query: it was refused, decided wrongly, or decided unsurely.

    A query that is rightly refused counts too, since people ask for it; a greeting does not.

    :param line: A decision of a run.
    """
    if line.gold is None and _is_greeting(line.text):
        return False
    if line.action == "none" or line.silently_wrong:
        return True
    return not line.asks and line.confidence < UNSURE_BELOW


def _is_greeting(text: str) -> bool:
    """Whether a text only greets or thanks."""
    return _GREETINGS.issuperset(words_of(text))


def find_gaps(lines: Iterable[DecidedLine], router: Router) -> Gaps:
    """Cluster the queries of a run that nothing fits.

    :param lines: The decisions of a run, as `RunFolder.decisions` gives them.
    :param router: Gives the exemplars and the encoder.
    """
    sample: DistinctSample[str | None] = DistinctSample(MAX_CLUSTERED_TEXTS)
    n_lines = 0
    for line in lines:
        n_lines += 1
        if is_unfit(line):
            sample.add(line.text, line.wanted)
    return gaps_of(sample, n_lines, router)


def gaps_of(sample: DistinctSample[str | None], n_lines: int, router: Router) -> Gaps:
    """Cluster a sample of the texts that nothing fits, each with the target that its label wants.

    Texts whose labels want different targets never share a gap.

    :param n_lines: The number of lines of the whole run.
    """
    items = list(sample.items())
    counts = np.array([count for _, _, count in items])
    if counts.sum() < 2 * MIN_CLUSTER_TEXTS:
        return Gaps((), n_lines, sample.n_added, len(items))
    texts, wanted = [text for text, _, _ in items], [target for _, target, _ in items]
    vectors = router.encoder.encode(texts)
    kind_of = {target: kind for kind, target in enumerate(dict.fromkeys(wanted))}
    kinds = np.array([kind_of[target] for target in wanted], dtype=np.intp)
    codes = clusters_of(vectors, router.model.head.exemplars.mean(axis=0), kinds)
    alone = np.flatnonzero((codes < 0) & (counts >= _MIN_REPEATS))
    codes[alone] = codes.max(initial=-1) + 1 + np.arange(len(alone))
    keywords = keywords_of(texts, codes, router.model.exemplar_texts)
    scale = sample.n_added / sample.n_sampled
    members = [np.flatnonzero(codes == code) for code in range(codes.max() + 1)]
    gaps = [
        _gap(router, [items[i] for i in rows], vectors[rows], words, scale)
        for rows, words in zip(members, keywords, strict=True)
    ]
    gaps.sort(key=lambda gap: (-gap.n_lines, gap.queries))
    return Gaps(tuple(gaps), n_lines, sample.n_added, len(items))


def export_gaps(gaps: Gaps, folder: str | Path) -> list[Path]:
    """Write each gap as an exemplar file, for a person to review and move into a pack.

    :param gaps: The gaps to write.
    :param folder: The folder to write into.
    """
    paths = []
    for number, gap in enumerate(gaps.gaps, start=1):
        name = "-".join(word for word in gap.words[:2] if word.isascii() and word.isalnum())
        path = Path(folder).expanduser() / f"gap-{number:02d}{'-' * bool(name)}{name[:60]}.txt"
        lines = [text for text, _ in gap.queries if len(text) <= MAX_EXEMPLAR_LENGTH]
        write_exemplars(path, lines, f"{gap.suggestion} Keep the lines that belong there.")
        paths.append(path)
    return paths


def _gap(
    router: Router,
    items: Sequence[tuple[str, str | None, int]],
    vectors: Vectors,
    words: tuple[str, ...],
    scale: float,
) -> Gap:
    """Describe a cluster.

    :param items: Text, wanted target and count of each query.
    :param vectors: Unit vectors of the texts. Shape: (n_texts, width).
    :param scale: Lines of the log for each line of the sample.
    """
    centroid = unit_rows(vectors.mean(axis=0, keepdims=True))[0]
    order = np.argsort(-(vectors @ centroid), kind="stable")
    centroids, layout = router.model.centroids, router.model.layout
    similarities = centroids.similarities(vectors).mean(axis=0)
    nearest = max((*layout.skills, *layout.neighbours), key=lambda column: similarities[column])
    target, similarity = centroids.names[nearest], similarities[nearest]
    return Gap(
        words=words,
        queries=tuple((items[i][0], items[i][2]) for i in order),
        n_lines=round(float(sum(count for _, _, count in items)) * scale),
        nearest=target,
        similarity=round(float(similarity), 4),
        belongs=bool(similarity >= _member_similarity(router, target)),
        wanted=_most_wanted([wanted for _, wanted, _ in items]),
    )


def _most_wanted(targets: Sequence[str | None]) -> str | None:
    """The target that more than half of the labels ask for."""
    (target, count), *_ = Counter(targets).most_common(1)
    return target if 2 * count > len(targets) else None


def _member_similarity(router: Router, target: str) -> float:
    """The cosine with its centroid that three in four exemplars of a target exceed."""
    members = np.array([label == target for label in router.model.exemplar_labels])
    vectors = router.model.head.exemplars[members]
    similarities: Floats = held_out_cosines(vectors, np.zeros(len(vectors), dtype=np.intp), 1)
    return float(np.quantile(similarities[:, 0], _MEMBER_QUANTILE))
