"""Decisions as a log keeps them: few of them differ, so each different one is built only once."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from router.arrays import Indices

if TYPE_CHECKING:
    import pyarrow

Action: TypeAlias = Literal["route", "clarify", "redirect", "none"]
ACTIONS: tuple[Action, ...] = get_args(Action)
ROUTE, CLARIFY, REDIRECT, NONE = range(4)
"""The index of each action in `ACTIONS`."""


class Outcome(Struct, frozen=True):
    """A decision without its text and its numbers.

    :param action: "route", "clarify", "redirect" or "none".
    :param skills: Ids of the skills that are routed to, in execution order.
    :param packs: Ids of the neighbours that are named, the likeliest first.
    :param question: Id of the question that is asked; None if nothing is asked.
    :param reason: Why, in one sentence.
    :param truncated: Whether the middle of the text was left out, being too long.
    :param offered: Ids of the skills and neighbours that the options of the question lead to.
    """

    action: Action
    skills: tuple[str, ...] = ()
    packs: tuple[str, ...] = ()
    question: str | None = None
    reason: str = ""
    truncated: bool = False
    offered: tuple[str, ...] = ()


@dataclass(frozen=True)
class OutcomeBatch:
    """The decisions of a batch of texts: each different outcome once, and which text has which.

    :param outcomes: The different outcomes, in the order in which they first occur.
    :param indices: The outcome of each text, as an index of `outcomes`. Shape: (n_texts,).
    :param confidence: See `Route.confidence`. Shape: (n_texts,), in [0, 1].
    :param margin: See `Route.margin`. Shape: (n_texts,), in [0, 1].
    """

    outcomes: tuple[Outcome, ...]
    indices: Indices
    confidence: NDArray[np.float32]
    margin: NDArray[np.float32]

    def to_arrow(self) -> "pyarrow.Table":
        """Give a table with a row for each text.

        :return: The columns are action, skills, packs, question, offered, confidence, margin,
            reason and truncated.
        """
        import pyarrow as pa

        kinds = {name: pa.string() for name in ("action", "question", "reason")}
        kinds |= {name: pa.list_(pa.string()) for name in ("skills", "packs", "offered")}
        kinds["truncated"] = pa.bool_()
        indices = pa.array(self.indices)
        columns = {
            name: pa.array([getattr(outcome, name) for outcome in self.outcomes], kind).take(
                indices
            )
            for name, kind in kinds.items()
        }
        columns |= {name: pa.array(getattr(self, name)) for name in ("confidence", "margin")}
        names = (
            "action",
            "skills",
            "packs",
            "question",
            "offered",
            "confidence",
            "margin",
            "reason",
            "truncated",
        )
        return pa.table({name: columns[name] for name in names})
