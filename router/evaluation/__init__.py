"""A router over a log: run, counts, figures, gaps, comparisons."""

from router.evaluation.evaluate import Evaluation, evaluate

__all__ = ["Evaluation", "evaluate"]
