"""What people reply to a question that the router composed itself of routes of one's own."""

import pytest

from router import Clarify, NoRoute, Router
from router.decisions.builder import clarify
from router.decisions.decision import COMPOSED_ID, AskedQuestion, OfferedOption
from router.packs.parts import Destination

ROUTES = {
    "Refund status": [
        "where is my refund",
        "my money has not arrived",
        "when do I get my money back",
        "refund still missing after two weeks",
        "how long does a refund take",
    ],
    "Cancel order": [
        "cancel my order",
        "please stop the order I just made",
        "I don't want it any more",
        "I ordered by mistake",
        "call off the purchase",
    ],
    "Track parcel": [
        "where is my parcel",
        "track my order",
        "has it been sent yet",
        "when will it be delivered",
        "is my package on the way",
    ],
    "Invoice": [
        "send me the invoice",
        "I need a receipt",
        "bill for my order",
        "where can I download the invoice",
        "tax receipt",
    ],
}
NONE = ["who won the match", "hello there", "tell me a joke", "what's the weather", "write a poem"]


@pytest.fixture(scope="module")
def shop():
    return Router.from_exemplars(ROUTES, none=NONE)


@pytest.fixture(scope="module")
def asked(shop):
    titles = {"track-parcel": "Track parcel", "cancel-order": "Cancel order", "invoice": "Invoice"}
    options = [
        OfferedOption(f"skill:{skill}", title, Destination(skills=(skill,)))
        for skill, title in titles.items()
    ]
    options.append(OfferedOption("none", "None of these"))
    question = AskedQuestion(COMPOSED_ID, "Which of these is it about?", tuple(options))
    return clarify(question, ("my order",), (), {"confidence": 0.9, "margin": 0.0})


@pytest.mark.parametrize("reply", ["Refund status", "where is my refund", "money back"])
def test_a_route_that_was_not_offered_is_followed(shop, asked, reply):
    assert shop.answer(asked, reply).skills == ("refund-status",)


@pytest.mark.parametrize(
    ("reply", "skills"),
    [
        ("1 and 3", {"track-parcel", "invoice"}),
        ("2, 1", {"track-parcel", "cancel-order"}),
        ("track and cancel", {"track-parcel", "cancel-order"}),
        ("all of them", {"track-parcel", "cancel-order", "invoice"}),
        ("the thrid one", {"invoice"}),
    ],
)
def test_every_option_that_a_reply_names_is_followed(shop, asked, reply, skills):
    assert set(shop.answer(asked, reply).skills) == skills


@pytest.mark.parametrize("reply", ["9", "?!", "\U0001f937", "yes", "who won the match"])
def test_what_is_not_understood_is_asked_once_more_and_then_decided(shop, asked, reply):
    again = shop.answer(asked, reply)
    assert isinstance(again, Clarify)
    assert again.question.text == shop.pack.file.wording.again
    assert again.question.options == asked.question.options
    assert shop.answer(again, "2").skills == ("cancel-order",)
    assert not isinstance(shop.answer(again, reply), Clarify)


def test_a_stranger_is_refused_when_it_is_said_twice(shop, asked):
    stranger = "who won the match"
    assert isinstance(shop.answer(shop.answer(asked, stranger), stranger), NoRoute)


def test_who_does_not_mind_gets_the_likeliest(shop, asked):
    end = shop.answer(asked, "either is fine")
    assert end.reason.startswith("Assuming")
