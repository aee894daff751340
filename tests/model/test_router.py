import threading

import msgspec
import numpy as np
import pytest
from conftest import fitted_router, shared_encoder
from hypothesis import given, settings
from hypothesis import strategies as st

from router import Clarify, NoRoute, Redirect, Route, RouterError
from router.decisions.decision import NearbyExemplar
from router.fitting.fit import fit_model
from router.packs.pack import Exemplars, Pack
from router.packs.pack_file import load_pack
from router.packs.parts import Category, PackFile, Skill
from router.router import Router

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


def skills_of(router, text):
    """Route a query, which must lead to skills, and give them."""
    decision = router.route(text)
    assert isinstance(decision, Route), decision
    return list(decision.skills)


BY_CONCERN = [
    ("Docker image with a predict endpoint around our sklearn pipeline", SERVE),
    ("the Docker container of our model dies with a segfault since this morning, why", DEBUG),
    ("GitHub Actions should build the Docker image and retrain after each merge", AUTOMATE),
    ("MLflow: which parameters belonged to which run, we lose track", TRACK),
    (
        "send 5 % of the users to the new version of the MLflow model, back out if it is bad",
        ROLL_OUT,
    ),
    ("gRPC interface for a model that MLflow packaged", SERVE),
    ("Triton pods should come and go with the number of requests", SCALE),
    ("alarm when the error rate or p99 of Triton passes a limit", MONITOR),
    ("Triton answers with wrong class names since the last update, how do I find the cause", DEBUG),
    ("blue-green switch of a SageMaker endpoint without downtime", ROLL_OUT),
    ("SageMaker pipeline that retrains each month and registers the result", AUTOMATE),
    ("dashboard of feature drift for our SageMaker model", MONITOR),
]


@pytest.mark.parametrize(("text", "skill"), BY_CONCERN)
def test_the_concern_decides_and_not_the_tool(router, text, skill):
    assert skills_of(router, text) == [skill]


@pytest.mark.parametrize(
    ("text", "skill"),
    [
        ("int8 weights with a calibration set for our keyword spotter", QUANTIZE),
        ("train a small student from the soft labels of our large teacher", COMPRESS),
        ("which TensorRT and batch size settings get the most out of an A10", HARDWARE),
        ("answer HTTP requests with a random forest", SERVE),
        ("gradient boosted trees: tell us when the inputs drift away", MONITOR),
        ("which data and which commit made the churn model of last March", TRACK),
    ],
)
def test_each_kind_of_model_is_in_scope(router, text, skill):
    assert skills_of(router, text) == [skill]


IN_ORDER = [
    (
        "a dashboard of its error rate and latency",
        "wrap the fraud scorer as a gRPC service",
        [SERVE, MONITOR],
    ),
    ("roll the new ranker out as a canary", "prune half of its channels", [COMPRESS, ROLL_OUT]),
    (
        "get an alert when the error rate climbs",
        "find out why the live model returns NaN today",
        [DEBUG, MONITOR],
    ),
    (
        "retrain automatically with Airflow every month",
        "record parameters and metrics of each experiment",
        [TRACK, AUTOMATE],
    ),
    (
        "autoscale the replicas for the evening peak",
        "store weights and activations in 8 bits",
        [QUANTIZE, SCALE],
    ),
]


@pytest.mark.parametrize("joined", ["{0}; {1}", "{1}; {0}", "{0} and {1}", "first {1}, then {0}"])
@pytest.mark.parametrize(("later", "earlier", "skills"), IN_ORDER)
def test_several_concerns_come_in_execution_order_whatever_the_mention(
    router, joined, later, earlier, skills
):
    assert skills_of(router, joined.format(later, earlier)) == skills


def test_a_clause_that_comes_later_in_time_is_put_later(router):
    first, then = "the scorer is wrapped as a gRPC service", "draw its error rate on a dashboard"
    assert skills_of(router, f"once {first}, {then}") == [SERVE, MONITOR]
    assert skills_of(router, f"{then} once {first}") == [SERVE, MONITOR]


STORIES = [
    (
        "Hello all, we are four people at an insurer, and our claims model lives in a container on "
        "EKS. Traffic is modest, nothing ever crashed, and the team is happy with how fast it is. "
        "But our actuary came back from holidays and saw that in August the share of claims marked "
        "as risky went from 4 to 11 percent, and no one had noticed. I want to hear of such a "
        "change within a day, by mail, before somebody else tells me.",
        [MONITOR],
    ),
    (
        "We tag images for a museum, and I'm the only developer. There is a GPU in the cellar, "
        "there are some notebooks from a student who left, and a folder with files that are called "
        "final, final2 and really_final. My boss asked which of them made the catalogue of 2021, "
        "and with what settings, and I could not say. How do others keep that apart?",
        [TRACK],
    ),
]


@pytest.mark.parametrize(("text", "skills"), STORIES)
def test_a_long_story_with_one_concern_does_not_fall_apart(router, text, skills):
    assert skills_of(router, text) == skills


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("the network is awfully slow, what can I do", "inference-or-training"),
        ("predictions take far too long to come back", "model-or-serving"),
        ("the performance of our model disappoints us", "speed-or-accuracy"),
        ("we would like to bring our classifier into production", "deployment-target"),
        ("give us a hand with MLOps", "tracking-or-automation"),
        ("observability for the live ranker, any advice", "monitor-or-debug"),
        ("our prediction service has to scale", "traffic-pattern"),
    ],
)
def test_each_question_is_asked_where_its_detail_is_missing(router, text, question):
    decision = router.route(text)
    assert isinstance(decision, Clarify)
    assert decision.question.id == question
    assert decision.question.text == router.pack.questions[question].text
    assert [option.label for option in decision.question.options] == [
        option.label for option in router.pack.questions[question].options
    ]
    assert decision.history == (text,)
    assert decision.asked_ids == (question,)


@pytest.mark.parametrize(
    "text",
    [
        "TorchServe 0.9 on EKS with two p3.2xlarge, and it is too slow",
        "to save you time: ResNet50, PyTorch 2.3, CUDA 12, way too slow, help",
    ],
)
def test_technical_detail_is_no_reason_not_to_ask(router, text):
    decision = router.route(text)
    assert isinstance(decision, Clarify)
    assert decision.question.id in {"inference-or-training", "model-or-serving"}


def test_a_detail_that_the_text_gives_already_is_not_asked_for(router):
    training = router.route("fitting our boosted trees on the whole table eats a full weekend")
    assert isinstance(training, Redirect)
    assert training.packs[0] == "training-optimization"
    assert skills_of(router, "deploy it to ten percent of the users first, as a canary") == [
        ROLL_OUT
    ]
    assert skills_of(
        router, "scale the pods up when the flood of requests comes on Black Friday"
    ) == [SCALE]


@pytest.mark.parametrize(
    ("text", "pack"),
    [
        ("validation loss climbs from the third epoch on while the train loss falls",
         "training-optimization"),
        ("LSTM or temporal convolutions for a forecast of sensor data",
         "neural-architectures"),
        ("torchrun with FSDP over two nodes hangs at the first all-reduce",
         "pytorch-engineering"),
        ("how do I phrase a system prompt so that the assistant cites its sources",
         "llm-specialist"),
    ],
)  # fmt: skip
def test_a_text_about_a_neighbour_is_redirected(router, text, pack):
    decision = router.route(text)
    assert isinstance(decision, Redirect)
    assert decision.packs[0] == pack


@pytest.mark.parametrize(
    ("text", "skill", "pack"),
    [
        ("host Mixtral behind an OpenAI-like endpoint in our own cloud", SERVE, "llm-specialist"),
        ("Llama 3 with AWQ in four bits on a 24 GB card", QUANTIZE, "llm-specialist"),
        (
            "attach the torch profiler to the live inference pod to see where the time goes",
            DEBUG,
            "pytorch-engineering",
        ),
    ],
)
def test_a_route_names_the_neighbour_that_it_concerns_too(router, text, skill, pack):
    decision = router.route(text)
    assert isinstance(decision, Route)
    assert decision.skills == (skill,)
    assert pack in decision.packs
    assert router.pack.neighbours[pack].title in decision.reason


@pytest.mark.parametrize(
    "text",
    [
        "how long do I boil an egg",
        "write me a poem about the sea",
        "my landlord wants to raise the rent, may he",
        "align two columns in LaTeX",
    ],
)
def test_a_text_out_of_scope_leads_nowhere_and_names_the_nearest_skill(router, text):
    decision = router.route(text)
    assert isinstance(decision, NoRoute)
    assert decision.nearest in router.pack.skills
    assert decision.nearest in decision.reason


def test_skills_to_consider_afterwards_are_shown_and_never_required(router):
    decision = router.route("answer HTTP requests with a random forest")
    assert decision.skills == (SERVE,)
    assert decision.also_consider == (ROLL_OUT, MONITOR)
    both = router.route(
        "first wrap the fraud scorer as a gRPC service, then a dashboard of the error rate"
    )
    assert both.skills == (SERVE, MONITOR)
    assert both.also_consider == (ROLL_OUT, DEBUG)


ALWAYS = {
    "action": str,
    "skills": list,
    "packs": list,
    "question": str | None,
    "confidence": float,
    "margin": float,
    "reason": str,
    "categories": dict,
    "also_consider": list,
    "evidence": list,
}
FOUR = {
    "route": "int8 weights with a calibration set for our keyword spotter",
    "clarify": "the network is awfully slow, what can I do",
    "redirect": "LSTM or temporal convolutions for a forecast of sensor data",
    "none": "how long do I boil an egg",
}


@pytest.mark.parametrize(("action", "text"), FOUR.items())
def test_every_record_is_flat_and_whole(router, action, text):
    decision = router.route(text)
    record = decision.to_dict()
    assert record["action"] == action
    for key, kind in ALWAYS.items():
        assert isinstance(record[key], kind), key
    assert bool(record["skills"]) == (action == "route")
    assert (record["question"] is not None) == (action == "clarify")
    assert 0 <= record["confidence"] <= 1
    assert 0 <= record["margin"] <= 1
    assert record["reason"].endswith(".")
    assert list(record["categories"]) == ["optimization", "serving", "mlops", "observability"]
    assert all(-1 <= cosine <= 1 for cosine in record["categories"].values())
    assert msgspec.json.decode(msgspec.json.encode(record)) == record


def test_evidence_is_the_closest_exemplars_first(router):
    exemplar = router.pack.exemplars.skills[SCALE][3]
    first, *rest = router.route(exemplar).evidence
    assert first == NearbyExemplar(f"skill:{SCALE}", exemplar, pytest.approx(1, abs=2e-3))
    cosines = [nearby.similarity for nearby in rest]
    assert cosines == sorted(cosines, reverse=True)
    vector = router.encoder.encode([exemplar])[0]
    second = router.encoder.encode([rest[0].text])[0]
    assert rest[0].similarity == pytest.approx(float(vector @ second), abs=2e-3)


def assert_same(decision, expected):
    """Compare decisions; numbers within what a batch's rounding may change."""
    assert type(decision) is type(expected)
    record, expected_record = decision.to_dict(), expected.to_dict()
    for key in ("action", "skills", "packs", "question", "also_consider"):
        assert record[key] == expected_record[key], key
    for key in ("confidence", "margin", "categories"):
        assert record[key] == pytest.approx(expected_record[key], abs=2e-3), key


ODD = {
    "empty": "",
    "blank": " \t\n\u00a0\u2003 ",
    "emoji": "\U0001f389\U0001f680\U0001f469\u200d\U0001f4bb",
    "control": "\x00\x07\x1b[31m\x7f",
    "nul inside": "int8\0 weights",
    "surrogate": "half \ud800 a character \udfff",
    "only a surrogate": "\udcff",
    "signs": "?!... --- ;;;",
    "German": "Wie stelle ich mein Modell als REST-Schnittstelle bereit?",
    "Chinese": "如何监控线上模型的数据漂移",
    "Arabic": "كيف أراقب النموذج بعد نشره",
    "long word": "a" * 100_000,
    "long text": "wrap the net in a container and go. " * 2_500,
    "long blank": " " * 100_000,
    "markup": "<script>alert(1)</script> {{ 7*7 }} ${HOME} %s",
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_text_has_a_defined_outcome(router, kind):
    decision = router.route(ODD[kind])
    record = decision.to_dict()
    assert 0 <= record["confidence"] <= 1
    assert msgspec.json.decode(msgspec.json.encode(record)) == record


@pytest.mark.parametrize("kind", ["empty", "blank", "control", "long blank", "emoji", "signs"])
def test_a_text_without_words_is_none(router, kind):
    decision = router.route(ODD[kind])
    assert isinstance(decision, NoRoute)
    assert decision.reason


def test_blanks_around_a_text_do_not_matter(router):
    text = "int8 weights with a calibration set for our keyword spotter"
    assert_same(router.route(f"  \n{text}\t\n"), router.route(text))
    assert_same(router.route("\n" * 5_000 + text), router.route(text))


def test_a_batch_is_its_texts_one_by_one(router):
    texts = [*FOUR.values(), *ODD.values(), *(text for text, _ in BY_CONCERN), FOUR["route"]]
    for text, decision in zip(texts, router.route_many(texts), strict=True):
        assert_same(decision, router.route(text))
    assert router.route_many([]) == []


@settings(max_examples=40, derandomize=True, deadline=None)
@given(st.lists(st.text() | st.sampled_from([*FOUR.values(), *ODD.values()]), max_size=4))
def test_a_batch_of_any_texts_is_its_texts_one_by_one(tiny_router, texts):
    for text, decision in zip(texts, tiny_router.route_many(texts), strict=True):
        assert_same(decision, tiny_router.route(text))


def test_the_order_of_exemplars_does_not_matter(tiny):
    chance = np.random.default_rng(11)
    queries = [
        "squealing brakes",
        "a nail in the tyre; I also want to buy a city bike",
        "new brake pads, then a new tube for the rear wheel",
        "bike trouble",
        "is there a bus tonight",
        "translate a poem",
    ]
    before = fitted_router(tiny)
    for path in tiny.rglob("*.txt"):
        path.write_text("\n".join(chance.permutation(path.read_text().splitlines()[2:])))
    after = fitted_router(tiny)
    assert before.pack != after.pack
    for decision, expected in zip(
        after.route_many(queries), before.route_many(queries), strict=True
    ):
        assert_same(decision, expected)
    clarify = before.route("bike trouble")
    for reply in ("I'd rather order a new one", "mend it", "dunno"):
        assert_same(before.answer(clarify, reply), after.answer(clarify, reply))


def test_eight_threads_get_the_same_as_one(router):
    texts = [*FOUR.values(), ODD["German"], ODD["surrogate"]]
    alone = router.route_many(texts)
    clarify = router.route(FOUR["clarify"])
    answer = router.answer(clarify, "while it trains")
    fresh = Router(router.pack, router.encoder, router.model)  # nothing prepared yet
    results = [None] * 8

    def work(number):
        results[number] = (fresh.route_many(texts), fresh.answer(clarify, "while it trains"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for decisions, answered in results:
        assert answered == answer
        for decision, expected in zip(decisions, alone, strict=True):
            assert_same(decision, expected)


def test_a_pack_without_questions_neighbours_and_none_routes(tiny):
    pack = load_pack(tiny)
    skills = {"skills": pack.exemplars.skills, "neighbours": {}, "questions": {}, "options": {}}
    file = msgspec.structs.replace(pack.file, neighbours=(), questions=())
    bare = Pack(file, Exemplars(**skills, none=()))
    encoder = shared_encoder()
    router = Router(bare, encoder, fit_model(bare, encoder))
    assert router.route("squealing brakes").skills == ("fix-brakes",)
    assert router.route("brake pads worn, and a flat tyre").skills == ("fix-tyres", "fix-brakes")
    assert isinstance(router.route(""), NoRoute)


def test_the_smallest_pack_routes():
    file = PackFile(
        format=1,
        id="one",
        title="One",
        summary="One skill.",
        categories=(Category("all", "All", "All there is."),),
        skills=(Skill("tea", "all", "Tea", "Brew tea."),),
    )
    lines = ("brew a pot of tea", "how long does green tea steep", "tea with milk")
    pack = Pack(file, Exemplars({"tea": lines}, {}, {}, {}, ()))
    encoder = shared_encoder()
    router = Router(pack, encoder, fit_model(pack, encoder))
    assert router.route("black tea, how much for a pot").skills == ("tea",)
    assert isinstance(router.route("a linker error in C++"), NoRoute)


def test_a_pack_may_be_given_as_a_value_or_a_folder(tiny, tiny_router):
    text = "squealing brakes"
    for given_pack in (tiny, str(tiny), load_pack(tiny)):
        router = Router.load(given_pack, encoder=tiny_router.encoder)
        assert_same(router.route(text), tiny_router.route(text))


def test_a_router_is_shown_in_one_line(router):
    file = router.pack.file
    counts = f"{len(file.skills)} skills, {len(file.neighbours)} neighbours"
    assert repr(router) == f"<Router ml-production: {counts}, 7 questions, uncalibrated>"


def test_a_batch_gives_the_evidence_that_each_text_gives_alone(router):
    texts = [*list(router.pack.exemplars.skills[QUANTIZE])[:20], "my model is slow", "bake bread"]
    batch, alone = router.route_many(texts), [router.route(text) for text in texts]
    for many, one in zip(batch, alone, strict=True):
        assert [near.text for near in many.evidence] == [near.text for near in one.evidence]
        similarities = [[near.similarity for near in decision.evidence] for decision in (many, one)]
        np.testing.assert_allclose(*similarities, atol=1.01e-4)  # a last digit that is rounded


def test_texts_that_look_alike_are_decided_alike(router):
    query = "Quantize our caf\u00e9 model to int8"
    wide = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in query)
    for form in (wide, query.replace("\u00e9", "e\u0301"), query.replace("z", "z\u200b")):
        assert_same(router.route(form), router.route(query))


def test_a_question_at_the_end_of_a_long_mail_is_read(router):
    greeting = "Dear colleagues, thank you for the friendly welcome in the new office. " * 60
    assert router.route(f"{greeting} How do we quantize our BERT to int8?").skills == (QUANTIZE,)


def test_half_an_emoji_can_be_asked_about(router):
    decision = router.route("my model is slow \ud83d")
    assert decision.to_dict()["history"] == ["my model is slow ?"]


def test_a_blank_reply_leaves_the_question_open(router):
    question = router.route("my model is slow")
    assert router.answer(question, " \u200b ") == question


LONG_MAIL = "Dear colleagues, thank you for the friendly welcome in the new office. " * 60


@pytest.mark.parametrize(
    ("text", "is_cut"),
    [
        ("How do we quantize our BERT to int8?", False),
        (LONG_MAIL[:1_000], False),
        (LONG_MAIL[:1_900], True),
        (LONG_MAIL, True),
        (f"{' ' * 5_000}quantize BERT", False),
        (f"{LONG_MAIL} quantize BERT {LONG_MAIL}", True),
    ],
)
def test_a_decision_says_whether_part_of_the_text_was_left_out(router, text, is_cut):
    (decision,) = router.route_many([text])
    (in_a_chat,) = router.route_many([text], history=[["is our model good?"]])
    (outcome,) = router.outcomes([text]).outcomes
    assert {decision.truncated, in_a_chat.truncated, outcome.truncated} == {is_cut}
    assert decision.to_dict().get("truncated", False) is is_cut
    assert router.route(text).truncated is is_cut


@pytest.mark.parametrize("texts", [None, 5, {"a": "flat tyre"}, "flat tyre", b"flat", ["a", None]])
def test_what_is_no_list_of_texts_is_refused(tiny_router, texts):
    for decide in (tiny_router.route_many, tiny_router.outcomes, tiny_router.rank_many):
        with pytest.raises(RouterError, match="a list of texts|is a str"):
            decide(texts)
    with pytest.raises(RouterError, match="a list of texts|is a str|one list for each text"):
        tiny_router.route_many(texts, history=[[], []])


def test_texts_may_come_one_by_one(tiny_router):
    texts = ["flat tyre", "my brakes squeal"]
    assert tiny_router.route_many(text for text in texts) == tiny_router.route_many(texts)
    several = tiny_router.route_many((text for text in texts), history=[[], []])
    assert [decision.skills for decision in several] == [("fix-tyres",), ("fix-brakes",)]
