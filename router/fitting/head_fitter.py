"""What every way to fit a head does."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, Protocol, TypeVar

from router.arrays import Indices, Probabilities, Vectors
from router.encoders.encoder import Encoder
from router.heads.scores import Head

_Head = TypeVar("_Head", bound=Head)


@dataclass(frozen=True)
class HeldOut(Generic[_Head]):
    """A head, and what is said of exemplars by heads that have not seen them.

    :param judged: The rows of these exemplars. Shape: (n_judged,).
    :param probabilities: Of the targets. Shape: (n_judged, n_targets).
    :param without: A head that has seen the other exemplars and none of these, where there is one.
    """

    head: _Head
    judged: Indices
    probabilities: Probabilities
    without: _Head | None = None


class HeadFitter(Protocol[_Head]):
    """A way to fit a head on exemplars. Labels rise, so a target's exemplars stand together.

    `overlooked` is the share of texts with a further concern whose clauses may stay unread.
    """

    overlooked: ClassVar[float]

    def fit(self, texts: Sequence[str], vectors: Vectors, labels: Sequence[str]) -> _Head:
        """Fit a head. Shape of `vectors`: (n, width)."""
        ...

    def fit_held_out(
        self, texts: Sequence[str], vectors: Vectors, labels: Sequence[str]
    ) -> HeldOut[_Head]:
        """Fit a head, and judge exemplars without themselves: all, or enough of them."""
        ...

    def like(self, head: _Head) -> "HeadFitter[_Head]":
        """Fit further heads with what was calibrated for this one."""
        ...

    def for_queries(self, head: _Head, encoder: Encoder) -> _Head:
        """Add what only queries need: the tokens of documents, or an index in 8 bits."""
        ...
