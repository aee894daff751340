"""The four outcomes, as types. Each says why, how sure it is, and what spoke for it."""

import html
from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from router._deprecated import warn_renamed
from router.errors import RouterError
from router.packs.parts import Destination, Question

COMPOSED_ID = "which-of-these"
"""Id of a question that no pack words: its options are the likeliest targets, by title."""

SCOPE_ID = "does-it-belong-here"
"""Id of the question whether a text belongs here, which the pack words as `scope_question`."""


class NearbyExemplar(Struct, frozen=True):
    """An exemplar close to the query.

    :param target: "skill:ID", "neighbour:ID", "question:ID" or "none".
    :param text: The exemplar.
    :param similarity: Its cosine with the query, in [-1, 1].
    """

    target: str
    text: str
    similarity: float


class Ranked(Struct, frozen=True):
    """A skill or neighbour with how likely it is.

    :param id: Its id.
    :param probability: Its probability among skills and neighbours, in [0, 1].
    """

    id: str
    probability: float


class OfferedOption(Struct, frozen=True):
    """One answer that is offered, and where it leads.

    :param id: The option's id in the pack; in a composed question "skill:ID", "neighbour:ID" or
        "none".
    :param label: What the user reads.
    :param leads_to: Where the answer leads; an empty destination means that none of these fits.
    """

    id: str
    label: str
    leads_to: Destination = Destination()


class AskedQuestion(Struct, frozen=True):
    """A question as it is put to the user. It carries all that a reply to it needs.

    :param id: The question's id in the pack, `SCOPE_ID`, or `COMPOSED_ID` if no pack words it.
    :param text: What the user reads.
    :param options: The answers that are offered.
    :param if_unsure: Id of the option to take if the user does not know, or None.
    """

    id: str
    text: str
    options: tuple[OfferedOption, ...]
    if_unsure: str | None = None

    @classmethod
    def of(cls, question: Question) -> "AskedQuestion":
        """Ask a question of a pack.

        :param question: The question, as the pack words it.
        """
        options = (
            OfferedOption(option.id, option.label, option.leads_to) for option in question.options
        )
        return cls(question.id, question.text, tuple(options), question.if_unsure)

    def option(self, option_id: str) -> OfferedOption:
        """Get the option of that id.

        :param option_id: The id of one of its options.
        """
        return next(option for option in self.options if option.id == option_id)

    @property
    def leading_options(self) -> tuple[OfferedOption, ...]:
        """The options that lead somewhere: all but "none of these"."""
        return tuple(option for option in self.options if option.leads_to != Destination())


class DecisionBase(Struct, frozen=True, kw_only=True):
    """What every decision tells.

    :param confidence: The probability in [0, 1] that a careful expert would accept the decision; of
        a question that is asked for lack of confidence, that deciding without it would be wrong.
    :param margin: The probability of the best target less that of the next one, in [0, 1].
    :param reason: Why, in one sentence.
    :param categories: The cosine of the query with the centroid of each category.
    :param also_consider: Ids of skills that are worth a look afterwards, and never required.
    :param evidence: The closest exemplars, the closest first.
    :param ranking: The likeliest skills and neighbours, the likeliest first.
    :param interval: Where the confidence lies with 95 % certainty, as far as the labelled texts
        tell that the router was calibrated on. It is empty if the router is not calibrated, and
        after a reply, because only first queries are calibrated.
    :param second_look: Whether a second encoder looked at the query, too; always False in a router
        that has none. The record names it only where it did.
    :param truncated: Whether the middle of the text was left out, being too long; the beginning and
        the end are read. The record names it only where it was.
    """

    confidence: float
    margin: float
    reason: str
    categories: dict[str, float] = {}
    also_consider: tuple[str, ...] = ()
    evidence: tuple[NearbyExemplar, ...] = ()
    ranking: tuple[Ranked, ...] = ()
    interval: tuple[float, ...] = ()
    second_look: bool = False
    truncated: bool = False

    def __repr__(self) -> str:
        shown = {name: getattr(self, name) for name in ("skills", "packs") if hasattr(self, name)}
        shown = {name: value for name, value in shown.items() if value}
        if isinstance(self, Clarify):
            shown |= {"question": self.question.text}
        fields = "".join(f"{name}={value!r}, " for name, value in shown.items())
        return f"{type(self).__name__}({fields}confidence={self.confidence})"

    def _repr_html_(self) -> str:
        return f"<code>{html.escape(repr(self))}</code><br>{html.escape(self.reason)}"

    def to_dict(self) -> dict[str, Any]:
        """Give the flat record: action, skills, packs, question and confidence are always there.

        The record of a question holds `asks`, `options` (with the skills and packs that each leads
        to, if that is decided), `history` and `asked` besides: `Router.answer` takes it.
        """
        record: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        flat = {
            "action": record["action"],
            "skills": record.get("skills", []),
            "packs": record.get("packs", []),
            "question": None,
        }
        common = {name: record[name] for name in DecisionBase.__struct_fields__}
        for name in ("second_look", "truncated"):
            if not common[name]:
                del common[name]
        return flat | self._more() | common

    def _more(self) -> dict[str, Any]:
        return {}


class Route(DecisionBase, frozen=True, kw_only=True, tag_field="action", tag="route"):
    """Go to these skills.

    :param skills: Ids of the skills, in execution order.
    :param packs: Ids of neighbours that are worth naming too, the likeliest first.
    :param data: What the pack gives for each of these skills, by id, where it gives anything.
    :param section: The heading to read first in the document of the first skill, if a reply to a
        question decided that; else it is empty.
    """

    skills: tuple[str, ...]
    packs: tuple[str, ...] = ()
    data: dict[str, Any] = {}
    section: str = ""

    def _more(self) -> dict[str, Any]:
        more = {"section": self.section, "data": self.data}
        return {name: value for name, value in more.items() if value}


class Clarify(DecisionBase, frozen=True, kw_only=True, tag_field="action", tag="clarify"):
    """Ask a question first.

    :param question: What to ask.
    :param history: What the user has said so far, the first query first.
    :param asked_ids: Ids of the questions that were asked so far, this one last.
    """

    question: AskedQuestion
    history: tuple[str, ...] = ()
    asked_ids: tuple[str, ...] = ()

    def _more(self) -> dict[str, Any]:
        return {
            "question": self.question.id,
            "asks": self.question.text,
            "options": [_option_record(option) for option in self.question.options],
            "history": list(self.history),
            "asked": list(self.asked_ids),
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "Clarify":
        """Read what `to_dict` gave.

        :param record: The record of a question.
        :raises RouterError: The record is not that of a question.
        """
        try:
            asked = msgspec.convert(record, _AskedRecord)
        except msgspec.ValidationError as error:
            raise RouterError(
                "an open question is a Clarify, or the record that its to_dict() gave, with"
                f" question, asks, options, history and asked: {error}"
            ) from error
        options = (
            OfferedOption(one.id, one.label, Destination(skills=one.skills, neighbours=one.packs))
            for one in asked.options
        )
        return cls(
            confidence=asked.confidence,
            margin=asked.margin,
            reason=asked.reason,
            question=AskedQuestion(asked.question, asked.asks, tuple(options)),
            history=asked.history,
            asked_ids=asked.asked,
        )

    @property
    def said(self) -> tuple[str, ...]:
        """The former name of `history`."""
        warn_renamed("Clarify.said", "Clarify.history")
        return self.history

    @property
    def asked(self) -> tuple[str, ...]:
        """The former name of `asked_ids`."""
        warn_renamed("Clarify.asked", "Clarify.asked_ids")
        return self.asked_ids


class Redirect(DecisionBase, frozen=True, kw_only=True, tag_field="action", tag="redirect"):
    """The query belongs to a neighbouring pack.

    :param packs: Ids of the neighbours that serve it, the likeliest first.
    """

    packs: tuple[str, ...]


class NoRoute(DecisionBase, frozen=True, kw_only=True, tag_field="action", tag="none"):
    """The query is out of scope.

    :param nearest: Id of the closest skill that there is.
    """

    nearest: str = ""


Decision: TypeAlias = Route | Clarify | Redirect | NoRoute
"""What a router decides; `msgspec` reads and writes the union as JSON."""


class _OptionRecord(Struct, frozen=True):
    id: str
    label: str
    skills: tuple[str, ...] = ()
    packs: tuple[str, ...] = ()


class _AskedRecord(Struct, frozen=True):
    question: str
    asks: str
    options: tuple[_OptionRecord, ...]
    history: tuple[str, ...]
    asked: tuple[str, ...] = ()
    confidence: float = 0.0
    margin: float = 0.0
    reason: str = ""


def _option_record(option: OfferedOption) -> dict[str, Any]:
    """Tell what choosing the option leads to, if no further question decides that."""
    lead = option.leads_to
    skills = (*lead.any_of[:1], *lead.skills)
    return {
        "id": option.id,
        "label": option.label,
        "skills": list(skills),
        "packs": list(lead.neighbours),
    }
