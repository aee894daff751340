"""Which head a pack gets: one that learns from exemplars, or one that weighs documents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from router.arrays import Probabilities, Vectors
from router.encoders.encoder import Encoder, encode_with_tokens
from router.heads.described import (
    AnyHead,
    DescribedHead,
    Description,
    documents_of,
    fit_described,
)
from router.heads.head import Head, fit_head
from router.heads.late import LateInteraction
from router.heads.lexicon import Lexicon
from router.model.points import document_points
from router.packs.markdown import own_text, passages
from router.packs.pack import Pack

LONGEST = 100_000
"""Characters of a document that are read."""

PASSAGES = 100
"""Lines of a document whose tokens are kept, from its beginning: with all of them, queries find
no more."""


class Fitting(Protocol):
    """A way to fit a head on exemplars; labels rise, so a target's exemplars stand together."""

    def fit(self, texts: Sequence[str], vectors: Vectors, labels: Sequence[str]) -> AnyHead:
        """Fit a head. Shape of `vectors`: (n, width)."""
        ...

    def fit_held_out(
        self, texts: Sequence[str], vectors: Vectors, labels: Sequence[str]
    ) -> tuple[AnyHead, Probabilities]:
        """Fit a head, and judge each exemplar without itself. Shape: (n, n_targets)."""
        ...

    def with_documents(self, head: AnyHead, texts: Sequence[str]) -> AnyHead:
        """Let a head, fitted on these, know the words of whole documents.

        No exemplar is judged so: its line stands in a document, and would find itself.
        """
        ...

    def for_queries(self, head: AnyHead, texts: Sequence[str], encoder: Encoder) -> AnyHead:
        """Let a head know all of whole documents, their tokens too."""
        ...


@dataclass(frozen=True)
class FromExemplars:
    """Kernel ridge regression: where exemplars are what users ask."""

    def fit(self, texts: Sequence[str], vectors: Vectors, labels: Sequence[str]) -> Head:
        """Fit a head."""
        return fit_head(texts, vectors, labels)[0]

    def fit_held_out(
        self, texts: Sequence[str], vectors: Vectors, labels: Sequence[str]
    ) -> tuple[Head, Probabilities]:
        """Fit a head, and judge each exemplar without itself, in closed form."""
        head, held_out = fit_head(texts, vectors, labels)
        return head.quickened(), head.power.transform(held_out)

    def with_documents(self, head: AnyHead, texts: Sequence[str]) -> AnyHead:
        """Add nothing: all is known of the exemplars."""
        return head

    def for_queries(self, head: AnyHead, texts: Sequence[str], encoder: Encoder) -> AnyHead:
        """Add nothing: all is known of the exemplars."""
        return head


@dataclass(frozen=True)
class FromDescriptions:
    """Evidence of documents: where exemplars are lines of these. All is by target."""

    descriptions: Mapping[str, Description]
    documents: Mapping[str, str]
    lexicon: Lexicon
    late: LateInteraction | None = None

    def fit(self, texts: Sequence[str], vectors: Vectors, labels: Sequence[str]) -> DescribedHead:
        """Fit a head."""
        head = fit_described(texts, vectors, labels, self.descriptions, self.lexicon)
        return structs.replace(head, late=self.late)

    def fit_held_out(
        self, texts: Sequence[str], vectors: Vectors, labels: Sequence[str]
    ) -> tuple[DescribedHead, Probabilities]:
        """Fit a head; judge each half of the exemplars by one that has seen the other half."""
        head = self.fit(texts, vectors, labels)
        held_out = np.zeros((len(texts), len(head.names)))  # 0: its half has only one exemplar
        for seen, unseen in halved(labels):
            half = self.fit([texts[i] for i in seen], vectors[seen], [labels[i] for i in seen])
            cells = np.ix_(np.array(unseen), np.searchsorted(head.names, half.names))
            held_out[cells] = half.probabilities([texts[i] for i in unseen], vectors[unseen])
        return head, held_out

    def with_documents(self, head: AnyHead, texts: Sequence[str]) -> AnyHead:
        """Add the words of whole documents."""
        return head if isinstance(head, Head) else self.with_words(head, texts)

    def with_words(self, head: DescribedHead, texts: Sequence[str]) -> DescribedHead:
        """Add the words of whole documents to a head fitted on these exemplars."""
        rows = zip(_labels(head), texts, strict=True)
        said = {one: description.text for one, description in self.descriptions.items()}
        documents = documents_of(rows, said, self.documents)
        return head.with_words([documents[name] for name in head.names])

    def for_queries(self, head: AnyHead, texts: Sequence[str], encoder: Encoder) -> AnyHead:
        """Add the words of whole documents, and their tokens, if the encoder gives any."""
        if isinstance(head, Head):
            return head
        head = self.with_words(head, texts)
        lines: dict[str, list[str]] = {}
        for label, text in zip(_labels(head), texts, strict=True):
            lines.setdefault(label, []).append(text)
        for name, description in self.descriptions.items():
            said = passages(self.documents.get(name, ""))[:PASSAGES]
            lines[name] += [description.text, *said]
        everyday = [] if head.none is None else lines[head.names[head.none]]
        _, told = encode_with_tokens(encoder, [*everyday, texts[0]])
        if told is None:
            return head
        width = told.pop().shape[1]
        points = document_points([lines[name] for name in head.names], encoder, width)
        return structs.replace(head, late=LateInteraction.of(points, told))


def _labels(head: DescribedHead) -> list[str]:
    return [name for name, count in zip(head.names, head.counts, strict=True) for _ in range(count)]


def fitting_of(pack: Pack, encoder: Encoder) -> Fitting:
    """Choose by what the pack has: descriptions, or nothing but exemplars."""
    texts = _descriptions(pack)
    if not texts:
        return FromExemplars()
    vectors = encoder.encode(list(texts.values()))
    documents = documents_of(pack.target_exemplars(), texts, _documents(pack))
    lexicon = Lexicon.fit(list(documents.values()), pairs=False)
    return _from_descriptions(pack, dict(zip(texts, vectors, strict=True)), lexicon)


def fitting_again(pack: Pack, head: AnyHead) -> Fitting:
    """Fit as this head was fitted, on the words that it knows; embeds nothing."""
    return FromExemplars() if isinstance(head, Head) else described_again(pack, head)


def described_again(pack: Pack, head: DescribedHead) -> FromDescriptions:
    """Fit as this head was fitted, which weighs documents."""
    vectors = dict(zip(head.names, head.descriptions, strict=True))
    return replace(_from_descriptions(pack, vectors, head.lexicon), late=head.late)


def _from_descriptions(
    pack: Pack, vectors: Mapping[str, Vectors], lexicon: Lexicon
) -> FromDescriptions:
    texts = _descriptions(pack)
    descriptions = {one: Description(text, vectors[one]) for one, text in texts.items()}
    return FromDescriptions(descriptions, _documents(pack), lexicon)


def _descriptions(pack: Pack) -> dict[str, str]:
    """Descriptions by target, of the skills that have one."""
    return {f"skill:{one.id}": one.description for one in pack.file.skills if one.description}


def _documents(pack: Pack) -> dict[str, str]:
    """What documents say for their targets. Of a long one only the beginning is read."""
    return {f"skill:{one}": own_text(text[:LONGEST]) for one, text in pack.documents.items()}


def halved(labels: Sequence[str]) -> list[tuple[list[int], list[int]]]:
    """Give (seen, unseen) twice: places of every second exemplar of each label, and of the rest."""
    half = halves(labels)
    parts = [np.flatnonzero(half == side).tolist() for side in (0, 1)]
    return [(parts[0], parts[1]), (parts[1], parts[0])]


def halves(labels: Sequence[str]) -> NDArray[np.intp]:
    """Put every second exemplar of each label into the other half. Shape: (n,), 0 or 1."""
    half = np.zeros(len(labels), dtype=np.intp)
    for label in set(labels):
        members = [i for i, one in enumerate(labels) if one == label]
        half[members[1::2]] = 1
    return half
