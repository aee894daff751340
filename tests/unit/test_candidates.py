import numpy as np
import pytest
from evidence import NAMES, evidence_of, policy_of, with_scores

from router.decisions.candidates import Candidates, offered
from router.decisions.decision import OfferedOption
from router.decisions.outcome import ACTIONS
from router.decisions.policy import CompiledPolicy, fitted_candidate_threshold
from router.decisions.reply_reader import weigh_options
from router.model.doubt import MAX_OPTIONS
from router.model.exemplar_statistics import ExemplarStatistics
from router.model.layout import Layout
from router.model.replies import ANY_ANSWER, BOTH, NEITHER, UNSURE
from router.packs.pack_file import load_pack
from router.packs.policy import Policy

BUS, BRAKES, TYRES, SALES = 0, 4, 5, 6  # columns of the probabilities
WHICH_PART, COMPOSED = 1, 2  # questions; the second is one more than the pack has


@pytest.fixture
def pack(tiny):
    return load_pack(tiny)


def decide(pack, every_nearest=0.7, confidence_threshold=0.9, **row):
    evidence = with_scores(evidence_of(row), nearest=np.full((1, len(NAMES)), every_nearest))
    return policy_of(pack, confidence_threshold=confidence_threshold).decide(evidence)


# Which targets are candidates


def test_what_is_offered_by_hand():
    shares = np.array([[0.5, 0.3, 0.1, 0.05], [0.9, 0.02, 0.01, 0.0], [0.6, -1.0, -1.0, -1.0]])
    assert offered(shares, 0.1).tolist() == [
        [True, True, True, False],
        [True, True, False, False],  # the two likeliest are always offered
        [True, False, False, False],  # unless they are too far away
    ]


def test_candidates_come_likeliest_first_and_no_more_than_four(pack):
    nearest = np.full((1, len(NAMES)), 0.5)
    nearest[0, TYRES] = 0.29
    evidence = with_scores(evidence_of({}), nearest=nearest)
    layout = Layout.of(pack, NAMES)
    candidates = Candidates.of(pack, layout, threshold=0.0, similarity_threshold=0.3)
    shares = np.array([[0.1, 0.5, 0.2, 0.15, 0.05]])  # brakes, tyres, sales, bus, none
    sets = candidates.prediction_sets(evidence, shares)
    assert sets.tolist() == [[SALES, BUS, BRAKES, -1]]
    assert sets.shape == (1, MAX_OPTIONS)


def test_the_set_is_the_conformal_one():
    # 19 exemplars at alpha 0.1: the (19 + 1) * 0.1 = 2nd smallest probability of a truth
    statistics = ExemplarStatistics(true_probability=np.linspace(0.05, 0.95, 19))

    def threshold(**settings):
        return fitted_candidate_threshold(statistics, Policy(**settings))

    assert threshold(alpha=0.1, confidence_threshold=0.5) == pytest.approx(0.1)
    assert threshold(alpha=0.01, confidence_threshold=0.5) == 0.0  # too few exemplars
    assert threshold(alpha=0.1, confidence_threshold=0.0) == 0.0  # no question is composed


# When it is composed


def test_an_unsure_text_is_asked_about_the_likeliest_targets(pack):
    shares = {"fix-brakes": 0.0, "sell-bikes": 0.5, "bus-lines": 0.4, "fix-tyres": 0.1}
    result = decide(pack, p=shares)
    assert ACTIONS[result.action[0]] == "clarify"
    assert ACTIONS[result.unasked_action[0]] == "route"
    assert result.question[0] == COMPOSED
    assert result.candidates[0].tolist() == [SALES, BUS, TYRES, BRAKES]
    assert result.unasked_confidence[0] == pytest.approx(0.5)
    assert result.confidence[0] == pytest.approx(0.5)  # that deciding would be wrong


@pytest.mark.parametrize(("threshold", "action"), [(0.5, "route"), (0.51, "clarify")])
def test_it_is_asked_below_the_confidence_threshold(pack, threshold, action):
    shares = {"fix-brakes": 0.5, "bus-lines": 0.5}
    assert ACTIONS[decide(pack, confidence_threshold=threshold, p=shares).action[0]] == action


def test_a_question_of_the_pack_is_preferred_if_it_tells_the_two_likeliest_apart(pack):
    result = decide(pack, p={"fix-brakes": 0.4, "fix-tyres": 0.35, "sell-bikes": 0.25})
    assert ACTIONS[result.action[0]] == "clarify"
    assert result.question[0] == WHICH_PART
    # both "mend mine" and "sell another" lead on, and only the first to brakes
    result = decide(pack, p={"fix-brakes": 0.4, "fix-tyres": 0.25, "sell-bikes": 0.35})
    assert result.question[0] == 0


def test_a_text_that_is_far_from_its_targets_is_not_asked_about(pack):
    shares = {"fix-brakes": 0.4, "bus-lines": 0.3}
    assert ACTIONS[decide(pack, p=shares, nearest=0.1).action[0]] == "none"
    assert ACTIONS[decide(pack, p=shares, every_nearest=0.1).action[0]] == "route"


def test_a_missing_detail_is_asked_for_first(pack):
    result = decide(pack, missing=0.9, p={"fix-brakes": 0.2, "bus-lines": 0.2, "which-part": 0.3})
    assert result.question[0] == WHICH_PART
    assert result.candidates[0].tolist() == [-1] * MAX_OPTIONS
    assert result.confidence[0] == pytest.approx(0.9)


def test_without_a_confidence_threshold_nothing_is_composed(pack):
    result = decide(pack, confidence_threshold=0.0, p={"fix-brakes": 0.3, "bus-lines": 0.29})
    assert ACTIONS[result.action[0]] == "route"


def test_the_similarity_threshold_is_fitted_unless_the_policy_gives_it(pack):
    layout = Layout.of(pack, NAMES)
    # 199 exemplars: (199 + 1) * 0.01 = 2nd smallest
    nearest = np.linspace(0.3, 0.9, 199)
    statistics = ExemplarStatistics(nearest=nearest)
    assert CompiledPolicy.of(pack, layout, statistics).similarity_threshold == nearest[1]
    fixed = CompiledPolicy.of(pack, layout, statistics, policy=Policy(similarity_threshold=0.0))
    assert fixed.similarity_threshold == 0.0
    too_few = ExemplarStatistics(nearest=np.full(98, 0.3))
    assert too_few.similarity_threshold == 0.2
    too_alike = ExemplarStatistics(nearest=np.full(500, 0.9))
    assert too_alike.similarity_threshold == 0.4


def test_a_text_farther_than_any_exemplar_from_the_others_is_surely_none(pack):
    statistics = ExemplarStatistics(nearest=np.linspace(0.3, 0.9, 199))
    policy = CompiledPolicy.of(pack, Layout.of(pack, NAMES), statistics)
    result = policy.decide(evidence_of({"nearest": 0.1}))
    assert ACTIONS[result.action[0]] == "none"
    assert result.confidence[0] == pytest.approx(1 - 1 / 200)


def test_weights_of_a_reply_by_hand():
    brakes, tyres = OfferedOption("skill:a", "A"), OfferedOption("skill:b", "B")
    general = {ANY_ANSWER: 0.8, BOTH: 0.1, NEITHER: 0.06, UNSURE: 0.04}
    meanings = weigh_options([brakes, tyres], [(0.6, 0.4), (0.1, 0.4)], general)
    # 0.6 by the reply alone, and 0.24 of 0.28 together with the query
    assert meanings["skill:a"] == pytest.approx((0.6 + 0.24 / 0.28) / 2)
    assert meanings["skill:b"] == pytest.approx((0.1 + 0.04 / 0.28) / 2)
    assert meanings[BOTH] == pytest.approx(0.02)
    assert next(iter(meanings)) == "skill:a"
    unsure = {ANY_ANSWER: 0.1, BOTH: 0.1, NEITHER: 0.1, UNSURE: 0.7}
    assert next(iter(weigh_options([brakes], [(0.6, 0.4)], unsure))) == UNSURE


# On real queries
