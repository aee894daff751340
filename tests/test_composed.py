import msgspec
import numpy as np
import pytest
from test_policy import NAMES, reading_of, rules_of

from router import Clarify, NoRoute, Redirect, Route, Router, RouterError
from router.decisions import composed
from router.decisions.candidates import MAX_OPTIONS, Candidates, offered
from router.decisions.decision import COMPOSED, Choice
from router.decisions.outcome import ACTIONS
from router.decisions.policy import CompiledPolicy, contenders_from
from router.logs.formats import find_files
from router.logs.labels import LabelReader
from router.logs.reader import Columns, read_log
from router.model.layout import ExemplarStatistics, Layout
from router.model.model import Evidence
from router.model.replies import ANY_ANSWER, BOTH, NEITHER, UNSURE
from router.packs.pack import Policy
from router.packs.pack_file import load_pack
from router.paths import SAMPLE_LOG

BUS, BRAKES, TYRES, SALES = 0, 4, 5, 6  # columns of the probabilities
WHICH_PART, WHICH_OF_THESE = 1, 2  # questions; the second is one more than the pack has


@pytest.fixture
def pack(tiny):
    return load_pack(tiny)


def with_policy(router, **settings):
    file = msgspec.structs.replace(router.pack.file, policy=Policy(**settings))
    return Router(msgspec.structs.replace(router.pack, file=file), router.encoder, router.model)


def decide(pack, near=0.7, confidence_threshold=0.9, **row):
    reading = reading_of(row)
    reading = Evidence(**{**vars(reading), "near": np.full((1, len(NAMES)), near)})
    return rules_of(pack, confidence_threshold=confidence_threshold).decide(reading)


# Which targets contend


def test_what_is_offered_by_hand():
    likely = np.array([[0.5, 0.3, 0.1, 0.05], [0.9, 0.02, 0.01, 0.0], [0.6, -1.0, -1.0, -1.0]])
    assert offered(likely, 0.1).tolist() == [
        [True, True, True, False],
        [True, True, False, False],  # the two likeliest always are
        [True, False, False, False],  # but for what is off the concern
    ]


def test_contenders_come_likeliest_first_and_no_more_than_four(pack):
    reading = reading_of({})
    near = np.full((1, len(NAMES)), 0.5)
    near[0, TYRES] = 0.29
    reading = Evidence(**{**vars(reading), "near": near})
    contenders = Candidates.of(pack, Layout.of(pack, NAMES), at_least=0.0, near=0.3)
    shares = np.array([[0.1, 0.5, 0.2, 0.15, 0.05]])  # brakes, tyres, sales, bus, none
    assert contenders.sets(reading, shares).tolist() == [[SALES, BUS, BRAKES, -1]]
    assert contenders.sets(reading, shares).shape == (1, MAX_OPTIONS)


def test_the_set_is_the_conformal_one():
    # 19 exemplars at alpha 0.1: the (19 + 1) * 0.1 = 2nd smallest probability of a truth
    limits = ExemplarStatistics(of_truth=np.linspace(0.05, 0.95, 19))
    assert contenders_from(limits, Policy(alpha=0.1)) == pytest.approx(0.1)
    assert contenders_from(limits, Policy(alpha=0.01)) == 0.0  # too few for that: all contend


# When it is composed


def test_an_unsure_text_is_asked_about_the_likeliest_targets(pack):
    shares = {"fix-brakes": 0.0, "sell-bikes": 0.5, "bus-lines": 0.4, "fix-tyres": 0.1}
    verdicts = decide(pack, p=shares)
    assert ACTIONS[verdicts.action[0]] == "clarify"
    assert ACTIONS[verdicts.unasked[0]] == "route"
    assert verdicts.question[0] == WHICH_OF_THESE
    assert verdicts.contenders[0].tolist() == [SALES, BUS, TYRES, BRAKES]
    assert verdicts.sure[0] == pytest.approx(0.5)
    assert verdicts.confidence[0] == pytest.approx(0.5)  # that deciding would be wrong


@pytest.mark.parametrize(("confidence_threshold", "action"), [(0.5, "route"), (0.51, "clarify")])
def test_it_is_asked_below_confidence_threshold(pack, confidence_threshold, action):
    shares = {"fix-brakes": 0.5, "bus-lines": 0.5}
    assert (
        ACTIONS[decide(pack, confidence_threshold=confidence_threshold, p=shares).action[0]]
        == action
    )


def test_a_question_of_the_pack_is_preferred_if_it_tells_the_two_likeliest_apart(pack):
    verdicts = decide(pack, p={"fix-brakes": 0.4, "fix-tyres": 0.35, "sell-bikes": 0.25})
    assert ACTIONS[verdicts.action[0]] == "clarify"
    assert verdicts.question[0] == WHICH_PART
    # both "mend mine" and "sell another" lead on, and only the first to brakes
    verdicts = decide(pack, p={"fix-brakes": 0.4, "fix-tyres": 0.25, "sell-bikes": 0.35})
    assert verdicts.question[0] == 0


def test_what_is_far_or_off_the_concern_is_not_asked_about(pack):
    shares = {"fix-brakes": 0.4, "bus-lines": 0.3}
    assert ACTIONS[decide(pack, p=shares, closest=0.1).action[0]] == "none"
    assert ACTIONS[decide(pack, p=shares, near=0.1).action[0]] == "route"


def test_a_missing_detail_is_asked_for_first(pack):
    verdicts = decide(pack, ask=0.9, p={"fix-brakes": 0.2, "bus-lines": 0.2, "which-part": 0.3})
    assert verdicts.question[0] == WHICH_PART
    assert verdicts.contenders[0].tolist() == [-1] * MAX_OPTIONS
    assert verdicts.confidence[0] == pytest.approx(0.9)


def test_without_confidence_threshold_nothing_is_composed(pack):
    verdicts = decide(pack, confidence_threshold=0.0, p={"fix-brakes": 0.3, "bus-lines": 0.29})
    assert ACTIONS[verdicts.action[0]] == "route"


def test_similarity_threshold_is_fitted_unless_the_policy_gives_it(pack):
    layout = Layout.of(pack, NAMES)
    limits = ExemplarStatistics(closest=np.linspace(0.3, 0.9, 199))
    # 199 exemplars: (199 + 1) * 0.01 = 2nd smallest
    assert (
        CompiledPolicy.of(pack, layout, limits).similarity_threshold
        == np.linspace(0.3, 0.9, 199)[1]
    )
    given = msgspec.structs.replace(pack.file, policy=Policy(similarity_threshold=0.0))
    fixed = msgspec.structs.replace(pack, file=given)
    assert CompiledPolicy.of(fixed, layout, limits).similarity_threshold == 0.0
    assert (
        ExemplarStatistics(closest=np.full(98, 0.3)).similarity_threshold == 0.2
    )  # too few to tell
    assert (
        ExemplarStatistics(closest=np.full(500, 0.9)).similarity_threshold == 0.4
    )  # exemplars too alike


def test_what_is_farther_than_any_exemplar_is_surely_none(pack):
    limits = ExemplarStatistics(closest=np.linspace(0.3, 0.9, 199))
    rules = CompiledPolicy.of(pack, Layout.of(pack, NAMES), limits)
    verdicts = rules.decide(reading_of({"closest": 0.1}))
    assert ACTIONS[verdicts.action[0]] == "none"
    assert verdicts.confidence[0] == pytest.approx(1 - 1 / 200)


# How it is put and answered


@pytest.fixture(scope="session")
def asked(tiny_router):
    unsure = with_policy(tiny_router, confidence_threshold=1.0, ask_threshold=1.0)
    decision = unsure.route("I need a new bike, or else I go by bus")
    assert isinstance(decision, Clarify)
    return unsure, decision


def test_a_composed_question_carries_all_that_is_needed(asked):
    _, decision = asked
    assert decision.question.id == COMPOSED
    assert decision.asked == (COMPOSED,)
    ids = [choice.id for choice in decision.question.options]
    assert ids[-1] == "none"
    assert set(ids[:2]) == {"skill:sell-bikes", "neighbour:bus-lines"}
    assert {choice.label for choice in decision.question.options[:2]} == {"New bikes", "Bus lines"}
    assert decision.to_dict()["question"] == COMPOSED
    assert decision.reason == "Several of these are about as likely."
    assert msgspec.json.decode(msgspec.json.encode(decision), type=Clarify) == decision


def test_number_label_name_and_id_mean_the_same(asked):
    router, decision = asked
    place = [choice.id for choice in decision.question.options].index("skill:sell-bikes")
    for reply in (str(place + 1), "NEW BIKES", "skill:sell-bikes", "sell-bikes"):
        end = router.answer(decision, reply)
        assert isinstance(end, Route)
        assert end.skills == ("sell-bikes",)
        assert end.confidence == 1.0
    bus = router.answer(decision, "Bus lines")
    assert isinstance(bus, Redirect)
    assert bus.packs == ("bus-lines",)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        ("I'd rather buy one that fits me", Route),
        ("when does it leave from the stop, the timetable please", Redirect),
    ],
)
def test_a_paraphrase_leads_to_its_option(asked, reply, kind):
    router, decision = asked
    assert isinstance(router.answer(decision, reply), kind)


@pytest.mark.parametrize("reply", ["none of these", "None of these", "last", "neither"])
def test_none_of_these_leads_to_none_of_them(asked, reply):
    router, decision = asked
    end = router.answer(decision, reply)
    offered_ids = {choice.id for choice in decision.question.options}
    assert not isinstance(end, Clarify)
    if isinstance(end, Route):
        assert not {f"skill:{one}" for one in end.skills} & offered_ids
    elif isinstance(end, Redirect):
        assert not {f"neighbour:{one}" for one in end.packs} & offered_ids
    else:
        assert isinstance(end, NoRoute)


def test_weights_of_a_reply_by_hand():
    alone = {"skill:a": 0.6, "skill:b": 0.1, "none": 0.3}
    together = {"skill:a": 0.4, "skill:b": 0.4, "none": 0.2}
    general = {ANY_ANSWER: 0.8, BOTH: 0.1, NEITHER: 0.06, UNSURE: 0.04}
    found = composed.weigh(["skill:a", "skill:b"], alone, together, general)
    # 0.6 alone, and together 0.24 of 0.28
    assert found["skill:a"] == pytest.approx((0.6 + 0.24 / 0.28) / 2)
    assert found[BOTH] == pytest.approx(0.02)
    assert next(iter(found)) == "skill:a"
    unsure = {ANY_ANSWER: 0.1, BOTH: 0.1, NEITHER: 0.1, UNSURE: 0.7}
    assert next(iter(composed.weigh(["skill:a"], alone, together, unsure))) == UNSURE


def test_a_question_that_another_router_composed_is_refused(router, asked):
    _, decision = asked
    with pytest.raises(RouterError, match=r"of this pack, was: '(skill|neighbour):\S+'; answer it"):
        router.answer(decision, "1")
    odd = Asked(COMPOSED, "?", (Choice("question:repair-or-buy", "x"), Choice("none", "None")))
    with pytest.raises(RouterError, match="was: 'question:repair-or-buy'"):
        router.answer(msgspec.structs.replace(decision, question=odd), "1")


# On real queries


@pytest.fixture(scope="session")
def unsure(router):
    return with_policy(router, confidence_threshold=1.0, ask_threshold=1.0)


@pytest.fixture(scope="session")
def questions(unsure):
    files = find_files(SAMPLE_LOG, exclude=SAMPLE_LOG / "runs")
    labels = LabelReader(unsure.pack)
    lines = [one for chunk in read_log(files, Columns(), labels) for one in chunk.lines][:240]
    return list(zip(lines, unsure.route_many([line.text for line in lines]), strict=True))


def test_options_are_two_to_four_and_none_of_these(questions):
    composed_ones = [one for _, one in questions if getattr(one, "asked", ()) == (COMPOSED,)]
    assert len(composed_ones) > 40
    for one in composed_ones:
        assert 3 <= len(one.question.options) <= 5
        assert one.question.options[-1].id == "none"
        assert len({choice.label for choice in one.question.options}) == len(one.question.options)


def test_a_composed_question_offers_the_truth_as_often_as_promised(questions):
    """19 of 20 at alpha 0.05, less what chance takes; exemplars are not quite like queries."""
    hits = []
    for line, one in questions:
        if getattr(one, "asked", ()) != (COMPOSED,) or line.gold.action not in (
            "route",
            "redirect",
        ):
            continue
        ids = {choice.id for choice in one.question.options}
        names = {f"skill:{s}" for s in (*line.gold.skills, *line.gold.ok_skills)}
        names |= {f"neighbour:{p}" for p in (*line.gold.packs, *line.gold.ok_packs)}
        hits.append(bool(ids & names))
    assert len(hits) > 40
    assert np.mean(hits) >= 0.9


def test_every_option_ends_at_its_target(unsure, questions):
    one = next(d for _, d in questions if getattr(d, "asked", ()) == (COMPOSED,))
    for place, choice in enumerate(one.question.options[:-1], start=1):
        end = unsure.answer(one, str(place))
        kind, _, target = choice.id.partition(":")
        assert target in (end.skills if kind == "skill" else end.packs)


def test_a_batch_names_the_composed_question_too(unsure, questions):
    texts = [line.text for line, _ in questions[:40]]
    table = unsure.route_arrow(texts)
    one_by_one = [decision.to_dict()["question"] for _, decision in questions[:40]]
    assert COMPOSED in one_by_one
    assert table["question"].to_pylist() == one_by_one
