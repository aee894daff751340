"""The different texts of a log, how often each came and what was decided, in bounded memory."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal

import msgspec
import numpy as np
from msgspec import Struct, structs

from router.decisions.outcome import Outcome
from router.evaluation.decisions_file import RunFolder
from router.evaluation.sampling import DistinctSample
from router.router import Router
from router.text import clip_query, is_blank

MAX_DISTINCT_TEXTS = 200_000
"""The most different texts to choose from; if there are more, a random sample of them is taken."""

_BATCH = 4_096
_SEED = 20


class Choice(Struct, frozen=True):
    """A line of a log that is worth a label.

    :param text: The query.
    :param position: Where it came first in the log, counted from 0.
    :param count: How many lines have this text.
    :param reason: "gap" for a theme that no route serves, "uncertain", or "drawn" uniformly.
    :param outcome: What was decided.
    :param confidence: See `Route.confidence`, in [0, 1].
    :param margin: See `Route.margin`, in [0, 1].
    :param stands_for: How many of the candidates it was chosen from are like it, itself included.
    """

    text: str
    position: int
    count: int
    reason: Literal["gap", "uncertain", "drawn"]
    outcome: Outcome
    confidence: float
    margin: float
    stands_for: int = 1


@dataclass(frozen=True)
class LogTexts:
    """What there is to choose from.

    :param texts: Different texts, in the order in which they came.
    :param drawn: Lines drawn uniformly from all lines, in random order, without replacement.
    :param n_lines: The number of lines of the log.
    """

    texts: tuple[Choice, ...]
    drawn: tuple[Choice, ...]
    n_lines: int

    @classmethod
    def of(cls, log: Sequence[str] | RunFolder | str | Path, router: Router, n: int) -> "LogTexts":
        """Collect the texts of a list, or of a run.

        :param log: Texts, or a run, or the folder of one.
        :param router: Decides the texts of a list.
        :param n: How many lines to draw.
        """
        if isinstance(log, str | Path):
            log = RunFolder.open(log)
        lines = _of_run(log) if isinstance(log, RunFolder) else _of_texts(log, router)
        sample: DistinctSample[Choice] = DistinctSample(MAX_DISTINCT_TEXTS)
        dice, drawn, n_lines = Random(_SEED), list[Choice](), 0
        for line in lines:
            if is_blank(line.text):
                continue
            sample.add(line.text, line)
            n_lines += 1
            if len(drawn) < n:
                drawn.append(line)
            elif (place := dice.randrange(n_lines)) < n:
                drawn[place] = line
        dice.shuffle(drawn)
        kept = sorted(sample.items(), key=lambda item: item[1].position)
        texts = (structs.replace(line, count=count) for _, line, count in kept)
        return cls(tuple(texts), tuple(drawn), n_lines)


def _uncertain(
    text: str, position: int, outcome: Outcome, confidence: float, margin: float
) -> Choice:
    return Choice(text, position, 1, "uncertain", outcome, confidence, margin)


def _of_run(run: RunFolder) -> Iterator[Choice]:
    for position, line in enumerate(run.decisions()):
        outcome = msgspec.convert(line, Outcome, from_attributes=True)
        yield _uncertain(line.text, position, outcome, line.confidence, line.margin)


def _of_texts(texts: Iterable[str], router: Router) -> Iterator[Choice]:
    """Decide texts in batches, each different one once in its batch."""
    given = list(texts)
    for start in range(0, len(given), _BATCH):
        batch = given[start : start + _BATCH]
        different = list(dict.fromkeys(clip_query(text) for text in batch))
        decided = router.outcomes(different)
        row = {text: index for index, text in enumerate(different)}
        confidence, margin = (np.round(v, 4).tolist() for v in (decided.confidence, decided.margin))
        for position, text in enumerate(batch, start=start):
            index = row[clip_query(text)]
            outcome = decided.outcomes[decided.indices[index]]
            yield _uncertain(text, position, outcome, confidence[index], margin[index])
