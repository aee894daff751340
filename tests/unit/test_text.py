import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.errors import RouterError
from router.text import (
    MAX_QUERY_CHARACTERS,
    Phrases,
    clip_queries,
    clip_query,
    is_blank,
    lower_first,
    plain_text,
    printable,
    well_formed,
    words_in,
    words_of,
)


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


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("cafe\u0301", "caf\u00e9"),
        ("\uff51\uff55\uff41\uff4e\uff54\uff49\uff5a\uff45 \uff11", "quantize 1"),
        ("quan\u200btize\ufeff", "quantize"),
        ("\u202equantize\u00ad", "quantize"),
        ("half \ud83d", "half ?"),
    ],
)
def test_texts_that_look_alike_are_read_alike(text, plain):
    assert plain_text(text) == clip_query(f" {text} ") == plain
    assert words_of(text) == words_of(plain)


def test_a_long_query_is_read_at_its_beginning_and_end():
    query = "first " + "x" * 10_000 + " last?"
    read = clip_query(query)
    assert len(read) == MAX_QUERY_CHARACTERS
    assert (read[:7], read[-7:]) == ("first x", "x last?")
    assert len(clip_query("\ufdfa" * 4_000)) == MAX_QUERY_CHARACTERS  # each becomes 18 letters


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ("one text", "texts are a list of texts, was one text: 'one text'; cure: call route"),
        (b"bytes", "was one text: b'bytes'"),
        (["a", None], r"texts\[1\] is a str, was: None"),
        ([float("nan")], r"texts\[0\] is a str, was: nan"),
    ],
)
def test_what_is_no_list_of_texts_is_named(texts, message):
    with pytest.raises(RouterError, match=message):
        clip_queries(texts)


def test_nothing_that_is_printed_controls_a_terminal():
    hostile = "\x1b[31mred\x07\r\x9b0m \u202eright\u2066 \ud83d"
    escaped = r"\u001b[31mred\u0007\u000d\u009b0m \u202eright\u2066 \ud83d"
    assert printable(hostile) == escaped
    assert printable("caf\u00e9 \u6280\n\t!") == "caf\u00e9 \u6280\n\t!"


def test_the_same_phrases_are_stored_in_the_same_order():
    lines = ["night bus", "bus", "", "Bus"]
    assert (
        Phrases.of(lines).phrases == Phrases.of(lines[::-1]).phrases == (("bus",), ("night", "bus"))
    )
