"""The figures of a ranking, by hand."""

import json

import pytest
from lines import decided

from router.decisions.decision import Ranked
from router.evaluation.fail_under import figure_names, read_conditions, unmet_conditions
from router.evaluation.ranking import (
    RANKING_FIGURES,
    RankedLine,
    figures_of_ranking,
    measure_ranking,
    ranked_lines,
)
from router.logs.labels import Gold
from router.statistics.figure import NO_FIGURE, Figure


def ranked(*ranks, needs_all=False):
    return RankedLine("a", 1, ranks, needs_all, ())


def test_figures_by_hand():
    lines = [ranked(1), ranked(2), ranked(4), ranked(0), ranked(6, 1, needs_all=True)]
    figures = figures_of_ranking(lines)
    values = {name: figure.value for name, figure in figures.items()}
    # places 1, 2, 4, none, 1: (1 + 1/2 + 1/4 + 0 + 1) / 5
    assert values == {
        "first_right": 0.4,
        "within_3": 0.6,
        "within_5": 0.8,
        "reciprocal_rank": 0.55,
        "all_within_5": 0.0,
    }
    assert figures["all_within_5"].n == 1
    for figure in figures.values():
        value, low, high = figure.measured
        assert low <= value <= high


def test_no_line_has_no_figure():
    assert set(figures_of_ranking([]).values()) == {NO_FIGURE}


class ListingRouter:
    """Ranks pads before tubes before bells, whatever is asked."""

    def rank_many(self, texts, k):
        listed = [Ranked("pads", 0.6), Ranked("tubes", 0.3), Ranked("bells", 0.1)]
        return [listed[:k] for _ in texts]


def test_a_label_is_found_where_it_stands(tmp_path):
    golds = [
        Gold("route", skills=("tubes",)),
        Gold("route", skills=("bells", "pads")),
        Gold("route", skills=("bells",), ok_skills=("pads",)),
        Gold("redirect", packs=("bus",)),
        Gold("none"),
        Gold("clarify", question="which"),
        None,
    ]
    rows = [
        decided(line, f"query {line}", "none", gold=gold)
        for line, gold in enumerate(golds, start=1)
    ]
    found = list(ranked_lines(ListingRouter(), rows))
    assert [line.ranks for line in found] == [(2,), (3, 1), (3, 1), (0,)]
    assert [line.needs_all for line in found] == [False, True, False, False]
    assert [line.first for line in found] == [2, 1, 1, 0]
    figures = measure_ranking(ListingRouter(), rows, tmp_path)
    assert figures["first_right"].value == 0.5
    assert set(json.loads((tmp_path / "ranking.json").read_text())) == set(RANKING_FIGURES)
    lines = (tmp_path / "rankings.jsonl").read_text().splitlines()
    assert json.loads(lines[0])["ranking"][0] == {"id": "pads", "probability": 0.6}


@pytest.mark.parametrize(
    ("figures", "failures"),
    [
        ({"within_3": Figure(0.95, 0.9, 0.97, 40)}, []),
        ({"within_3": Figure(0.85, 0.8, 0.9, 40)}, ["was: 0.85 (n = 40)"]),
        ({}, ["no labelled query that it counts"]),
    ],
)
def test_a_gate_can_ask_for_the_ranking(figures, failures, bike_shop):
    bounds = read_conditions(["within_3=0.9"], figure_names(bike_shop))
    told = unmet_conditions(bounds, figures)
    assert len(told) == len(failures)
    assert all(part in sentence for part, sentence in zip(failures, told, strict=True))
