"""A batch of decisions as an arrow table, straight from the arrays."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from router.decisions.decision import COMPOSED
from router.decisions.narrate import Narrator
from router.decisions.policy import ACTIONS, CLARIFY, NONE, REDIRECT, ROUTE, Verdicts
from router.model.model import Reading

if TYPE_CHECKING:
    import pyarrow


def verdict_table(narrator: Narrator, reading: Reading, verdicts: Verdicts) -> "pyarrow.Table":
    """Lay decisions out in columns. A reason is told once for all rows that share an outcome."""
    import pyarrow as pa

    pack, layout = narrator.pack, narrator.model.layout
    action = verdicts.action
    questions = np.array([*pack.questions, COMPOSED, None], dtype=object)
    asked = questions[np.where(action == CLARIFY, verdicts.question, -1)]
    named = verdicts.packs & np.isin(action, (ROUTE, REDIRECT))[:, None]
    ids = np.arange(len(pack.neighbours))
    packs = np.where(named, ids, -1)
    likely = np.where(named, reading.probabilities[:, layout.neighbours], -1.0)
    packs = np.take_along_axis(packs, np.argsort(-likely, axis=1, kind="stable"), axis=1)
    skills = np.where((action == ROUTE)[:, None], verdicts.skills, -1)
    return pa.table(
        {
            "action": pa.array(np.array(ACTIONS, dtype=object)[action], pa.string()),
            "skills": _lists(skills, list(pack.skills)),
            "packs": _lists(packs, list(pack.neighbours)),
            "question": pa.array(asked, pa.string()),
            "confidence": pa.array(np.clip(verdicts.confidence, 0.0, 1.0), pa.float32()),
            "margin": pa.array(verdicts.margin, pa.float32()),
            "reason": pa.array(_reasons(narrator, reading, verdicts, skills, packs), pa.string()),
        }
    )


def _reasons(
    narrator: Narrator,
    reading: Reading,
    verdicts: Verdicts,
    skills: NDArray[np.intp],
    packs: NDArray[np.intp],
) -> NDArray[np.object_]:
    """Tell the reason of each row. That of a "none" names what is nearest. Shape: (n_texts,)."""
    nearest = narrator.nearest_skills(reading.vectors)
    columns = [
        verdicts.action,
        np.where(verdicts.action == CLARIFY, verdicts.question, -1),
        np.where(verdicts.action == NONE, nearest, -1),
        *skills.T,
        *packs.T,
    ]
    _, first, kind = np.unique(
        np.column_stack(columns), axis=0, return_index=True, return_inverse=True
    )
    told = [narrator.reason(reading, verdicts, int(row)) for row in first]
    return np.array([*told, ""], dtype=object)[kind.reshape(-1)]


def _lists(places: NDArray[np.intp], names: list[str]) -> Any:  # noqa: ANN401 - pyarrow
    """Turn rows of places, -1 for nothing, into lists of names."""
    import pyarrow as pa

    kept = places >= 0
    ends = np.concatenate([[0], np.cumsum(kept.sum(axis=1))]).astype(np.int32)
    values = np.array([*names, ""], dtype=object)[places[kept]]
    return pa.ListArray.from_arrays(pa.array(ends), pa.array(values, pa.string()))
