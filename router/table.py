"""A batch of decisions as an arrow table, straight from the arrays."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from router.model import Indices, Reading
from router.pack import Pack
from router.policy import ACTIONS, CLARIFY, REDIRECT, ROUTE, Verdicts

if TYPE_CHECKING:
    import pyarrow


def verdict_table(
    pack: Pack, reading: Reading, verdicts: Verdicts, neighbours: Indices
) -> "pyarrow.Table":
    """Lay decisions out in columns.

    :param neighbours: Columns of the neighbours in the reading's probabilities.
    """
    import pyarrow as pa

    action = verdicts.action
    questions = np.array([*pack.questions, ""], dtype=object)
    asked = questions[np.where(action == CLARIFY, verdicts.question, -1)]
    named = verdicts.packs & np.isin(action, (ROUTE, REDIRECT))[:, None]
    ids = np.arange(len(pack.neighbours))
    packs = np.where(named, ids, -1)
    likely = np.where(named, reading.probabilities[:, neighbours], -1.0)
    packs = np.take_along_axis(packs, np.argsort(-likely, axis=1, kind="stable"), axis=1)
    skills = np.where((action == ROUTE)[:, None], verdicts.skills, -1)
    return pa.table(
        {
            "action": pa.array(np.array(ACTIONS, dtype=object)[action], pa.string()),
            "skills": _lists(skills, list(pack.skills)),
            "packs": _lists(packs, list(pack.neighbours)),
            "question": pa.array(np.where(asked == "", None, asked), pa.string()),
            "confidence": pa.array(np.clip(verdicts.confidence, 0.0, 1.0), pa.float32()),
            "margin": pa.array(verdicts.margin, pa.float32()),
        }
    )


def _lists(places: NDArray[np.intp], names: list[str]) -> Any:  # noqa: ANN401 - pyarrow
    """Turn rows of places, -1 for nothing, into lists of names."""
    import pyarrow as pa

    kept = places >= 0
    ends = np.concatenate([[0], np.cumsum(kept.sum(axis=1))]).astype(np.int32)
    values = np.array([*names, ""], dtype=object)[places[kept]]
    return pa.ListArray.from_arrays(pa.array(ends), pa.array(values, pa.string()))
