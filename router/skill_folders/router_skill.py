"""The router skill: what a pack knows as one SKILL.md, for agents without this library."""

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from router.errors import RouterError
from router.files import write_whole
from router.packs.pack import Destination, Neighbour, Pack, Question
from router.text import lower_first, words_of

TEMPLATE = Path(__file__).with_name("router_skill.md.j2")
SYMPTOMS = 5
"""Exemplars shown of a skill; of a question or a neighbour 2."""

LONGEST_SYMPTOM = 90  # characters
MOST_NAMES = 24
SHORTEST_NAME = 3  # characters
MOST_WORDS = 12
LONGEST_DESCRIPTION = 1_024  # characters, by the Agent Skills specification

_NAME = re.compile(r"(?<=[a-z0-9,;] )[A-Z][A-Za-z0-9]*(?:[.-][A-Za-z0-9]+| [A-Z][A-Za-z0-9]*)*")
_FILLER = frozenset(
    words_of(
        "a an and are as at be but by can do does for from get has have how i if in is it its just"
        " me my no not of on one or our out s so than that the their them then there this to up use"
        " us want was we what when where which who why will with you your"
    )
)


def skill_name(pack: Pack) -> str:
    """Name of the pack's router skill, and of its folder."""
    return f"using-{pack.file.id}"[:64].rstrip("-")


def router_skill(pack: Pack) -> str:
    """Write the router skill of a pack: the same text for the same pack, on every machine."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True
    )
    text = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(_facts(pack))
    return re.sub(r"\n{3,}", "\n\n", text).rstrip() + "\n"


def write_router_skill(pack: Pack, folder: Path) -> Path:
    """Write the router skill below a folder of skills; gives the path."""
    path = folder / skill_name(pack) / "SKILL.md"
    write_whole(path, router_skill(pack))
    return path


def check_router_skill(pack: Pack, folder: Path) -> Path:
    """Check that the router skill below a folder of skills is the pack's.

    :raises RouterError: It is missing, or the pack has changed since; the first line that differs.
    """
    path = folder / skill_name(pack) / "SKILL.md"
    cure = "write it with `router skill`"
    if not path.is_file():
        raise RouterError(f"{path}: no router skill here; {cure}")
    wanted, found = router_skill(pack).splitlines(), path.read_text("utf-8").splitlines()
    if wanted == found:
        return path
    pairs = zip([*wanted, "(end)"], [*found, "(end)"], strict=False)
    line, (should, was) = next((i, p) for i, p in enumerate(pairs, start=1) if p[0] != p[1])
    raise RouterError(
        f"{path}:{line}: not what the pack says; should be {should!r}, was {was!r}; {cure}"
    )


def _facts(pack: Pack) -> dict[str, Any]:
    """Everything that the template shows."""
    queries = {**pack.exemplars.skills, **pack.exemplars.neighbours, **pack.exemplars.questions}
    shown = symptoms(queries)
    file = pack.file
    return {
        "file": file,
        "name": skill_name(pack),
        "description": json.dumps(_description(pack), ensure_ascii=False),
        "categories": [
            {
                "title": category.title,
                "concern": category.concern,
                "asks": category.asks,
                "skills": [
                    {"link": link(pack, one.id), "summary": one.summary, "symptoms": shown[one.id]}
                    for one in file.skills
                    if one.category == category.id
                ],
            }
            for category in file.categories
        ],
        "questions": [_question_facts(pack, one, shown[one.id][:2]) for one in file.questions],
        "chains": [" → ".join(_step(step) for step in chain) for chain in file.order],
        "most": file.policy.max_skills,
        "pairs": _confusable(pack),
        "names": ", ".join(undecided_names(pack.exemplars.skills)),
        "words": _ambiguous_words(file.questions),
        "neighbours": [_neighbour_facts(pack, one, shown[one.id][:2]) for one in file.neighbours],
        "also": [
            (f"`{skill}`", ", ".join(f"`{other}`" for other in others))
            for skill, others in file.also_consider.items()
        ],
    }


def _description(pack: Pack) -> str:
    """Say what the skill does and when to use it, in what the specification allows."""
    first = f"Finds which of {len(pack.skills)} skills on {pack.file.title} serve a request,"
    first += " in which order, and which one question to ask first."
    titles = ", ".join(lower_first(skill.title) for skill in pack.skills.values())
    whole = (
        f"{first} {pack.file.summary} Use it before any of them, when a request is about {titles}."
    )
    if len(whole) <= LONGEST_DESCRIPTION:
        return whole
    return whole[: LONGEST_DESCRIPTION - 2].rsplit(" ", 1)[0].rstrip(",;") + " …"


def link(pack: Pack, skill: str) -> str:
    """Link to a skill's document from the folder beside it; its plain id if it has none."""
    document = pack.skills[skill].document
    return f"[{skill}](../{document})" if document else f"`{skill}`"


def _step(step: Sequence[str], between: str = " or ") -> str:
    return between.join(f"`{skill}`" for skill in step)


def _question_facts(pack: Pack, question: Question, shown: Sequence[str]) -> dict[str, Any]:
    labels = {option.id: option.label for option in question.options}
    return {
        "text": question.text,
        "triggers": ", ".join(question.triggers[:MOST_WORDS]),
        "symptoms": shown,
        "options": [
            {"label": _cell(option.label), "leads_to": _lead(pack, option.leads_to)}
            for option in question.options
        ],
        "if_unsure": labels.get(question.if_unsure or "", question.if_unsure),
    }


def _lead(pack: Pack, lead: Destination) -> str:
    """Say where an answer leads, in one cell of a table."""
    if lead.ask is not None:
        return _cell(f"ask: {pack.questions[lead.ask].text}")

    parts = []
    if lead.any_of:
        parts.append(f"{_step(lead.any_of)} (what the words ask for, else the first)")
    if lead.skills:
        parts.append(_step(pack.precedence.sort(lead.skills), ", then "))
    if lead.if_mentioned:
        parts.append(f"with {_step(lead.if_mentioned)} if the words ask for it")
    if lead.neighbours:
        parts.append(f"the neighbour {_step(lead.neighbours, ' and ')}")
    return "; ".join(parts)


def _neighbour_facts(pack: Pack, neighbour: Neighbour, shown: Sequence[str]) -> dict[str, Any]:
    everything = set(neighbour.mention_beside) == set(pack.skills)
    words = ", ".join(neighbour.mention_when[:MOST_WORDS])
    return {
        "id": neighbour.id,
        "summary": neighbour.summary,
        "beside": "any skill" if everything else _step(neighbour.mention_beside),
        "words": words + (", and the like" if len(neighbour.mention_when) > MOST_WORDS else ""),
        "symptoms": shown,
    }


def _confusable(pack: Pack) -> list[str]:
    """Say which skills are taken for each other: those between which questions decide."""
    asks: dict[tuple[str, ...], list[str]] = {}
    for question in pack.file.questions:
        firsts = {o.leads_to.all_skills[0] for o in question.options if o.leads_to.all_skills}
        if len(firsts) > 1:
            ordered = tuple(skill for skill in pack.skills if skill in firsts)
            asks.setdefault(ordered, []).append(question.text)
    return [
        f"**Guessing between {_step(skills, ' and ')}.** {' '.join(texts)}"
        for skills, texts in asks.items()
    ]


def _ambiguous_words(questions: Sequence[Question]) -> str:
    parts = []
    for question in questions:
        words = ", ".join(f'"{word}"' for word in question.triggers[:3])
        if words:
            parts.append(f"{words}: {lower_first(question.text)}")
    return " ".join(parts)


def symptoms(groups: Mapping[str, Sequence[str]], count: int = SYMPTOMS) -> dict[str, list[str]]:
    """Choose a few exemplars of each group: in its own words, each saying something new.

    A word weighs by how many of its group's exemplars say it, and by how few other groups do.
    """
    kept = {name: [line for line in lines if _is_short(line)] for name, lines in groups.items()}
    said = {name: [frozenset(words_of(line)) - _FILLER for line in kept[name]] for name in groups}
    share = {
        name: {w: n / len(sets) for w, n in Counter(w for s in sets for w in s).items() if n > 1}
        for name, sets in said.items()
    }
    homes = Counter(word for shares in share.values() for word in shares)
    chosen = {}
    for name in groups:
        weight = {
            word: part * math.log((1 + len(groups)) / homes[word])
            for word, part in share[name].items()
        }
        chosen[name] = _cover(kept[name] or list(groups[name])[:count], weight, count)
    return chosen


def _is_short(line: str) -> bool:
    return len(line) <= LONGEST_SYMPTOM and len(line.split()) >= 3 and '"' not in line


def _cover(lines: Sequence[str], weight: Mapping[str, float], count: int) -> list[str]:
    """Take, one after the other, the line that adds most weight by words not yet said."""
    left, seen, taken = list(lines), set[str](), list[str]()

    def gain(line: str) -> float:
        # Sorted, because sums of floats depend on their order, and sets have none.
        new = sorted(set(words_of(line)) - seen)
        return math.fsum(weight.get(word, 0.0) for word in new) / len(line.split())

    while left and len(taken) < count:
        best = max(left, key=lambda line: (round(gain(line), 9), line))
        taken.append(best)
        left.remove(best)
        seen |= set(words_of(best))
    return taken


def undecided_names(groups: Mapping[str, Sequence[str]]) -> list[str]:
    """Find names, such as tools and models, that stand in exemplars of most groups."""
    found = Counter(
        name
        for lines in groups.values()
        for name in {n for line in lines for n in _NAME.findall(line) if len(n) >= SHORTEST_NAME}
    )
    least = max(2, math.ceil(len(groups) / 2))
    common = [(-count, name) for name, count in found.items() if count >= least]
    return [name for _, name in sorted(common)[:MOST_NAMES]]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
