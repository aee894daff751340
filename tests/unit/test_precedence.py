import re
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.packs.pack_file import load_pack
from router.packs.precedence import Precedence
from router.paths import DEFAULT_PACK

SKILLS = "abcdef"
STEPS = st.lists(st.sampled_from(SKILLS), max_size=3, unique=True)
CHAINS = st.lists(st.lists(STEPS, max_size=4), max_size=4)
MENTIONS = st.lists(st.sampled_from(SKILLS + "xyz"), max_size=9)
QUICK = settings(max_examples=300, derandomize=True, deadline=None)


def declared_pairs(chains):
    """All pairs that the chains declare, closed by trying every path (Warshall)."""
    pairs = {
        (earlier, later)
        for chain in chains
        for place, step in enumerate(chain)
        for after in chain[place + 1 :]
        for earlier in step
        for later in after
    }
    for middle in SKILLS:
        for one in SKILLS:
            for other in SKILLS:
                if (one, middle) in pairs and (middle, other) in pairs:
                    pairs.add((one, other))
    return pairs


def precedence_of(chains):
    """The order of chains, or None if they are refused."""
    try:
        return Precedence.of_chains(chains)
    except ValueError:
        return None


@QUICK
@given(CHAINS)
def test_precedence_is_a_strict_partial_order_or_is_refused(chains):
    declared = declared_pairs(chains)
    precedence = precedence_of(chains)
    if any((one, one) in declared for one in SKILLS):
        assert precedence is None
        return
    assert precedence is not None
    assert precedence.pairs == declared
    before = precedence.before
    for one in SKILLS:
        assert not before(one, one)
        for other in SKILLS:
            assert not (before(one, other) and before(other, one))
            for third in SKILLS:
                if before(one, other) and before(other, third):
                    assert before(one, third)


@QUICK
@given(CHAINS, MENTIONS)
def test_sorting_keeps_each_skill_once_and_respects_every_pair(chains, mentioned):
    precedence = precedence_of(chains)
    if precedence is None:
        return
    given_order = precedence.sort(mentioned)
    assert sorted(given_order) == sorted(set(mentioned))
    for place, later in enumerate(given_order):
        assert not any(precedence.before(later, earlier) for earlier in given_order[:place])


@QUICK
@given(CHAINS, MENTIONS)
def test_what_is_in_order_already_stays_as_mentioned(chains, mentioned):
    precedence = precedence_of(chains)
    if precedence is None:
        return
    once = precedence.sort(mentioned)
    assert precedence.sort(once) == once
    loose = [skill for skill in dict.fromkeys(mentioned) if skill in "xyz"]
    assert [skill for skill in once if skill in "xyz"] == loose  # no chain ranks these


def test_order_by_hand():
    precedence = Precedence.of_chains([[["a", "b"], ["c"], ["d"]], [["t"], ["u"]]])
    assert precedence.sort(["d", "c", "a"]) == ("a", "c", "d")
    assert precedence.sort(["d", "b"]) == ("b", "d")  # though nothing between them is named
    assert precedence.sort(["b", "a"]) == ("b", "a")  # one step: as mentioned
    assert precedence.sort(["u", "t"]) == ("t", "u")
    assert precedence.sort(["u", "a"]) == ("u", "a")  # two chains: as mentioned
    assert precedence.sort(["c", "c", "a", "c"]) == ("a", "c")
    assert precedence.sort([]) == ()


def test_two_chains_join():
    precedence = Precedence.of_chains([[["b"], ["c"]], [["a"], ["b"]], [["c"], ["d"]]])
    assert precedence.before("a", "d")
    assert not precedence.before("d", "a")


def test_a_cycle_is_named():
    with pytest.raises(ValueError, match="a cycle: ") as error:
        Precedence.of_chains([[["a"], ["b"]], [["b"], ["c"]], [["c"], ["a"]], [["x"], ["a"]]])
    named = re.findall(r"\b[a-z]\b(?= before|$)", str(error.value))
    assert set(named) == {"a", "b", "c"}
    declared = {("a", "b"), ("b", "c"), ("c", "a")}
    assert set(zip(named, named[1:], strict=False)) == declared


def test_a_skill_before_itself_is_a_cycle():
    with pytest.raises(ValueError, match="a before a"):
        Precedence.of_chains([[["a"], ["b"], ["a"]]])


PRODUCTION = [
    "model-serving-patterns",
    "deployment-strategies",
    "scaling-and-load-balancing",
    "production-debugging-techniques",
    "production-monitoring-and-alerting",
]
OPTIMISING = [
    "quantization-for-inference",
    "model-compression-techniques",
    "hardware-optimization-strategies",
]
WORKFLOW = ["experiment-tracking-and-versioning", "mlops-pipeline-automation"]


@pytest.fixture(scope="module")
def shipped():
    return load_pack(DEFAULT_PACK).precedence


@pytest.mark.parametrize("optimising", OPTIMISING)
def test_the_shipped_order_is_that_of_the_rules(shipped, optimising):
    chain = (optimising, *PRODUCTION)
    assert all(shipped.sort(mentioned) == chain for mentioned in permutations(chain))
    assert shipped.sort(reversed(WORKFLOW)) == tuple(WORKFLOW)


def test_the_shipped_order_leaves_free_what_no_rule_orders(shipped):
    for one, other in permutations(OPTIMISING, 2):
        assert shipped.sort([one, other]) == (one, other)
    for one in WORKFLOW:
        for other in (*OPTIMISING, *PRODUCTION):
            assert shipped.sort([one, other]) == (one, other)
            assert shipped.sort([other, one]) == (other, one)


def test_an_order_is_learnt_where_exemplars_agree():
    orders = [
        ("refund", "cancel"),
        ("refund", "track", "cancel"),
        ("cancel", "pay"),
        ("pay", "track"),
    ]
    assert Precedence.learnt(orders).pairs == {("refund", "cancel")}
    assert Precedence.learnt([*orders, ("cancel", "refund")]).pairs == set()
    circle = [("a", "b"), ("b", "c"), ("c", "a")]
    assert Precedence.learnt(circle * 2).pairs == set()
