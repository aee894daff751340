"""Fit a head that weighs documents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from msgspec import structs

from router.arrays import Vectors
from router.encoders.encoder import Encoder, encode_with_tokens
from router.fitting.document_tokens import document_tokens, telling_lines
from router.fitting.head_fitter import HeldOut
from router.fitting.parts_of_exemplars import halves_in_turn
from router.heads.document_head import (
    Description,
    DocumentHead,
    documents_of,
    fit_document_head,
)
from router.heads.late_interaction import LateInteraction
from router.heads.lexicon import Lexicon
from router.heads.term_counts import TermCounts
from router.text import words_in

_MAX_JUDGED = 1_000
"""Exemplars that are judged at most, but for those that need a question."""


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
    titles: Mapping[str, str]
    telling: Mapping[str, Sequence[str]]
    late: LateInteraction | None = None
    of_tools: bool = False
    counted: tuple[Sequence[str], TermCounts] | None = None  # whole documents, and their words

    def fit(self, texts: Sequence[str], vectors: Vectors, labels: Sequence[str]) -> DocumentHead:
        """Fit a head."""
        head = fit_document_head(
            texts, vectors, labels, self.descriptions, self.lexicon, self.titles
        )
        return structs.replace(head, late=self.late, of_tools=self.of_tools)

    def fit_held_out(
        self, texts: Sequence[str], vectors: Vectors, labels: Sequence[str]
    ) -> HeldOut[DocumentHead]:
        """Fit a head; judge each half of the exemplars by a head that has seen the other half.

        Of many exemplars some are judged, and all that need a question.
        """
        head = self.fit(texts, vectors, labels)
        step = -(-len(texts) // _MAX_JUDGED)
        is_judged = np.char.startswith(labels, "question:") | (np.arange(len(texts)) % step == 0)
        held_out = np.zeros((len(texts), len(head.names)))  # 0 where the half lacks the target
        for seen, unseen in halves_in_turn(labels, texts):
            half = self.fit([texts[i] for i in seen], vectors[seen], [labels[i] for i in seen])
            rows = np.array(unseen)[is_judged[unseen]]
            cells = np.ix_(rows, np.searchsorted(head.names, half.names))
            held_out[cells] = half.probabilities([texts[i] for i in rows], vectors[rows])
        return HeldOut(head, is_judged.nonzero()[0], held_out[is_judged])

    def like(self, head: DocumentHead) -> "DocumentFitter":
        """Fit as before: every head is calibrated in closed form."""
        return self

    def with_documents(self, head: DocumentHead, texts: Sequence[str]) -> DocumentHead:
        """Add the words of whole documents to a head fitted on these exemplars."""
        exemplars = zip(_labels_of(head), texts, strict=True)
        descriptions = {name: description.text for name, description in self.descriptions.items()}
        by_name = documents_of(exemplars, descriptions, self.documents)
        everyday = [] if head.none is None else by_name[head.names[head.none]].splitlines()
        documents = [by_name[name] for name in head.names]
        if self.counted is not None and self.counted[0] == documents:
            return head.with_words(self.counted[1], everyday)
        return head.with_words(TermCounts.of(words_in(documents)), everyday)

    def for_queries(
        self, head: DocumentHead, texts: Sequence[str], encoder: Encoder
    ) -> DocumentHead:
        """Add the words of whole documents, and tokens if the encoder gives any."""
        head = self.with_documents(head, texts)
        lines = [
            telling_lines(
                one.text if (one := self.descriptions.get(name)) else "", self.telling[name]
            )
            for name in head.names
        ]
        points = document_tokens(lines, encoder)
        if points is None:
            return head
        everyday = [] if head.none is None else [*self.telling[head.names[head.none]]]
        _, tokens = encode_with_tokens(encoder, everyday)
        return structs.replace(head, late=LateInteraction.of(points, tokens or []))


def _labels_of(head: DocumentHead) -> list[str]:
    return [name for name, count in zip(head.names, head.counts, strict=True) for _ in range(count)]
