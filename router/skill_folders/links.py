"""What the documents of a folder say about each other: who serves what they refuse, who is next."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from router.packs.markdown import plain, refuses
from router.packs.precedence import Precedence
from router.skill_folders.texts import Line

_POINTS = r"(?:use|see|try|call|load|invoke|goes to|go to|belongs to|→|->|=>|prefer)"
_TRIM = re.compile(
    r"^(?:[\s,;:.()/–—-]|(?:and|or|for|but)\b)+"
    rf"|(?:[\s,;:.()/–—-]|\b(?:{_POINTS}|the|instead|skills?|and|or|with|to|is|that|which)\b)+$",
    re.IGNORECASE,
)
_REFUSAL = re.compile(
    r"^.*?\b(?:do(?:n[’']t| not)|never|not|skip|avoid)\b(?: to)?"
    r"(?: (?:use|apply|trigger|invoke|cover|handle|intended))*"
    r"(?: (?:this|it|skill|when|if|for))*\b",
    re.IGNORECASE,
)
_NEXT = re.compile(
    r"\b(?:then|next|afterwards|followed by|hands? (?:it |this )?over to|proceeds? (?:to|with)"
    r"|continues? with|moves? on to|goes on with|before)\b[^.;]{0,60}$",
    re.IGNORECASE,
)
_PREVIOUS = re.compile(
    r"\b(?:after|once|following|requires|depends on|prerequisite|comes after)\b[^.;,]{0,40}$",
    re.IGNORECASE,
)
_IN_ORDER = re.compile(r"\b(?:order|sequence|pipeline|step|phase|workflow|stages?)", re.IGNORECASE)
_NUMBERED = re.compile(r"^\s*(?:step\s*)?\d+[.):]", re.IGNORECASE)


@dataclass(frozen=True)
class Names:
    """The names of a folder's skills. `ids` gives the id of each name."""

    ids: Mapping[str, str]

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        """Longest first; a name of one plain word counts only in backticks or after "use"."""
        names = sorted(self.ids, key=len, reverse=True)
        clear = "|".join(re.escape(name) for name in names if "-" in name)
        every = "|".join(map(re.escape, names))
        forms = [f"(?:[\\w-]+:)?`(?:[\\w-]+:)?({every})`", f"\\b{_POINTS} (?:the )?`?({every})`?"]
        if clear:
            forms.append(f"(?<![\\w/-])(?:[\\w-]+:)?({clear})(?![\\w/-])")
        return re.compile("|".join(forms))

    def said_in(self, text: str) -> list[tuple[int, int, str]]:
        """Find the skills that a text names: start, end and id of each."""
        return [
            (match.start(), match.end(), self.ids[next(filter(None, match.groups()))])
            for match in self._pattern.finditer(without_links(text))
        ]


def without_links(text: str) -> str:
    """Keep the words of links, with blanks for the rest: every word stays in its place."""
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", lambda m: m[1].ljust(len(m[0])), text)


def served_elsewhere(text: str, own: str, names: Names) -> list[tuple[str, str]]:
    """Read "not for X (use Y)" as what it is: (Y, X), for every other skill that is named."""
    found: list[tuple[str, str]] = []
    last, topic, text = 0, "", without_links(text)
    said = names.said_in(text)
    for place, (start, end, skill) in enumerate(said):
        before = _topic(text[last:start])
        if (
            not before
            and not topic
            and (after := re.match(r"`?\W*(?:skill )?for (.+)", text[end:]))
        ):
            limit = said[place + 1][0] - end if place + 1 < len(said) else len(text)
            before = _topic(after[1][:limit])
        topic = before or topic
        if topic and skill != own:
            found.append((skill, topic))
        last = end
    return found


def _topic(text: str) -> str:
    text = plain(_REFUSAL.sub("", text) if refuses(text) else text)
    while (trimmed := _TRIM.sub("", text)) != text:
        text = trimmed
    return text if len(text.split()) >= 2 else ""


def ordered_pairs(lines: Iterable[Line], own: str, names: Names) -> list[tuple[str, str]]:
    """Read who comes before whom: pairs (earlier, later) of ids, as the lines have them."""
    pairs: list[tuple[str, str]] = []
    numbered: list[str] = []
    for line in lines:
        said = names.said_in(line.text)
        for start, _, skill in said:
            before = line.text[:start]
            if skill != own and _NEXT.search(before) and not refuses(line.heading):
                pairs.append((own, skill))
            elif skill != own and _PREVIOUS.search(before) and not refuses(line.heading):
                pairs.append((skill, own))
        pairs += _arrows(line.text, said)
        if line.kind == "item" and _IN_ORDER.search(line.heading) and len(said) == 1:
            numbered.append(said[0][2])
        elif line.kind == "heading":
            pairs += zip(numbered, numbered[1:], strict=False)
            numbered = []
    pairs += zip(numbered, numbered[1:], strict=False)
    return [pair for pair in dict.fromkeys(pairs) if pair[0] != pair[1]]


def _arrows(text: str, said: Sequence[tuple[int, int, str]]) -> list[tuple[str, str]]:
    """Read "a -> b -> c" as an order."""
    neighbours = zip(said, said[1:], strict=False)
    return [
        (one[2], other[2])
        for one, other in neighbours
        if re.fullmatch(
            r"[\s`*]*(?:→|->|=>|,? then|,? followed by)[\s`*]*", text[one[1] : other[0]]
        )
    ]


def without_cycles(
    pairs: Iterable[tuple[str, str]],
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Keep the pairs that don't contradict those before them; give both kinds."""
    kept: list[tuple[str, str]] = []
    refused = []
    known = Precedence(frozenset())
    for earlier, later in dict.fromkeys(pairs):
        if known.before(later, earlier):
            refused.append((earlier, later))
        elif not known.before(earlier, later):
            kept.append((earlier, later))
            known = Precedence.of_chains([((a,), (b,)) for a, b in kept])
    return kept, refused
