"""The lines of a skill's document that a query might resemble, sorted by where they stand."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from router.encoders.cached import CachedEncoder
from router.encoders.encoder import Encoder
from router.fitting.code_hash import code_hash
from router.packs.markdown import plain, refuses, without_code
from router.skill_folders.phrases import (
    GENERIC_HEADINGS,
    INTRODUCES_USES,
    USE_LEAD_IN,
    USER_LEAD_IN,
)
from router.skill_folders.skill_document import SkillDocument

MAX_LINE = 1_100
"""In characters. It is about what an encoder reads; only the beginning of a longer line is kept."""

_HEADING = re.compile(r"^(#{1,6})\s+(.+?)\s*#*$")
_TITLE = re.compile(r"\s*#\s+(.+?)\s*#*\s*$", re.MULTILINE)
_ITEM = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+(?:\[[ xX]\]\s+)?(.+)$")
_LABEL = re.compile(r"^\**([^*:.]{3,60}?)\**\s*:\s*\**\s*(.*)$")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"'“(])|\s+[—–]\s+|\s+-{1,2}\s+|;\s+")
_LIST_PART_END = re.compile(
    r":\s+|,\s+(?:and |or |etc\.?)?|\s+(?:or|and)\s+(?=\w+ing\b)|\s*[()]\s*"
)
_QUOTE = re.compile(r"[\"“]([^\"“”\n]{3,200})[\"”]|(?<!\w)[‘'](\w[^'‘’\n]{2,120})['’](?!\w)")


@dataclass(frozen=True)
class BodyLine:
    """A line of a body under its heading. `kind` is "heading", "item", "row" (table) or "text"."""

    kind: str
    heading: str
    text: str

    @property
    def is_refusal(self) -> bool:
        """Whether it is an item of a list of what the skill is not for."""
        return self.kind == "item" and refuses(self.heading)

    @property
    def is_use(self) -> bool:
        """Whether it is an item of a list of uses."""
        is_listed = self.kind == "item" and bool(INTRODUCES_USES.search(self.heading))
        return is_listed and not refuses(self.heading) and not refuses(self.text)

    def is_statement(self, kind: str, min_words: int) -> bool:
        """Whether it is of that kind and neither a use nor a refusal."""
        if self.kind != kind or self.is_use or refuses(f"{self.heading} {self.text}"):
            return False
        return len(self.text.split()) >= min_words


@dataclass(frozen=True)
class DocumentLines:
    """What a document states in lines that may serve as exemplars, by where they stand."""

    name: str
    title: str
    description: str
    sentences: tuple[str, ...]  # of the description: what the skill does, then when to use it
    clauses: tuple[str, ...]  # parts of these sentences
    listed_uses: tuple[str, ...]  # items below "When to use", and keys of the frontmatter
    quotes: tuple[str, ...]  # example queries in quotation marks
    headings: tuple[str, ...]
    opening: tuple[str, ...]  # the first paragraph of the body
    refusals: tuple[str, ...]  # sentences on what it is not for, with their Markdown
    body: tuple[BodyLine, ...]
    parts: tuple[str, ...] = ()  # what the documents nested below this one state

    @property
    def statements(self) -> Iterator[str]:
        """The first cells of tables, the other list items, then the prose."""
        yield from _first_cells(self.body)
        yield from (line.text for line in self.body if line.is_statement("item", 3))
        yield from (line.text for line in self.body if line.is_statement("text", 4))


def lines_of_documents(
    skills: Sequence[SkillDocument], encoder: Encoder | None = None
) -> list[DocumentLines]:
    """Sort the lines of each document; a `CachedEncoder` keeps them."""
    if not isinstance(encoder, CachedEncoder):
        return list(map(document_lines, skills))
    rows = encoder.get_or_make(
        f"lines-{code_hash()}",
        [f"{skill.path.parent.name}\n{skill.text}" for skill in skills],
        lambda missing: [msgspec.json.encode(document_lines(skills[index])) for index in missing],
    )
    return [msgspec.json.decode(row, type=DocumentLines) for row in rows]


def document_lines(skill: SkillDocument) -> DocumentLines:
    """Sort the lines of a document."""
    body = tuple(body_lines(skill.body))
    sentences = list(filter(None, _SENTENCE_END.split(skill.description)))
    kept = [sentence for sentence in sentences if not refuses(sentence)]
    uses = [part for part in kept if USE_LEAD_IN.match(part) or INTRODUCES_USES.search(part)]
    purposes = [part for part in kept if part not in uses]
    listed = [*map(without_lead_in, skill.uses), *(line.text for line in body if line.is_use)]
    return DocumentLines(
        name=plain_name(skill.name),
        title=_title(skill),
        description=" ".join(kept),
        sentences=clean([*purposes, *map(without_lead_in, uses)]),
        clauses=clean(clause for part in kept for clause in clauses_in(without_lead_in(part))),
        listed_uses=clean(part for text in listed for part in _without_quotes(text)),
        quotes=clean(_quotes([*kept, *listed])),
        headings=clean(
            line.text for line in body if line.kind == "heading" and not _is_generic(line.text)
        ),
        opening=clean(_opening(body)),
        refusals=(
            *filter(refuses, sentences),
            *skill.refusals,
            *(line.text for line in body if line.is_refusal),
        ),
        body=body,
    )


def plain_name(name: str) -> str:
    """Give a name as words."""
    return " ".join(re.sub(r"[^\w.+#]+|_", " ", name).split())


def body_lines(body: str) -> Iterator[BodyLine]:
    """Give the headings, list items, table rows and paragraphs of a body, without code."""
    heading, label = "", ""
    for raw in without_code(body).split("\n"):
        text = raw.strip()
        if not text:
            continue
        if title := _HEADING.match(text):
            heading, label = plain(title[2]), ""
            yield BodyLine("heading", heading, heading)
        elif item := _ITEM.match(raw):
            yield BodyLine("item", label or heading, item[1].strip())
        elif (named := _LABEL.match(text)) and (
            INTRODUCES_USES.search(named[1]) or refuses(named[1])
        ):
            label = plain(named[1])
            if named[2]:
                yield BodyLine("item", label, named[2])
        elif not set(text) <= set("|-:= *_"):
            is_row = text.startswith("|")
            label = label if is_row else ""
            label = plain(text) if text.endswith((":", ":**")) else label
            yield BodyLine("row" if is_row else "text", heading, text)


def without_lead_in(sentence: str) -> str:
    """Remove "Use this skill when the user wants to" and the like."""
    rest = USE_LEAD_IN.sub("", sentence, count=1)
    return USER_LEAD_IN.sub("", rest, count=1) if rest != sentence else rest


def clauses_in(sentence: str) -> list[str]:
    """Split a sentence that lists things into its parts; give nothing for any other sentence."""
    parts = [part.strip(" .,:;") for part in _LIST_PART_END.split(sentence)]
    kept = [part for part in parts if len(part) >= 3]
    return kept if len(kept) > 1 else []


def clean(texts: Iterable[str]) -> tuple[str, ...]:
    """Give plain lines of at least three characters once each, as exemplar files take them."""
    lines: dict[str, str] = {}
    for text in texts:
        line = plain(text).strip(" \"“”'‘’").lstrip("#-> ").rstrip(" .,;:")
        if len(line) > MAX_LINE:
            line = line[:MAX_LINE].rsplit(" ", 1)[0]
        if len(line) >= 3:
            lines.setdefault(line.casefold(), line)
    return tuple(lines.values())


def _first_cells(body: Iterable[BodyLine]) -> Iterator[str]:
    for line in body:
        if line.kind == "row" and not refuses(line.heading):
            cell = line.text.strip("| ").split("|")[0].strip()
            if len(cell.split()) >= 2:
                yield cell


def _is_generic(heading: str) -> bool:
    text = re.sub(r"^(?:step|phase|part)?\s*\d+[.:)]*\s*", "", heading.casefold())
    text = re.sub(r"\s*\([^)]*\)$", "", text).strip(" :.?!")
    is_generic = not text or text in GENERIC_HEADINGS
    return is_generic or bool(INTRODUCES_USES.search(text)) or refuses(text)


def _title(skill: SkillDocument) -> str:
    """Give the heading that the body begins with, or else the name, never a later heading."""
    name = plain_name(skill.name)
    fallback = name[:1].upper() + name[1:]
    begins = _TITLE.match(without_code(skill.body))
    first = plain(begins[1]) if begins else ""
    is_title = 2 < len(first) <= 60 and not _is_generic(first)
    return first if is_title else fallback[:60] or "Skill"


def _opening(body: Iterable[BodyLine]) -> list[str]:
    paragraphs = (line for line in body if line.kind in ("text", "row") and len(line.text) > 30)
    first = next(paragraphs, None)
    if first is None or first.kind == "row" or refuses(first.text):
        return []
    return list(filter(None, _SENTENCE_END.split(first.text)))[:2]


def _quotes(texts: Iterable[str]) -> list[str]:
    quotes = [double or single for text in texts for double, single in _QUOTE.findall(text)]
    return [quote for quote in quotes if " " in quote.strip() or quote.startswith(".")]


def _without_quotes(text: str) -> list[str]:
    """Keep an item that is more than the quotes in it."""
    if not _QUOTE.search(text):
        return [text]
    rest = plain(_QUOTE.sub(" ", text)).strip(" ,.;:/-")
    return [rest] if len(rest.split()) >= 4 else []
