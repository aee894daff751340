import random
import re
from pathlib import Path

import msgspec
import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

from router.decisions.outcome import Outcome, OutcomeBatch
from router.evaluation.counts import DecisionCounts, HitCount
from router.evaluation.definitions import FIGURES
from router.evaluation.figures import Figures
from router.evaluation.rows import decided_lines
from router.logs.labels import Gold
from router.logs.reader import LogLine
from router.logs.values import read_time
from router.statistics.figure import Figure

TYRES, BRAKES, BIKES = "fix-tyres", "fix-brakes", "sell-bikes"
REFERENCE = Path(__file__).parents[2] / "docs" / "pages" / "reference"
DAY = read_time("2026-09-01")


def routed(*skills, packs=()):
    return Outcome("route", skills, packs)


LINES = [  # outcome, label, confidence in units of 1/10,000
    (routed(TYRES), Gold("route", (TYRES,)), 9_000),
    (routed(TYRES), Gold("route", (BRAKES,)), 8_000),
    (routed(BIKES), Gold("route", (BRAKES,)), 7_000),
    (routed(TYRES, BRAKES), Gold("route", (TYRES, BRAKES)), 6_000),
    (routed(TYRES), Gold("route", (TYRES, BRAKES)), 6_000),
    (routed(TYRES, packs=("bus-lines",)), Gold("route", (TYRES,), ("bus-lines",)), 5_000),
    (Outcome("clarify", question="which-part"), Gold("clarify", question="which-part"), 9_000),
    (Outcome("clarify", question="which-part"), Gold("route", (TYRES,)), 9_000),
    (routed(TYRES), Gold("clarify", question="which-part"), 4_000),
    (Outcome("redirect", packs=("bus-lines",)), Gold("redirect", packs=("bus-lines",)), 9_000),
    (Outcome("none"), Gold("none"), 9_000),
    (Outcome("none"), Gold("redirect", packs=("bus-lines",)), 3_000),
]


def counts_of(pack, lines):
    outcomes = [outcome for outcome, _, _ in lines]
    numbers = np.array([unit for _, _, unit in lines], dtype=np.float32) / np.float32(10_000)
    batch = OutcomeBatch(tuple(outcomes), np.arange(len(lines)), numbers, numbers)
    log = [LogLine(i, str(i), f"query {i}", DAY, gold) for i, (_, gold, _) in enumerate(lines)]
    return DecisionCounts.of(decided_lines(log, batch, pack.precedence), pack)


@pytest.fixture
def counts(bike_shop):
    return counts_of(bike_shop, LINES)


@pytest.mark.parametrize(
    ("name", "hits", "n"),
    [
        ("accepted", 6, 12),  # the 1st, 4th, 6th, 7th, 10th and 11th
        ("silently_wrong", 5, 12),
        ("ask_precision", 1, 2),
        ("ask_recall", 1, 2),
        ("needless", 1, 10),
        ("missed", 1, 2),
        ("right_question", 1, 1),
        ("skill_when_routed", 2, 4),  # the 1st and 6th of those with one skill that are routed
        ("category_when_routed", 5, 6),  # all but the 3rd
        ("multi_exact_in_order", 1, 2),
        ("packs_named_too", 1, 1),
        ("redirect_right", 1, 2),
        ("none_recall", 1, 1),
        ("none_precision", 1, 2),
    ],
)
def test_shares_by_hand(counts, name, hits, n):
    assert counts.shares[name] == HitCount(hits, n)


@pytest.mark.parametrize(
    ("name", "line", "hits"),
    [
        # A question is fair where it is acceptable, though something else is right as well.
        (
            "ask_precision",
            (Outcome("clarify"), Gold("route", (TYRES,), ok_actions=("clarify",)), 1),
            1,
        ),
        # An acceptable skill is as good as the required one.
        ("skill_when_routed", (routed(BRAKES), Gold("route", (TYRES,), ok_skills=(BRAKES,)), 1), 1),
        ("skill_when_routed", (routed(BIKES), Gold("route", (TYRES,), ok_skills=(BRAKES,)), 1), 0),
        # A neighbour must be the one of the label.
        (
            "packs_named_too",
            (routed(TYRES, packs=("train-lines",)), Gold("route", (TYRES,), ("bus-lines",)), 1),
            0,
        ),
        ("packs_named_too", (routed(TYRES), Gold("route", (TYRES,), ("bus-lines",)), 1), 0),
        # No question but the one of the label is right.
        (
            "right_question",
            (
                Outcome("clarify", question="repair-or-buy"),
                Gold("clarify", question="which-part"),
                1,
            ),
            0,
        ),
    ],
)
def test_what_counts_as_a_hit(bike_shop, name, line, hits):
    assert counts_of(bike_shop, [line]).shares[name] == HitCount(hits, 1)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("ask_precision", (routed(TYRES), Gold("clarify"), 1)),
        ("right_question", (Outcome("clarify", question="which-part"), Gold("clarify"), 1)),
        ("skill_when_routed", (routed(TYRES), Gold("route", (TYRES, BRAKES)), 1)),
        ("skill_when_routed", (Outcome("none"), Gold("route", (TYRES,)), 1)),
        ("category_when_routed", (routed(TYRES), Gold("none"), 1)),
        ("packs_named_too", (Outcome("none"), Gold("route", (TYRES,), ("bus-lines",)), 1)),
        ("none_precision", (routed(TYRES), Gold("none"), 1)),
        ("needless", (routed(TYRES), Gold("route", (TYRES,), ok_actions=("clarify",)), 1)),
    ],
)
def test_lines_that_a_figure_does_not_count(bike_shop, name, line):
    assert name not in counts_of(bike_shop, [line]).shares


def test_every_figure_has_a_title_and_a_meaning_and_is_documented():
    documented = (REFERENCE / "files.md").read_text()
    for figure in FIGURES:
        assert figure.title
        assert re.fullmatch(r"The .+\.", figure.meaning)
        assert f"| `{figure.name}` |" in documented


def test_values_are_rounded_and_have_intervals(counts, bike_shop):
    figures = Figures(counts, bike_shop)
    assert list(figures.named) == [figure.name for figure in FIGURES]
    assert figures.values["queries"] == 12
    assert figures.values["silently_wrong"] == 0.4167
    # Wilson by hand: (6 + 1.92) / (12 + 3.84) = 0.5, less and plus 0.2462
    assert figures.named["accepted"] == Figure(0.5, 0.2538, 0.7462, 12)
    assert figures.named["asked"] == Figure.of_share(2, 12).rounded()
    empty = Figures(DecisionCounts(), bike_shop)
    assert {*empty.named.values()} == {Figure(None, None, None, 0)}
    assert empty.risk_coverage == empty.ask_rate == empty.reliability == ()


def test_calibration_error_by_hand(counts, bike_shop):
    # gaps of the bins from 0.3 on, 0.3 + 0.4 + |0.5 - 1| + |1.2 - 1| + 0.7 + 0.8 + |2.7 - 3|, by 10
    figure = Figures(counts, bike_shop).named["calibration_error"]
    assert (figure.value, figure.n) == (0.32, 10)
    assert figure.low < 0.32 < figure.high


def test_risk_coverage_by_hand(counts, bike_shop):
    curve = Figures(counts, bike_shop).risk_coverage
    assert [(one.confidence, one.coverage, one.risk) for one in curve] == [
        (0.9, 0.25, 0.0),
        (0.8, 0.3333, 0.25),
        (0.7, 0.4167, 0.4),
        (0.6, 0.5833, 0.4286),
        (0.5, 0.6667, 0.375),
        (0.4, 0.75, 0.4444),
        (0.3, 0.8333, 0.5),
    ]
    area = (3 * 0 + 0.25 + 0.4 + 2 * 3 / 7 + 0.375 + 4 / 9 + 0.5) / 10
    assert Figures(counts, bike_shop).named["risk_coverage_area"].value == round(area, 4)


def test_asking_more_by_hand(counts, bike_shop):
    curve = Figures(counts, bike_shop).ask_rate
    first, second, *_, last = curve
    assert (first.asked, first.accuracy, first.with_answers) == (0.1667, 0.5, 0.5833)
    assert (second.asked, second.accuracy, second.with_answers) == (0.25, 0.5556, 0.6667)
    assert (last.asked, last.accuracy, last.with_answers) == (1.0, None, 1.0)


def test_reliability_by_hand(counts, bike_shop):
    *_, last = Figures(counts, bike_shop).reliability
    assert (last.start, last.end, last.confidence) == (0.9, 1.0, 0.9)
    assert (last.accepted.value, last.accepted.n) == (1.0, 3)


def test_confusion_names_wanted_and_given(counts, bike_shop):
    confusion = Figures(counts, bike_shop).confusion
    cells = {(cell.wanted, cell.given): (cell.count, cell.accepted) for cell in confusion.cells}
    assert cells["skill:fix-brakes", "skill:fix-tyres"] == (2, 0)  # the 5th lacks the brakes
    assert cells["skill:fix-brakes", "skill:sell-bikes"] == (1, 0)
    assert cells["skill:fix-tyres", "skill:fix-tyres"] == (3, 3)
    assert cells["ask", "skill:fix-tyres"] == (1, 0)
    assert sum(count for count, _ in cells.values()) == 12
    order = ("skill:fix-brakes", "skill:fix-tyres", "skill:sell-bikes", "neighbour:bus-lines")
    assert confusion.labels == (*order, "ask", "none")


def test_a_category_as_label_has_its_row(bike_shop):
    gold = Gold("route", ok_skills=(BRAKES, TYRES))
    counts = counts_of(bike_shop, [(routed(BIKES), gold, 1), (routed(TYRES), gold, 1)])
    figures = Figures(counts, bike_shop)
    assert figures.categories["workshop"].recall == Figure.of_share(1, 2).rounded()
    assert counts.cells["category:workshop"] == {"skill:sell-bikes": HitCount(0, 1)}


def test_skills_agree_with_scikit_learn_where_a_label_is_one_skill(bike_shop):
    skills, dice = [TYRES, BRAKES, BIKES], random.Random(1)
    wanted = [dice.choice(skills) for _ in range(300)]
    given = [one if dice.random() < 0.7 else dice.choice(skills) for one in wanted]
    lines = [(routed(g), Gold("route", (w,)), 5_000) for w, g in zip(wanted, given, strict=True)]
    found = Figures(counts_of(bike_shop, lines), bike_shop).skills
    theirs = zip(*precision_recall_fscore_support(wanted, given, labels=skills), strict=True)
    for skill, (precision, recall, f1, n) in zip(skills, theirs, strict=True):
        ours = found[skill]
        assert [ours.precision.value, ours.recall.value, ours.f1.value] == pytest.approx(
            [precision, recall, f1], abs=1e-4
        )
        assert ours.recall.n == n


def test_an_acceptable_alternative_counts_for_both(bike_shop):
    line = (routed(TYRES), Gold("route", (BRAKES,), ok_skills=(TYRES,)), 5_000)
    found = Figures(counts_of(bike_shop, [line]), bike_shop).skills
    assert found[TYRES].precision.value == 1.0
    assert found[BRAKES].recall.value == 1.0


def test_parts_add_up_to_the_whole_in_any_order(bike_shop):
    pack = bike_shop
    whole = counts_of(pack, LINES)
    parts = [counts_of(pack, LINES[i : i + 3]) for i in range(0, 12, 3)]
    # as another machine would send them
    sent = [msgspec.json.decode(msgspec.json.encode(part), type=DecisionCounts) for part in parts]
    for order in (sent, sent[::-1]):
        total = DecisionCounts.sum(order)
        assert Figures(total, pack).values == Figures(whole, pack).values
        assert Figures(total, pack).confusion == Figures(whole, pack).confusion
        assert total == whole


def test_lines_without_a_label_count_in_shares_and_days_alone(bike_shop):
    counts = counts_of(bike_shop, [(routed(TYRES), None, 9_000), LINES[0], LINES[6]])
    figures = Figures(counts, bike_shop)
    assert figures.shares.actions == {"route": 2, "clarify": 1}
    assert figures.shares.skills == {TYRES: 2}
    assert figures.shares.questions == {"which-part": 1}
    day = figures.days["2026-09-01"]
    assert (day.lines, day.labelled, day.accepted, day.skills) == (3, 2, 2, {TYRES: 2})
    assert figures.named["accepted"].n == 2
    assert figures.named["asked"] == Figure.of_share(1, 3).rounded()


def test_a_day_lists_the_most_frequent_first_and_equals_by_name(bike_shop):
    skills = (BIKES, TYRES, BIKES, BRAKES)
    lines = [(routed(skill), None, i) for i, skill in enumerate(skills)]
    lines.append((Outcome("clarify"), None, 9))
    day = Figures(counts_of(bike_shop, lines), bike_shop).days["2026-09-01"]
    assert list(day.actions.items()) == [("route", 4), ("clarify", 1)]
    assert list(day.skills.items()) == [(BIKES, 2), (BRAKES, 1), (TYRES, 1)]


def test_a_long_curve_is_thinned_and_keeps_its_ends(bike_shop):
    lines = [(routed(TYRES), Gold("route", (TYRES,)), i) for i in range(1_000)]
    curve = Figures(counts_of(bike_shop, lines), bike_shop).risk_coverage
    assert len(curve) == 200
    assert (curve[0].coverage, curve[-1].coverage) == (0.001, 1.0)
