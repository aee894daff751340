"""The four outcomes, as types. Each says why, how sure it is, and what spoke for it."""

from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

COMPOSED = "which-of-these"
"""Id of a question that no pack words: its options are the likeliest targets, by title."""


class Nearby(Struct, frozen=True):
    """An exemplar close to the query. `similarity` is a cosine in [-1, 1]."""

    target: str
    text: str
    similarity: float


class Choice(Struct, frozen=True):
    """One answer that is offered."""

    id: str
    label: str


class Asked(Struct, frozen=True):
    """A question as it is put to the user.

    Of a composed question (`COMPOSED`) the options' ids are names of targets: "skill:ID",
    "neighbour:ID", and last "none".
    """

    id: str
    text: str
    options: tuple[Choice, ...]


class Told(Struct, frozen=True, kw_only=True):
    """What every decision tells.

    `confidence`: probability in [0, 1] that a careful expert would accept the decision; of a
    question asked for lack of sureness, that deciding without it would be wrong.
    `interval`: where that probability lies with 95 % certainty, as far as the labelled texts tell
    that a calibrated router was fitted on; empty from any other router, and after a reply.
    `margin`: probability of the best target less that of the next, in [0, 1].
    `categories`: cosine of the query with each category's centroid. `evidence`: the closest
    exemplars. `also_consider`: skills worth a look afterwards, never required.
    """

    confidence: float
    margin: float
    reason: str
    categories: dict[str, float] = {}
    also_consider: tuple[str, ...] = ()
    evidence: tuple[Nearby, ...] = ()
    interval: tuple[float, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Give the flat record: action, skills, packs, question and confidence always there."""
        record: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        question = record.get("question")
        flat = {
            "action": record["action"],
            "skills": record.get("skills", []),
            "packs": record.get("packs", []),
            "question": question["id"] if question else None,
        }
        if question:
            flat |= {"asks": question["text"], "options": question["options"]}
        return flat | {name: record[name] for name in Told.__struct_fields__}


class Route(Told, frozen=True, kw_only=True, tag_field="action", tag="route"):
    """Go to these skills, in this order; `packs` are neighbours worth naming too."""

    skills: tuple[str, ...]
    packs: tuple[str, ...] = ()


class Clarify(Told, frozen=True, kw_only=True, tag_field="action", tag="clarify"):
    """Ask which of these it is. `said` and `asked` are the dialogue so far, this question last."""

    question: Asked
    said: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()


class Redirect(Told, frozen=True, kw_only=True, tag_field="action", tag="redirect"):
    """Not ours: these neighbour packs serve it, the likeliest first."""

    packs: tuple[str, ...]


class NoRoute(Told, frozen=True, kw_only=True, tag_field="action", tag="none"):
    """Nothing to do with any of this. `nearest` is the nearest thing that we do have."""

    nearest: str = ""


Decision: TypeAlias = Route | Clarify | Redirect | NoRoute
