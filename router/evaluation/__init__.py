"""Evaluates a router on a log: the run, its figures, and what to learn from them."""

from router.evaluation.compare import Change, Paired, compare, differences
from router.evaluation.counts import DecisionCounts
from router.evaluation.decisions_file import RunFolder
from router.evaluation.drift import Drift
from router.evaluation.figures import Figures
from router.evaluation.gaps import Gap, Gaps, export_gaps, find_gaps, is_unfit
from router.evaluation.metrics import Metrics
from router.evaluation.pack_health import PackHealth, pack_health
from router.evaluation.rows import DecidedLine
from router.evaluation.run import Evaluation, Progress, evaluate
from router.evaluation.share_change import ShareChange
from router.logs.reader import Columns
from router.statistics.figure import Figure

__all__ = [
    "Change",
    "Columns",
    "DecidedLine",
    "DecisionCounts",
    "Drift",
    "Evaluation",
    "Figure",
    "Figures",
    "Gap",
    "Gaps",
    "Metrics",
    "PackHealth",
    "Paired",
    "Progress",
    "RunFolder",
    "ShareChange",
    "compare",
    "differences",
    "evaluate",
    "export_gaps",
    "find_gaps",
    "is_unfit",
    "pack_health",
]
