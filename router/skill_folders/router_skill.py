"""The router skill: what a pack knows, as one SKILL.md for agents without this library."""

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import zip_longest
from pathlib import Path

from router.errors import RouterError
from router.files import write_whole
from router.packs.pack import Pack
from router.packs.parts import Destination
from router.skill_folders.phrases import FUNCTION_WORDS
from router.skill_folders.skill_document import MAX_DESCRIPTION
from router.text import lower_first, words_of

_TEMPLATE = Path(__file__).with_name("router_skill.md.j2")
_MAX_SYMPTOMS = 5
_MAX_SYMPTOM = 90  # characters


def skill_name(pack: Pack) -> str:
    """Give the name of the pack's router skill and of its folder."""
    return f"using-{pack.file.id}"[:64].rstrip("-")


def router_skill(pack: Pack) -> str:
    """Write the router skill of a pack: the same text for the same pack on every machine."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True
    )
    environment.filters |= {"cell": _cell, "code": _code, "quoted": _quoted}
    queries = {**pack.exemplars.skills, **pack.exemplars.neighbours, **pack.exemplars.questions}
    text = environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        pack=pack,
        file=pack.file,
        name=skill_name(pack),
        description=json.dumps(_description(pack), ensure_ascii=False),
        symptoms=symptoms(queries),
        link=partial(_link, pack),
        destination=partial(_destination, pack),
    )
    return re.sub(r"\n{3,}", "\n\n", text).rstrip() + "\n"


def write_router_skill(pack: Pack, folder: Path) -> Path:
    """Write the router skill below a folder of skills, and give its path."""
    path = folder / skill_name(pack) / "SKILL.md"
    write_whole(path, router_skill(pack))
    return path


def check_router_skill(pack: Pack, folder: Path) -> Path:
    """Check that the router skill below a folder of skills is up to date.

    :raises RouterError: It is missing, or the pack has changed since it was written.
    """
    path = folder / skill_name(pack) / "SKILL.md"
    cure = "write it with `router skill`"
    if not path.is_file():
        raise RouterError(f"{path}: no router skill here; {cure}")
    wanted, present = router_skill(pack).splitlines(), path.read_text("utf-8").splitlines()
    for line, (should, was) in enumerate(zip_longest(wanted, present, fillvalue="(end)"), start=1):
        if should != was:
            difference = f"should be {should!r}, was {was!r}"
            raise RouterError(f"{path}:{line}: not what the pack says; {difference}; {cure}")
    return path


def _description(pack: Pack) -> str:
    """Say what the skill does and when to use it, in the length that is allowed."""
    titles = ", ".join(lower_first(skill.title) for skill in pack.skills.values())
    whole = (
        f"Finds which of {len(pack.skills)} skills on {pack.file.title} serve a request, in which"
        f" order, and which one question to ask first. {pack.file.summary} Use it before any of"
        f" them, when a request is about {titles}."
    )
    if len(whole) <= MAX_DESCRIPTION:
        return whole
    return whole[: MAX_DESCRIPTION - 2].rsplit(" ", 1)[0].rstrip(",;") + " …"


def _link(pack: Pack, skill: str) -> str:
    """Link to a skill's document from the folder beside it, or name the skill if it has none."""
    document = pack.skills[skill].document
    return f"[{skill}](../{document})" if document else f"`{skill}`"


def _code(ids: Sequence[str], between: str = " or ") -> str:
    return between.join(f"`{name}`" for name in ids)


def _quoted(phrases: Sequence[str]) -> str:
    """Quote phrases, as the end of "contains ..."."""
    *others, last = (f'"{phrase}"' for phrase in phrases)
    return f"{', '.join(others)} or {last}" if others else last


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _destination(pack: Pack, leads_to: Destination) -> str:
    """Describe where an answer leads."""
    if leads_to.ask is not None:
        return f"the next question: {pack.questions[leads_to.ask].text}"
    parts = []
    if leads_to.any_of:
        which = " (the one that the request mentions, otherwise the first)" * (
            len(leads_to.any_of) > 1
        )
        parts.append(f"{_code(leads_to.any_of)}{which}")
    if leads_to.skills:
        parts.append(_code(pack.precedence.sort(leads_to.skills), ", then "))
    if leads_to.section:
        parts[0] += f', section "{leads_to.section}"'
    if leads_to.if_mentioned:
        parts.append(f"{_code(leads_to.if_mentioned)} too, if the request mentions it")
    if leads_to.neighbours:
        parts.append(f"the neighbour {_code(leads_to.neighbours, ' and ')}")
    return "; ".join(parts)


def symptoms(
    groups: Mapping[str, Sequence[str]], count: int = _MAX_SYMPTOMS
) -> dict[str, list[str]]:
    """Choose a few exemplars of each group that are typical of it and differ from each other.

    The weight of a word is the share of its group's exemplars that contain it, times the log of
    how few groups use it (as in TF-IDF).
    """
    short = {name: [line for line in lines if _is_short(line)] for name, lines in groups.items()}
    shares = {name: _word_shares(lines) for name, lines in short.items()}
    n_groups = Counter(word for words in shares.values() for word in words)
    chosen = {}
    for name, lines in groups.items():
        weights = {
            word: share * math.log((1 + len(groups)) / n_groups[word])
            for word, share in shares[name].items()
        }
        chosen[name] = _cover(short[name] or lines[:count], weights, count)
    return chosen


def _is_short(line: str) -> bool:
    return len(line) <= _MAX_SYMPTOM and len(line.split()) >= 3 and '"' not in line


def _word_shares(lines: Sequence[str]) -> dict[str, float]:
    """Give the share of lines that contain a word, for words in at least two of them."""
    counts = Counter(word for line in lines for word in set(words_of(line)) - FUNCTION_WORDS)
    return {word: count / len(lines) for word, count in counts.items() if count > 1}


def _cover(lines: Sequence[str], weights: Mapping[str, float], count: int) -> list[str]:
    """Take, one after the other, the line whose new words have the most weight for its length."""
    remaining, covered, taken = list(lines), set[str](), list[str]()

    def gain(line: str) -> tuple[float, str]:
        total = math.fsum(weights.get(word, 0.0) for word in set(words_of(line)) - covered)
        return round(total / len(line.split()), 9), line

    while remaining and len(taken) < count:
        taken.append(max(remaining, key=gain))
        remaining.remove(taken[-1])
        covered |= set(words_of(taken[-1]))
    return taken
