"""History: how it is read, what words tell of a turn, and how both readings are mixed."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from evidence import RecordingEncoder

from router.conversations.cues import CUES, corrects, cues, instead_of, is_acknowledgement
from router.conversations.history import MAX_TURNS, Turn, read_histories, read_history
from router.conversations.mix import mixed
from router.conversations.reader import ACKNOWLEDGED
from router.conversations.readings import features_of, read_turns
from router.conversations.topic import topic_of
from router.conversations.turn_model import FEATURES, turn_model
from router.decisions.decision import Clarify, NoRoute
from router.errors import RouterError
from router.text import words_of

BRAKES = "my brakes squeal in the rain"


def test_history_is_texts_turns_pairs_or_messages(tiny_router):
    decision = tiny_router.route(BRAKES)
    skills = decision.skills
    for item in (
        Turn(BRAKES, skills),
        {"text": BRAKES, "skills": list(skills)},
        {"text": BRAKES, **decision.to_dict()},
        {"text": BRAKES, "decision": decision.to_dict()},
        (BRAKES, decision),
        {"role": "user", "content": BRAKES, "skills": list(skills)},
    ):
        assert read_history([item]) == (Turn(BRAKES, skills),)
    assert read_history([BRAKES, "  "]) == (Turn(BRAKES),)


def test_only_the_user_is_read_in_messages_and_parts_are_joined():
    messages = [
        {"role": "system", "content": "You help."},
        {"role": "user", "content": [{"type": "text", "text": "one"}, {"type": "image"}, "two"]},
        {"role": "assistant", "content": None},
        {"role": "user", "content": "three"},
    ]
    assert [turn.text for turn in read_history(messages)] == ["one\ntwo", "three"]


def test_what_says_nothing_is_left_out_of_the_messages():
    picture = {"type": "image_url", "image_url": {"url": "https://example.com/brakes.png"}}
    messages = [
        {"role": "tool", "content": [{"type": "text", "text": "42"}], "tool_call_id": "1"},
        {"role": "user", "content": None},
        {"role": "user", "content": ""},
        {"role": "user", "content": [picture]},
        {"role": "User", "content": [{"type": "text", "text": "two"}, picture]},
        {"role": "assistant", "content": None, "tool_calls": []},
    ]
    assert [turn.text for turn in read_history(messages)] == ["two"]


def test_only_the_last_turns_are_read():
    texts = [f"turn {i}" for i in range(20)]
    assert [turn.text for turn in read_history(texts)] == texts[-MAX_TURNS:]


@pytest.mark.parametrize(
    ("history", "message"),
    [
        ("one text", "history is a list of turns"),
        ([3], r"history\[0\] is a text"),
        ([{"role": "pilot", "content": "hi"}], "role 'pilot'"),
        ([{"role": "user", "content": 3}], r"content of history\[0\]"),
        ([("text", 3)], r"decision of history\[0\]"),
        ([{"text": "hi", "skills": 3}], r"skills of history\[0\] is a list of ids"),
        ([{"text": "hi", "action": "clarify", "options": 3}], "an open question is a Clarify"),
    ],
)
def test_what_is_no_history_is_refused(tiny_router, history, message):
    with pytest.raises(RouterError, match=message):
        tiny_router.route("and the rear?", history=history)


def test_a_batch_has_a_history_for_each_text():
    with pytest.raises(RouterError, match="2 texts and 1 histories"):
        read_histories([[]], 2)
    with pytest.raises(RouterError, match="a list with a history for each text"):
        read_histories("hello", 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no, I meant while it trains", "while it trains"),
        ("not the door, the shades", "the shades"),
        ("sorry, I meant a credit, for a new roof", "a credit, for a new roof"),
        ("no not breakfast, when must we be out", "when must we be out"),
        ("no", "no"),
    ],
)
def test_what_a_correction_says_instead(text, expected):
    assert instead_of(text) == expected


@pytest.mark.parametrize("text", ["thanks!", "ok great, bye", "that's all, thank you", "perfect"])
def test_thanks_and_goodbyes_are_acknowledgements(text):
    assert is_acknowledgement(text, words_of(text))


@pytest.mark.parametrize(
    "text",
    ["", "ok?", "thanks, and how do I fix the chain", "no", "great bike", "please book it, thanks"],
)
def test_what_asks_for_something_is_no_acknowledgement(text):
    assert not is_acknowledgement(text, words_of(text))


def test_a_correction_opens_like_one_or_says_that_it_is_one():
    assert corrects(words_of("no, I meant the rear one")) == 1.0
    assert corrects(words_of("actually the rear one")) == 0.5
    assert corrects(words_of("how do I fix the rear brake")) == 0.0


def test_words_tell_that_a_turn_leans_on_what_came_before():
    texts = ("and that one?", "how do I adjust disc brakes")
    features = np.array([cues(words_of(text)) for text in texts])
    leaning = turn_model().leaning.probabilities(features, CUES)
    assert leaning[0] > 0.9
    assert leaning[1] < 0.5


def test_a_topic_goes_back_to_the_turn_that_began_it_and_passes_over_thanks():
    said = [Turn("where do I buy a helmet for my daughter of six years"), Turn(BRAKES)]
    later = [Turn("ok thanks"), Turn("and the rear one too?")]
    topic = topic_of([*said, *later], turn_model())
    assert topic.texts[-2:] == (BRAKES, "and the rear one too?")
    assert "ok thanks" not in topic.texts
    assert topic.weights[-1] == 1.0
    assert list(topic.weights) == sorted(topic.weights)


def test_without_a_history_nothing_changes(tiny_router):
    texts = [BRAKES, "thanks", "", "bake bread"]
    expected = tiny_router.route_many(texts)
    assert tiny_router.route_many(texts, history=[[]] * len(texts)) == expected
    assert tiny_router.route_many(texts, history=None) == expected
    assert tiny_router.rank_many(texts, history=[[]] * len(texts)) == tiny_router.rank_many(texts)


def test_a_turn_that_leans_on_its_topic_keeps_it(tiny_router):
    turn = "and the rear one too?"
    decision = tiny_router.route(turn, history=[BRAKES])
    assert decision.to_dict()["skills"] == tiny_router.route(BRAKES).to_dict()["skills"]
    assert tiny_router.rank(turn, 1, history=[BRAKES])[0].id == decision.skills[0]


def test_thanks_are_acknowledged_after_something_was_said(tiny_router):
    decision = tiny_router.route("thanks, bye", history=[BRAKES])
    assert isinstance(decision, NoRoute)
    assert decision.reason == ACKNOWLEDGED
    assert tiny_router.route("thanks, bye").reason != ACKNOWLEDGED


def test_another_language_is_read_alone(tiny_router):
    turn = "und hinten?"
    alone = tiny_router.route(turn)
    read = tiny_router.decided_turns([turn], [(Turn("meine bremse quietscht"),)])
    assert read.turns.weights[0] == 0.0
    assert tiny_router.route(turn, history=["meine bremse quietscht"]) == alone


def test_the_mix_has_no_cliff(tiny_router):
    readings = read_turns(
        tiny_router.model,
        tiny_router.encoder,
        ["and the rear one too?"],
        [(Turn(BRAKES),)],
        turn_model(),
    )
    layout, in_context = tiny_router.model.layout, readings.joined.probabilities
    steps = np.linspace(0.0, 1.0, 101)
    found = [mixed(readings, np.array([w]), in_context, layout) for w in steps]
    probabilities = np.array([evidence.probabilities[0] for evidence in found])
    assert np.abs(np.diff(probabilities, axis=0)).max() <= 0.01 + 1e-9
    np.testing.assert_array_equal(probabilities[0], readings.alone.probabilities[0])
    np.testing.assert_allclose(probabilities[-1], in_context[0])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    near = np.array([evidence.nearest_similarity[0] for evidence in found])
    assert np.abs(np.diff(near)).max() < 0.03


def test_what_was_decided_counts_more_than_what_it_reads_like(tiny_router):
    model, encoder = tiny_router.model, tiny_router.encoder
    decided = Turn(BRAKES, ("sell-bikes",))
    read = read_turns(model, encoder, ["and that?"], [(decided,)], turn_model())
    assert model.names[int(read.before[0].argmax())] == "skill:sell-bikes"
    np.testing.assert_allclose(read.before.sum(axis=1), 1.0)


def test_features_are_finite_and_named(tiny_router):
    read = read_turns(tiny_router.model, tiny_router.encoder, ["", "so?"], [(), ()], turn_model())
    features = features_of(read, tiny_router.model, turn_model())
    assert features.shape == (2, len(FEATURES))
    assert np.isfinite(features).all()


def test_all_texts_are_embedded_in_one_batch_and_earlier_turns_once(tiny_router):
    encoder = RecordingEncoder(tiny_router.encoder)
    router = replace(tiny_router, encoder=encoder)
    router.route("the rear one too", history=[BRAKES])
    assert encoder.batches[0] == ["the rear one too", BRAKES]
    before = len(encoder.batches)
    router.route("the chain as well", history=[BRAKES, "the rear one too"])
    assert encoder.batches[before] == ["the chain as well"]
    pickle.dumps(router)


def test_a_history_of_any_length_costs_a_bounded_number_of_texts(tiny_router):
    encoder = RecordingEncoder(tiny_router.encoder)
    turns = [f"and wheel {i} as well?" for i in range(500)]
    replace(tiny_router, encoder=encoder).route("and that one?", history=turns)
    assert 2 <= len(encoder.batches[0]) <= MAX_TURNS + 1


@pytest.mark.parametrize(
    ("turn", "before"), [("thanks, bye", BRAKES), ("und hinten?", "meine bremse quietscht")]
)
def test_what_cannot_count_is_not_embedded(tiny_router, turn, before):
    encoder = RecordingEncoder(tiny_router.encoder)
    replace(tiny_router, encoder=encoder).route(turn, history=[before])
    assert encoder.batches[0] == [turn]


def test_a_batch_of_turns_is_its_turns_one_by_one(tiny_router):
    turns = ["and the rear one too?", "no, I meant the tyre", "thanks", "bake bread", ""]
    histories = [[BRAKES], [BRAKES, "and the lever?"], [BRAKES], [], [BRAKES]]
    batch = tiny_router.route_many(turns, history=histories)
    for turn, history, decision in zip(turns, histories, batch, strict=True):
        assert tiny_router.route(turn, history=history).to_dict() == decision.to_dict()


def test_a_pending_question_is_answered_as_answer_does(tiny_router):
    question = tiny_router.route("my bike needs repair")
    assert isinstance(question, Clarify)
    said = [("my bike needs repair", question)]
    for reply in ("1", "the lever feels soft", "no air in it"):
        expected = tiny_router.answer(question, reply)
        assert tiny_router.route(reply, history=said) == expected
        record = {"text": "my bike needs repair", **question.to_dict()}
        assert (
            tiny_router.route(reply, history=[record]).to_dict()["action"]
            == (expected.to_dict()["action"])
        )
