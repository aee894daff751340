"""Conditions that measured figures must meet, so that a change to a pack can be refused."""

from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches

from router.errors import RouterError
from router.evaluation.definitions import FIGURES
from router.evaluation.metrics import Metrics
from router.evaluation.ranking import RANKING_FIGURES
from router.packs.pack import Pack
from router.statistics.figure import NO_FIGURE, Figure

_TARGET_FIGURES = ("precision", "recall", "f1")
_LESS_IS_BETTER = {"false_triggers", *(figure.name for figure in FIGURES if figure.less_is_better)}


def figure_names(pack: Pack) -> list[str]:
    """Name the figures of a run: those of all queries, and "ID.recall" of a skill or category."""
    targets = (*pack.skills, *(category.id for category in pack.file.categories))
    names = [*(figure.name for figure in FIGURES), *RANKING_FIGURES]
    return names + [f"{target}.{kind}" for target in targets for kind in _TARGET_FIGURES]


def read_conditions(conditions: Sequence[str], names: Collection[str]) -> dict[str, float]:
    """Read conditions such as "accepted=0.90".

    :param names: The figures that there are.
    :return: The least value that each figure must have; the most, where less is better.
    :raises RouterError: A condition has another form, or names no figure.
    """
    return dict(_read_condition(condition, names) for condition in conditions)


def unmet_conditions(bounds: Mapping[str, float], figures: Mapping[str, Figure]) -> list[str]:
    """Say for each condition that is not met what the figure is instead.

    A figure that no query counts for fails too: what is not measured has not passed.
    """
    sentences = []
    for name, bound in bounds.items():
        figure, less = figures.get(name, NO_FIGURE), name in _LESS_IS_BETTER
        value = figure.value
        must = f"{name} must be at {'most' if less else 'least'} {bound:g}"
        if value is None:
            sentences.append(f"{must}, and there is no labelled query that it counts")
        elif value > bound if less else value < bound:
            sentences.append(f"{must}, was: {value:.4g} (n = {figure.n:,})")
    return sentences


def failures_of(
    metrics: Metrics, bounds: Mapping[str, float], ranking: Mapping[str, Figure]
) -> list[str]:
    """Say as `unmet_conditions` does what a run fails; it fails too if most lines can't be read.

    :param ranking: The figures of the ranking, if it was measured.
    """
    lines, figures = metrics.lines, {**metrics.intervals, **ranking}
    for target_id, target in (*metrics.categories.items(), *metrics.skills.items()):
        figures |= {f"{target_id}.{kind}": getattr(target, kind) for kind in _TARGET_FIGURES}
    sentences = unmet_conditions(bounds, figures)
    if bounds and lines.rejected > lines.decided:
        return [f"{lines.rejected:,} of {lines.read:,} lines can't be read", *sentences]
    return sentences


def _read_condition(condition: str, names: Collection[str]) -> tuple[str, float]:
    name, _, text = condition.partition("=")
    if name not in names:
        close = get_close_matches(name, names, n=1)
        known = ", ".join(name for name in names if "." not in name)
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
