"""What people ask that nothing here fits: clusters of such queries, and what to do about each."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from router.arrays import Floats, Indices, Vectors
from router.evaluation.clusters import SMALLEST, clusters_of
from router.evaluation.health import held_out_cosines
from router.evaluation.run_folder import Row
from router.evaluation.sampling import DistinctSample
from router.evaluation.telling_words import telling_words
from router.heads.similarity import unit_rows
from router.packs.exemplar_file import MAX_EXEMPLAR_LENGTH, write_exemplars
from router.router import Router

SAMPLE = 2_000
"""Distinct texts that are clustered; of more, a sample in which each is as likely as any other."""

UNSURE = 0.7
"""Below this confidence a decision that is not a question counts as one that nothing fits."""

KIN = 0.25
"""A cluster is a target's if it lies no farther out than this share of the target's own lines."""


@dataclass(frozen=True)
class Gap:
    """One thing that people ask for and nothing here fits.

    `queries`: distinct texts with how often each came, the most typical first. `n_lines`: lines of
    the log, estimated if the log was sampled. `nearest`: the nearest target, "skill:ID" or
    "neighbour:ID"; `similarity`: mean cosine with its centroid, in [-1, 1]. `belongs`: whether that
    is as close as the target's own lines lie. `wanted`: the target ("skill:ID", "neighbour:ID",
    "ask", "none") that more than half of its labels ask for; None if there is none such, or no
    label.
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
        """The target that exemplars like these would serve; None: it takes a new skill."""
        if self.wanted is not None:
            return self.wanted
        return self.nearest if self.belongs else None

    @property
    def suggestion(self) -> str:
        """What would close the gap, in a sentence."""
        kind, _, one = (self.takes_exemplars or "").partition(":")
        if kind == "none":
            return (
                "Labelled as nothing of this pack: add them to its none.txt, so that they are"
                " refused, or write a skill for them."
            )
        if kind == "ask":
            return "Labelled as lacking a detail: add them to the exemplars of a question."
        if self.wanted is not None:
            return f"Add exemplars like these to {one}: that is where their labels point."
        if self.belongs:
            return f"Add exemplars like these to {one}: they lie as close as its own lines."
        nearest = self.nearest.partition(":")[2]
        return (
            f"Write a new skill, or refuse them: nothing here is close, not even {nearest},"
            " which is nearest."
        )


@dataclass(frozen=True)
class Gaps:
    """All gaps of a run, the largest first, and how much of it they cover.

    `n_unfit`: lines that nothing fits. `n_texts`: distinct texts that were clustered.
    """

    gaps: tuple[Gap, ...]
    n_lines: int
    n_unfit: int
    n_texts: int


def is_unfit(row: Row) -> bool:
    """Tell whether nothing fits: it was refused, or went wrong, or its decision is not at all sure.

    What is right to refuse is a gap too: people ask for it.
    """
    if row.action == "none" or row.silently_wrong:
        return True
    return row.action != "clarify" and row.confidence < UNSURE


def find_gaps(rows: Iterable[Row], router: Router) -> Gaps:
    """Cluster the queries of a run that nothing fits."""
    sample: DistinctSample[str | None] = DistinctSample(SAMPLE)
    n_lines = 0
    for row in rows:
        n_lines += 1
        if is_unfit(row):
            sample.add(row.text, row.wanted)
    return gaps_of(sample, n_lines, router)


def gaps_of(sample: DistinctSample[str | None], n_lines: int, router: Router) -> Gaps:
    """Cluster a sample of the texts that nothing fits, each with the target that its label wants.

    Texts whose labels want different targets are different gaps.

    :param n_lines: Lines of the whole run, those that something fits among them.
    """
    texts = [text for text, _, _ in sample.items()]
    wanted = [target for _, target, _ in sample.items()]
    counts = np.array([count for _, _, count in sample.items()], dtype=np.intp)
    if len(texts) < 2 * SMALLEST:
        return Gaps((), n_lines, sample.n_seen, len(texts))
    vectors = router.encoder.encode(texts)
    places = {target: i for i, target in enumerate(dict.fromkeys(wanted))}
    kinds = np.array([places[one] for one in wanted], dtype=np.intp)
    codes = clusters_of(vectors, router.model.head.exemplars.mean(axis=0), kinds)
    words = telling_words(texts, codes, router.model.exemplar_texts)
    scale = sample.n_seen / sample.n_sampled
    gaps = [
        _gap(
            router,
            texts,
            wanted,
            counts,
            vectors,
            np.flatnonzero(codes == code),
            words[code],
            scale,
        )
        for code in range(codes.max() + 1)
    ]
    gaps.sort(key=lambda gap: (-gap.n_lines, gap.queries))
    return Gaps(tuple(gaps), n_lines, sample.n_seen, len(texts))


def export_gaps(gaps: Gaps, folder: str | Path) -> list[Path]:
    """Write each gap as an exemplar file, for a person to review and move into a pack."""
    paths = []
    for number, gap in enumerate(gaps.gaps, start=1):
        name = "-".join(word for word in gap.words[:2] if word.isascii() and word.isalnum())
        path = Path(folder) / f"gap-{number:02d}{'-' * bool(name)}{name}.txt"
        lines = [text for text, _ in gap.queries if len(text) <= MAX_EXEMPLAR_LENGTH]
        write_exemplars(path, lines, f"{gap.suggestion} Keep the lines that belong there.")
        paths.append(path)
    return paths


def _gap(
    router: Router,
    texts: Sequence[str],
    wanted: Sequence[str | None],
    counts: Indices,
    vectors: Vectors,
    members: Indices,
    words: tuple[str, ...],
    scale: float,
) -> Gap:
    centre = unit_rows(vectors[members].mean(axis=0, keepdims=True))[0]
    order = members[np.argsort(-(vectors[members] @ centre), kind="stable")]
    means = router.model.centroids.similarities(vectors[members]).mean(axis=0)
    layout, names = router.model.layout, router.model.centroids.names
    best = max((*layout.skills, *layout.neighbours), key=lambda column: means[column])
    return Gap(
        words=words,
        queries=tuple((texts[i], int(counts[i])) for i in order),
        n_lines=round(float(counts[members].sum()) * scale),
        nearest=names[best],
        similarity=round(float(means[best]), 4),
        belongs=bool(means[best] >= _reach(router, names[best])),
        wanted=_most_wanted([wanted[i] for i in members]),
    )


def _most_wanted(targets: Sequence[str | None]) -> str | None:
    """The target that more than half of the labels ask for."""
    (target, count), *_ = Counter(targets).most_common(1)
    return target if 2 * count > len(targets) else None


def _reach(router: Router, target: str) -> float:
    """Cosine that three in four of a target's own lines exceed, each against the others."""
    own = np.array([label == target for label in router.model.exemplar_labels])
    vectors = router.model.head.exemplars[own]
    cosines: Floats = held_out_cosines(vectors, np.zeros(len(vectors), dtype=np.intp), 1)
    return float(np.quantile(cosines[:, 0], KIN))
