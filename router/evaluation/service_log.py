"""The figures of the log of a service, whose decisions stay as they were made."""

from collections.abc import Iterator
from itertools import islice

from router.evaluation.counts import DecisionCounts
from router.evaluation.decision_memo import DecisionMemo
from router.evaluation.decisions_file import RunFolder
from router.evaluation.figures import Figures
from router.evaluation.metrics import Lines, Metrics, Versions, metrics_of
from router.evaluation.rows import MAX_LISTED, DecidedLine, Query, by_confidence
from router.logs.reader import CHUNK_LINES
from router.router import Router


def metrics_of_service(log: RunFolder, router: Router) -> Metrics:
    """Compute the figures of a `DecisionLog`: nothing is decided anew.

    The log has no labels, so nothing says how many decisions are right.

    :param log: The log, see `RunFolder.open`; it is read twice, in chunks.
    :param router: Has the pack of the service.
    """
    counts, memo, n_texts = DecisionCounts(), DecisionMemo(), 0
    least_certain: list[DecidedLine] = []
    for lines in _chunks(log.decisions()):
        counts.add(DecisionCounts.of(lines, router.pack))
        n_texts += len(memo.look_up(lines).lines)
        unasked = (line for line in lines if not line.asks)
        least_certain = by_confidence([*least_certain, *unasked], 1)
    often = memo.most_repeated(MAX_LISTED)
    first = {line.line: line for line in log.decisions() if line.line in often}
    return metrics_of(
        Figures(counts, router.pack),
        Versions.of(router),
        Lines(counts.lines, counts.lines, 0, 0, 0, n_texts, counts.truncated),
        repeated=tuple(Query.of(first[line], count) for line, count in often.items()),
        least_certain=tuple(map(Query.of, least_certain)),
        mistakes=(),
    )


def _chunks(decisions: Iterator[DecidedLine]) -> Iterator[list[DecidedLine]]:
    while lines := list(islice(decisions, CHUNK_LINES)):
        yield lines
