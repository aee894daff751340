"""Which figures must not fall below what, so that a change to a pack can be refused."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from router.errors import RouterError
from router.figures import NAMES, Figure

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
    def of(cls, conditions: Sequence[str]) -> "Gate":
        """Read conditions as "accepted=0.90".

        :raises RouterError: One has another form, or names no figure.
        """
        return cls(dict(_bound(condition) for condition in conditions))

    def failed(self, figures: Mapping[str, Figure]) -> list[str]:
        """Say of each condition that does not hold what came instead.

        A figure that the log has no line for fails too: what isn't measured isn't passed.
        """
        sentences = []
        for name, bound in self.bounds.items():
            value, less = figures[name].value, name in LESS_IS_BETTER
            must = f"{name} must be at {'most' if less else 'least'} {bound:g}"
            if value is None:
                sentences.append(f"{must}, and the log has no labelled line that it speaks of")
            elif value > bound if less else value < bound:
                sentences.append(f"{must}, was: {value:g} (n = {figures[name].n:,})")
        return sentences


def _bound(condition: str) -> tuple[str, float]:
    name, _, text = condition.partition("=")
    if name not in NAMES:
        close = get_close_matches(name, NAMES, n=1)
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
