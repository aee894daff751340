from pathlib import Path

import pytest
from conftest import TINY_YAML, shared_encoder

from router.errors import PackError
from router.lint import lint
from router.lint.confusion import ambiguous_words
from router.packs.pack import Exemplars, Pack
from router.packs.parts import Category, PackFile, Skill
from router.paths import DEFAULT_PACK

GOOD = "---\nname: pdf\ndescription: Reads PDF files.\n---\nBody\n"


def document(tmp_path, text, folder="pdf"):
    path = tmp_path / folder / "SKILL.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return path


def test_a_vague_and_a_long_skill_are_warned_of(tmp_path):
    path = document(tmp_path, GOOD + "line\n" * 500)
    assert [(finding.rule, finding.line) for finding in lint(path.parent, shared_encoder())] == [
        ("vague-description", 3),
        ("long-document", 501),
    ]


def test_twins_are_confused_and_hard_to_reach(tmp_path):
    body = "# {0}\n\n## When to use\n{1}"
    items = [
        "grill sausages over coal",
        "how hot should the coal be",
        "marinate meat for the barbecue",
    ]
    others = [
        "barbecue sausages on coal",
        "how hot must the coal get",
        "marinade for meat on the grill",
    ]
    for name, lines in (("grill", items), ("barbecue", others)):
        listed = "".join(f"- {line}\n" for line in lines)
        text = f"---\nname: {name}\ndescription: Cook meat on hot coal outdoors in summer.\n---\n"
        document(tmp_path, text + body.format(name.title(), listed), name)
    text = (
        "---\nname: taxes\ndescription: Fill in an income tax return for the year.\n---\n# Taxes\n"
    )
    document(tmp_path, text, "taxes")
    findings = lint(tmp_path, shared_encoder())
    pairs = [finding for finding in findings if finding.rule == "confusable-pair"]
    assert len(pairs) == 1
    assert "barbecue and grill will be confused" in pairs[0].message
    assert pairs[0].line > 0
    assert not any(
        "taxes" in finding.message for finding in findings if finding.rule == "confusable-pair"
    )


def test_a_line_in_the_wrong_file_is_found_with_its_line(tiny):
    path = tiny / "exemplars" / "skills" / "sell-bikes.txt"
    path.write_text(path.read_text() + "the brake pads of my front brake are worn\n")
    findings = [
        finding for finding in lint(tiny, shared_encoder()) if finding.rule == "stray-exemplar"
    ]
    assert [(finding.path, finding.line) for finding in findings] == [(str(path), 11)]
    assert "fix-brakes" in findings[0].message


def test_options_that_cannot_be_told_apart_are_found(tiny):
    replies = tiny / "exemplars" / "options" / "which-part"
    (replies / "tyre.txt").write_text("it doesn't stop\nthe brake pads\nthe lever is soft\n")
    findings = [
        finding for finding in lint(tiny, shared_encoder()) if finding.rule == "options-alike"
    ]
    line = TINY_YAML.splitlines().index("  - id: which-part") + 1
    assert [finding.line for finding in findings] == [line]


def made_pack(lines):
    file = PackFile(
        format=1,
        id="house",
        title="House",
        summary="Keep a house.",
        categories=(Category(id="home", title="Home", concern="All of it."),),
        skills=tuple(
            Skill(id=skill, category="home", title=skill, summary=skill) for skill in lines
        ),
    )
    return Pack(file, Exemplars(lines, {}, {}, {}, ()))


def test_a_word_that_two_skills_share_without_a_question_is_found():
    rooms = ("bath", "kitchen", "attic", "cellar", "hall", "stairs", "study", "porch")
    pack = made_pack(
        {
            "phones": tuple(f"the battery of my phone in the {room}" for room in rooms),
            "laptops": tuple(f"the battery of my laptop in the {room}" for room in rooms),
            "taxes": ("file my income tax", "tax return is late", "deduct my train ticket"),
            "bread": ("knead the dough", "bake a loaf of rye", "the oven is too hot"),
        }
    )
    findings = list(ambiguous_words(pack, shared_encoder(), lambda target, _: (target, 1)))
    shared = [finding for finding in findings if finding.message.startswith("'battery'")]
    assert [(finding.path, finding.line) for finding in shared] == [("skill:phones", 1)]
    assert "phones and laptops" in shared[0].message
    assert not any(finding.message.startswith(("'phone'", "'laptop'")) for finding in findings)


def test_a_fault_of_a_pack_is_an_error_at_its_line(tiny):
    text = TINY_YAML.replace("category: counter", "category: till")
    (tiny / "pack.yaml").write_text(text)
    (finding,) = lint(tiny, shared_encoder())
    line = text.splitlines().index("    category: till") + 1
    assert (finding.level, finding.rule, finding.line) == ("error", "pack", line)


def test_nothing_to_lint_says_what_to_name(tmp_path):
    with pytest.raises(PackError, match="neither pack.yaml nor any SKILL.md"):
        lint(tmp_path, shared_encoder())


def test_our_own_skills_are_clean():
    folder = Path(__file__).parents[2] / "skills"
    findings = lint(folder, shared_encoder())
    assert [finding.text() for finding in findings if finding.level != "notice"] == []


def test_our_own_pack_is_clean(router):
    findings = lint(DEFAULT_PACK, router.encoder)
    assert [finding.text() for finding in findings if finding.level != "notice"] == []
