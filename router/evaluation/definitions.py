"""The definition of every figure: what it counts, which way is better, and what it means."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from router.decisions.decision import COMPOSED_ID, SCOPE_ID
from router.evaluation.rows import DecidedLine, categories_of
from router.logs.labels import ANY_QUESTION, Gold
from router.packs.pack import Pack

HitRule: TypeAlias = Callable[[DecidedLine, Gold, Pack], bool | None]
"""Says whether a labelled line is a hit; None if the figure does not count such a line."""


@dataclass(frozen=True)
class FigureDefinition:
    """A figure of `metrics.json`, with its title and its meaning for a person.

    `hit` is None for the figures that are not a share of labelled lines; `figures` computes them.
    """

    name: str
    title: str
    meaning: str
    hit: HitRule | None = None
    less_is_better: bool = False


def _asked_rightly(line: DecidedLine, gold: Gold, pack: Pack) -> bool | None:
    names_a_question = gold.action == "clarify" and gold.question not in (None, ANY_QUESTION)
    return line.question == gold.question if line.asks and names_a_question else None


def _right_in_the_end(line: DecidedLine, gold: Gold, pack: Pack) -> bool:
    if line.accepted or not line.asks:
        return bool(line.accepted)
    offered = set(line.offered)
    if gold.action == "route":
        several = len(gold.skills) > 1
        return (
            offered.issuperset(gold.skills)
            if several
            else not offered.isdisjoint(gold.allowed_skills)
        )
    if gold.action == "redirect":
        return not offered.isdisjoint((*gold.packs, *gold.ok_packs))
    return gold.action == "none" and line.question in (COMPOSED_ID, SCOPE_ID)


def _routed_to_skill(line: DecidedLine, gold: Gold, pack: Pack) -> bool | None:
    if not _routes_as_wanted(line, gold) or len(gold.skills) != 1:
        return None
    return line.skills[0] in gold.allowed_skills


def _routed_to_category(line: DecidedLine, gold: Gold, pack: Pack) -> bool | None:
    if not _routes_as_wanted(line, gold):
        return None
    allowed = categories_of(gold.allowed_skills, pack)
    return not allowed.isdisjoint(categories_of(line.skills, pack))


def _named_neighbour(line: DecidedLine, gold: Gold, pack: Pack) -> bool | None:
    if not (line.action == gold.action == "route" and gold.packs):
        return None
    return not set(gold.packs).isdisjoint(line.packs)


def _routes_as_wanted(line: DecidedLine, gold: Gold) -> bool:
    return line.action == gold.action == "route" and bool(line.skills)


FIGURES = (
    FigureDefinition(
        "accepted",
        "Accepted",
        "The share of labelled queries that were decided as an expert would accept.",
        lambda line, gold, pack: line.accepted,
    ),
    FigureDefinition(
        "silently_wrong",
        "Silently wrong",
        "The share of labelled queries that were decided wrongly without asking anybody.",
        lambda line, gold, pack: line.silently_wrong,
        less_is_better=True,
    ),
    FigureDefinition(
        "right_in_the_end",
        "Right in the end",
        "The share of labelled queries that were decided rightly, or asked about with the right"
        " answer among the options.",
        _right_in_the_end,
    ),
    FigureDefinition(
        "asked",
        "Asked",
        "The share of all queries that were answered by a question.",
        less_is_better=True,
    ),
    FigureDefinition(
        "ask_precision",
        "Fair questions",
        "The share of the questions asked that were fair to ask.",
        lambda line, gold, pack: gold.may_ask if line.asks else None,
    ),
    FigureDefinition(
        "ask_recall",
        "Asked when needed",
        "The share of the queries lacking a detail that were answered by a question.",
        lambda line, gold, pack: line.asks if gold.must_ask else None,
    ),
    FigureDefinition(
        "needless",
        "Asked needlessly",
        "The share of the clear queries that were answered by a question all the same.",
        lambda line, gold, pack: None if gold.may_ask else line.asks,
        less_is_better=True,
    ),
    FigureDefinition(
        "missed",
        "Should have asked",
        "The share of the queries lacking a detail that were decided without a question.",
        lambda line, gold, pack: not line.asks if gold.must_ask else None,
        less_is_better=True,
    ),
    FigureDefinition(
        "right_question",
        "Right question",
        "The share of the questions asked that ask for the detail that is missing.",
        _asked_rightly,
    ),
    FigureDefinition(
        "skill_when_routed",
        "Right skill",
        "The share of the routed queries for one skill whose first skill is acceptable.",
        _routed_to_skill,
    ),
    FigureDefinition(
        "category_when_routed",
        "Right category",
        "The share of the routed queries that went to an acceptable category.",
        _routed_to_category,
    ),
    FigureDefinition(
        "multi_exact_in_order",
        "Several skills",
        "The share of the queries for several skills that got all of them, in order.",
        lambda line, gold, pack: (
            line.accepted if gold.action == "route" and len(gold.skills) > 1 else None
        ),
    ),
    FigureDefinition(
        "packs_named_too",
        "Neighbour named",
        "The share of the routed queries that also need a neighbour for which it was named.",
        _named_neighbour,
    ),
    FigureDefinition(
        "redirect_right",
        "Redirected right",
        "The share of the queries for a neighbour that were decided acceptably.",
        lambda line, gold, pack: line.accepted if gold.action == "redirect" else None,
    ),
    FigureDefinition(
        "none_recall",
        "Unrelated found",
        "The share of the unrelated queries that were refused.",
        lambda line, gold, pack: line.accepted if gold.action == "none" else None,
    ),
    FigureDefinition(
        "none_precision",
        "Refused rightly",
        "The share of the refused queries that were right to refuse.",
        lambda line, gold, pack: gold.allows("none") if line.action == "none" else None,
    ),
    FigureDefinition(
        "calibration_error",
        "Confidence gap",
        "The mean gap between the stated confidence and the share that was accepted.",
        less_is_better=True,
    ),
    FigureDefinition(
        "risk_coverage_area",
        "Error along the ranking",
        "The mean share of wrong decisions if the surest decisions are taken first.",
        less_is_better=True,
    ),
)
"""All figures, in the order of `metrics.json`; docs/pages/reference/files.md lists them too."""
