"""What must hold of labelled lines before a pack learns them; what does not is named."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np

from router.arrays import Vectors
from router.encoders.encoder import Encoder
from router.heads.discriminant_head import fit_discriminant_head
from router.packs.faults import MIN_EXEMPLARS
from router.packs.pack import Pack
from router.review.labels import LabelledText, Refused, key_of, read_labelled
from router.review.personal_data import masked

_SAME = 0.97
"""A line this close, as a cosine, to a line of another target says the same."""

_FOLDS = 8
_NO_SHARE, _SOME_SHARE = 0.02, 0.2
"""A label is contradicted if a head that has not learnt it gives it a share below the first, and
another target one above the second."""


@dataclass
class Vetted:
    """Labelled lines that may be learned, and those that are set aside.

    :param kept: Each text once.
    :param refused: The others, with reasons.
    :param masked: The lines in which personal data was masked, as they were before.
    """

    kept: list[LabelledText] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    masked: list[str] = field(default_factory=list)


def vetted(pack: Pack, encoder: Encoder, labels: Iterable[tuple[str, object]]) -> Vetted:
    """Look at labelled lines together with the exemplars of a pack.

    Set aside are: labels that can't be read; a text with two labels; a line that stands in another
    class already, or nearly does; a label that all its neighbours contradict; what may be personal
    data and can't be masked. A line that is an exemplar of its target already is left out quietly.

    :param labels: (text, label) pairs, as `learn` takes them.
    """
    read, refused = read_labelled(pack, labels)
    result = Vetted(refused=refused)
    lines = _contradictory(_impersonal(read, result), result)
    lines = _unknown(pack, lines, result)
    if lines:
        _compare(pack, encoder, lines, result)
    return result


def _refuse(result: Vetted, line: LabelledText, reason: str) -> None:
    result.refused.append(Refused(line.text, line.label, reason))


def _impersonal(lines: Sequence[LabelledText], result: Vetted) -> list[LabelledText]:
    kept = []
    for line in lines:
        text, left = masked(line.text)
        if left:
            _refuse(result, line, f"it may hold {left}; write the query without it")
            continue
        if text != line.text:
            result.masked.append(line.text)
            line = msgspec.structs.replace(line, text=text)
        kept.append(line)
    return kept


def _contradictory(lines: Sequence[LabelledText], result: Vetted) -> list[LabelledText]:
    """Keep each text once, and none that has two labels."""
    by_key: dict[str, list[LabelledText]] = defaultdict(list)
    for line in lines:
        by_key[line.key].append(line)
    kept = []
    for same in by_key.values():
        if len({line.gold for line in same}) == 1:
            kept.append(same[0])
            continue
        labels = " and ".join(dict.fromkeys(repr(line.label) for line in same))
        for line in {(line.text, line.label): line for line in same}.values():
            _refuse(result, line, f"the same text has the labels {labels}; keep one")
    return kept


def _unknown(pack: Pack, lines: Sequence[LabelledText], result: Vetted) -> list[LabelledText]:
    """Leave out what the pack has already, and set aside what it has elsewhere."""
    known = {key_of(line): target for target, line in pack.target_exemplars(shared=False)}
    kept = []
    for line in lines:
        target = known.get(line.key)
        if target is None:
            kept.append(line)
        elif target != line.target:
            _refuse(result, line, f"it is an exemplar of {target} already; take it out there first")
    return kept


def _compare(pack: Pack, encoder: Encoder, lines: Sequence[LabelledText], result: Vetted) -> None:
    """Compare the lines with the exemplars and with one another."""
    exemplars = list(pack.target_exemplars(shared=False))
    targets = [target for target, _ in exemplars] + [line.target or "" for line in lines]
    texts = [text for _, text in exemplars] + [line.text for line in lines]
    vectors = encoder.encode(texts)
    doubtful = _contradicted(vectors, targets, len(exemplars))
    of_each = np.array(targets)
    for row, line in enumerate(lines, start=len(exemplars)):
        others = (of_each != "") & (of_each != of_each[row])
        cosines = np.where(others, vectors @ vectors[row], -1.0)
        nearest = int(cosines.argmax())
        if line.target is not None and cosines[nearest] >= _SAME:
            same = f"nearly the same as {texts[nearest]!r} of {targets[nearest]}"
            _refuse(result, line, f"{same}; keep one of them")
        elif row in doubtful:
            _refuse(
                result,
                line,
                f"all lines like it contradict its label: they speak for {doubtful[row]}; look at"
                " it again, and add the line to the exemplars by hand if the label is right",
            )
        else:
            result.kept.append(line)


def _contradicted(vectors: Vectors, targets: Sequence[str], n_exemplars: int) -> dict[int, str]:
    """Find the labels that all other lines contradict, by heads that have not learnt them.

    With 5 % of the labels at random, this finds 7 to 9 in 10 of those, and sets aside less than 2 %
    of the right ones; see docs/pages/evidence/review.md.

    :param vectors: Those of the exemplars, then those of the lines. Shape: (n, width).
    :param targets: The target of each; empty for a line without one target.
    :return: By row, the target that the others speak for.
    """
    _, codes, counts = np.unique(np.array(targets), return_inverse=True, return_counts=True)
    single = np.array([bool(target) for target in targets])
    rows = np.flatnonzero(single & (counts[codes] > MIN_EXEMPLARS))
    rows = rows[rows >= n_exemplars]
    contradicted: dict[int, str] = {}
    for fold in range(_FOLDS):
        judged = rows[rows % _FOLDS == fold]
        known = np.flatnonzero(single & ~np.isin(np.arange(len(codes)), judged))
        if not len(judged) or len(np.unique(codes[known])) < 2:
            continue
        known = known[np.argsort(codes[known], kind="stable")]
        labels = [targets[i] for i in known.tolist()]
        titles = np.zeros((len(set(labels)), vectors.shape[1]), dtype=np.float32)
        head = fit_discriminant_head(vectors[known], labels, titles)
        shares = head.decisions(vectors[judged])
        column = {name: index for index, name in enumerate(head.names)}
        for row, of_row in zip(judged.tolist(), shares, strict=True):
            own = column.get(targets[row])
            if own is not None and of_row[own] < _NO_SHARE and of_row.max() > _SOME_SHARE:
                contradicted[row] = head.names[int(of_row.argmax())]
    return contradicted
