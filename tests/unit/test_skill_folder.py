import pytest
from conftest import write_skills
from skill_files import SKILLS, write_shop, write_skill

from router.errors import PackError
from router.packs.document import document_path, read_document
from router.skill_folders.document_lines import clauses_in, document_lines, without_lead_in
from router.skill_folders.folder import is_skill_folder, read_folder
from router.skill_folders.links import SkillMentions, served_elsewhere, without_cycles
from router.skill_folders.skill_document import read_skill


@pytest.fixture
def folder(tmp_path):
    return write_shop(tmp_path / "shop")


def raw(tmp_path, text):
    path = tmp_path / "pdf" / "SKILL.md"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_an_unquoted_colon_is_read_with_a_remark_at_its_line(tmp_path):
    skill = read_skill(raw(tmp_path, "---\nname: pdf\ndescription: Reads: a lot\n---\nBody\n"))
    assert skill.description == "Reads: a lot"
    assert [(one.line, "must be in quotes" in one.message) for one in skill.remarks] == [(3, True)]


def test_a_value_that_goes_on_below_an_unquoted_colon_is_read_whole(tmp_path):
    text = "---\nname: pdf\ndescription: It's for this: reading\n  and writing\n---\n"
    assert read_skill(raw(tmp_path, text)).description == "It's for this: reading and writing"


def test_long_descriptions_and_other_names_are_remarked_and_loaded(tmp_path):
    skill = read_skill(raw(tmp_path, f"---\nname: PDF\ndescription: {'x' * 1_025}\n---\n"))
    assert skill.name == "PDF"
    assert [str(one).rsplit("/", 1)[-1] for one in skill.remarks] == [
        "SKILL.md:2: the name must be that of the folder, 'pdf', was: 'PDF'; loaded anyway",
        "SKILL.md:3: a description has at most 1,024 characters, was: 1,025; clients may cut it",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# no frontmatter\n", r":1: a skill begins with frontmatter"),
        ("---\nname: pdf\n", r"no second one"),
        ("---\nname: pdf\n---\n", r"a skill has a description"),
        ("---\nname: pdf\ndescription:\n---\n", r":3: a skill has a description"),
        ("---\n- pdf\n---\n", r"`key: value` lines"),
    ],
)
def test_what_clients_refuse_is_refused_with_its_line(tmp_path, text, message):
    with pytest.raises(PackError, match=message):
        read_skill(raw(tmp_path, text))


FRONTMATTER = """---
name: pdf
description: Reads tables out of scans.
triggers: ["merge my scans", fill in a form]
metadata:
  tags: ocr, invoices
  version: 2.0
when_to_use: Use when the user wants tables, figures or text out of a scan.
keywords: {primary: [pdf], also: [pdf, scan]}
negative-triggers:
  - plan a garden
---
Body
"""


def test_keys_that_say_what_is_asked_for_are_read_wherever_they_stand(tmp_path):
    skill = read_skill(raw(tmp_path, FRONTMATTER))
    assert skill.uses == (
        "merge my scans",
        "fill in a form",
        "Use when the user wants tables, figures or text out of a scan.",
        "pdf",
        "scan",
        "ocr",
        "invoices",
    )
    assert skill.refusals == ("plan a garden",)
    lines = document_lines(skill)
    assert lines.listed_uses[:3] == (
        "merge my scans",
        "fill in a form",
        "tables, figures or text out of a scan",
    )
    assert lines.refusals == ("plan a garden",)


def test_aliases_of_aliases_are_read_once(tmp_path):
    lists = [f"k{i}: &k{i} [{', '.join([f'*k{i - 1}'] * 9)}]" for i in range(1, 30)]
    head = ["---", "name: pdf", "description: Reads.", "k0: &k0 [merge]", *lists]
    text = "\n".join([*head, "triggers: *k29", "---", ""])
    assert read_skill(raw(tmp_path, text)).uses == ("merge",)


def test_lead_ins_go_and_lists_come_apart():
    sentence = "Use this skill when the user wants to merge files, split pages, or rotate them"
    assert without_lead_in(sentence) == "merge files, split pages, or rotate them"
    assert clauses_in("merge files, split pages, or rotate them") == [
        "merge files",
        "split pages",
        "rotate them",
    ]


def test_texts_are_sorted_by_what_they_are_good_for(folder):
    lines = document_lines(read_skill(folder / "kitchen/skills/sourdough/SKILL.md"))
    assert lines.title == "Sourdough"
    assert lines.sentences == ("Bake bread with wild yeast", "dough won't rise")
    assert lines.quotes == ("my starter smells of acetone",)
    assert lines.listed_uses == ("The loaf came out flat",)
    assert lines.refusals == ("Cakes and biscuits: `pastry`",)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Don't use for cheap wine (use `wine-list`)", [("wine-list", "cheap wine")]),
        ("For tyres and rims, see wheel-change.", [("wheel-change", "tyres and rims")]),
        (
            "Fewer eggs: `pastry`, `wine-list`",
            [("pastry", "Fewer eggs"), ("wine-list", "Fewer eggs")],
        ),
        (
            "Cakes or tarts: [`pastry`](../pastry/SKILL.md). Red or white: `wine-list`.",
            [("pastry", "Cakes or tarts"), ("wine-list", "Red or white")],
        ),
        ("Do not use for cold starters", []),
        ("Not for this (use `own`)", []),
    ],
)
def test_not_for_x_but_y_is_an_exemplar_of_y(text, found):
    mentions = SkillMentions({one: one for one in ("pastry", "wine-list", "wheel-change", "own")})
    assert served_elsewhere(text, "own", mentions) == found


def test_an_order_keeps_what_came_first_and_names_what_contradicts():
    kept, refused = without_cycles([("a", "b"), ("b", "c"), ("c", "a"), ("a", "c")])
    assert kept == [("a", "b"), ("b", "c")]
    assert refused == [("c", "a")]


def test_one_broken_skill_of_many_is_left_out_with_its_reason(folder):
    (folder / "garage/skills/car-brakes/SKILL.md").write_text("nothing here")
    read = read_folder(folder)
    assert len(read.skills) == 3
    assert "left out" in read.warnings[0]
    assert "car-brakes" in read.warnings[0]


def test_a_copy_of_a_skill_is_read_once(folder):
    write_skill(folder / "mirror/pastry", SKILLS["kitchen/skills/pastry"][0])
    assert len(read_folder(folder).skills) == 4


def test_no_skill_anywhere_says_what_to_name(tmp_path):
    assert not is_skill_folder(tmp_path)
    with pytest.raises(PackError, match=r"name the folder that holds your\s+skills"):
        read_folder(tmp_path)


def test_linked_skills_are_read_once_each(folder, tmp_path):
    linked = tmp_path / "linked"
    (linked / "own").mkdir(parents=True)
    store = folder / "kitchen" / "skills"
    (linked / "pastry").symlink_to(store / "pastry")
    (linked / "again").symlink_to(store / "pastry")
    (linked / "loop").symlink_to(linked)
    (linked / "above").symlink_to(tmp_path)
    (linked / "own" / "SKILL.md").symlink_to(store / "sourdough" / "SKILL.md")
    assert is_skill_folder(linked)
    read = read_folder(linked)
    assert sorted(skill.id for skill in read.skills) == ["pastry", "sourdough"]
    for skill in read.skills:
        assert read_document(document_path(linked, skill.path)) == skill.document.text


def test_a_link_out_of_a_pack_leads_to_no_file_but_a_skill(tiny, tmp_path):
    (tmp_path / "secret.md").write_text("secret")
    (tiny / "skills" / "SKILL.md").symlink_to(tmp_path / "secret.md")
    assert document_path(tiny, "SKILL.md") is None
    assert document_path(tiny, "../../secret.md") is None


def test_ids_in_other_scripts_are_spelled_and_do_not_depend_on_each_other(tmp_path):
    names = {"\u6280\u80fd": "6280-80fd", "\u0447\u0430\u0439": "che-a-i", "Cr\u00e8me": "creme"}
    for name in names:
        write_skills(tmp_path, {name: f"Does what {name} says, and more of it"})
    ids = {skill.document.name: skill.id for skill in read_folder(tmp_path).skills}
    assert ids == names


@pytest.mark.parametrize(
    ("line", "remark"),
    [
        ('argument-hint: "[a]" or "[b]"', "the value of 'argument-hint' is not YAML"),
        ("argument-hint: [a] [b]", "the value of 'argument-hint' is not YAML"),
        ("licence: *free*", "the value of 'licence' is not YAML"),
        ("note: 'a guest's bill'", "the value of 'note' is not YAML"),
        ("no pair at all", "the line 'no pair at all' is not YAML; it is left out"),
    ],
)
def test_a_line_that_is_no_yaml_costs_that_line(tmp_path, line, remark):
    path = tmp_path / "bills" / "SKILL.md"
    path.parent.mkdir()
    path.write_text(f"---\nname: bills\n{line}\ndescription: Pays: bills\n---\n# Bills\n")
    document = read_skill(path)
    assert (document.name, document.description) == ("bills", "Pays: bills")
    assert document.lines["description"] == 4
    assert remark in str(document.remarks[0])
