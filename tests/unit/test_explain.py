from dataclasses import replace
from importlib import import_module
from math import log

import pytest
from evidence import evidence_of, policy_of

from router.explain import explain, rule_in_words
from router.packs.pack_file import load_pack
from router.statistics.probability import PlattScaling


@pytest.fixture
def pack(tiny):
    return load_pack(tiny)


def rule(policy, **row):
    evidence = evidence_of(row)
    return rule_in_words(policy, evidence, policy.decide(evidence))


def test_the_rule_of_a_text_that_is_far_from_every_exemplar(pack):
    policy = policy_of(pack, similarity_threshold=0.3)
    assert rule(policy, nearest=0.21) == "no exemplar is closer than 0.21, below 0.30 -> none"


def test_the_rule_of_a_text_that_lacks_a_detail(pack):
    expected = "a detail is missing with probability 0.70, threshold 0.60 -> ask"
    assert rule(policy_of(pack, ask_threshold=0.6), missing=0.7) == expected


@pytest.mark.parametrize(("threshold", "end"), [(0.5, "redirect"), (0.9, "ask which it is")])
def test_the_rule_of_a_text_that_lacks_no_detail(pack, threshold, end):
    policy = policy_of(pack, ask_threshold=0.6, confidence_threshold=threshold)
    shares = {"fix-brakes": 0.3, "bus-lines": 0.6, "none": 0.1}
    assert rule(policy, missing=0.5, p=shares) == (
        "a detail is missing with probability 0.50, threshold 0.60;"
        f" the confidence of the likeliest, redirect, is 0.60, threshold {threshold:.2f} -> {end}"
    )


@pytest.mark.parametrize(
    ("row", "rate", "words"),
    [
        ({"centroid": -4.60}, 0.1, "the strangeness is 1.92, from 1.91 on -> none"),
        (
            {"centroid": -3.62, "text": "brakes " * 200},
            0.1,
            "the ambiguity is -1.02, threshold 0.80; the strangeness is 1.23, threshold 1.22"
            " -> ask which it is",
        ),
        ({"missing": 0.7}, 0.1, "a detail is missing with probability 0.70 -> ask"),
        ({"missing": 0.7}, 0.0, "nothing is asked, and the likeliest is route -> route"),
    ],
)
def test_the_rule_of_a_pack_that_asks_by_rate(pack, row, rate, words):
    policy = policy_of(pack, ask_rate=rate, ask_threshold=None)
    assert rule(policy, **row) == words


def test_the_rule_of_a_calibrated_policy_has_the_rescaled_numbers(pack):
    scalings = {"route": PlattScaling(offset=log(3)), "clarify": PlattScaling(offset=log(4))}
    policy = policy_of(pack, ask_threshold=0.9, confidence_threshold=0.8)
    policy = replace(policy, scalings={**policy.scalings, **scalings})
    # Odds of 1 become 3, and 4: 0.75, and 0.8.
    assert rule(policy, missing=0.5, p={"fix-brakes": 0.5, "bus-lines": 0.5}) == (
        "a detail is missing with probability 0.80, threshold 0.90;"
        " the confidence of the likeliest, route, is 0.75, threshold 0.80 -> ask which it is"
    )


def test_the_old_place_of_explain_warns():
    with pytest.warns(DeprecationWarning, match=r"explanation_of is now router\.explain\.explain"):
        assert import_module("router.decisions.explain").explanation_of is explain
