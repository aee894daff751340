"""Which head a pack gets: one of two that learn from exemplars, or one that weighs documents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
from msgspec import structs

from router.arrays import Indices, Probabilities, Vectors
from router.encoders.encoder import Encoder, encode_with_tokens
from router.fitting.document_tokens import document_tokens
from router.heads.discriminant_head import DiscriminantHead, fit_discriminant_head
from router.heads.document_head import (
    Description,
    DocumentHead,
    documents_of,
    fit_document_head,
)
from router.heads.kernel_head import KernelHead, fit_kernel_head
from router.heads.late_interaction import LateInteraction
from router.heads.lexicon import Lexicon
from router.packs.labels import readable
from router.packs.markdown import own_text
from router.packs.pack import Pack
from router.statistics.probability import Power, fit_power_on_sample
from router.text import words_in

_MAX_DOCUMENT_LENGTH = 100_000
"""Characters of a document that are read, from its beginning."""

_TELLING = 16
"""Exemplars whose tokens are kept beside those of the description: the first ones, which state
what a skill is for. With the lines of the whole document queries find nothing more."""

_N_PARTS, _FEW_EXEMPLARS = 5, 4_000
"""Parts that are held out in turn; with more exemplars than that, two do."""

_MAX_JUDGED, _MAX_DECISIONS = 4_000, 20_000_000
"""Exemplars that are judged without themselves at most, and these times the targets."""

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
    ) -> tuple[_Head, Indices, Probabilities]:
        """Fit a head, and judge exemplars without themselves: all, or enough of them.

        :return: The head, the rows of these exemplars, and the probabilities of the targets.
            Shapes: (n_judged,), (n_judged, n_targets).
        """
        ...

    def like(self, head: _Head) -> "HeadFitter[_Head]":
        """Fit further heads with what was calibrated for this one."""
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
class KernelFitter:
    """Fits kernel ridge regression on vectors and words, for packs with thresholds of their own."""

    overlooked: ClassVar[float] = 0.01

    def fit(self, texts: Sequence[str], vectors: Vectors, labels: Sequence[str]) -> KernelHead:
        """Fit a head."""
        return fit_kernel_head(texts, vectors, labels)[0]

    def fit_held_out(
        self, texts: Sequence[str], vectors: Vectors, labels: Sequence[str]
    ) -> tuple[KernelHead, Indices, Probabilities]:
        """Fit a head, and judge each exemplar without itself, in closed form."""
        head, held_out = fit_kernel_head(texts, vectors, labels)
        return head, np.arange(len(texts)), head.power.transform(held_out)

    def like(self, head: KernelHead) -> "KernelFitter":
        """Fit as before: every head is calibrated in closed form."""
        return self

    def with_documents(self, head: KernelHead, texts: Sequence[str]) -> KernelHead:
        """Add nothing, because there are no documents."""
        return head

    def for_queries(self, head: KernelHead, texts: Sequence[str], encoder: Encoder) -> KernelHead:
        """Let many exemplars be read in 8 bits; there are no documents."""
        return head.with_int8_index()


@dataclass(frozen=True)
class DiscriminantFitter:
    """Fits along the directions that tell targets apart.

    :param titles: The vector of the title of each target that has one.
    :param power: From decisions to probabilities; fitted on held-out exemplars if None.
    """

    overlooked: ClassVar[float] = 0.01
    titles: Mapping[str, Vectors]
    power: Power | None = None

    def fit(
        self, texts: Sequence[str], vectors: Vectors, labels: Sequence[str]
    ) -> DiscriminantHead:
        """Fit a head."""
        if self.power is None:
            return self.fit_held_out(texts, vectors, labels)[0]
        return self._fit(texts, vectors, labels, self.power)

    def like(self, head: DiscriminantHead) -> "DiscriminantFitter":
        """Turn decisions into probabilities as this head does, which is not fitted anew."""
        return replace(self, power=head.power)

    def fit_held_out(
        self, texts: Sequence[str], vectors: Vectors, labels: Sequence[str]
    ) -> tuple[DiscriminantHead, Indices, Probabilities]:
        """Fit a head; judge exemplars by heads that were fitted without their part."""
        names, truth = np.unique(np.asarray(labels), return_inverse=True)
        part = parts_of(labels, _N_PARTS if len(labels) < _FEW_EXEMPLARS else 2, texts)
        judged, decisions = [], []
        most = min(_MAX_JUDGED, max(_MAX_DECISIONS // len(names), 50)) // (part.max() + 1)
        for held_out in range(part.max() + 1):
            rows = np.flatnonzero(part == held_out)
            rows = rows[:: -(-len(rows) // most)]
            kept = np.flatnonzero(part != held_out)
            head = self._fit(
                [texts[row] for row in kept.tolist()],
                vectors[kept],
                [labels[row] for row in kept.tolist()],
            )
            of_part = np.zeros((len(rows), len(names)))  # 0 where the others lack the target
            of_part[:, np.searchsorted(names, head.names)] = head.decisions(
                vectors[rows], words_in(texts[row] for row in rows.tolist())
            )
            judged.append(rows)
            decisions.append(of_part)
            del head  # its exemplars may take gigabytes
        rows, held_out_decisions = np.concatenate(judged), np.concatenate(decisions)
        power = fit_power_on_sample(held_out_decisions, truth[rows])
        head = self._fit(texts, vectors, labels, power)
        return head, rows, power.transform(held_out_decisions)

    def _fit(
        self,
        texts: Sequence[str],
        vectors: Vectors,
        labels: Sequence[str],
        power: Power | None = None,
    ) -> DiscriminantHead:
        none = np.zeros(vectors.shape[1], dtype=np.float32)
        titles = np.array([self.titles.get(name, none) for name in sorted(set(labels))])
        return fit_discriminant_head(vectors, labels, titles, power, texts)

    def with_documents(self, head: DiscriminantHead, texts: Sequence[str]) -> DiscriminantHead:
        """Add nothing, because there are no documents."""
        return head

    def for_queries(
        self, head: DiscriminantHead, texts: Sequence[str], encoder: Encoder
    ) -> DiscriminantHead:
        """Let many exemplars be read in 8 bits; there are no documents."""
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


def fitter_for(pack: Pack, encoder: Encoder) -> HeadFitter[Any]:
    """Choose by what the pack has: descriptions, or exemplars alone."""
    texts = _descriptions(pack)
    if not texts:
        by_rate = pack.has_typical_judgements
        return DiscriminantFitter(_title_vectors(pack, encoder)) if by_rate else KernelFitter()
    vectors = encoder.encode(list(texts.values()))
    documents = documents_of(pack.target_exemplars(), texts, _documents(pack))
    lexicon = Lexicon.fit(list(documents.values()), pairs=False)
    return _document_fitter(pack, dict(zip(texts, vectors, strict=True)), lexicon)


def _title_vectors(pack: Pack, encoder: Encoder) -> dict[str, Vectors]:
    """Encode what the skills and neighbours are called."""
    titles = {f"skill:{skill.id}": skill.title for skill in pack.file.skills}
    titles |= {f"neighbour:{other.id}": other.title for other in pack.file.neighbours}
    vectors = encoder.encode([readable(title).lower() for title in titles.values()])
    return dict(zip(titles, vectors, strict=True))


def fitter_of(pack: Pack, head: KernelHead | DiscriminantHead | DocumentHead) -> HeadFitter[Any]:
    """Fit as this head of the pack was fitted, with the terms that it knows; embeds nothing."""
    match head:
        case DocumentHead():
            vectors = dict(zip(head.names, head.descriptions, strict=True))
            return replace(_document_fitter(pack, vectors, head.lexicon), late=head.late)
        case DiscriminantHead():
            return DiscriminantFitter(dict(zip(head.names, head.titles, strict=True)))
        case _:
            return KernelFitter()


def _document_fitter(
    pack: Pack, vectors: Mapping[str, Vectors], lexicon: Lexicon
) -> DocumentFitter:
    texts = _descriptions(pack)
    descriptions = {name: Description(text, vectors[name]) for name, text in texts.items()}
    titles = {
        f"skill:{skill.id}": f"{readable(skill.id)} {skill.title}" for skill in pack.file.skills
    }
    telling: dict[str, list[str]] = {}
    for label, line in pack.target_exemplars():
        telling.setdefault(label, []).append(line)
    documents, tools = _documents(pack), pack.is_made_of_tools
    return DocumentFitter(descriptions, documents, lexicon, titles, telling, of_tools=tools)


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


def parts_of(labels: Sequence[str], n_parts: int, texts: Sequence[str] = ()) -> Indices:
    """Spread the exemplars of each label evenly over parts. Shape: (n,).

    :param texts: The exemplars. A text of several labels lies in one part with all of them.
    """
    part, count = np.zeros(len(labels), dtype=np.intp), dict.fromkeys(labels, 0)
    for row, label in enumerate(labels):
        part[row] = count[label]
        count[label] += 1
    # A label with fewer exemplars than parts begins at another part than the one before it.
    start = {label: index for index, label in enumerate(count)}
    part = np.asarray((part + [start[label] for label in labels]) % n_parts, dtype=np.intp)
    return _together(part, labels, texts) if texts else part


def _together(part: Indices, labels: Sequence[str], texts: Sequence[str]) -> Indices:
    """Move texts of several labels into one part each, unless that part would hold everything."""
    first = first_rows(texts)
    of_first = np.array(labels)[first] != np.array(labels)
    if not of_first.any():
        return part
    moved = np.where(of_first, part[first], part)
    return moved if len(np.unique(moved)) > 1 else part


def first_rows(texts: Sequence[str]) -> Indices:
    """Find the first row with the text of each row. Shape: (n,)."""
    first: dict[str, int] = {}
    return np.array([first.setdefault(text, row) for row, text in enumerate(texts)], dtype=np.intp)


def halves_in_turn(
    labels: Sequence[str], texts: Sequence[str] = ()
) -> list[tuple[list[int], list[int]]]:
    """Give (seen, unseen) twice: every second exemplar of each label, and the rest.

    :param texts: The exemplars. A text of several labels lies in one half with all of them.
    """
    half = halves_of(labels, texts)
    parts = [np.flatnonzero(half == side).tolist() for side in (0, 1)]
    return [(parts[0], parts[1]), (parts[1], parts[0])]


def halves_of(labels: Sequence[str], texts: Sequence[str] = ()) -> Indices:
    """Put every second exemplar of each label into the other half. Shape: (n,), 0 or 1.

    :param texts: The exemplars. A text of several labels lies in one half with all of them.
    """
    half = np.zeros(len(labels), dtype=np.intp)
    for label in set(labels):
        members = [index for index, member in enumerate(labels) if member == label]
        half[members[1::2]] = 1
    return _together(half, labels, texts) if texts else half
