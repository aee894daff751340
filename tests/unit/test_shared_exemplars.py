"""Exemplars that several skills share: read, written, checked and learnt."""

import json

import numpy as np
import pytest

from router.errors import PackError
from router.fitting.label_sets import fit_label_sets
from router.lint.counts import near_duplicates
from router.lint.packs import locate_in_folder
from router.model.label_sets import LabelSets
from router.packs.labelled_lines import routes_of
from router.packs.new_pack import write_new_pack
from router.packs.pack import Pack
from router.packs.pack_file import check_pack, load_pack, save_pack
from router.packs.route_file import read_routes
from router.packs.shared_exemplar import SharedExemplar, Twins
from router.statistics.probability import Logistic

ROUTES = {"buy a ticket": ["a", "b", "c"], "Refund": ["d", "e"]}
SEVERAL = [
    ("one to  Rome and my money back", ["buy a ticket", "Refund"]),
    ("cancel it", ["Refund", "Stop"]),
    ("stop, and a new one", ["stop", "buy-a-ticket"]),
    ("stop and refund", ["stop", "refund"]),
]


def made():
    return Pack.of(ROUTES, several=SEVERAL, title="trains")


def test_a_route_may_have_shared_exemplars_alone_and_be_named_by_label_or_id():
    pack = made()
    assert list(pack.skills) == ["buy-a-ticket", "refund", "stop"]
    assert pack.skills["stop"].title == "Stop"
    first = SharedExemplar("one to Rome and my money back", ("buy-a-ticket", "refund"))
    assert pack.exemplars.several[0] == first
    assert pack.faults() == []
    rows = list(pack.target_exemplars())
    assert rows[-2:] == [("skill:stop", "stop and refund"), ("skill:refund", "stop and refund")]
    assert len(list(pack.target_exemplars(shared=False))) == 5


def test_they_are_written_and_read_back(tmp_path):
    save_pack(made(), tmp_path / "saved")
    assert load_pack(tmp_path / "saved") == made()
    assert write_new_pack(made(), tmp_path / "new", tmp_path / "trains.csv", False) == made()
    again = write_new_pack(made(), tmp_path / "new", tmp_path / "trains.csv", True)
    assert again.exemplars.several == made().exemplars.several


def test_a_query_is_routed_to_as_many_skills_as_an_exemplar_has(tmp_path):
    labels = ["a", "b", "c", "d", "e"]
    pack = Pack.of({}, several=[("x", labels), ("y", labels), ("z", labels)])
    assert pack.file.policy.max_skills == 5
    assert write_new_pack(pack, tmp_path / "new", tmp_path / "x.csv", False) == pack


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"text": "x", "targets": ["refund"]}', r"several.jsonl:1: a line is like"),
        ('{"text": "", "targets": ["refund", "stop"]}', r"several.jsonl:1: a line is like"),
        ('{"text": "x"', r"several.jsonl:1: a line is like"),
        (
            '{"text": "x", "targets": ["refund", "refnd"]}',
            r"several.jsonl: 'x' has 'refnd': not a skill; did you mean 'refund'",
        ),
        (
            '{"text": "x", "targets": ["refund", "refund"]}',
            r"several.jsonl: 'x' names at least 2 different skills",
        ),
        (
            '{"text": "D", "targets": ["refund", "stop"]}',
            r"several.jsonl: 'D' stands in skills/refund too; keep one",
        ),
    ],
)
def test_faults_of_the_file_are_named(tmp_path, line, message):
    save_pack(made(), tmp_path)
    (tmp_path / "exemplars/several.jsonl").write_text(line + "\n")
    _, faults = check_pack(tmp_path)
    with pytest.raises(AssertionError, match=message):
        assert not faults, "\n".join(map(str, faults))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "text,label\na,x\nb,x\nc,x\nboth,\"['x', 'y']\"\nd,y\ne,y\n"),
        (
            "a.jsonl",
            '{"text": "a", "label": "x"}\n{"text": "b", "label": ["x"]}\n'
            '{"text": "c", "label": "x"}\n{"text": "both", "label": ["x", "y"]}\n'
            '{"text": "d", "label": "y"}\n{"text": "e", "label": "y"}\n',
        ),
        ("a.json", json.dumps([["a", "b", "c", "both", "d", "e"], [*"xxx", ["x", "y"], *"yy"]])),
    ],
)
def test_a_file_may_give_a_line_several_labels(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    pack = read_routes(tmp_path / name)
    assert pack.exemplars.several == (SharedExemplar("both", ("x", "y")),)
    assert pack.exemplars.skills == {"x": ("a", "b", "c"), "y": ("d", "e")}


def test_pairs_in_python_are_rows_and_an_empty_list_of_labels_is_none():
    pairs = [("a", "x"), ("both", ["x", "y"]), ("nothing", [])]
    assert routes_of(pairs) == ({"x": ["a"]}, ["nothing"], [("both", ["x", "y"])])
    assert routes_of(pairs[:2]) == ({"x": ["a"]}, [], [("both", ["x", "y"])])


def test_a_label_that_is_no_text_is_refused():
    with pytest.raises(PackError, match="row 1: a label is text or a number"):
        routes_of([("a", ["x", {}])])


def test_skills_that_go_together_are_learnt_and_held_out_texts_rescale_them():
    chance = np.random.default_rng(0)
    axes = np.eye(8, dtype=np.float32)
    several = [(f"both {i}", ["x", "y"]) for i in range(24)]
    routes = {
        "x": [f"x {i}" for i in range(12)],
        "y": [f"y {i}" for i in range(12)],
        "z": [f"z {i}" for i in range(12)],
    }
    pack = Pack.of(routes, several=several)
    assert pack.learns_label_sets
    rows = sorted(pack.target_exemplars())
    texts = [text for _, text in rows]
    meant = {"b": axes[0] + axes[1], "x": axes[0], "y": axes[1], "z": axes[2]}
    noise = chance.normal(0, 0.1, (len(texts), 8)).astype(np.float32)
    vectors = np.array([meant[text[0]] for text in texts]) + noise
    held_out = np.full((len(texts), 3), 1 / 3)
    sets = fit_label_sets(pack, texts, vectors, np.arange(len(texts)), held_out)
    assert np.isneginf(sets.biases).tolist() == [False, False, True]  # z shares no exemplar
    seen = sets.probabilities(
        np.stack([meant["b"], meant["x"], meant["z"]]).astype(np.float32), np.full((3, 3), 1 / 3)
    )
    assert (seen >= 0.5).tolist() == [[True, True, False], [True, False, False], [False] * 3]


def test_few_shared_exemplars_leave_the_judgement_to_clauses():
    assert not made().learns_label_sets
    assert made().extra_skill_threshold() == 0.75
    labels = Pack.of({}, several=[(f"{i}", ["x", "y"]) for i in range(20)])
    assert labels.extra_skill_threshold() == 0.5


def test_a_skill_that_shares_nothing_is_never_a_further_one():
    sets = LabelSets(
        np.zeros((2, 2), np.float32), np.array([0.0, -np.inf]), Logistic(np.ones(3), 0.0)
    )
    probabilities = sets.probabilities(np.ones((1, 2), np.float32), np.array([[0.5, 0.5]]))
    assert probabilities[0, 1] == 0.0 < probabilities[0, 0]


# Twins

TWIN = '{"in": "refund  my ticket", "out": "refund my deposit", "target": "refund"}'


def with_twins(folder, *lines):
    save_pack(made(), folder)
    (folder / "exemplars/twins.jsonl").write_text("\n".join(lines))
    return folder


def test_of_twins_one_is_an_exemplar_of_its_target_and_the_other_one_of_none(tmp_path):
    pack = load_pack(with_twins(tmp_path / "read", TWIN, TWIN, ""))
    assert pack.exemplars.twins == (Twins("refund my ticket", "refund my deposit", "refund"),)
    rows = list(pack.target_exemplars(shared=False))
    assert rows[-2:] == [("skill:refund", "refund my ticket"), ("none", "refund my deposit")]
    save_pack(pack, tmp_path / "saved")
    assert load_pack(tmp_path / "saved") == pack


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"in": "x", "target": "refund"}', r'twins.jsonl:1: a line is like {"in": "a query"'),
        (TWIN.replace('"refund"}', '"refnd"}'), r"'refnd': not a skill or .* mean 'refund'"),
        (TWIN.replace("refund my deposit", "d"), r"twins.jsonl: 'd' stands in skills/refund"),
    ],
)
def test_faults_of_twins_are_named(tmp_path, line, message):
    _, faults = check_pack(with_twins(tmp_path, line))
    with pytest.raises(AssertionError, match=message):
        assert not faults, "\n".join(map(str, faults))


def test_twins_are_no_near_duplicates(tmp_path):
    twins = [TWIN.replace("deposit", "tickets").replace("refund  my", "refund my"), TWIN]
    folder = with_twins(tmp_path, TWIN.replace("my deposit", "my  ticket!"), twins[0])
    pack = load_pack(folder)
    labels, texts = zip(*pack.target_exemplars(), strict=True)
    same = near_duplicates(pack, labels, texts, None, locate_in_folder(folder))
    assert not [f for f in same if "refund my ticket" in f.message]
    assert locate_in_folder(folder)("none", "refund my tickets") == (
        str(folder / "exemplars/twins.jsonl"),
        2,
    )
