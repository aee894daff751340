"""What a caller gives for routes of one's own, and what is said of what cannot be meant."""

import pytest

from router import Pack, PackError, Question, Router, RouterError
from router.packs.labelled_lines import several_of

ROUTES = {"refund": ["my money", "money back", "refund"], "track": ["where is it", "sent?", "when"]}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"none": "hello"}, "none: the exemplars are a list of texts, was: 'hello'"),
        ({"none": None}, "none: the exemplars are a list of texts, was: NoneType"),
        ({"several": "hello"}, "several: the exemplars are a list of texts"),
        ({"several": ["both of it"]}, r"several\[0\]: a text with a list of its labels is"),
        ({"several": [("both of it", "refund")]}, r"several\[0\]: a text with a list"),
        ({"several": [("a", ["refund", None])]}, r"several\[0\]: each line has a label"),
        ({"data": {"refnd": {}}}, "data: there is no route 'refnd'; did you mean 'refund'"),
        ({"data": {"refund": 5}}, r"data\['refund'\] is a mapping from names to values, was: 5"),
        ({"data": {"refund": {"call": print}}}, r"data\['refund'\] is plain data, as in JSON"),
        ({"questions": ["which?"]}, "a question is made by Question.of, was: 'which"),
        ({"ask_rate": "0.1"}, r"ask_rate is a share in \[0, 1\), was: '0.1'"),
    ],
)
def test_what_comes_beside_the_routes_is_checked(settings, message):
    with pytest.raises(RouterError, match=message):
        Router.from_exemplars(ROUTES, **settings)


def test_a_route_without_a_line_is_refused_and_none_may_be_empty():
    with pytest.raises(PackError, match="track: a route has texts, was: none; leave it out"):
        Router.from_exemplars({**ROUTES, "track": []})
    with pytest.raises(PackError, match="other: a route has texts"):
        Router.from_exemplars({**ROUTES, "none": [], "other": []})


@pytest.mark.parametrize(
    ("options", "exemplars"), [(["refund", "track"], ["a"]), ({"a": "refund", "b": "track"}, "abc")]
)
def test_a_question_has_a_mapping_of_options_and_a_list_of_exemplars(options, exemplars):
    with pytest.raises(PackError, match="options are a mapping from each answer to the label"):
        Question.of("Which?", options, exemplars)


def test_labels_may_be_numbers_wherever_they_are_given():
    assert several_of([("both", [1, 2])]) == [("both", ["1", "2"])]
    pack = Pack.of({"1": ["a", "b", "c"], "2": ["d", "e", "f"]}, data={1: {"handler": "x"}})
    assert pack.skills["1"].data == {"handler": "x"}
    assert pack.ids_of([1, 2]) == ["1", "2"]


@pytest.mark.parametrize(("ids", "message"), [(5, "was: 5"), ([None], "no target None")])
def test_what_targets_are_narrowed_to_is_a_list_of_them(ids, message):
    with pytest.raises(PackError, match=message):
        Pack.of(ROUTES).ids_of(ids)


def test_an_exemplar_can_be_written_to_a_file():
    pack = Pack.of(ROUTES)
    assert pack.with_lines("refund", ["a \ud800 b"]).lines_of("refund") == ("a ? b",)
    with pytest.raises(PackError, match="refund: an exemplar has at most 2,000 characters, was: 2"):
        pack.with_lines("refund", ["x" * 2_001])


def test_a_blank_text_names_no_pack():
    with pytest.raises(RouterError, match="a pack is a folder or a file, was a blank text"):
        Router.load(" ")
