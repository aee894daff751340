"""What the documents of a folder state about each other's purpose and order."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from router.packs.markdown import plain, refuses
from router.skill_folders.document_lines import BodyLine
from router.skill_folders.phrases import (
    ARROW,
    BEFORE_NEXT,
    BEFORE_PREVIOUS,
    NAMES_AN_ORDER,
    REFERENCE,
    REFUSAL_LEAD_IN,
    TOPIC_EDGES,
)

_TOKEN = re.compile(r"[\w-]+")


@dataclass(frozen=True)
class SkillMentions:
    """Finds the skills of a folder in a text. `ids` gives the id of each name."""

    ids: Mapping[str, str]

    @cached_property
    def _plain(self) -> frozenset[str]:
        return frozenset(name for name in self.ids if _TOKEN.fullmatch(name))

    @cached_property
    def _odd(self) -> list[str]:
        return [name for name in self.ids if not _TOKEN.fullmatch(name)]

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        """Longest first; a name of one plain word counts only in backticks or after "use"."""
        names = sorted(self.ids, key=len, reverse=True)
        clear = "|".join(re.escape(name) for name in names if "-" in name)
        every = "|".join(map(re.escape, names))
        forms = [f"(?:[\\w-]+:)?`(?:[\\w-]+:)?({every})`", f"{REFERENCE}`?({every})(?![\\w-])`?"]
        if clear:
            forms.append(f"(?<![\\w/-])(?:[\\w-]+:)?({clear})(?![\\w/-])")
        return re.compile("|".join(forms))

    def find(self, text: str) -> list[tuple[int, int, str]]:
        """Give the start, the end and the skill of each mention in a text."""
        if self._plain.isdisjoint(_TOKEN.findall(text)) and not any(
            map(text.__contains__, self._odd)
        ):
            return []  # which is true of nearly every line, and told ten times as fast
        return [
            (match.start(), match.end(), self.ids[next(filter(None, match.groups()))])
            for match in self._pattern.finditer(_without_links(text))
        ]


def served_elsewhere(text: str, own: str, mentions: SkillMentions) -> list[tuple[str, str]]:
    """Read "not for X (use Y)" as (Y, X), for every skill but its own that a text names."""
    served: list[tuple[str, str]] = []
    last, topic, text = 0, "", _without_links(text)
    named = mentions.find(text)
    for i, (start, end, skill) in enumerate(named):
        before = _topic(text[last:start])
        after = re.match(r"`?\W*(?:skill )?for (.+)", text[end:])
        if after and not before and not topic:
            limit = named[i + 1][0] - end if i + 1 < len(named) else None
            before = _topic(after[1][:limit])
        topic = before or topic
        if topic and skill != own:
            served.append((skill, topic))
        last = end
    return served


def ordered_pairs(
    lines: Iterable[BodyLine], own: str, mentions: SkillMentions
) -> list[tuple[str, str]]:
    """Read which skill comes before which: pairs (earlier, later), as the lines state them."""
    pairs: list[tuple[str, str]] = []
    numbered: list[str] = []
    for line in lines:
        named = mentions.find(line.text)
        if named and not refuses(line.heading):
            pairs += _pairs_with_own(line.text, own, named)
        pairs += [
            (earlier, later)
            for (_, end, earlier), (start, _, later) in pairwise(named)
            if ARROW.fullmatch(line.text[end:start])
        ]
        if line.kind == "item" and NAMES_AN_ORDER.search(line.heading) and len(named) == 1:
            numbered.append(named[0][2])
        elif line.kind == "heading":
            pairs += pairwise(numbered)
            numbered = []
    pairs += pairwise(numbered)
    return [pair for pair in dict.fromkeys(pairs) if pair[0] != pair[1]]


def _pairs_with_own(
    text: str, own: str, named: Iterable[tuple[int, int, str]]
) -> Iterator[tuple[str, str]]:
    for start, _, skill in named:
        if BEFORE_NEXT.search(text[:start]):
            yield own, skill
        elif BEFORE_PREVIOUS.search(text[:start]):
            yield skill, own


def without_cycles(
    pairs: Iterable[tuple[str, str]],
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Separate the pairs into those that agree with all before them, and those that don't."""
    kept: list[tuple[str, str]] = []
    contradicting = []
    known: set[tuple[str, str]] = set()  # closed under transitivity
    for earlier, later in dict.fromkeys(pairs):
        if (later, earlier) in known:
            contradicting.append((earlier, later))
        elif (earlier, later) not in known:
            kept.append((earlier, later))
            first = [earlier, *(a for a, b in known if b == earlier)]
            last = [later, *(b for a, b in known if a == later)]
            known.update((a, b) for a in first for b in last)
    return kept, contradicting


def _without_links(text: str) -> str:
    """Keep the words of links, padded with blanks so that every word keeps its position."""
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", lambda match: match[1].ljust(len(match[0])), text)


def _topic(text: str) -> str:
    text = plain(REFUSAL_LEAD_IN.sub("", text) if refuses(text) else text)
    while (trimmed := TOPIC_EDGES.sub("", text)) != text:
        text = trimmed
    return text if len(text.split()) >= 2 else ""
