"""What a skill's document says in words that a query might use: the exemplars it brings itself."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from router.packs.markdown import plain, refuses, without_code
from router.skill_folders.skill_file import SkillFile

LONGEST = 1_100
"""Characters of one exemplar, about what an encoder reads; of a longer line the beginning stays."""

_HEADING = re.compile(r"^(#{1,6})\s+(.+?)\s*#*$")
_ITEM = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+(?:\[[ xX]\]\s+)?(.+)$")
_LABEL = re.compile(r"^\**([^*:.]{3,60}?)\**\s*:\s*\**\s*(.*)$")
_WHEN = re.compile(
    r"when (?:to|you(?:'d| would| should)?|should(?: you| i)?)"
    r" (?:use|invoke|apply|activate|reach|load)"
    r"|\buse (?:it |this )?(?:skill )?(?:when|for|if|this)|use cases?\b|symptoms?\b|\btriggers?\b"
    r"|trigger (?:phrases|words|conditions)|example (?:quer|prompt|request|question|user)"
    r"|(?:users?|people|someone|they|you) (?:might |may |could |can )?(?:say|ask)"
    r"|\bload this skill",
    re.IGNORECASE,
)
_LEAD = re.compile(
    r"^(?:(?:you )?must |always |also |proactively )*"
    r"(?:use|apply|invoke|load|activate|trigger|call)s?"
    r"(?: (?:this|the|it)(?: skill)?)?(?: proactively| also| especially)?"
    r"(?: (?:when(?:ever)?|if|for|before|after|to|any ?time|during|while))?\s+"
    r"|^(?:also |especially )?(?:when(?:ever)?|if)"
    r" (?=(?:the |a )?(?:user|someone|you|working|asked))"
    r"|^triggers?(?: include| on| for| when|s)?\s*:?\s+|^symptoms?:\s+|^examples?:\s+",
    re.IGNORECASE,
)
_WANTS = re.compile(
    r"^(?:the |a )?(?:users?|someone|somebody|people|you)(?:['’]s)?(?: also)?"
    r"(?: (?:explicitly|needs?|wants?|asks?|requests?|mentions?|says?|has|have|is|are|would like"
    r"|might|may))*(?: (?:to|for|about|you to|with help|help|that))*\s+",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"'“(])|\s+[—–]\s+|\s+-{1,2}\s+|;\s+")
_QUOTE = re.compile(r"[\"“]([^\"“”\n]{3,200})[\"”]|(?<!\w)[‘'](\w[^'‘’\n]{2,120})['’](?!\w)")
_GENERIC_HEADINGS = """
overview, introduction, quick start, quick reference, getting started, usage, requirements,
setup, installation, prerequisites, instructions, examples, example, references, resources,
notes, workflow, process, steps, best practices, checklist, troubleshooting, dependencies,
output format, output, input, summary, related skills, when to use, when not to use, core
principle, the process, tools, common mistakes, red flags, key principles, decide, procedure,
verify, rollback, roll back, first questions, hand over, what goes wrong, table of contents,
contents, limitations, configuration, conclusion, integration, remember, see also, scripts,
background, context, purpose, goal, goals, guidelines, success criteria, anti-patterns, core
concepts, core workflow, quick workflow, next steps, approach, structure, types, style, templates,
assets, reference documentation, bundled resources, customization
"""
_GENERIC = frozenset(" ".join(_GENERIC_HEADINGS.split()).split(", "))


@dataclass(frozen=True)
class Line:
    """One line of prose under its heading. `kind` is heading, item, or text; `line` from 1."""

    line: int
    kind: str
    heading: str
    text: str


@dataclass(frozen=True)
class SkillTexts:
    """A document's lines by what they are good for; the strongest group first."""

    name: str
    title: str
    description: str
    what: tuple[str, ...]  # sentences of the description: what it does
    when: tuple[str, ...]  # sentences of the description: when to use it
    clauses: tuple[str, ...]  # parts of those sentences
    listed: tuple[str, ...]  # items under "When to use", "Symptoms"; triggers of the frontmatter
    quoted: tuple[str, ...]  # example queries in quotes
    headings: tuple[str, ...]
    opening: tuple[str, ...]  # the body's first paragraph
    cells: tuple[str, ...]  # first cells of tables
    items: tuple[str, ...]  # the other list items
    prose: tuple[str, ...]
    refused: tuple[str, ...]  # what it says it is not for, whole sentences; Markdown kept
    lines: tuple[Line, ...]


def read_texts(skill: SkillFile) -> SkillTexts:
    """Sort what a document says."""
    lines = tuple(body_lines(skill.body, skill.body_line))
    sentences = [part for part in _SENTENCE.split(skill.description) if part]
    refused = [part for part in sentences if refuses(part)]
    kept = [part for part in sentences if not refuses(part)]
    when = [part for part in kept if _LEAD.match(part) or _WHEN.search(part)]
    listed = [*map(without_lead, skill.triggers), *(line.text for line in lines if _is_when(line))]
    quotes = _quotes([*kept, *listed])
    return SkillTexts(
        name=plain_name(skill.name),
        title=_title(skill, lines),
        description=" ".join(kept),
        what=clean(part for part in kept if part not in when),
        when=clean(map(without_lead, when)),
        clauses=clean(clause for part in kept for clause in clauses_in(without_lead(part))),
        listed=clean(part for text in listed for part in _without_quotes(text)),
        quoted=clean(quotes),
        headings=clean(
            line.text for line in lines if line.kind == "heading" and not _is_generic(line.text)
        ),
        opening=clean(_opening(lines)),
        cells=clean(_first_cells(lines)),
        items=clean(line.text for line in lines if line.kind == "item" and _is_other(line, 3)),
        prose=clean(line.text for line in lines if line.kind == "text" and _is_other(line, 4)),
        refused=(
            *refused,
            *skill.refusals,
            *(line.text for line in lines if _is_refusal(line)),
        ),
        lines=lines,
    )


def plain_name(name: str) -> str:
    """Give a name as words."""
    return " ".join(re.sub(r"[^\w.+#]+|_", " ", name).split())


def body_lines(body: str, first_line: int) -> Iterator[Line]:
    """Give a body's headings, list items and paragraphs, without code and comments."""
    heading, label = "", ""
    for number, raw in enumerate(without_code(body).split("\n"), start=first_line):
        text = raw.strip()
        if not text:
            continue
        if found := _HEADING.match(text):
            heading, label = plain(found[2]), ""
            yield Line(number, "heading", heading, heading)
        elif item := _ITEM.match(raw):
            yield Line(number, "item", label or heading, item[1].strip())
        elif (named := _LABEL.match(text)) and (_WHEN.search(named[1]) or refuses(named[1])):
            label = plain(named[1])
            if named[2]:
                yield Line(number, "item", label, named[2])
        elif not set(text) <= set("|-:= *_"):
            label = label if text.startswith("|") else ""
            label = plain(text) if text.endswith((":", ":**")) else label
            yield Line(number, "text", heading, text)


def without_lead(sentence: str) -> str:
    """Take off "Use this skill when the user wants to" and its like."""
    rest = _LEAD.sub("", sentence, count=1)
    return _WANTS.sub("", rest, count=1) if rest != sentence else rest


def clauses_in(sentence: str) -> list[str]:
    """Split a sentence that is a list into its members; a sentence that is none gives nothing."""
    parts = re.split(
        r":\s+|,\s+(?:and |or |etc\.?)?|\s+(?:or|and)\s+(?=\w+ing\b)|\s*[()]\s*", sentence
    )
    parts = [part.strip(" .,:;") for part in parts]
    kept = [part for part in parts if len(part) >= 3]
    return kept if len(kept) > 1 else []


def _is_when(line: Line) -> bool:
    if line.kind != "item" or refuses(line.heading):
        return False
    return bool(_WHEN.search(line.heading)) and not refuses(line.text)


def _is_refusal(line: Line) -> bool:
    return line.kind == "item" and refuses(line.heading)


def _is_other(line: Line, words: int) -> bool:
    """Tell whether a line of the body is prose that neither lists nor refuses uses."""
    if line.text.startswith("|") or _is_when(line) or refuses(f"{line.heading} {line.text}"):
        return False
    return len(line.text.split()) >= words


def _first_cells(lines: Iterable[Line]) -> Iterator[str]:
    for line in lines:
        if line.text.startswith("|") and not refuses(line.heading):
            cell = line.text.strip("| ").split("|")[0].strip()
            if len(cell.split()) >= 2:
                yield cell


def _is_generic(heading: str) -> bool:
    text = re.sub(r"^(?:step|phase|part)?\s*\d+[.:)]*\s*", "", heading.casefold())
    text = re.sub(r"\s*\([^)]*\)$", "", text).strip(" :.?!")
    return text in _GENERIC or bool(_WHEN.search(text)) or refuses(text) or not text


def _title(skill: SkillFile, lines: Iterable[Line]) -> str:
    named = plain_name(skill.name)
    fallback = named[:1].upper() + named[1:]
    first = next((line.text for line in lines if line.kind == "heading"), "")
    return first if 2 < len(first) <= 60 else fallback[:60] or "Skill"


def _opening(lines: Iterable[Line]) -> list[str]:
    text = next((line.text for line in lines if line.kind == "text" and len(line.text) > 30), "")
    if refuses(text) or text.startswith("|"):
        return []
    return [part for part in _SENTENCE.split(text) if part][:2]


def _quotes(texts: Iterable[str]) -> list[str]:
    found = [one or other for text in texts for one, other in _QUOTE.findall(text)]
    return [quote for quote in found if " " in quote.strip() or quote.startswith(".")]


def _without_quotes(text: str) -> list[str]:
    """Keep an item that is more than the quotes in it."""
    rest = plain(_QUOTE.sub(" ", text)).strip(" ,.;:/-")
    return [text] if not _QUOTE.search(text) else [rest] if len(rest.split()) >= 4 else []


def clean(texts: Iterable[str]) -> tuple[str, ...]:
    """Plain text, each once, nothing empty, nothing that a file of exemplars would misread."""
    found: dict[str, str] = {}
    for text in texts:
        line = plain(text).strip(" \"“”'‘’").lstrip("#-> ").rstrip(" .,;:")
        if len(line) > LONGEST:
            line = line[:LONGEST].rsplit(" ", 1)[0]
        if len(line) >= 3:
            found.setdefault(line.casefold(), line)
    return tuple(found.values())
