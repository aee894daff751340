"""What an agent's prompt needs of each skill that may serve a request: name, one line and path."""

from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from router.packs.document import document_path
from router.packs.pack import Pack
from router.router import Router

MAX_LINE_LENGTH = 200
"""Characters of the line of a skill."""

_INTRODUCTION = (
    "Skills that may serve this request, the likeliest first. Read the file of one before you use"
    " it, and none of them if none fits:"
)


class ShortlistEntry(Struct, frozen=True, omit_defaults=True):
    """A skill or neighbour that may serve a request.

    :param id: Its id in the pack.
    :param name: The name under which an agent knows it: of a tool its own, else the id.
    :param line: What it does, in at most 200 characters.
    :param path: The path of its document, if it has one.
    :param probability: Among all skills and neighbours, in [0, 1].
    """

    id: str
    name: str
    line: str
    path: str = ""
    probability: float = 0.0


def shortlist_of(
    router: Router, text: str, k: int = 5, folder: Path | None = None
) -> list[ShortlistEntry]:
    """List what may serve a request: what it is routed to, in order, then the next likeliest.

    :param text: The request.
    :param k: How many at most.
    :param folder: The folder of the pack, below which the documents are.
    :return: Nothing if the request belongs to no skill.
    """
    decision = router.route(text)
    record = decision.to_dict()
    if record["action"] == "none":
        return []
    ranking = router.rank(text, None)
    probabilities = {ranked.id: ranked.probability for ranked in ranking}
    decided = (*record["skills"], *record["packs"])
    ids = list(dict.fromkeys((*decided, *probabilities)))[:k]
    return [_entry(router.pack, target, probabilities[target], folder) for target in ids]


def _entry(pack: Pack, target: str, probability: float, folder: Path | None) -> ShortlistEntry:
    if target not in pack.skills:
        return ShortlistEntry(target, target, _one_line(pack.neighbours[target].summary))
    skill = pack.skills[target]
    path = document_path(folder, skill.document) if folder and skill.document else None
    return ShortlistEntry(
        id=target,
        name=str(skill.data.get("tool", target)),
        line=_one_line(skill.summary),
        path="" if path is None else str(path),
        probability=probability,
    )


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    if len(line) <= MAX_LINE_LENGTH:
        return line
    return line[: MAX_LINE_LENGTH - 1].rsplit(" ", 1)[0].rstrip(" ,;:") + "…"


def lines_of_entries(entries: Iterable[ShortlistEntry]) -> list[str]:
    """Write each entry as one line of a prompt."""
    return [
        f"- {entry.name}: {entry.line}" + (f" ({entry.path})" if entry.path else "")
        for entry in entries
    ]


def as_context(entries: Iterable[ShortlistEntry]) -> str:
    """Word a shortlist for an agent; nothing if it is empty."""
    lines = lines_of_entries(entries)
    return "\n".join([_INTRODUCTION, *lines]) if lines else ""
