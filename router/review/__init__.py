"""From a log to a better pack: choose what is worth a label, review it, learn, and prove it.

`select` gives the lines of a log that are worth a person's time; `learn` turns their labels into
exemplars. `router review` and `router learn` do the same from the command line.
"""

from router.review.estimate import Estimate, estimate
from router.review.labels import LabelledText, Refused
from router.review.learning import Learned, learn
from router.review.log_texts import Choice
from router.review.selection import Selection, choose, select

__all__ = [
    "Choice",
    "Estimate",
    "LabelledText",
    "Learned",
    "Refused",
    "Selection",
    "choose",
    "estimate",
    "learn",
    "select",
]
