"""Yesterday's right answers: which of them a pack has lost."""

from dataclasses import dataclass
from pathlib import Path

from router.decisions.outcome import Outcome
from router.decisions.words import on_one_line, outcome_in_words
from router.errors import LogError, RouterError
from router.logs.labels import accepts
from router.review.label_file import read_checks
from router.review.labels import Refused, read_labelled
from router.review.learning import outcomes_of
from router.router import Router


@dataclass(frozen=True)
class LostCheck:
    """A check that was decided rightly before, and is not now."""

    text: str
    label: str
    given: Outcome

    def __str__(self) -> str:
        now = outcome_in_words(self.given)
        return f"{on_one_line(self.text, 110)} -> {now}, wanted {self.label}"


@dataclass(frozen=True)
class CheckResult:
    """How the checks are decided now.

    :param n_before: The checks that were decided rightly before, or do not say.
    :param lost: The checks among these that are not decided rightly now.
    :param n_new: The checks that were wrong before, and are right now.
    :param max_lost: The share of `n_before` that may be lost, in [0, 1].
    """

    n_before: int
    lost: tuple[LostCheck, ...]
    n_new: int
    max_lost: float

    @property
    def n_right(self) -> int:
        """The checks that are still decided rightly."""
        return self.n_before - len(self.lost)

    @property
    def is_too_many(self) -> bool:
        """Whether more are lost than may be."""
        return len(self.lost) > self.max_lost * self.n_before + 1e-9


def lost_checks(router: Router, path: Path, max_lost: float = 0.0) -> CheckResult:
    """Decide the checks of a file again.

    :param path: A `checks.jsonl`, as `router learn --write` leaves it.
    :param max_lost: The share of the checks that may be lost, in [0, 1].
    :raises LogError: There are no checks, or one of them can't be read.
    """
    if not 0.0 <= max_lost <= 1.0:
        raise RouterError(f"max_lost is a share in [0, 1], was: {max_lost}")
    checks = read_checks(path)
    if not checks:
        raise LogError(f"{path}: no checks are here; `router learn LABELS --write` keeps some")
    was_right = {" ".join(check.text.split()): check.right is not False for check in checks}
    lines, unread = read_labelled(router.pack, [check.pair for check in checks])
    unread += [
        Refused(line.text, line.label, "the pack has no such target")
        for line in lines
        if line.new_route is not None
    ]
    if unread:
        first = unread[0]
        raise LogError(f"{path}: {first.text!r}, labelled {first.label!r}: {first.reason}")
    outcomes = outcomes_of(router, [line.text for line in lines])
    lost, n_before, n_new = [], 0, 0
    for line, given in zip(lines, outcomes, strict=True):
        right = accepts(line.gold, given, router.pack.precedence)
        if was_right[line.text]:
            n_before += 1
            if not right:
                lost.append(LostCheck(line.text, line.label, given))
        else:
            n_new += right
    return CheckResult(n_before, tuple(lost), n_new, max_lost)
