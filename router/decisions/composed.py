"""Hearing the reply to a composed question, of which the pack knows nothing but the targets."""

from collections.abc import Mapping, Sequence

from router.decisions.decision import COMPOSED, Asked
from router.errors import RouterError
from router.model import replies
from router.model.model import ANY_ANSWER
from router.packs.pack import Destination, Option, Pack, Question

NONE = "none"
"""Id of the option "None of these"."""


def question_of(asked: Asked, pack: Pack) -> Question:
    """Read a composed question as one of the pack: every option leads to its target.

    :raises RouterError: The question is neither composed nor of this pack.
    """
    known = ", ".join(pack.questions)
    if asked.id != COMPOSED:
        raise RouterError(f"no question {asked.id!r} in this pack; known: {known}")
    options = []
    for choice in asked.options:
        kind, _, one = choice.id.partition(":")
        if choice.id == NONE:
            continue
        known_ids = {"skill": list(pack.skills), "neighbour": list(pack.neighbours)}.get(kind, [])
        if one not in known_ids:
            raise RouterError(
                f"an option of {COMPOSED!r} is a skill or neighbour of this pack, was:"
                f" {choice.id!r}; answer it with the router that asked it"
            )
        lead = Destination(skills=(one,)) if kind == "skill" else Destination(neighbours=(one,))
        options.append(Option(choice.id, choice.label, lead))
    return Question(COMPOSED, asked.text, tuple(options))


def literal_meaning(asked: Asked, reply: str) -> str | None:
    """Read an option's number, place, label, name or bare id; None if it is none of these."""
    options = [Option(one.id, one.label, Destination()) for one in asked.options]
    meaning = replies.literal_meaning(Question(COMPOSED, asked.text, tuple(options)), reply)
    if meaning is None:
        plain = reply.strip().casefold()
        bare = {one.id.partition(":")[2]: one.id for one in asked.options}
        meaning = bare.get(plain) if plain else None
    return replies.NEITHER if meaning == NONE else meaning


def weigh(
    options: Sequence[str],
    alone: Mapping[str, float],
    together: Mapping[str, float],
    general: Mapping[str, float],
) -> dict[str, float]:
    """Weigh what a reply in free words means.

    An option counts by what the reply alone says of its target, against all targets, and by what
    the reply and the query say together, among the options. A reply about something else leaves
    every option low.

    :param general: Probability of `ANY_ANSWER` and of what any reply can mean besides.
    :return: Weights in [0, 1] of the options and of those, the highest first.
    """
    both = {name: alone[name] * together[name] for name in options}
    total = sum(both.values()) or 1.0
    answers = general[ANY_ANSWER]
    weights = {
        name: min(1.0, 2.0 * answers) * (alone[name] + both[name] / total) / 2.0 for name in options
    }
    for meaning, probability in general.items():
        if meaning != ANY_ANSWER:
            weights[meaning] = probability * (1.0 - answers)
    return dict(sorted(weights.items(), key=lambda pair: -pair[1]))
