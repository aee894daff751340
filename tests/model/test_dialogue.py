import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router import Clarify, NoRoute, Redirect, Route, RouterError
from router.decisions.decision import AskedQuestion, Decision
from router.packs.pack_file import load_pack
from router.paths import DEFAULT_PACK

QUANTIZE, COMPRESS, HARDWARE, SERVE, ROLL_OUT, SCALE, TRACK, AUTOMATE, MONITOR, DEBUG = (
    "quantization-for-inference",
    "model-compression-techniques",
    "hardware-optimization-strategies",
    "model-serving-patterns",
    "deployment-strategies",
    "scaling-and-load-balancing",
    "experiment-tracking-and-versioning",
    "mlops-pipeline-automation",
    "production-monitoring-and-alerting",
    "production-debugging-techniques",
)
QUESTIONS = load_pack(DEFAULT_PACK).questions
FIRST = {
    "inference-or-training": "the network is awfully slow, what can I do",
    "model-or-serving": "predictions take far too long to come back",
    "speed-or-accuracy": "the performance of our model disappoints us",
    "deployment-target": "we would like to bring our classifier into production",
    "tracking-or-automation": "give us a hand with MLOps",
    "monitor-or-debug": "observability for the live ranker, any advice",
    "traffic-pattern": "our prediction service has to scale",
}


def ask(name, *history):
    """Ask a question of the pack, as a router does after these queries."""
    return Clarify(
        confidence=0.9,
        margin=0.1,
        reason="The detail that decides between these is not said.",
        question=AskedQuestion.of(QUESTIONS[name]),
        history=history or (FIRST[name],),
        asked_ids=(name,),
    )


def leads_of(name):
    """All skills that the options of a question lead to at once."""
    return {skill for option in QUESTIONS[name].options for skill in option.leads_to.all_skills}


@pytest.mark.parametrize("reply", ["2", " 2. ", "(2)", "#2", "option 2", "Option 2!", "number 2"])
def test_an_option_may_be_named_by_its_number(router, reply):
    decision = router.answer(ask("tracking-or-automation"), reply)
    assert isinstance(decision, Route)
    assert decision.skills == (AUTOMATE,)


@pytest.mark.parametrize("reply", ["the second one", "Second.", "the latter"])
def test_an_option_may_be_named_by_its_position(router, reply):
    assert router.answer(ask("tracking-or-automation"), reply).skills == (AUTOMATE,)


@pytest.mark.parametrize(
    ("name", "index", "option"),
    [(name, i, option) for name, q in QUESTIONS.items() for i, option in enumerate(q.options)],
)
def test_number_label_and_id_mean_the_same(router, name, index, option):
    replies = [str(index + 1), option.label.upper(), f'"{option.id}."']
    ends = [router.answer(ask(name), reply) for reply in replies]
    lead = option.leads_to
    for end in ends:
        if lead.ask is not None:
            assert isinstance(end, Clarify)
            assert end.question.id == lead.ask
        elif lead.all_skills:
            assert isinstance(end, Route)
            assert set(lead.skills) <= set(end.skills) <= set(lead.all_skills)
            assert set(lead.neighbours) <= set(end.packs)
        else:
            assert isinstance(end, Redirect)
            assert end.packs == lead.neighbours


# A question, a reply to it, and where that must lead: a neighbour, a follow-up, or these skills.
PARAPHRASES = [
    ("inference-or-training", "fitting it, one run needs two days to converge", "training"),
    ("inference-or-training", "each epoch crawls, nothing is live yet", "training"),
    ("inference-or-training", "whenever a customer asks the live one for a score", "follow-up"),
    ("inference-or-training", "at prediction time", "follow-up"),
    ("model-or-serving", "the layers themselves, the GPU is fully busy computing", [HARDWARE]),
    ("model-or-serving", "the web framework around it, the model idles mostly", [SERVE]),
    ("model-or-serving", "we never measured where the time goes", [DEBUG]),
    (
        "model-or-serving",
        "only when everyone logs in at nine, then a queue builds up",
        [SERVE, SCALE],
    ),
    ("speed-or-accuracy", "it takes seconds until an answer comes", "follow-up"),
    ("speed-or-accuracy", "it guesses wrong more often month by month", [MONITOR]),
    ("speed-or-accuracy", "right until yesterday evening, all wrong since then", [DEBUG, MONITOR]),
    ("speed-or-accuracy", "the bot makes up facts that are in no document", [MONITOR]),
    ("deployment-target", "a virtual machine at our hosting company", [SERVE]),
    ("deployment-target", "one job each night that scores the whole table", [SERVE]),
    ("deployment-target", "on a server, ten percent of the users first", [SERVE, ROLL_OUT]),
    ("deployment-target", "it is a Mistral and other programs call it over HTTP", [SERVE]),
    ("tracking-or-automation", "nobody remembers which settings gave the best model", [TRACK]),
    ("tracking-or-automation", "two colleagues can't get the same number twice", [TRACK]),
    ("tracking-or-automation", "each release is copied over by hand", [AUTOMATE]),
    ("tracking-or-automation", "a person has to start the retraining every time", [AUTOMATE]),
    ("monitor-or-debug", "all calm at present, we'd like to notice early", [MONITOR]),
    ("monitor-or-debug", "customers are complaining as we speak", [DEBUG]),
    ("traffic-pattern", "silent all week, a flood on Sunday evening", [SCALE]),
    ("traffic-pattern", "people on five continents use it", [SCALE]),
    ("traffic-pattern", "some twenty customers more with each month", [SCALE]),
    ("traffic-pattern", "users are fine, but we pay too much for the machines", [SCALE]),
    ("traffic-pattern", "so far there is no endpoint at all", [SERVE, SCALE]),
]


@pytest.mark.parametrize(("name", "reply", "end"), PARAPHRASES)
def test_a_reply_in_free_words_leads_where_its_option_leads(router, name, reply, end):
    decision = router.answer(ask(name), reply)
    if end == "training":
        assert isinstance(decision, Redirect)
        assert decision.packs == ("training-optimization",)
    elif end == "follow-up":
        assert isinstance(decision, Clarify)
        assert decision.question.id == "model-or-serving"
    else:
        assert isinstance(decision, Route)
        extra = {QUANTIZE, COMPRESS} if HARDWARE in end else set()
        assert [skill for skill in decision.skills if skill not in extra] == end


def test_an_edge_device_needs_a_smaller_model_before_it_is_served(router):
    decision = router.answer(ask("deployment-target"), "on the phones of our drivers, offline")
    assert isinstance(decision, Route)
    first, last = decision.skills
    assert first in {QUANTIZE, COMPRESS, HARDWARE}
    assert last == SERVE


def test_the_words_of_the_reply_choose_what_an_option_leaves_open(router):
    first = "we would like to bring our classifier into production"
    pruned = router.answer(
        ask("deployment-target", first), "smart watches, so prune half of its channels"
    )
    assert pruned.skills == (COMPRESS, SERVE)
    quantized = router.answer(
        ask("deployment-target", first), "Android phones, with 8 bit integer weights"
    )
    assert quantized.skills == (QUANTIZE, SERVE)


@pytest.mark.parametrize(
    "reply", ["both", "Both of these, please", "well, both", "the two of them"]
)
def test_both_means_both_in_execution_order(router, reply):
    assert router.answer(ask("tracking-or-automation"), reply).skills == (TRACK, AUTOMATE)
    assert router.answer(ask("monitor-or-debug"), reply).skills == (DEBUG, MONITOR)


@pytest.mark.parametrize("reply", ["neither", "no, not one of these"])
@pytest.mark.parametrize("name", QUESTIONS)
def test_neither_leads_nowhere_that_an_option_leads(router, name, reply):
    decision = router.answer(ask(name), reply)
    assert isinstance(decision, Route | Redirect | NoRoute)
    if isinstance(decision, Route):
        assert not set(decision.skills) & leads_of(name)


@pytest.mark.parametrize("reply", ["I don't know", "no idea", "hard to tell", "not sure really"])
def test_a_user_who_does_not_know_gets_a_decision_that_is_less_sure(router, reply):
    unsure = router.answer(ask("model-or-serving"), reply)
    sure = router.answer(ask("model-or-serving"), "not-profiled")
    assert unsure.skills == sure.skills == (DEBUG,)  # profile first
    assert unsure.confidence < sure.confidence


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_user_who_never_knows_gets_a_decision_after_two_questions(router, name):
    decision = router.answer(ask(name), "I don't know")
    if isinstance(decision, Clarify):
        decision = router.answer(decision, "I don't know that either")
    assert isinstance(decision, Route)
    assert decision.skills
    assert decision.confidence <= 0.7


@pytest.mark.parametrize(
    ("name", "reply", "skill"),
    [
        (
            "tracking-or-automation",
            "forget it. How do I prune the channels of a ResNet?",
            COMPRESS,
        ),
        ("inference-or-training", "other topic: a canary release for our ranking model", ROLL_OUT),
        ("traffic-pattern", "wait: cut the weakest filters out of our detector", COMPRESS),
        ("speed-or-accuracy", "a different question: autoscaling for my pods, how?", SCALE),
    ],
)
def test_a_change_of_subject_is_followed(router, name, reply, skill):
    decision = router.answer(ask(name), reply)
    assert isinstance(decision, Route)
    assert decision.skills == (skill,)


def test_a_change_of_subject_may_lead_to_a_neighbour(router):
    decision = router.answer(
        ask("monitor-or-debug"), "never mind, which loss function suits imbalanced classes?"
    )
    assert isinstance(decision, Redirect)
    assert decision.packs[0] == "training-optimization"


def test_a_change_of_subject_may_lead_out_of_scope(router):
    decision = router.answer(
        ask("tracking-or-automation"), "other thing: how long do I boil an egg?"
    )
    assert isinstance(decision, NoRoute)


def test_the_first_query_still_counts_after_a_reply(router):
    """The first sentence alone says that it is an LLM; the reply says only where it runs."""
    clarify = ask("deployment-target", "I want to bring our fine-tuned Llama into production")
    decision = router.answer(clarify, "cloud")
    assert isinstance(decision, Route)
    assert decision.packs == ("llm-specialist",)
    plain = router.answer(ask("deployment-target"), "cloud")
    assert plain.packs == ()


def test_a_follow_up_question_carries_the_dialogue(router):
    first = ask("speed-or-accuracy")
    second = router.answer(first, "it answers too slowly")
    assert isinstance(second, Clarify)
    assert second.history == (FIRST["speed-or-accuracy"], "it answers too slowly")
    assert second.asked_ids == ("speed-or-accuracy", "model-or-serving")
    assert second.question == AskedQuestion.of(QUESTIONS["model-or-serving"])


@pytest.mark.parametrize("name", QUESTIONS)
def test_no_path_of_options_asks_a_third_question(router, name):
    for number in range(1, len(QUESTIONS[name].options) + 1):
        decision = router.answer(ask(name), str(number))
        if isinstance(decision, Clarify):
            for second in range(1, len(decision.question.options) + 1):
                assert not isinstance(router.answer(decision, str(second)), Clarify)


ODD = ["", "   ", "\0", "\ud800", "\U0001f937", "x" * 100_000, "9", "-1", "0", "?", "1 or 2", "ja"]
REPLIES = st.sampled_from([*ODD, *FIRST.values(), "speed", "predicting", "both"]) | st.text()


@settings(max_examples=30, derandomize=True, deadline=None)
@given(st.sampled_from(sorted(QUESTIONS)), REPLIES)
def test_any_replies_end_after_two_questions_at_most(router, name, reply):
    """What is not understood is asked once more; then an answer may lead to one other question."""
    decision = router.answer(ask(name), reply)
    for _ in range(2):
        if isinstance(decision, Clarify):
            assert len(set(decision.asked_ids)) <= 2
            assert len(decision.asked_ids) <= 3
            decision = router.answer(decision, "1")
    assert not isinstance(decision, Clarify)
    record = decision.to_dict()
    assert 0 <= record["confidence"] <= 1
    assert record["question"] is None
    assert bool(record["skills"]) == (record["action"] == "route")
    assert msgspec.json.decode(msgspec.json.encode(record)) == record


def test_a_question_survives_json_and_can_still_be_answered(router):
    clarify = router.answer(ask("inference-or-training"), "predicting")
    assert isinstance(clarify, Clarify)
    sent = msgspec.json.encode(clarify)
    received = msgspec.json.decode(sent, type=Clarify)
    assert received == clarify
    assert msgspec.json.decode(sent, type=Decision) == clarify
    assert router.answer(received, "4") == router.answer(clarify, "4")


@pytest.mark.parametrize("reply", ["1", "a nightly job", "both", "neither", "no idea", "prune it"])
@pytest.mark.parametrize("name", ["deployment-target", "speed-or-accuracy"])
def test_the_record_of_a_question_is_answered_as_the_question_itself(router, name, reply):
    clarify = router.route(FIRST[name])
    assert isinstance(clarify, Clarify)
    expected = router.answer(clarify, reply)
    assert router.answer(Clarify.from_dict(clarify.to_dict()), reply) == expected
    sent = msgspec.json.decode(msgspec.json.encode(clarify.to_dict()))
    assert router.answer(sent, reply) == expected


def test_the_record_of_a_follow_up_question_is_answered_as_the_question_itself(router):
    clarify = router.answer(ask("inference-or-training"), "predicting")
    assert isinstance(clarify, Clarify)
    assert router.answer(clarify.to_dict(), "4") == router.answer(clarify, "4")


@pytest.mark.parametrize("missing", ["question", "asks", "options", "history"])
def test_a_record_that_lacks_a_part_is_refused(router, missing):
    record = ask("traffic-pattern").to_dict()
    del record[missing]
    with pytest.raises(RouterError, match=f"its to_dict\\(\\) gave, with .* field `{missing}`"):
        router.answer(record, "1")


def test_a_question_of_another_pack_is_refused(router, tiny_router):
    question = AskedQuestion("which-part", "?", ())
    stranger = msgspec.structs.replace(ask("traffic-pattern"), question=question)
    with pytest.raises(RouterError, match="'which-part' is none of this pack, and .* known: infer"):
        router.answer(stranger, "1")
    with pytest.raises(
        RouterError, match="leads to skill:scaling-and-load-balancing; answer it with"
    ):
        tiny_router.answer(ask("traffic-pattern"), "1")


def test_a_tiny_pack_holds_a_whole_dialogue(tiny_router):
    first = tiny_router.route("bike trouble, what now")
    assert isinstance(first, Clarify)
    assert first.question.id == "repair-or-buy"
    second = tiny_router.answer(first, "please mend the one that I have")
    assert isinstance(second, Clarify)
    assert second.question.id == "which-part"
    last = tiny_router.answer(second, "there's no air in the front tyre")
    assert isinstance(last, Route)
    assert (last.skills, last.packs) == (("fix-tyres",), ("bus-lines",))
    assert tiny_router.answer(second, "both").skills == ("fix-tyres", "fix-brakes")
    assert tiny_router.answer(second, "no idea").skills == ("fix-brakes",)


@pytest.mark.parametrize(
    ("name", "reply", "left"),
    [
        ("traffic-pattern", "neither of the first two", ["global", "cost", "not-served-yet"]),
        ("traffic-pattern", "not cost", ["spiky", "steady-growth", "global", "not-served-yet"]),
        ("speed-or-accuracy", "anything but the second", ["speed", "llm-output", "broke-suddenly"]),
        ("deployment-target", "not the first, nor the last", ["edge", "batch", "llm-endpoint"]),
        ("deployment-target", "neither the cloud nor the edge", ["batch", "llm-endpoint"]),
        ("model-or-serving", "not 1 or 2", ["not-profiled", "traffic"]),
    ],
)
def test_what_is_denied_is_asked_about_no_more(router, name, reply, left):
    asked = ask(name)
    again = router.answer(asked, reply)
    assert isinstance(again, Clarify)
    assert [option.id for option in again.question.options if option.id in left] == left
    assert len(again.question.options) < len(asked.question.options)
    assert again.asked_ids == asked.asked_ids
    number = [option.id for option in again.question.options].index(left[-1]) + 1
    label = again.question.option(left[-1]).label
    assert outcome(router.answer(again, str(number))) == outcome(router.answer(asked, label))
    assert router.answer(again.to_dict(), str(number)) == router.answer(again, str(number))


@pytest.mark.parametrize("reply", ["not 1, 2 or 3", "none of the first three"])
def test_what_is_left_of_a_denial_is_decided(router, reply):
    asked = ask("speed-or-accuracy")
    assert outcome(router.answer(asked, reply)) == outcome(router.answer(asked, "4"))


def test_an_option_that_denies_is_not_denied(router):
    asked = ask("model-or-serving")
    assert outcome(router.answer(asked, "not profiled yet")) == outcome(router.answer(asked, "3"))


def outcome(decision):
    record = decision.to_dict()
    return [record[name] for name in ("action", "skills", "packs", "question")]


@pytest.mark.parametrize("reply", ["???", "99", "ok", "yes", "ich glaube, das zweite"])
@pytest.mark.parametrize("query", ["my model is slow", "mlops", "how do I deploy"])
def test_what_is_not_understood_is_asked_once_more(router, query, reply):
    asked = router.route(query)
    again = router.answer(asked, reply)
    assert isinstance(again, Clarify)
    assert again.question.id == asked.question.id
    assert again.question.text == router.pack.file.wording.again
    assert router.answer(again, reply) != again


def test_several_options_by_number_are_all_followed(router):
    end = router.answer(router.route("how do I deploy"), "1, 2")
    assert end.skills == ("quantization-for-inference", "model-serving-patterns")
