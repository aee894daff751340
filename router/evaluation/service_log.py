"""The figures of the log of a service, whose decisions stay as they were made."""

from itertools import islice

from router.evaluation.decision_memo import DecisionMemo
from router.evaluation.decisions_file import RunFolder
from router.evaluation.metrics import LineTotals, Metrics, Versions, queries_of
from router.evaluation.rows import MAX_LISTED
from router.logs.reader import CHUNK_LINES
from router.router import Router


def metrics_of_service(log: RunFolder, router: Router) -> Metrics:
    """Compute the figures of a `DecisionLog`: nothing is decided anew.

    The log has no labels, so nothing says how many decisions are right.

    :param log: The log, see `RunFolder.open`; it is read twice, in chunks.
    :param router: Has the pack of the service.
    """
    totals, memo = LineTotals(), DecisionMemo()
    decisions = log.decisions()
    while lines := list(islice(decisions, CHUNK_LINES)):
        totals.add(lines, router.pack, len(memo.look_up(lines).lines))
    repeated = queries_of(log.decisions(), memo.most_repeated(MAX_LISTED))
    n_read = totals.counts.lines
    return totals.metrics(router.pack, Versions.of(router), n_read, 0, 0, repeated)
