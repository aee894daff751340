"""Which head a pack gets: one of two that learn from exemplars, or one that weighs documents."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from router.arrays import Vectors
from router.encoders.cached import CachedEncoder
from router.encoders.encoder import Encoder
from router.fitting.code_hash import code_hash
from router.fitting.discriminant_fitter import DiscriminantFitter
from router.fitting.document_fitter import DocumentFitter
from router.fitting.head_fitter import HeadFitter
from router.fitting.kernel_fitter import KernelFitter
from router.heads.discriminant_head import DiscriminantHead
from router.heads.document_head import (
    Description,
    DocumentHead,
    documents_of,
)
from router.heads.kernel_head import KernelHead
from router.heads.lexicon import Lexicon
from router.heads.term_counts import TermCounts
from router.packs.labels import readable
from router.packs.markdown import own_text
from router.packs.pack import Pack
from router.text import well_formed, words_in

_MAX_DOCUMENT_LENGTH = 100_000
"""Characters of a document that are read, from its beginning."""


def fitter_for(pack: Pack, encoder: Encoder) -> HeadFitter[Any]:
    """Choose by what the pack has: descriptions, or exemplars alone."""
    texts = _descriptions(pack)
    if not texts:
        by_rate = pack.has_typical_judgements
        return DiscriminantFitter(_title_vectors(pack, encoder)) if by_rate else KernelFitter()
    vectors, own = encoder.encode(list(texts.values())), _documents(pack, encoder)
    by_name = documents_of(pack.target_exemplars(), texts, own)
    documents = [by_name[name] for name in sorted(by_name)]
    words = TermCounts.of(words_in(documents))
    fitter = _document_fitter(
        pack, dict(zip(texts, vectors, strict=True)), own, Lexicon.of_documents(words)
    )
    return replace(fitter, counted=(documents, words))


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
            fitter = _document_fitter(pack, vectors, _documents(pack), head.lexicon)
            return replace(fitter, late=head.late)
        case DiscriminantHead():
            return DiscriminantFitter(dict(zip(head.names, head.titles, strict=True)))
        case _:
            return KernelFitter()


def _document_fitter(
    pack: Pack, vectors: Mapping[str, Vectors], documents: Mapping[str, str], lexicon: Lexicon
) -> DocumentFitter:
    texts = _descriptions(pack)
    descriptions = {name: Description(text, vectors[name]) for name, text in texts.items()}
    titles = {
        f"skill:{skill.id}": f"{readable(skill.id)} {skill.title}" for skill in pack.file.skills
    }
    telling: dict[str, list[str]] = {}
    for label, line in pack.target_exemplars():
        telling.setdefault(label, []).append(line)
    tools = pack.is_made_of_tools
    return DocumentFitter(descriptions, documents, lexicon, titles, telling, of_tools=tools)


def _descriptions(pack: Pack) -> dict[str, str]:
    """Give the descriptions of the skills that have one, by target."""
    return {
        f"skill:{skill.id}": skill.description for skill in pack.file.skills if skill.description
    }


def _documents(pack: Pack, encoder: Encoder | None = None) -> dict[str, str]:
    """Give what the documents say for their targets; only their beginning is read.

    A `CachedEncoder` keeps it.
    """
    texts = [text[:_MAX_DOCUMENT_LENGTH] for text in pack.documents.values()]
    if isinstance(encoder, CachedEncoder):
        rows = encoder.get_or_make(
            f"own-{code_hash()}",
            texts,
            lambda missing: [well_formed(own_text(texts[index])).encode() for index in missing],
        )
        own = [row.decode() for row in rows]
    else:
        own = [own_text(text) for text in texts]
    return dict(zip((f"skill:{skill}" for skill in pack.documents), own, strict=True))
