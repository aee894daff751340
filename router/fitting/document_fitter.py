"""Fit a head that weighs documents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from msgspec import structs

from router.arrays import Vectors
from router.encoders.encoder import Encoder
from router.fitting.document_tokens import document_tokens, everyday_closeness, telling_lines
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
        """Fit a head that knows exemplars and descriptions, and no more of the documents."""
        return self._fit(texts, vectors, labels, whole=False)

    def _fit(
        self,
        texts: Sequence[str],
        vectors: Vectors,
        labels: Sequence[str],
        *,
        whole: bool,
    ) -> DocumentHead:
        described = {name: description.text for name, description in self.descriptions.items()}
        by_name = documents_of(
            zip(labels, texts, strict=True), described, self.documents if whole else {}
        )
        documents = [by_name[name] for name in sorted(by_name)]
        if self.counted is not None and self.counted[0] == documents:
            words = self.counted[1]
        else:
            words = TermCounts.of(words_in(documents))
        head = fit_document_head(
            texts, vectors, labels, self.descriptions, self.lexicon, words, self.titles
        )
        covered = head.covered
        if whole and head.none is not None:
            # The weights were learnt with one blank text more among the everyday queries.
            n_everyday = head.counts[head.none]
            covered = covered * [[1.0], [n_everyday / (n_everyday + 1.0)]]
        return structs.replace(head, covered=covered, late=self.late, of_tools=self.of_tools)

    def fit_held_out(
        self, texts: Sequence[str], vectors: Vectors, labels: Sequence[str]
    ) -> HeldOut[DocumentHead]:
        """Fit a head; judge each half of the exemplars by a head that has seen the other half.

        Of many exemplars some are judged, and all that need a question. They are never judged by a
        head that knows whole documents: a line that occurs in one would find itself.
        """
        head = self._fit(texts, vectors, labels, whole=True)
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

    def for_queries(self, head: DocumentHead, encoder: Encoder) -> DocumentHead:
        """Add the tokens of documents, if the encoder gives any."""
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
        baseline = everyday_closeness(lines, points, everyday, encoder)
        return structs.replace(head, late=LateInteraction.of(points, baseline))
