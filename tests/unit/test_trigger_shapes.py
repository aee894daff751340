"""Trigger evaluations of every shape come out as the same triggers."""

import json

import pytest
from skill_files import write_skill

from router.errors import LogError, RouterError
from router.evaluation.fail_under import read_conditions, unmet_conditions
from router.evaluation.trigger_shapes import Trigger
from router.evaluation.triggers import TRIGGER_FIGURES, read_triggers
from router.statistics.figure import Figure

BOTH = [Trigger("merge two files", "pdf"), Trigger("bake bread", "pdf", False)]
SHAPES = {
    "entries.json": [
        {"query": "merge two files", "should_trigger": True},
        {"query": "bake bread", "should_trigger": False},
    ],
    "sides.json": {
        "skill": "pdf",
        "should_trigger": ["merge two files"],
        "should_not_trigger": ["bake bread"],
    },
    "camel.json": {
        "skillName": "pdf",
        "shouldTrigger": [{"prompt": "merge two files"}],
        "should-not-trigger": ["bake bread"],
    },
    "by-skill.json": {
        "pdf": {"should_trigger": ["merge two files"], "should_not_trigger": ["bake bread"]}
    },
    "evals.json": {
        "skill_name": "pdf",
        "evals": [
            {"id": 1, "prompt": "merge two files", "expected_output": "One file."},
            {"id": 2, "prompt": "bake bread", "should_trigger": False},
        ],
    },
    "sides.yaml": (
        "skill: pdf\nshould_trigger:\n  - merge two files\nshould_not_trigger:\n  - bake bread\n"
    ),
    "entries.csv": "query,should_trigger\nmerge two files,true\nbake bread,false\n",
    "blank.csv": "query,should_trigger,skill\nmerge two files,yes,\nbake bread,no, \n",
}


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.parametrize("name", SHAPES)
def test_each_shape_gives_the_same_triggers(name, tmp_path):
    assert read_triggers(write(tmp_path / name, SHAPES[name]), "pdf") == BOTH


EXPECTED = [
    Trigger("merge two files", "pdf", expected=True),
    Trigger("bake bread", "", expected=True),
    Trigger("fill a form", "forms", expected=True, alternates=("pdf",)),
]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (
            "e.json",
            [
                {"prompt": "merge two files", "expected": "pdf"},
                {"prompt": "bake bread", "expected": None},
                {"prompt": "fill a form", "expected": ["forms", "pdf"]},
            ],
        ),
        (
            "e.yaml",
            "queries:\n- {text: merge two files, expected_skill: pdf}\n"
            "- {text: bake bread, expected_skill: none}\n"
            "- {text: fill a form, expected_skill: forms, alternates: [pdf]}\n",
        ),
        (
            "e.csv",
            "query,expected_skill,alternate_routes\nmerge two files,pdf,\nbake bread,none,\n"
            "fill a form,forms,pdf\n",
        ),
    ],
)
def test_queries_with_the_expected_skill_or_none(name, content, tmp_path):
    assert read_triggers(write(tmp_path / name, content)) == EXPECTED


def test_files_below_skills_are_about_their_skills(tmp_path):
    for name in ("pdf", "docx"):
        write_skill(tmp_path / name, "Reads files.")
        write(tmp_path / name / "evals" / "evals.json", {"evals": [{"prompt": f"a {name} file"}]})
    write(tmp_path / "docx" / "assets" / "data.json", {"not": "a trigger"})
    write(tmp_path / "pdf" / "triggers.json", {"rows": 3})
    with pytest.warns(UserWarning, match=r"left out: .*pdf/triggers.json"):
        triggers = read_triggers(tmp_path)
    assert triggers == [Trigger("a docx file", "docx"), Trigger("a pdf file", "pdf")]
    with pytest.raises(LogError, match="no file of triggers is below it"):
        read_triggers(tmp_path / "docx" / "assets")


def test_yaml_that_is_no_list_of_triggers_says_what_is_missing(tmp_path):
    with pytest.raises(LogError, match=r"an entry has query and should_trigger"):
        read_triggers(write(tmp_path / "t.yaml", "- query: hello\n"), "pdf")


def test_bounds_by_hand():
    names = ("right", *TRIGGER_FIGURES)
    bounds = read_conditions(["right=0.9", "within_3=0.95", "false_triggers=0.1"], names)
    assert bounds == {"right": 0.9, "within_3": 0.95, "false_triggers": 0.1}
    figures = {
        "right": Figure.of_share(9, 10),
        "within_3": Figure.of_share(9, 10),
        "false_triggers": Figure.of_share(2, 10),
    }
    assert unmet_conditions(bounds, figures) == [
        "within_3 must be at least 0.95, was: 0.9 (n = 10)",
        "false_triggers must be at most 0.1, was: 0.2 (n = 10)",
    ]
    for wrong in ("right=x", "right=1.5", "first=0.5"):
        with pytest.raises(RouterError, match="a condition is |a share in"):
            read_conditions([wrong], names)
