"""Conditions that the figures of a run must meet, so that a change to a pack can be refused."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from types import MappingProxyType

from router.errors import RouterError
from router.evaluation.definitions import FIGURES
from router.evaluation.metrics import Metrics
from router.evaluation.ranking import RANKING_FIGURES
from router.packs.pack import Pack
from router.statistics.figure import NO_FIGURE, Figure

_TARGET_FIGURES = ("precision", "recall", "f1")
_LESS_IS_BETTER = {figure.name for figure in FIGURES if figure.less_is_better}


def read_conditions(conditions: Sequence[str], pack: Pack) -> dict[str, float]:
    """Read conditions such as "accepted=0.90", or "ID.recall=0.8" for a skill or category.

    :return: The least value that each figure must have; the most, where less is better.
    :raises RouterError: A condition has another form, or names no figure.
    """
    targets = (*pack.skills, *(category.id for category in pack.file.categories))
    names = [*(figure.name for figure in FIGURES), *RANKING_FIGURES]
    names += [f"{target}.{kind}" for target in targets for kind in _TARGET_FIGURES]
    return dict(_read_condition(condition, names) for condition in conditions)


def failures_of(
    metrics: Metrics,
    bounds: Mapping[str, float],
    ranking: Mapping[str, Figure] = MappingProxyType({}),
) -> list[str]:
    """Say for each condition that is not met what the figure is instead.

    A figure without a labelled line fails too: what is not measured has not passed. So does a log
    of which most lines can't be read.

    :param ranking: The figures of the ranking, if it was measured.
    """
    sentences, lines = [], metrics.lines
    if bounds and lines.rejected > lines.decided:
        sentences.append(f"{lines.rejected:,} of {lines.read:,} lines can't be read")
    for name, bound in bounds.items():
        figure = ranking[name] if name in ranking else _figure(metrics, name)
        less = name in _LESS_IS_BETTER
        value = figure.value
        must = f"{name} must be at {'most' if less else 'least'} {bound:g}"
        if value is None:
            sentences.append(f"{must}, and the log has no labelled line that it counts")
        elif value > bound if less else value < bound:
            sentences.append(f"{must}, was: {value:g} (n = {figure.n:,})")
    return sentences


def _figure(metrics: Metrics, name: str) -> Figure:
    target, _, kind = name.partition(".")
    if not kind:
        return metrics.intervals.get(name, NO_FIGURE)
    figures = metrics.skills.get(target) or metrics.categories.get(target)
    return NO_FIGURE if figures is None else getattr(figures, kind)


def _read_condition(condition: str, names: Sequence[str]) -> tuple[str, float]:
    name, _, text = condition.partition("=")
    if name not in names:
        close = get_close_matches(name, names, n=1)
        known = ", ".join([*(figure.name for figure in FIGURES), *RANKING_FIGURES])
        hint = f"did you mean {close[0]!r}?" if close else f"known: {known}"
        raise RouterError(f"a condition is FIGURE=VALUE, there is no figure {name!r}; {hint}")
    try:
        bound = float(text)
    except ValueError as error:
        raise RouterError(
            f"a condition is {name}=VALUE, such as {name}=0.9, was: {condition!r}"
        ) from error
    if not 0.0 <= bound <= 1.0:
        raise RouterError(f"{name} is a share in [0, 1], and so is what it must reach, was: {text}")
    return name, bound
