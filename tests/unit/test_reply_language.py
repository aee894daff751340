"""What a reply says in so many words."""

from dataclasses import dataclass

import pytest

from router.model.reply_language import (
    corrected,
    denied,
    denied_parts,
    has_no_preference,
    literal_meaning,
    literal_meanings,
    mended,
    parts_of_reply,
    says_nothing,
    says_yes,
)


@dataclass(frozen=True)
class Option:
    id: str
    label: str


OPTIONS = (Option("training", "Training takes long"), Option("predicting", "Predictions take long"))
FOUR = tuple(Option(name, f"It is {name}") for name in ("a1", "b2", "c3", "d4"))


@pytest.mark.parametrize(
    ("reply", "position"),
    [
        ("2", 2),
        ("Option 2.", 2),
        ("#3", 3),
        ("the second one", 2),
        ("the first I guess", 1),
        ("one", 1),
        ("option three please", 3),
        ("probably the last", 4),
        ("I'd go with the 4th", 4),
        ("the former", 1),
    ],
)
def test_a_position_in_figures_or_words(reply, position):
    assert literal_meaning(FOUR, reply) == FOUR[position - 1].id


@pytest.mark.parametrize(
    "reply",
    [
        "the first or the second",
        "the first epoch takes long",
        "I have 2 GPUs",
        "not the first",
        "seven",
        "9",
        "",
        "that is one of the questions",
        "one of those",
        "two of these",
        "the one",
    ],
)
def test_other_numbers_are_no_position(reply):
    assert literal_meaning(FOUR, reply) is None


def test_a_label_or_an_id_is_an_option():
    assert literal_meaning(OPTIONS, "training takes long") == "training"
    assert literal_meaning(OPTIONS, '"Predicting"!') == "predicting"


@pytest.mark.parametrize(
    ("reply", "rest"),
    [
        ("training. no wait, when it predicts", "when it predicts"),
        ("the model... sorry, I meant the server", "the server"),
        ("CI/CD. hold on, scrap that: the tracking", "the tracking"),
        ("training? no, prediction", "prediction"),
        ("is it training? nope", "is it training? nope"),
        ("hold on", "hold on"),
        ("it trains, wait no", "it trains, wait no"),
        ("training", "training"),
    ],
)
def test_what_comes_after_a_correction_counts(reply, rest):
    assert corrected(reply) == rest


@pytest.mark.parametrize(
    ("reply", "split"),
    [
        ("it isn't training", ("training", "")),
        ("No, not the training.", ("training", "")),
        ("it is not while it trains", ("while it trains", "")),
        ("wasn't the model", ("model", "")),
        ("anything but training", ("training", "")),
        ("everything except the training", ("training", "")),
        ("training is fast enough", ("training", "")),
        ("the training runs fine", ("the training", "")),
        ("training isn't the problem", ("training", "")),
        ("no training involved", ("training", "")),
        ("it has nothing to do with training", ("training", "")),
        ("not training, it is when it predicts", ("training", "it is when it predicts")),
        ("when it predicts, not the training", ("training", "when it predicts")),
        ("training is fine but the serving is slow", ("training", "the serving is slow")),
        ("nothing is broken", None),
        ("training", None),
        ("no idea", None),
        ("no", None),
        ("the model is slow", None),
    ],
)
def test_a_reply_that_denies(reply, split):
    assert denied(reply) == split


@pytest.mark.parametrize(
    ("reply", "parts"),
    [
        ("neither of the first two", ["1", "2"]),
        ("none of the first three", ["1", "2", "3"]),
        ("not the last two", ["3", "4"]),
        ("not the first, not the second", ["first", "second"]),
        ("not the first, nor the third", ["first", "third"]),
        ("neither the first nor the second", ["first", "second"]),
        ("not 1, 2 or 3", ["1", "2", "3"]),
        ("anything but the second", ["second"]),
        ("not training or serving", ["training", "serving"]),
    ],
)
def test_each_thing_that_is_denied(reply, parts):
    what, besides = denied(reply)
    assert (denied_parts(what, 4), besides) == (parts, "")


@pytest.mark.parametrize(
    "reply", ["neither", "neither of the two", "none of these", "neither of them"]
)
def test_a_denial_of_all_names_nothing(reply):
    assert denied(reply) is None


@pytest.mark.parametrize(
    ("reply", "left"),
    [
        ("it's slow, er, I mean it's wrong", "it's wrong"),
        ("spiky, I expect... no, steady", "steady"),
        ("around it. Other way round, inside it", "inside it"),
        ("training. well no, actually prediction as well", None),
        ("speed, oh no, accuracy too", None),
    ],
)
def test_what_takes_the_first_back_counts_and_what_adds_to_it_does_not(reply, left):
    assert corrected(reply) == (left or reply)


def test_a_list_has_parts():
    assert parts_of_reply("the cloud, plus a batch job & phones.") == [
        "the cloud,",
        "a batch job",
        "phones.",
    ]
    assert parts_of_reply("hand over") == ["hand over"]


@pytest.mark.parametrize(
    ("reply", "read"),
    [
        ("acuracy", "accuracy"),
        ("the Traning, teh csot", "the training, teh cost"),
        ("oops, scratch that", "oops, scratch that"),  # words that mark a correction
        ("isn't our drain", "isn't our drain"),  # known words
        ("most of it", "most of it"),  # four letters in another order only
    ],
)
def test_words_with_typing_errors_are_mended(reply, read):
    wanted = ["accuracy", "training", "cost", "batch", "stop"]
    assert mended(reply, known={"drain"}, wanted=wanted) == read


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("Yes, it is a bike", True),
        ("well yeah", True),
        ("it is", True),
        ("Nope, my car", False),
        ("it is not", False),
        ("yes. no wait, no", False),
        ("my bike", None),
        ("nothing", None),
    ],
)
def test_yes_and_no(reply, said):
    assert says_yes(reply) is said


@pytest.mark.parametrize(
    "reply",
    ["nothing wrong with the speed", "no complaints about the speed", "we're happy with the speed"],
)
def test_who_is_content_with_something_denies_it(reply):
    assert denied(reply) == ("the speed", "")


@pytest.mark.parametrize("reply", ["no idea", "not sure", "no clue, honestly", "not certain"])
def test_not_knowing_is_no_no(reply):
    assert says_yes(reply) is None


def test_nothing_to_do_with_it_is_a_no():
    assert says_yes("nothing to do with that") is False


@pytest.mark.parametrize(
    ("reply", "position"),
    [("the frist one", 1), ("the seond one I guess", 2), ("thrid", 3), ("option b", 2), ("(C)", 3)],
)
def test_a_position_may_have_a_typing_error_or_be_a_letter(reply, position):
    assert literal_meaning(FOUR, reply) == FOUR[position - 1].id


@pytest.mark.parametrize("reply", ["seconds", "fit", "thirsty", "a b", "a model"])
def test_words_like_a_position_are_none(reply):
    assert literal_meaning(FOUR, reply) is None


@pytest.mark.parametrize(
    ("reply", "positions"),
    [
        ("1 and 3", [1, 3]),
        ("1, 2", [1, 2]),
        ("both 2 and 4", [2, 4]),
        ("the first one plus the last", [1, 4]),
        ("It is a1, it is c3 & 4", [1, 3, 4]),
        ("1 or 2", []),
        ("1 and something else", []),
        ("2", []),
    ],
)
def test_positions_may_be_listed(reply, positions):
    assert literal_meanings(FOUR, reply) == [FOUR[position - 1].id for position in positions]


@pytest.mark.parametrize(
    "reply", ["5", "0", "99", "the sixth", "???", "\U0001f937", "yes", "Yep!", "ok", "hmm"]
)
def test_what_cannot_be_an_answer_says_nothing(reply):
    assert says_nothing(FOUR, reply)


@pytest.mark.parametrize(
    "reply",
    [
        "what do you mean?",
        "Sorry, what?",
        "could you repeat the question please",
        "I don't understand",
        "what does that mean",
    ],
)
def test_a_reply_that_asks_back_says_nothing(reply):
    assert says_nothing(FOUR, reply)


@pytest.mark.parametrize("reply", ["what about c3", "I don't understand why it is slow"])
def test_a_reply_that_asks_more_says_something(reply):
    assert not says_nothing(FOUR, reply)


@pytest.mark.parametrize("reply", ["4", "2️⃣", "yes, a1", "no", "5000", "on 99 % of requests", "c3"])
def test_what_may_be_one_says_something(reply):
    assert not says_nothing(FOUR, reply)


@pytest.mark.parametrize(
    ("reply", "leaves_open"),
    [
        ("either", True),
        ("either one is fine", True),
        ("any of them will do", True),
        ("I don't mind", True),
        ("I'm fine with either", True),
        ("up to you", True),
        ("either the first or the last", False),
        ("I don't mind the speed", False),
    ],
)
def test_who_has_no_preference_leaves_the_choice_open(reply, leaves_open):
    assert has_no_preference(reply) is leaves_open
