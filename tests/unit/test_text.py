import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.text import Phrases, is_blank, lower_first, well_formed, words_in, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("C++ and llama.cpp on Phi-3!", ["c++", "and", "llama.cpp", "on", "phi-3"]),
        ("C# isn't F#.", ["c#", "isn't", "f#"]),
        ("p95 < 20ms (again)", ["p95", "20ms", "again"]),
        ("End. Start", ["end", "start"]),
        ("Straße GRÖSSE", ["strasse", "grösse"]),
        ("int8/int4, snake_case", ["int8", "int4", "snake_case"]),
        ("", []),
        ("... !? \U0001f680 \0 --", []),
    ],
)
def test_words_by_hand(text, words):
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a" + "+" * 50_000, ["a" + "+" * 50_000]),
        ("a." * 25_000 + "!", ["a." * 24_999 + "a"]),
        ("-" * 50_000, []),
        ("a-" * 9, ["a-" * 8 + "a"]),
    ],
)
def test_long_runs_of_punctuation_are_split_without_backtracking(text, words):
    assert words_of(text) == words


def test_phrases_match_whole_words():
    phrases = Phrases.of(["scale", "High Latency", "llama.cpp"])

    def matches(text):
        return phrases.match(words_of(text))

    assert matches("how do we SCALE this?")
    assert matches("there's high latency at noon")
    assert matches("llama.cpp, please")
    assert not matches("we scaled it, it is scalable")
    assert not matches("high and low latency")
    assert not matches("latency is high")
    assert not matches("")


def test_a_phrase_matches_at_either_end():
    phrases = Phrases.of(["go live"])
    assert phrases.match(["go", "live", "now"])
    assert phrases.match(["we", "go", "live"])
    assert not phrases.match(["go"])


@pytest.mark.parametrize("pattern", [".*", "", "   ", "\\w+", "^", "[a-z]*"])
def test_phrases_are_never_patterns(pattern):
    assert not Phrases.of([pattern]).match(["anything", "at", "all"])


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.lists(st.sampled_from("abc"), max_size=6), st.lists(st.sampled_from("abc"), max_size=3))
def test_a_phrase_matches_where_its_words_follow_each_other(words, phrase):
    in_a_row = [words[i : i + len(phrase)] for i in range(len(words))]
    assert Phrases.of([" ".join(phrase)]).match(words) == (phrase != [] and phrase in in_a_row)


def test_words_in_splits_each_text():
    assert words_in(["Red bike", ""]) == [["red", "bike"], []]


@pytest.mark.parametrize("text", ["", "  \n\t", "\0\x07", "\u200b \ufeff"])
def test_white_space_and_control_characters_are_blank(text):
    assert is_blank(text)


@pytest.mark.parametrize("text", ["a", " . ", "\0é", "\U0001f680"])
def test_any_character_that_prints_is_not_blank(text):
    assert not is_blank(text)


def test_only_lone_surrogates_are_replaced():
    assert well_formed("plain") == "plain"
    assert well_formed("grün \U0001f680") == "grün \U0001f680"
    assert well_formed("half \ud83d of it") == "half ? of it"


@pytest.mark.parametrize(
    ("sentence", "inside"),
    [("Scale it", "scale it"), ("ONNX export", "ONNX export"), ("X", "x"), ("", ""), ("ok", "ok")],
)
def test_lower_first_keeps_capitals_of_names(sentence, inside):
    assert lower_first(sentence) == inside
