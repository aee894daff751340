import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from router.decisions.outcome import Outcome
from router.logs.labels import Gold, LabelReader, accepts, in_order
from router.packs.pack import Pack
from router.packs.pack_file import load_pack
from router.packs.precedence import Precedence

ORDER = Precedence.of_chains([[["tyres"], ["brakes"], ["bikes"]]])


def routed(*skills, packs=()):
    return Outcome("route", skills, packs)


@pytest.mark.parametrize(
    ("gold", "outcome", "accepted"),
    [
        (Gold("route", ("brakes",)), routed("brakes"), True),
        (Gold("route", ("brakes",)), routed("tyres"), False),
        (Gold("route", ("brakes",)), routed(), False),
        (Gold("route", ("brakes",)), routed("brakes", "tyres"), False),
        (Gold("route", ("brakes",), ok_skills=("tyres",)), routed("tyres"), True),
        (Gold("route", ("tyres", "brakes")), routed("tyres", "brakes"), True),
        (Gold("route", ("tyres", "brakes")), routed("brakes", "tyres"), False),
        (Gold("route", ("tyres", "brakes")), routed("tyres"), False),
        (Gold("route", ("brakes", "locks")), routed("locks", "brakes"), True),
        (Gold("route", ok_skills=("tyres", "brakes")), routed("brakes"), True),
        (Gold("route", ("brakes",), ok_actions=("clarify",)), Outcome("clarify"), True),
        (Gold("route", ("brakes",)), Outcome("clarify"), False),
        (Gold("clarify", question="what"), Outcome("clarify", question="who"), True),
        (Gold("redirect", packs=("bus",)), Outcome("redirect", packs=("train", "bus")), True),
        (Gold("redirect", packs=("bus",)), Outcome("redirect", packs=("train",)), False),
        (
            Gold("redirect", packs=("bus",), ok_packs=("train",)),
            Outcome("redirect", packs=("train",)),
            True,
        ),
        (Gold("none"), Outcome("none"), True),
        (Gold("none", ok_actions=("redirect",)), Outcome("redirect", packs=("bus",)), False),
    ],
)
def test_accepts_by_hand(gold, outcome, accepted):
    assert accepts(gold, outcome, ORDER) is accepted


def test_only_required_skills_have_an_order():
    # "bikes" is an extra here: that it comes too early matters to nobody
    assert in_order(("tyres", "brakes"), ("bikes", "tyres", "brakes"), ORDER)
    assert not in_order(("tyres", "bikes"), ("bikes", "tyres", "brakes"), ORDER)


@given(st.permutations(["tyres", "brakes", "bikes", "locks"]))
def test_sorting_by_precedence_is_always_in_order(skills):
    assert in_order(skills, ORDER.sort(skills), ORDER)


@pytest.mark.parametrize(
    ("label", "gold"),
    [
        ("fix-tyres", Gold("route", ("fix-tyres",))),
        ("workshop", Gold("route", ok_skills=("fix-brakes", "fix-tyres"))),
        ("bus-lines", Gold("redirect", packs=("bus-lines",))),
        ("which-part", Gold("clarify", question="which-part")),
        ("clarify", Gold("clarify")),
        ("none", Gold("none")),
        (["fix-tyres", "fix-brakes"], Gold("route", ("fix-tyres", "fix-brakes"))),
        ("fix-tyres; bus-lines", Gold("route", ("fix-tyres",), ("bus-lines",))),
        ("['fix-tyres', 'fix-brakes']", Gold("route", ("fix-tyres", "fix-brakes"))),
        (["bus-lines"], Gold("redirect", packs=("bus-lines",))),
        ("", None),
        ([], None),
        (None, None),
        (
            {"action": "route", "skills": "fix-tyres|fix-brakes", "ok_packs": ["bus-lines"]},
            Gold("route", ("fix-tyres", "fix-brakes"), ok_packs=("bus-lines",)),
        ),
        ({"action": "clarify", "question": "other"}, Gold("clarify", question="other")),
    ],
)
def test_a_label_in_each_form(tiny, label, gold):
    labels = LabelReader(load_pack(tiny))
    assert labels.read(label) == gold
    assert labels.read(label) == gold  # as remembered


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("fix-tires", r"was: 'fix-tires'; did you mean 'fix-tyres'\?"),
        (["fix-tyres", "which-part"], "a list has skills and neighbours, was: 'which-part'"),
        ({"action": "rout"}, r"route, clarify, redirect, none, was: 'rout'; did you mean 'route'"),
        ({"action": "route"}, "needs skills or ok_skills"),
        ({"action": "redirect"}, "needs packs or ok_packs"),
        ({"action": "clarify", "question": 7}, "question is an id or null, was: 7"),
        ({"action": "none", "ok_skills": [1]}, "a label is an id, a list of ids"),
        (3.5, "a label is an id, a list of ids, or the full form, was: 3.5"),
    ],
)
def test_what_the_pack_does_not_have_is_named(tiny, label, message):
    with pytest.raises(ValueError, match=message):
        LabelReader(load_pack(tiny)).read(label)


def test_the_title_of_a_target_stands_for_its_id():
    labels = ["Order status", "order_refund", "Cards, lost"]
    reader = LabelReader(Pack.of({label: ["a", "b", "c"] for label in labels}))
    assert reader.read("Order status") == Gold("route", ("order-status",))
    assert reader.read("order_refund; Order status") == Gold(
        "route", ("order-refund", "order-status")
    )
    assert reader.read("Cards, lost") == Gold("route", ("cards-lost",))
    assert reader.read({"action": "route", "skills": ["order_refund"]}).skills == ("order-refund",)
    with pytest.raises(ValueError, match="was: 'Order_status'; did you mean 'order-status'"):
        reader.read("Order_status")


def test_a_title_that_is_a_name_of_something_else_or_stands_twice_is_no_id():
    pack = Pack.of({"a": ["1", "2", "3"], "b": ["4", "5", "6"]})
    first, second = pack.file.skills
    skills = (replace(first, title="none"), replace(second, title="b"))
    same = tuple(replace(skill, title="alike") for skill in pack.file.skills)
    reader = LabelReader(replace(pack, file=replace(pack.file, skills=skills)))
    assert reader.read("none") == Gold("none")
    with pytest.raises(ValueError, match="was: 'alike'"):
        LabelReader(replace(pack, file=replace(pack.file, skills=same))).read("alike")
