from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from evidence import NAMES, evidence_of, policy_of, with_scores
from msgspec import structs

from router.decisions.outcome import ACTIONS
from router.decisions.policy import ask_risk, asks
from router.model.halves import Pair
from router.model.missing_detail import QuestionEvidence
from router.packs.pack_file import load_pack
from router.packs.parts import Neighbour, ScopeQuestion

BRAKES, TYRES, SALES = 0, 1, 2


@pytest.fixture
def pack(tiny):
    return load_pack(tiny)


def decide(policy, **row):
    return policy.decide(evidence_of(row))


def action_of(result, row=0):
    return ACTIONS[result.action[row]]


def skills_of(result, row=0):
    return [skill for skill in result.skills[row].tolist() if skill >= 0]


def test_the_likeliest_skill_is_routed_to(pack):
    result = decide(
        policy_of(pack),
        p={"fix-brakes": 0.5, "fix-tyres": 0.1, "none": 0.1, "bus-lines": 0.1, "which-part": 0.2},
    )
    assert action_of(result) == "route"
    assert skills_of(result) == [BRAKES]
    assert not result.neighbours.any()
    # Questions are left out of the shares: 0.5 and 0.1 of 0.8.
    assert result.confidence[0] == pytest.approx(0.5 / 0.8)
    assert result.margin[0] == pytest.approx(0.4 / 0.8)


@pytest.mark.parametrize("two", [("bus-lines", "sell-bikes"), ("sell-bikes", "bus-lines")])
def test_the_margin_is_over_the_second_likeliest_wherever_it_stands(pack, two):
    shares = {"fix-brakes": 0.1, "fix-tyres": 0.06, "none": 0.04, two[0]: 0.5, two[1]: 0.3}
    assert decide(policy_of(pack), p=shares).margin[0] == pytest.approx(0.2)


def test_the_likeliest_neighbour_is_redirected_to(pack):
    result = decide(policy_of(pack), p={"fix-brakes": 0.2, "bus-lines": 0.6, "none": 0.2})
    assert action_of(result) == "redirect"
    assert skills_of(result) == []
    assert result.neighbours.tolist() == [[True]]
    assert result.confidence[0] == pytest.approx(0.6)


def test_a_redirect_names_a_neighbour_however_unsure_it_is(pack):
    shares = {"fix-brakes": 0.2, "bus-lines": 0.22, "fix-tyres": 0.2, "sell-bikes": 0.2}
    result = decide(policy_of(pack, mention_threshold=0.9), p=shares)
    assert action_of(result) == "redirect"
    assert result.neighbours.tolist() == [[True]]


def test_where_none_is_the_likeliest_nothing_is_routed(pack):
    result = decide(policy_of(pack), p={"fix-brakes": 0.3, "none": 0.7}, text="the night bus")
    assert action_of(result) == "none"
    assert skills_of(result) == []
    assert not result.neighbours.any()
    assert result.confidence[0] == pytest.approx(0.7)


@pytest.mark.parametrize(("nearest", "action"), [(0.29, "none"), (0.3, "route"), (0.9, "route")])
def test_a_text_that_is_far_from_every_exemplar_is_none(pack, nearest, action):
    result = decide(policy_of(pack, similarity_threshold=0.3), nearest=nearest)
    assert action_of(result) == action


def test_a_text_that_is_far_from_every_exemplar_is_not_asked_about(pack):
    result = decide(policy_of(pack), nearest=0.0, missing=1.0)
    assert action_of(result) == "none"
    assert skills_of(result) == []


@pytest.mark.parametrize(
    ("missing", "action"), [(0.59, "route"), (0.6, "clarify"), (1.0, "clarify")]
)
def test_it_asks_from_the_ask_threshold_on(pack, missing, action):
    result = decide(policy_of(pack, ask_threshold=0.6), missing=missing)
    assert action_of(result) == action


@pytest.mark.parametrize(
    ("missing", "p", "asked"),
    [(0.3, 0.9, True), (0.29, 0.9, False), (0.0, 0.69, True), (0.0, 0.71, False)],
)
def test_a_question_that_costs_030_is_asked_where_the_first_choice_is_right_with_at_most_070(
    pack, missing, p, asked
):
    policy = policy_of(pack, ask_threshold=None, question_cost=0.3)
    shares = {"fix-brakes": p, "none": 1.0 - p}
    assert (action_of(decide(policy, missing=missing, p=shares)) == "clarify") == asked


def test_a_question_whose_options_lead_to_one_place_is_not_asked(pack):
    which = pack.questions["which-part"]
    one_place = [structs.replace(o, leads_to=which.options[0].leads_to) for o in which.options]
    questions = [
        structs.replace(question, options=tuple(one_place)) if question is which else question
        for question in pack.questions.values()
    ]
    file = structs.replace(pack.file, questions=tuple(questions))
    policy = policy_of(structs.replace(pack, file=file))
    for question, action in (("which-part", "route"), ("repair-or-buy", "clarify")):
        result = decide(policy, missing=1.0, p={question: 0.9})
        assert action_of(result) == action


def test_it_asks_the_likeliest_question_and_tells_what_it_would_have_decided(pack):
    rows = [
        {"missing": 0.9, "p": {"which-part": 0.3, "repair-or-buy": 0.1}},
        {"missing": 0.9, "p": {"which-part": 0.1, "repair-or-buy": 0.2, "bus-lines": 0.9}},
        {"missing": 0.9, "p": {"which-part": 0.1, "repair-or-buy": 0.2, "none": 0.9}},
    ]
    result = policy_of(pack).decide(evidence_of(*rows))
    assert [action_of(result, row) for row in range(3)] == ["clarify"] * 3
    assert result.question.tolist() == [1, 0, 0]
    assert [ACTIONS[i] for i in result.unasked_action] == ["route", "redirect", "none"]
    np.testing.assert_allclose(result.confidence, 0.9)


@pytest.mark.parametrize(("probability", "count"), [(0.69, 1), (0.7, 2)])
def test_a_further_skill_is_added_from_extra_skill_threshold_on(pack, probability, count):
    result = decide(policy_of(pack, extra_skill_threshold=0.7), extra={SALES: probability})
    assert len(skills_of(result)) == count


def test_several_skills_come_in_execution_order(pack):
    """The order of the tiny pack is tyres, brakes, sales, whichever is likeliest."""
    shares = {"fix-brakes": 0.1, "sell-bikes": 0.6, "none": 0.3}
    result = decide(policy_of(pack), p=shares, extra={BRAKES: 0.8, TYRES: 0.9})
    assert skills_of(result) == [TYRES, BRAKES, SALES]
    assert result.confidence[0] == pytest.approx(0.6 * 0.8 * 0.9)


def test_no_more_skills_than_the_policy_allows_and_the_strongest_of_them(pack):
    shares = {"fix-brakes": 0.1, "sell-bikes": 0.6, "none": 0.3}
    extra = {BRAKES: 0.8, TYRES: 0.9}
    assert skills_of(decide(policy_of(pack, max_skills=2), p=shares, extra=extra)) == [
        TYRES,
        SALES,
    ]
    assert skills_of(decide(policy_of(pack, max_skills=1), p=shares, extra=extra)) == [SALES]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("flat tyre on the way to the bus", True),
        ("the NIGHT BUS, my tyre is flat", True),
        ("flat tyre on the way to the buses", False),
        ("a nail in my tyre", False),
    ],
)
def test_a_neighbour_is_named_beside_a_route_if_the_query_mentions_it(pack, text, named):
    result = decide(policy_of(pack), p={"fix-brakes": 0, "fix-tyres": 0.9}, text=text)
    assert action_of(result) == "route"
    assert result.neighbours.tolist() == [[named]]


@pytest.mark.parametrize(("share", "named"), [(0.24, False), (0.26, True)])
def test_a_neighbour_is_named_beside_a_route_if_it_is_likely(pack, share, named):
    shares = {"fix-brakes": 0, "fix-tyres": 1 - share, "bus-lines": share}
    assert decide(policy_of(pack, mention_threshold=0.25), p=shares).neighbours.tolist() == [
        [named]
    ]


def test_a_neighbour_is_named_only_beside_its_own_skills(pack):
    shares = {"fix-brakes": 0.6, "bus-lines": 0.4}
    result = decide(policy_of(pack), p=shares, text="brakes of the bus")
    assert action_of(result) == "route"
    assert not result.neighbours.any()


def test_further_skills_lower_the_confidence(pack):
    shares, extra = {"fix-brakes": 0.5, "sell-bikes": 0.4, "none": 0.1}, {SALES: 0.8}
    result = decide(policy_of(pack), p=shares, extra=extra)
    assert result.unasked_confidence[0] == pytest.approx(0.5 * 0.8)


def test_in_a_pack_made_of_documents_short_texts_are_less_sure_and_halves_name_two(pack):
    described = structs.replace(pack.file.skills[0], description="Mends brakes.")
    file = structs.replace(pack.file, skills=(described, *pack.file.skills[1:]))
    policy = policy_of(structs.replace(pack, file=file))
    shares = {"fix-brakes": 0.5, "sell-bikes": 0.4, "none": 0.1}
    short, long = (
        decide(policy, p=shares, text=text).unasked_confidence[0]
        for text in ("my brakes", "my brakes squeal when I ride down the hill in the rain")
    )
    assert short == pytest.approx(1 / (1 + np.exp(6.0 - 2.3 * np.log(3))))  # two words, even odds
    assert long > 2 * short
    evidence = evidence_of({"p": shares})
    of_two = policy.decide(replace(evidence, pairs={0: Pair((SALES, BRAKES), 0.8)}))
    assert of_two.skills[0, :2].tolist() == [SALES, BRAKES]  # in the order of the text
    assert of_two.unasked_confidence[0] == pytest.approx(0.9)
    faint = policy.decide(replace(evidence, pairs={0: Pair((SALES, BRAKES), 0.01)}))
    assert faint.skills[0, :2].tolist() == [BRAKES, -1]


def test_a_neighbour_is_named_beside_a_further_skill_too(pack):
    result = decide(policy_of(pack), extra={TYRES: 0.9}, text="brakes, and a tyre for the bus")
    assert skills_of(result) == [TYRES, BRAKES]
    assert result.neighbours.tolist() == [[True]]


def test_a_redirect_names_every_likely_neighbour(pack):
    taxi = Neighbour("a-taxi", "Taxi", "Be driven.")
    file = structs.replace(pack.file, neighbours=(*pack.file.neighbours, taxi))
    two = structs.replace(pack, file=file)
    policy = policy_of(two, ("neighbour:a-taxi", *NAMES), mention_threshold=0.3)
    evidence = evidence_of({"p": {"bus-lines": 0.5, "fix-brakes": 0.1}})

    def named(taxi_share):
        probabilities = np.column_stack([[taxi_share], evidence.probabilities])
        nearest = np.full(probabilities.shape, 0.7)
        scores = {"probabilities": probabilities / probabilities.sum(), "nearest": nearest}
        return policy.decide(with_scores(evidence, **scores)).neighbours.tolist()

    assert named(0.3) == [[True, True]]  # 0.3 of 0.9
    assert named(0.2) == [[True, False]]  # 0.2 of 0.8


def test_a_pack_without_questions_and_none_only_routes_and_redirects(pack):
    empty = structs.replace(pack.file, questions=())
    plain = structs.replace(pack, file=empty)
    names = [name for name in NAMES if name != "none" and not name.startswith("question")]
    evidence = evidence_of(
        {"missing": 1.0}, {"missing": 1.0, "p": {"bus-lines": 0.9}}, {"nearest": -1.0}
    )
    evidence = replace(
        with_scores(
            evidence,
            probabilities=evidence.probabilities[:, [0, 4, 5, 6]],
            nearest=evidence.nearest[:, [0, 4, 5, 6]],
        ),
        questions=replace(evidence.questions, probabilities=np.zeros((3, 0))),
    )
    result = policy_of(plain, names).decide(evidence)
    assert [action_of(result, row) for row in range(3)] == ["route", "redirect", "none"]
    assert result.question.tolist() == [-1, -1, -1]


def test_shares_without_questions_sum_to_1(pack):
    evidence = evidence_of({}, {"p": {"which-part": 0.9, "none": 0.3}}, {"p": {"fix-tyres": 3.0}})
    shares = policy_of(pack).shares_without_questions(evidence)
    assert shares.shape == (3, 5)
    np.testing.assert_allclose(shares.sum(axis=1), 1)


def test_a_batch_is_its_rows_one_by_one(pack):
    policy = policy_of(pack)
    rows = [
        {},
        {"missing": 0.9},
        {"nearest": 0.0},
        {"p": {"bus-lines": 0.9}},
        {"extra": {SALES: 0.9, TYRES: 0.8}, "text": "brakes, tyre, bus"},
    ]
    batch = policy.decide(evidence_of(*rows))
    for index, row in enumerate(rows):
        alone = policy.decide(evidence_of(row))
        for field, values in vars(alone).items():
            np.testing.assert_array_equal(getattr(batch, field)[index], values[0], err_msg=field)


def test_a_batch_may_be_empty(pack):
    single = evidence_of({})
    result = policy_of(pack).decide(
        with_scores(
            replace(
                single,
                texts=[],
                words=[],
                nearest_similarity=single.nearest_similarity[:0],
                questions=QuestionEvidence(
                    **{name: rows[:0] for name, rows in vars(single.questions).items()}
                ),
                missing_detail=single.missing_detail[:0],
                centroid_similarity=single.centroid_similarity[:0],
                extra_skills=single.extra_skills[:0],
            ),
            vectors=single.vectors[:0],
            probabilities=single.probabilities[:0],
            nearest=single.nearest[:0],
        )
    )
    assert {len(rows) for rows in vars(result).values()} == {0}


def test_a_lower_ask_threshold_asks_more(pack):
    rows = [{"missing": missing} for missing in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)]
    asked = [
        (policy_of(pack, ask_threshold=level).decide(evidence_of(*rows)).action == 1).sum()
        for level in (0.1, 0.3, 0.5, 0.7, 0.9)
    ]
    assert all(more >= less for more, less in pairwise(asked))
    assert asked == [5, 4, 3, 2, 1]


def six_texts():
    """What speaks for asking about each of six texts, and what forbids it."""
    return {
        "ask_probability": np.array([0.5, 0.49, 0.1, 0.1, 0.9, 0.9]),
        "confidence": np.array([0.2, 0.2, 0.5, 0.49, 0.2, 0.2]),
        "in_scope": np.array([True, True, True, True, False, True]),
        "has_question": np.array([True, True, True, True, True, False]),
        "has_alternatives": np.array([True, True, True, False, True, True]),
    }


def test_which_texts_are_asked_about_and_why_by_hand():
    missing, unsure = asks(**six_texts(), ask_threshold=0.5, confidence_threshold=0.5)
    assert missing.tolist() == [True, False, False, False, False, False]
    assert unsure.tolist() == [False, True, False, False, False, True]


def test_the_texts_that_are_asked_about_at_a_level_have_that_risk():
    risk = ask_risk(**six_texts())
    assert risk.tolist() == pytest.approx([0.8, 0.8, 0.5, 0.1, -1.0, 0.8])
    for level in (0.05, 0.3, 0.6, 0.85):
        missing, unsure = asks(**six_texts(), ask_threshold=level, confidence_threshold=1.0 - level)
        assert (missing | unsure).tolist() == (risk > level).tolist()


RATE = {"ask_rate": 0.1, "ask_threshold": None}
HALVES = {"fix-brakes": 0.5, "sell-bikes": 0.5}
"""With one word, the ambiguity is 3.35 - 1.5 log 2 + 1.6 log 2 - 0.99 * 0.7 = 2.73; with nine it is
0.31. The strangeness is -1.02 nearest - 0.71 centroid - 0.63, and the closest exemplar is at 0.7.
"""


def far(centroid):
    """Give a text that is no less clear for lying far away, because it is long."""
    return {"centroid": centroid, "text": "brakes " * 200}


@pytest.mark.parametrize(
    ("row", "action", "strange"),
    [
        ({"p": HALVES, "text": "brakes " * 9}, "route", False),
        ({"p": HALVES, "text": "brakes"}, "clarify", False),  # it says too little
        ({"p": HALVES, "text": "brakes", "extra": {2: 0.9}}, "route", False),  # two concerns
        (far(-3.60), "route", False),  # strangeness 1.212
        (far(-3.62), "clarify", True),  # 1.226: it hardly belongs here
        (far(-3.62) | {"extra": {2: 0.9}}, "route", False),  # two concerns belong here
        (far(-4.57), "clarify", True),  # 1.901
        (far(-4.60), "none", False),  # 1.922
    ],
)
def test_a_pack_that_asks_by_rate_asks_about_doubtful_texts(pack, row, action, strange):
    result = policy_of(pack, **RATE).decide(evidence_of(row))
    assert (ACTIONS[result.action[0]], result.strange[0]) == (action, strange)


def test_the_confidence_of_such_a_question_is_that_it_was_worth_asking(pack):
    result = policy_of(pack, **RATE).decide(evidence_of(far(-3.62)))
    assert result.confidence[0] == pytest.approx(1 / (1 + np.exp(-1.2262)), abs=1e-3)


def test_a_rate_of_zero_never_asks_and_still_refuses_strangers(pack):
    policy = policy_of(pack, ask_rate=0.0, ask_threshold=None)
    rows = [{"p": HALVES, "text": "brakes", "missing": 1.0}, far(-4.60)]
    assert [ACTIONS[code] for code in policy.decide(evidence_of(*rows)).action] == ["route", "none"]


def test_a_text_in_another_language_is_stranger(pack):
    rows = [far(-3.0), {**far(-3.0), "foreign": True}]
    result = policy_of(pack, **RATE).decide(evidence_of(*rows))
    assert result.in_scope.tolist() == [True, False]


def test_where_thresholds_decide_a_text_in_another_language_has_to_lie_nearer(pack):
    rows = [
        {"nearest": nearest, "foreign": foreign}
        for foreign in (False, True)
        for nearest in (0.5, 0.7)
    ]
    result = policy_of(pack).decide(evidence_of(*rows))
    assert result.in_scope.tolist() == [True, True, False, True]


def with_scope_question(pack):
    file = structs.replace(pack.file, scope_question=ScopeQuestion("Is it about a bike?"))
    return structs.replace(pack, file=file)


@pytest.mark.parametrize(
    ("none", "row", "question"),
    [
        (0.44, {}, None),
        (0.46, {}, 3),  # two questions of the pack, a composed one, and this one
        (0.54, {}, 3),
        (0.56, {}, None),
        (0.50, {"missing": 0.6}, 0),
        (0.50, {"nearest": 0.1}, None),
    ],
)
def test_near_the_border_of_none_it_asks_whether_a_text_belongs_here(pack, none, row, question):
    policy = policy_of(with_scope_question(pack), similarity_threshold=0.3)
    shares = {"fix-brakes": 1.0 - none, "none": none}
    result = decide(policy, p=shares, **row)
    asked = int(result.question[0]) if action_of(result) == "clarify" else None
    assert asked == question
    assert result.strange[0] == (question == 3)


def test_without_a_scope_question_or_with_a_rate_of_0_it_does_not(pack):
    shares = {"fix-brakes": 0.5, "none": 0.5}
    never = policy_of(with_scope_question(pack), ask_rate=0.0, ask_threshold=None)
    for policy in (policy_of(pack), never):
        assert action_of(decide(policy, p=shares)) != "clarify"
