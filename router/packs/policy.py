"""The thresholds of a pack's decisions."""

from typing import Annotated

from msgspec import Meta, Struct

from router.statistics.probability import PlattScaling

DEFAULT_ASK_RATE = 0.10
"""The share of queries that a pack asks about if it sets neither a rate nor a threshold."""

Proportion = Annotated[float, Meta(ge=0.0, le=1.0)]


class Policy(Struct, frozen=True, forbid_unknown_fields=True):
    """The thresholds of a decision; `router calibrate` fits some of them to a log.

    :param ask_rate: The share of queries that are asked about, as far as the exemplars can tell, in
        [0, 1). If it is None, a pack without documents that sets no threshold for questions has
        0.1, and all others go by their thresholds.
    :param question_cost: What a question costs, where a wrong decision costs 1: it is asked only
        where the first choice is right with at most 1 - `question_cost`. It stands for
        `ask_threshold` and 1 - `confidence_threshold`, where these are None.
    :param ask_threshold: A question of the pack is asked if a deciding detail is missing with this
        probability; `question_cost` if None, or 0.5.
    :param confidence_threshold: Below this confidence the router asks which of the likeliest it is;
        1 - `question_cost` if None, or 0.
    :param alpha: The share of such questions that may lack the right option, in (0, 1).
    :param extra_skill_threshold: The probability from which a further skill is routed to as well;
        if None, 0.5 where exemplars of several skills have taught it, and 0.75 elsewhere.
    :param mention_threshold: The probability from which a neighbour is mentioned.
    :param similarity_threshold: A query is out of scope if its cosine with every exemplar is lower;
        it is fitted on the exemplars if None.
    :param max_skills: The most skills that one query is routed to, from 1 to 10.
    :param confidence: Rescales the confidence of every decision except a question.
    """

    ask_rate: Annotated[float, Meta(ge=0.0, lt=1.0)] | None = None
    question_cost: Proportion | None = None
    ask_threshold: Proportion | None = None
    confidence_threshold: Proportion | None = None
    alpha: Annotated[float, Meta(gt=0.0, lt=1.0)] = 0.05
    extra_skill_threshold: Proportion | None = None
    mention_threshold: Proportion = 0.25
    similarity_threshold: Proportion | None = None
    max_skills: Annotated[int, Meta(ge=1, le=10)] = 3
    confidence: PlattScaling = PlattScaling()

    @property
    def question_threshold(self) -> float:
        """`ask_threshold`, or what `question_cost` says, or its default."""
        cost = 0.5 if self.question_cost is None else self.question_cost
        return cost if self.ask_threshold is None else self.ask_threshold

    @property
    def least_confidence(self) -> float:
        """`confidence_threshold`, or what `question_cost` says, or its default."""
        cost = 1.0 if self.question_cost is None else self.question_cost
        return 1.0 - cost if self.confidence_threshold is None else self.confidence_threshold

    @property
    def has_thresholds(self) -> bool:
        """Whether it says from when on a question is asked."""
        given = self.question_cost is not None or self.ask_threshold is not None
        return given or self.least_confidence > 0.0
