from router.decisions.outcome import Outcome
from router.decisions.words import count_of, on_one_line, outcome_in_words, target_in_words
from router.logs.labels import Gold


def test_an_outcome_is_said_in_a_few_words():
    both = Outcome("route", ("fix-tyres", "fix-brakes"), ("bus-lines", "trams"))
    assert outcome_in_words(both) == "fix-tyres, then fix-brakes, see bus-lines and trams"
    assert outcome_in_words(Outcome("clarify", question="which-part")) == "ask which-part"
    assert outcome_in_words(Gold("clarify")) == "ask a question"
    assert outcome_in_words(Outcome("redirect", packs=("bus-lines",))) == "redirect to bus-lines"
    assert outcome_in_words(Outcome("none")) == "none of these"


def test_a_label_of_a_category_accepts_any_of_its_skills():
    label = Gold("route", ok_skills=("fix-tyres", "fix-brakes"))
    assert outcome_in_words(label, label.ok_skills) == "any of fix-tyres, fix-brakes"


def test_a_target_is_named_by_its_id_or_in_words():
    targets = ("skill:fix-tyres", "neighbour:bus-lines", "category:repair", "ask", "none")
    assert [target_in_words(target) for target in targets] == [
        "fix-tyres",
        "bus-lines",
        "any of repair",
        "a question",
        "none of these",
    ]


def test_a_text_is_put_on_one_line_and_cut_at_the_limit():
    assert on_one_line("two\nlines\x1b[0m  here", 90) == "two lines [0m here"
    assert on_one_line("abcdefghij", 10) == "abcdefghij"
    assert on_one_line("abcdefghijk", 10) == "abcdefghi…"
    assert on_one_line("ab " * 500, 10) == "ab ab ab …"
    assert on_one_line(" " * 41 + "a", 10) == "…"


def test_emoji_that_are_joined_stay_whole():
    family = "👨\u200d👩\u200d👧 rides"
    assert on_one_line(family, 90) == family


def test_a_count_comes_with_the_noun_in_its_number():
    counts = [count_of(1, "query"), count_of(2, "query"), count_of(1_200, "stray")]
    assert counts == ["1 query", "2 queries", "1,200 strays"]
