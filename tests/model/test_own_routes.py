"""Routes of one's own through the front door."""

import json
import pickle

import numpy as np
import pytest

from router import Clarify, NoRoute, PackError, Question, Route, Router, RouterError
from router.calibration.from_labels import calibrate
from router.packs.labels import id_of_label

ROUTES = {
    "Order status": [
        "where is my order",
        "has my parcel shipped yet",
        "track my package",
        "when will my delivery arrive",
        "my order still says processing",
        "tracking number doesn't work",
    ],
    "return_item": [
        "I want to return these shoes",
        "how do I send something back",
        "return label please",
        "can I return an opened item",
        "wrong size, want to send it back",
    ],
    "Réclamation": [
        "I was charged twice",
        "my card was declined",
        "there is a charge I don't recognise",
        "payment failed at checkout",
    ],
    "account-access": [
        "I can't log in",
        "reset my password",
        "my account is locked",
        "two factor code not arriving",
    ],
}


OPENINGS = ("hi,", "sorry to bother you:", "quick one,", "please help,", "hello team,", "it's me:")


@pytest.fixture(scope="module")
def shop():
    return Router.from_exemplars(ROUTES, data={"return_item": {"handler": "returns.start"}})


def test_a_query_goes_where_it_belongs(shop):
    decision = shop("the courier still hasn't brought my parcel")
    assert isinstance(decision, Route)
    assert decision.skills == ("order-status",)
    assert shop.route("please start a return for the blue jacket").data == {
        "return-item": {"handler": "returns.start"}
    }


def test_several_routes_come_in_the_order_in_which_they_are_to_be_done(shop):
    for text in (
        "reset my password and then tell me where my order is",
        "before you tell me where my order is, reset my password",
    ):
        assert shop.route(text).skills == ("account-access", "order-status"), text
    text = "before I send the shoes back, tell me why my card was declined"
    assert shop.route(text).skills == ("reclamation", "return-item")


def test_routes_may_be_a_pair_of_lists(shop):
    texts = [line for lines in ROUTES.values() for line in lines]
    labels = [label for label, lines in ROUTES.items() for _ in lines]
    other = Router.from_exemplars(([*texts, "a poem"], [*labels, "none"]))
    assert other.pack.exemplars.skills == shop.pack.exemplars.skills
    assert other.pack.exemplars.none == ("a poem",)


def test_any_label_makes_an_id_and_stays_the_title(shop):
    assert list(shop.pack.skills) == [
        "order-status",
        "return-item",
        "reclamation",
        "account-access",
    ]
    assert shop.pack.skills["reclamation"].title == "Réclamation"


def test_it_asks_and_the_answer_is_taken_from_the_record(shop):
    decision = shop.route("card problem")
    assert isinstance(decision, Clarify)
    record = json.loads(json.dumps(decision.to_dict()))
    assert {"id", "label", "skills", "packs"} == set(record["options"][0])
    chosen = shop.answer(record, record["options"][1]["label"])
    assert chosen.skills == tuple(record["options"][1]["skills"])


def test_a_stranger_is_refused_or_asked_about(shop):
    texts = ["who won the world cup in 1998", "write a poem about autumn", "what is 17 times 23"]
    assert all(isinstance(d, NoRoute | Clarify) for d in shop.route_many(texts))


def test_an_ask_rate_of_zero_never_asks():
    silent = Router.from_exemplars(ROUTES, ask_rate=0.0)
    texts = ["my order", "problem", "card", "it does not work"]
    assert not any(isinstance(decision, Clarify) for decision in silent.route_many(texts))
    with pytest.raises(RouterError, match=r"ask_rate is a share in \[0, 1\), was: 1.5"):
        Router.from_exemplars(ROUTES, ask_rate=1.5)


def test_the_ranking_is_over_all_routes(shop):
    ranked = shop.rank("my money was taken two times", k=None)
    assert ranked[0].id == "reclamation"
    assert len(ranked) == 4
    assert sum(entry.probability for entry in ranked) == pytest.approx(1.0, abs=1e-3)
    assert shop.route("my money was taken two times").to_dict()["ranking"][0]["id"] == "reclamation"


@pytest.mark.parametrize("k", [0, -1, "3", 2.0])
def test_a_ranking_has_at_least_one_place(shop, k):
    with pytest.raises(RouterError, match="k is a whole number of at least 1"):
        shop.rank("where is my order", k=k)


def test_candidates_can_be_narrowed_at_call_time(shop):
    text = "where is my parcel"
    assert shop.route(text).skills == ("order-status",)
    excluded = shop.route(text, exclude=["Order status"])
    assert "order-status" not in getattr(excluded, "skills", ())
    only = shop.route("I want to send my shoes back", only=["return_item", "account-access"])
    assert only.skills == ("return-item",)
    with pytest.raises(PackError, match="no target 'orders'; did you mean 'order-status'"):
        shop.route(text, only=["orders"])
    with pytest.raises(RouterError, match="nothing is left to decide"):
        shop.route(text, only=["return_item"], exclude=["return_item"])


def test_exemplars_are_added_and_left_out(shop):
    more = shop.with_exemplars("return_item", ["bring the goods back to the depot"])
    assert more.pack.exemplars.skills["return-item"][-1] == "bring the goods back to the depot"
    less = more.without_exemplars("return_item", ["bring the goods back to the depot"])
    assert less.pack.exemplars == shop.pack.exemplars


def test_it_is_pickled_and_saved(shop, tmp_path):
    text = "reset the password of my account"
    assert pickle.loads(pickle.dumps(shop)).route(text) == shop.route(text)
    shop.save(tmp_path / "saved")
    assert Router.load(tmp_path / "saved").route(text) == shop.route(text)


def test_a_decision_and_a_router_are_one_line(shop):
    assert repr(shop) == "<Router routes: 4 skills, 0 neighbours, 0 questions, uncalibrated>"
    shown = repr(shop.route("reset my password please"))
    assert shown.startswith("Route(skills=('account-access',), confidence=0.")


@pytest.mark.parametrize(
    ("routes", "message"),
    [
        ({}, "at least one route is needed"),
        ({"Order status": ["a"], "order_status": ["b"]}, "make the same id 'order-status'"),
        ({"a": ["only", "two"]}, "needs at least 3 exemplars, one a line, was: 2"),
        ({"a": ["x", "y", "same"], "b": ["same", "v", "w"]}, "'same' stands in skills/a too"),
        ({"a": "one text"}, "the texts of 'a' are a list, was: 'one text'"),
        ({"a": ["x", "y", None]}, "each line has a text"),
        ({" ": ["x", "y", "z"]}, "each line has a label"),
    ],
)
def test_routes_with_faults_are_refused(routes, message):
    with pytest.raises(PackError, match=message):
        Router.from_exemplars(routes)


def test_a_single_route_takes_its_own_and_refuses_strangers():
    router = Router.from_exemplars({"order": ROUTES["Order status"]})
    assert router.route("where is my parcel").skills == ("order",)
    assert isinstance(router.route("who won the world cup in 1998"), NoRoute)


def test_a_question_of_ones_own_comes_first():
    question = Question.of(
        "What about your order?",
        {"Where it is": "Order status", "Sending it back": "return_item"},
        ["my order", "about the order", "order", "question about an order", "order 4711"],
    )
    router = Router.from_exemplars(ROUTES, questions=[question])
    decision = router.route("my order please")
    assert decision.question.id == "what-about-your-order"
    assert router.answer(decision, "sending it back").skills == ("return-item",)


def test_more_lines_for_one_route_take_nothing_from_the_others(shop):
    lines = [f"where is order number {n}, has it shipped" for n in range(60)]
    heavy = shop.with_exemplars("Order status", lines)
    texts = ["I want to give the shoes back", "charged two times", "locked out of my account"]
    before = [ranked[0].id for ranked in shop.rank_many(texts)]
    assert [ranked[0].id for ranked in heavy.rank_many(texts)] == before
    assert np.all([ranked[0].probability > 0.5 for ranked in heavy.rank_many(texts)])


def test_calibrating_own_routes_decides_how_often_they_ask(shop):
    """A share of texts, or of errors, that is set on labelled texts replaces the default rate."""
    texts = [
        f"{opening} {line}" for opening in OPENINGS for lines in ROUTES.values() for line in lines
    ]
    labels = [id_of_label(label) for label, lines in ROUTES.items() for _ in lines] * len(OPENINGS)
    shares = {}
    for rate in (0.05, 0.4):
        calibrated = shop.with_calibration(calibrate(shop, texts, labels, ask_rate=rate))
        decisions = calibrated.route_many(texts)
        shares[rate] = np.mean([isinstance(decision, Clarify) for decision in decisions])
    assert shares[0.05] == pytest.approx(0.05, abs=0.03)
    assert shares[0.4] == pytest.approx(0.4, abs=0.06)
    report = calibrate(shop, texts, labels, ask_rate=0.4).report
    asked = [isinstance(decision, Clarify) for decision in shop.route_many(texts)]
    assert report.before["asked"].value == pytest.approx(np.mean(asked))


def test_a_log_of_its_own_exemplars_calibrates_nothing(shop):
    texts = [line for lines in ROUTES.values() for line in lines] * 6
    labels = [id_of_label(label) for label, lines in ROUTES.items() for _ in lines] * 6
    with pytest.raises(RouterError, match="got 0 besides 114 that are exemplars"):
        calibrate(shop, texts, labels)


def test_another_language_is_noticed_and_the_cure_is_named(shop):
    for text in ("ich möchte diese Schuhe zurückgeben", "où est ma commande s'il vous plaît"):
        decision = shop.route(text)
        assert not isinstance(decision, Route)
        assert "another language" in decision.reason
        assert "encoder for many languages" in decision.reason
