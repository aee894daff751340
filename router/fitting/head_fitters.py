"""Which head a pack gets: one that learns from exemplars, or one that weighs documents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
from msgspec import structs

from router.arrays import Indices, Probabilities, Vectors
from router.encoders.encoder import Encoder, encode_with_tokens
from router.fitting.document_tokens import document_tokens
from router.heads.centroid_head import CentroidHead, fit_exemplar_head
from router.heads.document_head import (
    Description,
    DocumentHead,
    documents_of,
    fit_document_head,
)
from router.heads.kernel_head import KernelHead
from router.heads.late_interaction import LateInteraction
from router.heads.lexicon import Lexicon
from router.packs.markdown import own_text, passages
from router.packs.pack import Pack

_MAX_DOCUMENT_LENGTH = 100_000
"""Characters of a document that are read, from its beginning."""

_MAX_PASSAGES = 100
"""Lines of a document whose tokens are kept, from its beginning. With all of them, queries find
nothing more."""

_Head = TypeVar("_Head")


class HeadFitter(Protocol[_Head]):
    """A way to fit a head on exemplars. Labels rise, so a target's exemplars stand together.

    `overlooked` is the share of texts with a further concern whose clauses may stay unread.
    """

    overlooked: ClassVar[float]

    def fit(self, texts: Sequence[str], vectors: Vectors, labels: Sequence[str]) -> _Head:
        """Fit a head. Shape of `vectors`: (n, width)."""
        ...

    def fit_held_out(
        self, texts: Sequence[str], vectors: Vectors, labels: Sequence[str]
    ) -> tuple[_Head, Probabilities]:
        """Fit a head, and judge each exemplar without itself. Shape: (n, n_targets)."""
        ...

    def with_documents(self, head: _Head, texts: Sequence[str]) -> _Head:
        """Let a head that was fitted on these texts know the words of whole documents.

        Exemplars are never judged by such a head: a line that occurs in a document would find
        itself.
        """
        ...

    def for_queries(self, head: _Head, texts: Sequence[str], encoder: Encoder) -> _Head:
        """Let a head know whole documents, their tokens included."""
        ...


@dataclass(frozen=True)
class ExemplarFitter:
    """Fits on exemplars that are what users ask: kernel ridge regression, or centroids."""

    overlooked: ClassVar[float] = 0.01

    def fit(
        self, texts: Sequence[str], vectors: Vectors, labels: Sequence[str]
    ) -> KernelHead | CentroidHead:
        """Fit a head."""
        return fit_exemplar_head(texts, vectors, labels)[0]

    def fit_held_out(
        self, texts: Sequence[str], vectors: Vectors, labels: Sequence[str]
    ) -> tuple[KernelHead | CentroidHead, Probabilities]:
        """Fit a head, and judge each exemplar without itself, in closed form."""
        head, held_out = fit_exemplar_head(texts, vectors, labels)
        return head, head.power.transform(held_out)

    def with_documents(
        self, head: KernelHead | CentroidHead, texts: Sequence[str]
    ) -> KernelHead | CentroidHead:
        """Add nothing, because there are no documents."""
        return head

    def for_queries(
        self, head: KernelHead | CentroidHead, texts: Sequence[str], encoder: Encoder
    ) -> KernelHead | CentroidHead:
        """Let many centroids be read in 8 bits; there are no documents."""
        return head.with_int8_index()


@dataclass(frozen=True)
class DocumentFitter:
    """Weighs documents whose lines are the exemplars. All mappings are by target.

    Lines are less like queries: if only 1 % were overlooked, the clauses of 90 % of queries would
    be read, and at 10 % no query joined from two real ones is lost that can be found at all.
    """

    overlooked: ClassVar[float] = 0.1
    descriptions: Mapping[str, Description]
    documents: Mapping[str, str]
    lexicon: Lexicon
    late: LateInteraction | None = None

    def fit(self, texts: Sequence[str], vectors: Vectors, labels: Sequence[str]) -> DocumentHead:
        """Fit a head."""
        head = fit_document_head(texts, vectors, labels, self.descriptions, self.lexicon)
        return structs.replace(head, late=self.late)

    def fit_held_out(
        self, texts: Sequence[str], vectors: Vectors, labels: Sequence[str]
    ) -> tuple[DocumentHead, Probabilities]:
        """Fit a head; judge each half of the exemplars by a head that has seen the other half."""
        head = self.fit(texts, vectors, labels)
        held_out = np.zeros((len(texts), len(head.names)))  # 0 where the half lacks the target
        for seen, unseen in halves_in_turn(labels):
            half = self.fit([texts[i] for i in seen], vectors[seen], [labels[i] for i in seen])
            cells = np.ix_(np.array(unseen), np.searchsorted(head.names, half.names))
            held_out[cells] = half.probabilities([texts[i] for i in unseen], vectors[unseen])
        return head, held_out

    def with_documents(self, head: DocumentHead, texts: Sequence[str]) -> DocumentHead:
        """Add the words of whole documents to a head fitted on these exemplars."""
        exemplars = zip(_labels_of(head), texts, strict=True)
        descriptions = {name: description.text for name, description in self.descriptions.items()}
        documents = documents_of(exemplars, descriptions, self.documents)
        return head.with_words([documents[name] for name in head.names])

    def for_queries(
        self, head: DocumentHead, texts: Sequence[str], encoder: Encoder
    ) -> DocumentHead:
        """Add the words of whole documents, and their tokens if the encoder gives any."""
        head = self.with_documents(head, texts)
        lines: dict[str, list[str]] = {}
        for label, text in zip(_labels_of(head), texts, strict=True):
            lines.setdefault(label, []).append(text)
        for name, description in self.descriptions.items():
            document = passages(self.documents.get(name, ""))[:_MAX_PASSAGES]
            lines[name] += [description.text, *document]
        everyday = [] if head.none is None else lines[head.names[head.none]]
        _, tokens = encode_with_tokens(encoder, [*everyday, texts[0]])
        if tokens is None:
            return head
        width = tokens.pop().shape[1]
        points = document_tokens([lines[name] for name in head.names], encoder, width)
        return structs.replace(head, late=LateInteraction.of(points, tokens))


def _labels_of(head: DocumentHead) -> list[str]:
    return [name for name, count in zip(head.names, head.counts, strict=True) for _ in range(count)]


def fitter_for(pack: Pack, encoder: Encoder) -> HeadFitter[Any]:
    """Choose by what the pack has: descriptions, or exemplars alone."""
    texts = _descriptions(pack)
    if not texts:
        return ExemplarFitter()
    vectors = encoder.encode(list(texts.values()))
    documents = documents_of(pack.target_exemplars(), texts, _documents(pack))
    lexicon = Lexicon.fit(list(documents.values()), pairs=False)
    return _document_fitter(pack, dict(zip(texts, vectors, strict=True)), lexicon)


def fitter_of(pack: Pack, head: KernelHead | CentroidHead | DocumentHead) -> HeadFitter[Any]:
    """Fit as this head of the pack was fitted, with the terms that it knows; embeds nothing."""
    match head:
        case DocumentHead():
            vectors = dict(zip(head.names, head.descriptions, strict=True))
            return replace(_document_fitter(pack, vectors, head.lexicon), late=head.late)
        case _:
            return ExemplarFitter()


def _document_fitter(
    pack: Pack, vectors: Mapping[str, Vectors], lexicon: Lexicon
) -> DocumentFitter:
    texts = _descriptions(pack)
    descriptions = {name: Description(text, vectors[name]) for name, text in texts.items()}
    return DocumentFitter(descriptions, _documents(pack), lexicon)


def _descriptions(pack: Pack) -> dict[str, str]:
    """Give the descriptions of the skills that have one, by target."""
    return {
        f"skill:{skill.id}": skill.description for skill in pack.file.skills if skill.description
    }


def _documents(pack: Pack) -> dict[str, str]:
    """Give what the documents say for their targets; only their beginning is read."""
    return {
        f"skill:{skill}": own_text(text[:_MAX_DOCUMENT_LENGTH])
        for skill, text in pack.documents.items()
    }


def halves_in_turn(labels: Sequence[str]) -> list[tuple[list[int], list[int]]]:
    """Give (seen, unseen) twice: every second exemplar of each label, and the rest."""
    half = halves_of(labels)
    parts = [np.flatnonzero(half == side).tolist() for side in (0, 1)]
    return [(parts[0], parts[1]), (parts[1], parts[0])]


def halves_of(labels: Sequence[str]) -> Indices:
    """Put every second exemplar of each label into the other half. Shape: (n,), 0 or 1."""
    half = np.zeros(len(labels), dtype=np.intp)
    for label in set(labels):
        members = [index for index, member in enumerate(labels) if member == label]
        half[members[1::2]] = 1
    return half
