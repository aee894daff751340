"""Fit a head that weighs documents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from msgspec import structs

from router.arrays import Indices, Probabilities, Vectors
from router.encoders.encoder import Encoder, encode_with_tokens
from router.fitting.document_tokens import document_tokens
from router.fitting.parts_of_exemplars import halves_in_turn
from router.heads.document_head import (
    Description,
    DocumentHead,
    documents_of,
    fit_document_head,
)
from router.heads.late_interaction import LateInteraction
from router.heads.lexicon import Lexicon

_TELLING = 16
"""Exemplars whose tokens are kept beside those of the description: the first ones, which state
what a skill is for. With the lines of the whole document queries find nothing more."""


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

    def fit(self, texts: Sequence[str], vectors: Vectors, labels: Sequence[str]) -> DocumentHead:
        """Fit a head."""
        head = fit_document_head(
            texts, vectors, labels, self.descriptions, self.lexicon, self.titles
        )
        return structs.replace(head, late=self.late, of_tools=self.of_tools)

    def fit_held_out(
        self, texts: Sequence[str], vectors: Vectors, labels: Sequence[str]
    ) -> tuple[DocumentHead, Indices, Probabilities]:
        """Fit a head; judge each half of the exemplars by a head that has seen the other half."""
        head = self.fit(texts, vectors, labels)
        held_out = np.zeros((len(texts), len(head.names)))  # 0 where the half lacks the target
        for seen, unseen in halves_in_turn(labels, texts):
            half = self.fit([texts[i] for i in seen], vectors[seen], [labels[i] for i in seen])
            cells = np.ix_(np.array(unseen), np.searchsorted(head.names, half.names))
            held_out[cells] = half.probabilities([texts[i] for i in unseen], vectors[unseen])
        return head, np.arange(len(texts)), held_out

    def like(self, head: DocumentHead) -> "DocumentFitter":
        """Fit as before: every head is calibrated in closed form."""
        return self

    def with_documents(self, head: DocumentHead, texts: Sequence[str]) -> DocumentHead:
        """Add the words of whole documents to a head fitted on these exemplars."""
        exemplars = zip(_labels_of(head), texts, strict=True)
        descriptions = {name: description.text for name, description in self.descriptions.items()}
        documents = documents_of(exemplars, descriptions, self.documents)
        everyday = [] if head.none is None else documents[head.names[head.none]].splitlines()
        return head.with_words([documents[name] for name in head.names], everyday)

    def for_queries(
        self, head: DocumentHead, texts: Sequence[str], encoder: Encoder
    ) -> DocumentHead:
        """Add the words of whole documents, and tokens if the encoder gives any."""
        head = self.with_documents(head, texts)
        lines = [self._telling_lines(name) for name in head.names]
        everyday = [] if head.none is None else [*self.telling[head.names[head.none]]]
        _, tokens = encode_with_tokens(encoder, [*everyday, texts[0]])
        if tokens is None:
            return head
        width = tokens.pop().shape[1]
        points = document_tokens(lines, encoder, width)
        return structs.replace(head, late=LateInteraction.of(points, tokens))

    def _telling_lines(self, name: str) -> list[str]:
        """Give what a target says of itself first; an exemplar that repeats it is left out."""
        described = self.descriptions[name].text if name in self.descriptions else ""
        first = [line for line in self.telling[name][:_TELLING] if not line.endswith(described)]
        return [described, *first] if described else list(self.telling[name][:_TELLING])


def _labels_of(head: DocumentHead) -> list[str]:
    return [name for name, count in zip(head.names, head.counts, strict=True) for _ in range(count)]
