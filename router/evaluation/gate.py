"""Which figures must not fall below what, so that a change to a pack can be refused."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from router.errors import RouterError
from router.evaluation.figures import NAMES, Figure
from router.evaluation.metrics import Metrics
from router.packs.pack import Pack

OF_TARGET = ("precision", "recall", "f1")
LESS_IS_BETTER = (
    "silently_wrong",
    "asked",
    "needless",
    "missed",
    "calibration_error",
    "risk_coverage_area",
)


@dataclass(frozen=True)
class Gate:
    """The lowest value that each of some figures may have; the highest, where less is better."""

    bounds: Mapping[str, float]

    @classmethod
    def of(cls, conditions: Sequence[str], pack: Pack) -> "Gate":
        """Read conditions as "accepted=0.90", or of a skill or category "ID.recall=0.8".

        :raises RouterError: One has another form, or names no figure.
        """
        targets = (*pack.skills, *(category.id for category in pack.file.categories))
        known = (*NAMES, *(f"{target}.{kind}" for target in targets for kind in OF_TARGET))
        return cls(dict(_bound(condition, known) for condition in conditions))

    def failed(self, metrics: Metrics) -> list[str]:
        """Say of each condition that does not hold what came instead.

        A figure that the log has no line for fails too: what isn't measured isn't passed.
        """
        sentences = []
        for name, bound in self.bounds.items():
            figure, less = _figure(metrics, name), name in LESS_IS_BETTER
            value = figure.value
            must = f"{name} must be at {'most' if less else 'least'} {bound:g}"
            if value is None:
                sentences.append(f"{must}, and the log has no labelled line that it speaks of")
            elif value > bound if less else value < bound:
                sentences.append(f"{must}, was: {value:g} (n = {figure.n:,})")
        return sentences


def _figure(metrics: Metrics, name: str) -> Figure:
    target, _, kind = name.partition(".")
    if not kind:
        return metrics.intervals[name]
    of = metrics.skills.get(target) or metrics.categories.get(target)
    return Figure(None, None, None, 0) if of is None else getattr(of, kind)


def _bound(condition: str, known: Sequence[str]) -> tuple[str, float]:
    name, _, text = condition.partition("=")
    if name not in known:
        close = get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(NAMES)}"
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
