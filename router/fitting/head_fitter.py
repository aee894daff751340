"""What every way to fit a head does."""

from collections.abc import Sequence
from typing import ClassVar, Protocol, TypeVar

from router.arrays import Indices, Probabilities, Vectors
from router.encoders.encoder import Encoder

_Head = TypeVar("_Head")


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
    ) -> tuple[_Head, Indices, Probabilities]:
        """Fit a head, and judge exemplars without themselves: all, or enough of them.

        :return: The head, the rows of these exemplars, and the probabilities of the targets.
            Shapes: (n_judged,), (n_judged, n_targets).
        """
        ...

    def like(self, head: _Head) -> "HeadFitter[_Head]":
        """Fit further heads with what was calibrated for this one."""
        ...

    def with_documents(self, head: _Head, texts: Sequence[str]) -> _Head:
        """Let a head that was fitted on these texts know the words of whole documents.

        Exemplars are never judged by such a head: a line that occurs in a document would find
        itself.
        """
        ...

    def for_queries(self, head: _Head, texts: Sequence[str], encoder: Encoder) -> _Head:
        """Let a head know whole documents, their tokens included."""
        ...
