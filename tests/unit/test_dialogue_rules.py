"""What a reply leads to, rule by rule, on small packs whose every lead can be read at a glance."""

import msgspec
import pin
import pytest

from router import Clarify, Redirect, Route, Router
from router.decisions import dialogue
from router.decisions.decision import AskedQuestion


@pytest.fixture(scope="module")
def parcels():
    return pin.router_of("parcel-help")


@pytest.fixture(scope="module")
def kitchen():
    return pin.router_of("kitchen")


def ask(router, name, *texts):
    """Put a question of the pack after what the user wrote, as a router does."""
    return Clarify(
        confidence=0.9,
        margin=0.1,
        reason="The detail that decides between these is not said.",
        question=AskedQuestion.of(router.pack.questions[name]),
        history=texts,
        asked_ids=(name,),
    )


# How many questions


def test_after_two_questions_the_chain_ends_at_what_its_last_question_takes_for_granted(parcels):
    first = ask(parcels, "what-is-wrong", "a complaint")
    second = parcels.answer(first, "a parcel on its way")
    assert isinstance(second, Clarify)
    assert second.question.id == "late-or-broken"
    assert second.asked_ids == ("what-is-wrong", "late-or-broken")
    end = parcels.answer(second, "it has not arrived")  # whose option asks "find-or-move"
    assert isinstance(end, Route)
    assert end.skills == ("track-parcel",)  # the first option: the question has no `if_unsure`


def test_or_at_its_answer_for_those_who_do_not_know(parcels):
    questions = [
        msgspec.structs.replace(question, if_unsure="move")
        if question.id == "find-or-move"
        else question
        for question in parcels.pack.file.questions
    ]
    file = msgspec.structs.replace(parcels.pack.file, questions=tuple(questions))
    pack = msgspec.structs.replace(parcels.pack, file=file)
    router = Router(pack, parcels.encoder, parcels.model)
    second = router.answer(ask(router, "what-is-wrong", "a complaint"), "1")
    assert router.answer(second, "1").skills == ("change-delivery",)


def test_as_a_first_question_the_same_one_is_followed_up(parcels):
    end = parcels.answer(ask(parcels, "late-or-broken", "my parcel"), "it has not arrived")
    assert isinstance(end, Clarify)
    assert end.question.id == "find-or-move"


# Replies that choose no option


def test_who_does_not_know_which_of_two_gets_both(parcels):
    end = parcels.answer(ask(parcels, "find-or-move", "missed parcel"), "don't know")
    assert end.skills == ("track-parcel", "change-delivery")


def test_who_does_not_know_gets_what_the_question_takes_for_granted(parcels):
    end = parcels.answer(ask(parcels, "abroad", "shipping please"), "don't know")
    assert (end.skills, end.packs) == (("send-parcel",), ("letters",))


def test_neither_leads_to_a_target_though_a_question_would_be_likelier(parcels):
    assert parcels.route("a complaint").question.id == "what-is-wrong"
    end = parcels.answer(ask(parcels, "what-is-wrong", "a complaint"), "neither")
    assert isinstance(end, Route)
    assert not {"refund", "invoice"} & set(end.skills)  # what the options lead to


@pytest.mark.parametrize("query", ["spinach", "cabbage", "pumpkin", "cheese"])
def test_after_neither_the_confidence_is_the_share_among_what_is_left(kitchen, query):
    question = kitchen.route(query)
    offered = {option.id for option in question.question.options} - {"none"}
    left = len(kitchen.pack.skills) - len(offered)
    end = kitchen.answer(question, "neither")
    assert f"skill:{end.skills[0]}" not in offered
    assert 1.0 / left <= end.confidence <= 1.0  # the likeliest of those left


# Replies that say more than the option


def test_a_skill_that_an_option_leaves_open_is_added_if_the_reply_alone_asks_for_it(parcels):
    question = ask(parcels, "late-or-broken", "the box was crushed when it came")
    assert parcels.answer(question, "damaged").skills == ("report-damage",)
    end = parcels.answer(question, "in pieces, refund the shipping price")
    assert end.skills == ("report-damage", "refund")


def test_it_is_added_from_a_probability_of_one_half_on(parcels):
    query = "the box was crushed when it came"
    refund = parcels.model.names.index("skill:refund")
    named = []
    for reply in ("in pieces, refund", "in pieces, payment back"):
        evidence, _ = parcels.evidence_and_result([reply, f"{query}\n{reply}"])
        end = parcels.answer(ask(parcels, "late-or-broken", query), reply)
        named.append("refund" in end.skills)
        assert named[-1] == (evidence.probabilities[:, refund].max() >= 0.5)
    assert named == [True, False]


def test_or_if_the_query_has_asked_for_it(parcels):
    question = ask(parcels, "late-or-broken", "my package, I want my money back")
    assert parcels.answer(question, "2").skills == ("report-damage", "refund")


def test_a_neighbour_is_named_only_beside_its_skills(parcels):
    def named(query):
        end = parcels.answer(ask(parcels, "what-is-wrong", query), "a payment")
        return end.skills, end.packs

    assert named("complaint about my credit card") == (("refund",), ("bank",))
    assert named("complaint about a stamp") == (("refund",), ())  # letters are beside sending


# Replies that are no answer


def test_a_reply_that_resembles_an_answer_is_one_though_it_touches_another_subject(parcels):
    reply = "track it, my credit card"
    alone = parcels.route(reply)
    assert isinstance(alone, Redirect)
    assert alone.confidence > 0.9
    end = parcels.answer(ask(parcels, "find-or-move", "missed parcel"), reply)
    assert end.skills == ("track-parcel",)


def test_a_reply_on_another_subject_is_decided_by_itself(parcels):
    question = ask(parcels, "find-or-move", "missed parcel")
    assert parcels.answer(question, "the refund has not come").skills == ("refund",)


def test_a_new_subject_is_heard_after_a_composed_question_too(kitchen):
    question = kitchen.route("cheese")
    offered = [option.id for option in question.question.options]
    assert offered == ["skill:soups", "skill:cakes", "none"]
    reply = "my dough does not rise"
    end = kitchen.answer(question, reply)
    assert end.skills == ("bread",)
    assert end.confidence == kitchen.route(reply).confidence


# The margin


def test_the_margin_is_over_the_second_likeliest_meaning(parcels):
    question = ask(parcels, "find-or-move", "missed parcel")
    end = parcels.answer(question, "search the depot or the next one")
    assert 0.0 < end.margin < end.confidence  # the confidence is that of the likeliest meaning
    assert parcels.answer(question, "1").margin == 1.0  # nothing else can be meant


# Old names


def test_the_old_names_of_a_question_say_the_new_ones(parcels):
    question = ask(parcels, "find-or-move", "missed parcel")
    with pytest.warns(DeprecationWarning, match=r"Clarify\.said is now Clarify\.history"):
        assert question.said == ("missed parcel",)
    with pytest.warns(DeprecationWarning, match=r"Clarify\.asked is now Clarify\.asked_ids"):
        assert question.asked == ("find-or-move",)


# Replies that are not clear, and that name several


def test_an_unclear_reply_is_asked_about_once_in_other_words_and_then_taken_for_granted(
    parcels, monkeypatch
):
    monkeypatch.setattr(dialogue, "_UNCLEAR", 1.0)
    first = ask(parcels, "find-or-move", "missed parcel")
    again = parcels.answer(first, "hm, the thing with the card")
    assert again.question.id == "find-or-move"
    assert again.question.text == parcels.pack.file.wording.again
    assert again.question.options == first.question.options
    assert again.asked_ids == ("find-or-move", "find-or-move")
    for question in (again, again.to_dict()):
        end = parcels.answer(question, "the card, as I said")
        label = next(o.label for o in first.question.options if end.skills == o.leads_to.skills)
        assert end.reason.startswith(f"Assuming “{label}”: This is about ")


def test_a_decision_for_who_does_not_know_states_what_it_assumes(parcels):
    end = parcels.answer(ask(parcels, "abroad", "shipping please"), "don't know")
    assert end.reason.startswith("Assuming “")


def test_who_names_two_options_gets_both(parcels):
    question = ask(parcels, "find-or-move", "missed parcel")
    first, second = (option.label for option in question.question.options)
    end = parcels.answer(question, f"{first} and {second}")
    assert end.skills == ("track-parcel", "change-delivery")
