"""`router init FILE`: a pack that a person goes on editing."""

import re

import pytest
from typer.testing import CliRunner

from router.cli import app
from router.errors import PackError
from router.packs.new_pack import write_new_pack
from router.packs.pack import Pack
from router.packs.pack_file import check_pack, load_pack

ROUTES = {
    "Order status": ["where is my order", "#1 is late", "track it"],
    "réclamation: “oh”": ["I complain", "this is bad", "never again"],
    "yes": ["a", "b", "c"],
}


def made():
    data = {"yes": {"handler": "agree", "retries": 2}}
    return Pack.of(ROUTES, none=["what is love"], data=data, title="shop")


def test_the_pack_is_read_back_as_it_was(tmp_path):
    pack = write_new_pack(made(), tmp_path / "pack", tmp_path / "shop.csv", False)
    assert pack == made() == load_pack(tmp_path / "pack")


def test_only_what_a_person_edits_is_written(tmp_path):
    write_new_pack(made(), tmp_path / "pack", tmp_path / "shop.csv", False)
    text = (tmp_path / "pack/pack.yaml").read_text(encoding="utf-8")
    plain = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)
    keys = set(re.findall(r"^[- ]*([a-z_]+):", plain, re.MULTILINE))
    assert keys == {
        *("format", "id", "title", "summary", "categories", "concern", "skills", "category"),
        *("data", "handler", "retries"),
    }
    assert "made of shop.csv" in text
    assert "réclamation: “oh”" in text
    lines = (tmp_path / "pack/exemplars/skills/order-status.txt").read_text().splitlines()
    assert lines[0].startswith("# Queries that ask for 'Order status'")
    assert lines[1:] == ["where is my order", "\\#1 is late", "track it"]


def test_what_stands_there_as_a_comment_is_valid_once_the_marks_are_removed(tmp_path):
    write_new_pack(made(), tmp_path / "pack", tmp_path / "shop.csv", False)
    path = tmp_path / "pack/pack.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(
        re.sub(r"^# (?=questions:|policy:|wording:|- id:|  )", "", text, flags=re.MULTILINE),
        encoding="utf-8",
    )
    pack, faults = check_pack(tmp_path / "pack")
    assert faults == []
    assert pack.file.policy.ask_rate == 0.1
    question = pack.questions["which-of-them"]
    assert [option.leads_to.skills for option in question.options] == [
        ("order-status",),
        ("reclamation-oh",),
    ]
    assert len(pack.exemplars.questions["which-of-them"]) == 3


def test_faults_are_named_and_nothing_is_written(tmp_path):
    pack = Pack.of({"a": ["one", "two"], "b": ["three", "four", "five"]})
    message = "(?s)shop.csv: nothing was written.*exemplars/skills/a: needs at least 3 exemplars"
    with pytest.raises(PackError, match=message):
        write_new_pack(pack, tmp_path / "pack", tmp_path / "shop.csv", False)
    assert not (tmp_path / "pack").exists()


def test_nothing_of_others_is_overwritten(tmp_path):
    out, source = tmp_path / "pack", tmp_path / "shop.csv"
    write_new_pack(made(), out, source, False)
    with pytest.raises(PackError, match="a pack is there already; cure: --force"):
        write_new_pack(made(), out, source, False)
    smaller = Pack.of({"a": ["1", "2", "3"]}, title="shop")
    assert write_new_pack(smaller, out, source, True) == smaller
    assert [path.name for path in (out / "exemplars/skills").iterdir()] == ["a.txt"]
    (tmp_path / "full").mkdir()
    (tmp_path / "full/letter.txt").write_text("dear")
    with pytest.raises(PackError, match=r"letter.txt: the folder of a new pack is empty"):
        write_new_pack(made(), tmp_path / "full", source, False)


def test_the_command_makes_a_pack_of_a_file_that_check_finds_valid(tmp_path):
    rows = [f"{text},{label}" for label, lines in ROUTES.items() for text in lines]
    path = tmp_path / "shop.csv"
    path.write_text("\n".join(["text,label", *rows, "what is love,none"]), encoding="utf-8")
    run = CliRunner().invoke(app, ["init", str(path)])
    assert run.exit_code == 0, run.output
    assert "shop: a pack in" in run.output
    checked = CliRunner().invoke(app, ["check", str(tmp_path / "shop")])
    assert checked.exit_code == 0
    assert checked.output == "shop is valid: 3 skills, 0 neighbours, 0 questions, 10 exemplars.\n"


def test_the_command_prints_what_was_passed_over(tmp_path):
    path = tmp_path / "nlu.yml"
    path.write_text(
        "nlu:\n- intent: a\n  examples: |\n    - 1\n    - 2\n    - 3\n- synonym: x\n  examples: y\n"
    )
    run = CliRunner().invoke(app, ["init", str(path), "--out", str(tmp_path / "pack")])
    assert run.exit_code == 0, run.output
    assert "passed over: synonym (1)" in " ".join(run.output.split())
