from itertools import pairwise

import msgspec
import numpy as np
import pytest

from router.decisions.outcome import ACTIONS
from router.decisions.policy import CompiledPolicy, ask_risk, asks
from router.model.layout import Layout
from router.model.missing_detail import QuestionEvidence
from router.model.model import Evidence
from router.packs.pack import Neighbour, Policy
from router.packs.pack_file import load_pack
from router.text import words_in

NAMES = (
    "neighbour:bus-lines",
    "none",
    "question:repair-or-buy",
    "question:which-part",
    "skill:fix-brakes",
    "skill:fix-tyres",
    "skill:sell-bikes",
)
BRAKES, TYRES, SALES = 0, 1, 2


@pytest.fixture
def pack(tiny):
    return load_pack(tiny)


def rules_of(pack, names=NAMES, **settings):
    file = msgspec.structs.replace(pack.file, policy=Policy(**settings))
    return CompiledPolicy.of(msgspec.structs.replace(pack, file=file), Layout.of(pack, names))


def reading_of(*rows):
    """Build a reading from rows; what a row doesn't say is a clear query about the brakes."""
    shares = [{"fix-brakes": 0.8, **row.get("p", {})} for row in rows]
    probabilities = [[share.get(name.split(":")[-1], 0.0) for name in NAMES] for share in shares]
    further = [[row.get("further", {}).get(i, 0.0) for i in range(3)] for row in rows]
    count = len(rows)
    texts = [row.get("text", "my brakes squeal") for row in rows]
    return Evidence(
        texts=texts,
        said=words_in(texts),
        vectors=np.zeros((count, 2), dtype=np.float32),
        probabilities=np.array(probabilities),
        closest=np.array([row.get("closest", 0.7) for row in rows]),
        questions=QuestionEvidence(
            probabilities=np.array([[p[2], p[3]] for p in probabilities]),
            triggered=np.zeros(count, dtype=bool),
            answered=np.zeros(count),
            words=np.full(count, 4.0),
        ),
        ask=np.array([row.get("ask", 0.1) for row in rows]),
        further=np.array(further),
        near=np.full((count, len(NAMES) + 1), 0.7, dtype=np.float32),
    )


def decide(rules, **row):
    return rules.decide(reading_of(row))


def action_of(verdicts, row=0):
    return ACTIONS[verdicts.action[row]]


def skills_of(verdicts, row=0):
    return [skill for skill in verdicts.skills[row].tolist() if skill >= 0]


def test_the_likeliest_skill_is_routed_to(pack):
    verdicts = decide(
        rules_of(pack),
        p={"fix-brakes": 0.5, "fix-tyres": 0.1, "none": 0.1, "bus-lines": 0.1, "which-part": 0.2},
    )
    assert action_of(verdicts) == "route"
    assert skills_of(verdicts) == [BRAKES]
    assert not verdicts.packs.any()
    # What speaks for a question is no share of anything else: 0.5 and 0.1 of 0.8.
    assert verdicts.confidence[0] == pytest.approx(0.5 / 0.8)
    assert verdicts.margin[0] == pytest.approx(0.4 / 0.8)


def test_the_likeliest_neighbour_is_redirected_to(pack):
    verdicts = decide(rules_of(pack), p={"fix-brakes": 0.2, "bus-lines": 0.6, "none": 0.2})
    assert action_of(verdicts) == "redirect"
    assert skills_of(verdicts) == []
    assert verdicts.packs.tolist() == [[True]]
    assert verdicts.confidence[0] == pytest.approx(0.6)


def test_a_redirect_names_a_neighbour_however_unsure_it_is(pack):
    shares = {"fix-brakes": 0.2, "bus-lines": 0.22, "fix-tyres": 0.2, "sell-bikes": 0.2}
    verdicts = decide(rules_of(pack, mention_threshold=0.9), p=shares)
    assert action_of(verdicts) == "redirect"
    assert verdicts.packs.tolist() == [[True]]


def test_where_none_is_likeliest_it_is_none(pack):
    verdicts = decide(rules_of(pack), p={"fix-brakes": 0.3, "none": 0.7}, text="the night bus")
    assert action_of(verdicts) == "none"
    assert skills_of(verdicts) == []
    assert not verdicts.packs.any()
    assert verdicts.confidence[0] == pytest.approx(0.7)


@pytest.mark.parametrize(("closest", "action"), [(0.29, "none"), (0.3, "route"), (0.9, "route")])
def test_what_is_far_from_all_we_have_is_none(pack, closest, action):
    verdicts = decide(rules_of(pack, similarity_threshold=0.3), closest=closest)
    assert action_of(verdicts) == action


def test_what_is_far_is_not_even_asked_about(pack):
    verdicts = decide(rules_of(pack), closest=0.0, ask=1.0)
    assert action_of(verdicts) == "none"
    assert skills_of(verdicts) == []


@pytest.mark.parametrize(("ask", "action"), [(0.59, "route"), (0.6, "clarify"), (1.0, "clarify")])
def test_it_asks_from_ask_from_on(pack, ask, action):
    verdicts = decide(rules_of(pack, ask_threshold=0.6), ask=ask)
    assert action_of(verdicts) == action


def test_it_asks_the_likeliest_question_and_knows_what_it_would_have_done(pack):
    rows = [
        {"ask": 0.9, "p": {"which-part": 0.3, "repair-or-buy": 0.1}},
        {"ask": 0.9, "p": {"which-part": 0.1, "repair-or-buy": 0.2, "bus-lines": 0.9}},
        {"ask": 0.9, "p": {"which-part": 0.1, "repair-or-buy": 0.2, "none": 0.9}},
    ]
    verdicts = rules_of(pack).decide(reading_of(*rows))
    assert [action_of(verdicts, row) for row in range(3)] == ["clarify"] * 3
    assert verdicts.question.tolist() == [1, 0, 0]
    assert [ACTIONS[i] for i in verdicts.unasked] == ["route", "redirect", "none"]
    np.testing.assert_allclose(verdicts.confidence, 0.9)


@pytest.mark.parametrize(("probability", "count"), [(0.69, 1), (0.7, 2)])
def test_a_further_skill_is_added_from_extra_skill_threshold_on(pack, probability, count):
    verdicts = decide(rules_of(pack, extra_skill_threshold=0.7), further={SALES: probability})
    assert len(skills_of(verdicts)) == count


def test_several_skills_come_in_execution_order(pack):
    """The order of the tiny pack is tyres, brakes, sales, whichever is likeliest."""
    shares = {"fix-brakes": 0.1, "sell-bikes": 0.6, "none": 0.3}
    verdicts = decide(rules_of(pack), p=shares, further={BRAKES: 0.8, TYRES: 0.9})
    assert skills_of(verdicts) == [TYRES, BRAKES, SALES]
    assert verdicts.confidence[0] == pytest.approx(0.6 * 0.8 * 0.9)


def test_no_more_skills_than_the_policy_allows_and_the_strongest_of_them(pack):
    shares = {"fix-brakes": 0.1, "sell-bikes": 0.6, "none": 0.3}
    further = {BRAKES: 0.8, TYRES: 0.9}
    assert skills_of(decide(rules_of(pack, max_skills=2), p=shares, further=further)) == [
        TYRES,
        SALES,
    ]
    assert skills_of(decide(rules_of(pack, max_skills=1), p=shares, further=further)) == [SALES]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("flat tyre on the way to the bus", True),
        ("the NIGHT BUS, my tyre is flat", True),
        ("flat tyre on the way to the buses", False),
        ("a nail in my tyre", False),
    ],
)
def test_a_neighbour_is_named_beside_a_route_if_the_query_says_one_of_its_words(pack, text, named):
    verdicts = decide(rules_of(pack), p={"fix-brakes": 0, "fix-tyres": 0.9}, text=text)
    assert action_of(verdicts) == "route"
    assert verdicts.packs.tolist() == [[named]]


@pytest.mark.parametrize(("share", "named"), [(0.24, False), (0.26, True)])
def test_a_neighbour_is_named_beside_a_route_if_it_is_likely(pack, share, named):
    shares = {"fix-brakes": 0, "fix-tyres": 1 - share, "bus-lines": share}
    assert decide(rules_of(pack, mention_threshold=0.25), p=shares).packs.tolist() == [[named]]


def test_a_neighbour_is_named_beside_none_but_its_own_skills(pack):
    shares = {"fix-brakes": 0.6, "bus-lines": 0.4}
    verdicts = decide(rules_of(pack), p=shares, text="brakes of the bus")
    assert action_of(verdicts) == "route"
    assert not verdicts.packs.any()


def test_two_concerns_share_what_a_text_says_of_documents(pack):
    shares, further = {"fix-brakes": 0.5, "sell-bikes": 0.4, "none": 0.1}, {SALES: 0.8}
    alone = decide(rules_of(pack), p=shares, further=further)
    described = msgspec.structs.replace(pack.file.skills[0], description="Mends brakes.")
    file = msgspec.structs.replace(pack.file, skills=(described, *pack.file.skills[1:]))
    shared = decide(rules_of(msgspec.structs.replace(pack, file=file)), p=shares, further=further)
    assert alone.sure[0] == pytest.approx(0.5 * 0.8)
    assert shared.sure[0] == pytest.approx((0.5 + 0.4) * 0.8)


def test_a_neighbour_is_named_beside_a_further_skill_too(pack):
    verdicts = decide(rules_of(pack), further={TYRES: 0.9}, text="brakes, and a tyre for the bus")
    assert skills_of(verdicts) == [TYRES, BRAKES]
    assert verdicts.packs.tolist() == [[True]]


def test_a_redirect_names_every_likely_neighbour(pack):
    taxi = Neighbour("a-taxi", "Taxi", "Be driven.")
    file = msgspec.structs.replace(pack.file, neighbours=(*pack.file.neighbours, taxi))
    two = msgspec.structs.replace(pack, file=file)
    rules = rules_of(two, ("neighbour:a-taxi", *NAMES), mention_threshold=0.3)
    reading = reading_of({"p": {"bus-lines": 0.5, "fix-brakes": 0.1}})
    with_taxi = [
        np.column_stack([[taxi_share], reading.probabilities]) for taxi_share in (0.3, 0.2)
    ]
    packs = [
        rules.decide(
            Evidence(**{**vars(reading), "probabilities": probabilities / probabilities.sum()})
        ).packs.tolist()
        for probabilities in with_taxi
    ]
    assert packs == [[[True, True]], [[True, False]]]  # 0.3 of 0.9, 0.2 of 0.8


def test_a_pack_without_questions_and_none_only_routes_and_redirects(pack):
    empty = msgspec.structs.replace(pack.file, questions=())
    plain = msgspec.structs.replace(pack, file=empty)
    names = [name for name in NAMES if name != "none" and not name.startswith("question")]
    reading = reading_of({"ask": 1.0}, {"ask": 1.0, "p": {"bus-lines": 0.9}}, {"closest": -1.0})
    probabilities = reading.probabilities[:, [0, 4, 5, 6]]
    verdicts = rules_of(plain, names).decide(
        Evidence(**{**vars(reading), "probabilities": probabilities})
    )
    assert [action_of(verdicts, row) for row in range(3)] == ["route", "redirect", "none"]
    assert verdicts.question.tolist() == [-1, -1, -1]


def test_shares_without_questions_sum_to_1(pack):
    reading = reading_of({}, {"p": {"which-part": 0.9, "none": 0.3}}, {"p": {"fix-tyres": 3.0}})
    shares = rules_of(pack).without_questions(reading)
    assert shares.shape == (3, 5)
    np.testing.assert_allclose(shares.sum(axis=1), 1)


def test_a_batch_is_its_rows_one_by_one(pack):
    rules = rules_of(pack)
    rows = [
        {},
        {"ask": 0.9},
        {"closest": 0.0},
        {"p": {"bus-lines": 0.9}},
        {"further": {SALES: 0.9, TYRES: 0.8}, "text": "brakes, tyre, bus"},
    ]
    batch = rules.decide(reading_of(*rows))
    for place, row in enumerate(rows):
        alone = rules.decide(reading_of(row))
        for field, values in vars(alone).items():
            np.testing.assert_array_equal(getattr(batch, field)[place], values[0], err_msg=field)


@pytest.mark.parametrize("count", [0, 1])
def test_a_batch_may_be_empty(pack, count):
    reading = reading_of(*[{}] * 1)
    none = Evidence(
        texts=reading.texts[:count],
        said=reading.said[:count],
        vectors=reading.vectors[:count],
        probabilities=reading.probabilities[:count],
        closest=reading.closest[:count],
        questions=QuestionEvidence(
            reading.questions.probabilities[:count],
            reading.questions.triggered[:count],
            reading.questions.answered[:count],
            reading.questions.words[:count],
        ),
        ask=reading.ask[:count],
        further=reading.further[:count],
        near=reading.near[:count],
    )
    assert len(rules_of(pack).decide(none).action) == count


def test_asking_more_readily_never_asks_less(pack):
    rows = [{"ask": ask} for ask in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)]
    asked = [
        (rules_of(pack, ask_threshold=level).decide(reading_of(*rows)).action == 1).sum()
        for level in (0.1, 0.3, 0.5, 0.7, 0.9)
    ]
    assert all(more >= less for more, less in pairwise(asked))
    assert asked == [5, 4, 3, 2, 1]


def grounds_to_ask():
    """Six texts: what speaks for asking about each, and what forbids it."""
    return {
        "ask_probability": np.array([0.5, 0.49, 0.1, 0.1, 0.9, 0.9]),
        "confidence": np.array([0.2, 0.2, 0.5, 0.49, 0.2, 0.2]),
        "in_scope": np.array([True, True, True, True, False, True]),
        "has_question": np.array([True, True, True, True, True, False]),
        "has_alternatives": np.array([True, True, True, False, True, True]),
    }


def test_what_is_asked_and_why_by_hand():
    missing, unsure = asks(**grounds_to_ask(), ask_threshold=0.5, confidence_threshold=0.5)
    assert missing.tolist() == [True, False, False, False, False, False]
    assert unsure.tolist() == [False, True, False, False, False, True]


def test_what_is_asked_at_a_level_is_what_has_that_risk():
    risk = ask_risk(**grounds_to_ask())
    assert risk.tolist() == pytest.approx([0.8, 0.8, 0.5, 0.1, -1.0, 0.8])
    for level in (0.05, 0.3, 0.6, 0.85):
        missing, unsure = asks(
            **grounds_to_ask(), ask_threshold=level, confidence_threshold=1.0 - level
        )
        assert (missing | unsure).tolist() == (risk > level).tolist()
