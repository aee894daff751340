"""A hint to the author: would an agent that sees descriptions only find a skill, and what to add.

Such an agent is stood in for by the cosine of a phrase with "name: description". The phrases are
those with which the body of a skill says when to use it.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from router.arrays import Indices, Similarities, Vectors
from router.encoders.encoder import Encoder
from router.lint.finding import Finding
from router.packs.markdown import refuses
from router.skill_folders.folder import FolderSkill
from router.text import lower_first

_MIN_PHRASES, _MAX_PHRASES = 3, 12
"""Trigger phrases of a body that are looked at; with fewer, nothing is said."""

_MISSED_SHARE = 0.5
"""A skill is reported if it loses this share of its phrases, and two at least."""

_NO_PHRASE = re.compile(r"\w+/\w+\.\w|\.md\b|\.\.\.|…|\{|://")
"""Paths, links and templates are no phrases of a user."""

_MAX_ADDED, _MAX_CANDIDATES = 3, 6
_MAX_PHRASE_WORDS = 14
_MIN_TAKEN = 2
_SHOWN = 3


@dataclass(frozen=True)
class TriggerPhrases:
    """The trigger phrases of a folder, and how near each description comes to them.

    :param owner: The index of the skill of each phrase. Shape: (n_phrases,).
    :param vectors: Of the phrases. Shape: (n_phrases, width).
    :param cosines: With the description of each skill. Shape: (n_phrases, n_skills).
    """

    skills: Sequence[FolderSkill]
    texts: Sequence[str]
    owner: Indices
    vectors: Vectors
    cosines: Similarities

    @classmethod
    def of(cls, skills: Sequence[FolderSkill], encoder: Encoder) -> "TriggerPhrases":
        """Read and embed the phrases and the descriptions."""
        phrases = [trigger_phrases(skill) for skill in skills]
        texts = [phrase for group in phrases for phrase in group]
        owner = np.repeat(np.arange(len(skills)), [len(group) for group in phrases])
        vectors = encoder.encode(texts)
        seen = encoder.encode([_seen(skill) for skill in skills])
        return cls(skills, texts, owner, vectors, vectors @ seen.T)

    @property
    def taker(self) -> Indices:
        """The skill whose description is nearest to each phrase. Shape: (n_phrases,)."""
        return np.asarray(self.cosines.argmax(axis=1))

    def n_found_with(self, skill: int, description: Vectors) -> tuple[int, int]:
        """Count what is found if a skill had another description.

        :param description: The vector of that description. Shape: (width,).
        :return: Phrases of the skill that lead to it; phrases of others that it takes in addition.
        """
        others = self.cosines.copy()
        others[:, skill] = -np.inf
        nearest_other = others.max(axis=1)
        wins = self.vectors @ description > nearest_other
        own = self.owner == skill
        before = self.cosines[:, skill] > nearest_other
        return int(wins[own].sum()), int((wins & ~before & ~own).sum())


def trigger_phrases(skill: FolderSkill) -> list[str]:
    """Give the phrases with which a body says when to use a skill, but those in the description."""
    described = skill.document.description.casefold()
    phrases = dict.fromkeys([*skill.lines.quotes, *skill.lines.listed_uses])
    kept = [
        phrase
        for phrase in phrases
        if 2 <= len(phrase.split()) <= _MAX_PHRASE_WORDS
        and not _NO_PHRASE.search(phrase)
        and phrase.casefold() not in described
    ]
    return kept[:_MAX_PHRASES]


def author_hints(
    skills: Sequence[FolderSkill], encoder: Encoder, lines: Mapping[str, int]
) -> Iterator[Finding]:
    """Say of each skill whether its description covers its trigger phrases, and what to add.

    :param lines: The line of the description of each skill, by id.
    """
    if len(skills) < 2 or not any(map(trigger_phrases, skills)):
        return
    phrases = TriggerPhrases.of(skills, encoder)
    taken: Counter[tuple[int, int]] = Counter()
    for index, skill in enumerate(skills):
        own = np.flatnonzero(phrases.owner == index)
        missed = own[phrases.taker[own] != index]
        if len(own) < _MIN_PHRASES or len(missed) < max(2, _MISSED_SHARE * len(own)):
            continue
        taken.update((int(taker), index) for taker in phrases.taker[missed])
        yield _uncovered(phrases, index, own, missed, lines[skill.id], encoder)
    for (taker, loser), count in sorted(taken.items()):
        if count >= _MIN_TAKEN and not _excludes(skills[taker], skills[loser]):
            yield _missing_exclusion(phrases, taker, loser, lines[skills[taker].id])


def _uncovered(
    phrases: TriggerPhrases,
    index: int,
    own: Indices,
    missed: Indices,
    line: int,
    encoder: Encoder,
) -> Finding:
    skill, n_found = phrases.skills[index], len(own) - len(missed)
    shown = "; ".join(
        f"{phrases.texts[row]!r} leads to {phrases.skills[phrases.taker[row]].id}"
        for row in missed[:_SHOWN].tolist()
    )
    sentence, n_with, n_taken = _sentence_to_add(phrases, index, missed, encoder)
    if n_with <= n_found:
        cure = "say in the description what only this skill does, in the words of these phrases"
    else:
        cure = f"add to the description: {sentence!r}; with this sentence {n_with} of {len(own)}"
        cure += f" phrases are found, {n_found} today"
        cure += f", and it takes {n_taken} of other skills" if n_taken else ""
    message = (
        f"an agent that sees descriptions only finds {skill.id} by {n_found} of the {len(own)}"
        f" trigger phrases of its body: {shown}"
    )
    path = str(skill.document.path)
    return Finding("notice", "uncovered-triggers", path, line, message, cure)


def _sentence_to_add(
    phrases: TriggerPhrases, index: int, missed: Indices, encoder: Encoder
) -> tuple[str, int, int]:
    """Choose, one after the other, the missed phrases that help most in one more sentence.

    :return: The sentence, the phrases that are found with it, and those that it takes from others.
    """
    seen = _seen(phrases.skills[index])
    left = [phrases.texts[row] for row in missed.tolist()][:_MAX_CANDIDATES]
    chosen: list[str] = []
    best, best_gain = ("", 0, 0), 0
    while left and len(chosen) < _MAX_ADDED:
        sentences = [_use_for([*chosen, text]) for text in left]
        vectors = encoder.encode([f"{seen} {sentence}" for sentence in sentences])
        counts = [phrases.n_found_with(index, vector) for vector in vectors]
        gains = [found - lost for found, lost in counts]
        at = int(np.argmax(gains))
        if gains[at] <= best_gain:
            break
        best, best_gain = (sentences[at], *counts[at]), gains[at]
        chosen.append(left.pop(at))
    return best


def _missing_exclusion(phrases: TriggerPhrases, taker: int, loser: int, line: int) -> Finding:
    rows = np.flatnonzero((phrases.owner == loser) & (phrases.taker == taker)).tolist()
    own, other = phrases.skills[taker].id, phrases.skills[loser].id
    shown = "; ".join(repr(phrases.texts[row]) for row in rows[:_SHOWN])
    topic = lower_first(phrases.texts[rows[0]].rstrip("."))
    return Finding(
        "notice",
        "missing-exclusion",
        str(phrases.skills[taker].document.path),
        line,
        f"the description of {own} attracts {len(rows)} trigger phrases of {other}: {shown}",
        f"if they are not for {own}, add to its description: 'Not for {topic}: use {other}.'",
    )


def _excludes(skill: FolderSkill, other: FolderSkill) -> bool:
    """Whether a description says that the other skill is for something else."""
    description = skill.document.description
    return refuses(description) and other.document.name in description


def _seen(skill: FolderSkill) -> str:
    return f"{skill.document.name}: {skill.document.description}"


def _use_for(phrases: Sequence[str]) -> str:
    *first, last = [lower_first(phrase.rstrip(".")) for phrase in phrases]
    return f"Use for {', '.join(first)} or {last}." if first else f"Use for {last}."
