import json

import pytest
from conftest import shared_encoder

from router import Router
from router.decisions.decision import NoRoute
from router.errors import PackError
from router.fitting.fit import fit_model
from router.packs.faults import MIN_EXEMPLARS
from router.packs.pack_file import load_pack
from router.skill_folders.document_lines import clauses_in, document_lines, without_lead_in
from router.skill_folders.folder import is_skill_folder, pack_of_folder, read_folder
from router.skill_folders.links import SkillMentions, served_elsewhere, without_cycles
from router.skill_folders.pack_of_skills import init_pack
from router.skill_folders.skill_document import read_skill

BREAD = """# Sourdough

## When to use
- "my starter smells of acetone"
- The loaf came out flat

## When not to use
- Cakes and biscuits: `pastry`

## Method
Knead, rest, shape; then use `pastry` for the dessert.
"""
SKILLS = {
    "kitchen/skills/sourdough": ("Bake bread with wild yeast. Use when dough won't rise.", BREAD),
    "kitchen/skills/pastry": (
        "Bake cakes, tarts and biscuits with butter and sugar.",
        "# Pastry\n\n## When to use\n- Puff pastry or short crust\n- Fruit tarts, apple pie\n",
    ),
    "garage/skills/car-brakes": (
        "Repair the brakes of a car: pads, discs, fluid. For tyres, see wheel-change.",
        "# Brakes\n\n| sign | cause |\n|---|---|\n| pedal feels soft | air in the line |\n"
        "| noise when braking | worn pads |\n",
    ),
    "garage/skills/wheel-change": (
        "Change wheels and mend flat tyres of a car.",
        "# Wheels\n\n## Symptoms\n- A tyre loses air\n- Puncture on the road\n",
    ),
}


def write_skill(folder, description, body="", name=None):
    folder.mkdir(parents=True, exist_ok=True)
    head = f"---\nname: {name or folder.name}\ndescription: {json.dumps(description)}\n---\n\n"
    (folder / "SKILL.md").write_text(head + body, encoding="utf-8")
    return folder / "SKILL.md"


@pytest.fixture
def folder(tmp_path):
    for place, (description, body) in SKILLS.items():
        write_skill(tmp_path / "shop" / place, description, body)
    return tmp_path / "shop"


def raw(tmp_path, text):
    path = tmp_path / "pdf" / "SKILL.md"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_an_unquoted_colon_is_read_with_a_remark_at_its_line(tmp_path):
    skill = read_skill(raw(tmp_path, "---\nname: pdf\ndescription: Reads: a lot\n---\nBody\n"))
    assert skill.description == "Reads: a lot"
    assert [(one.line, "stands in quotes" in one.message) for one in skill.remarks] == [(3, True)]


def test_a_value_that_goes_on_below_an_unquoted_colon_is_read_whole(tmp_path):
    text = "---\nname: pdf\ndescription: It's for this: reading\n  and writing\n---\n"
    assert read_skill(raw(tmp_path, text)).description == "It's for this: reading and writing"


def test_long_descriptions_and_other_names_are_remarked_and_loaded(tmp_path):
    skill = read_skill(raw(tmp_path, f"---\nname: PDF\ndescription: {'x' * 1_025}\n---\n"))
    assert skill.name == "PDF"
    assert [str(one).rsplit("/", 1)[-1] for one in skill.remarks] == [
        "SKILL.md:2: the name is the folder's, 'pdf', was: 'PDF'; loaded all the same",
        "SKILL.md:3: a description has at most 1,024 characters, was: 1,025; clients may cut it",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# no frontmatter\n", r":1: a skill begins with frontmatter"),
        ("---\nname: pdf\n", r"no second one"),
        ("---\nname: pdf\n---\n", r"a skill has a description"),
        ("---\nname: pdf\ndescription:\n---\n", r":3: a skill has a description"),
        ("---\nname: [pdf\ndescription: x\n---\n", r":\d: the frontmatter is not YAML"),
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


def test_plugins_are_categories_and_exclusions_go_where_they_belong(folder):
    pack, warnings = pack_of_folder(folder, shared_encoder())
    assert [one.id for one in pack.file.categories] == ["garage", "kitchen"]
    assert {one.id: one.category for one in pack.file.skills}["pastry"] == "kitchen"
    assert "Cakes and biscuits" in pack.exemplars.skills["pastry"]
    assert not any("tyres" in line for line in pack.exemplars.skills["car-brakes"])
    assert "pedal feels soft" in pack.exemplars.skills["car-brakes"]
    assert pack.file.order == ((("sourdough",), ("pastry",)),)
    assert all(len(lines) >= MIN_EXEMPLARS for lines in pack.exemplars.skills.values())
    assert warnings == []


def test_a_flat_folder_is_one_category_and_ids_are_legal_and_unique(tmp_path):
    write_skill(tmp_path / "one", "Reads tables out of scanned letters.", name="Größe_Übung v2")
    write_skill(
        tmp_path / "two", "Writes letters of complaint to a landlord.", name="größe übung V2"
    )
    write_skill(tmp_path / "three", "Plans a garden.", name="計画")
    pack, _ = pack_of_folder(tmp_path, shared_encoder())
    assert [one.id for one in pack.file.categories] == ["skills"]
    assert list(pack.skills) == ["grosse-ubung-v2", "three", "skills-grosse-ubung-v2"]


def test_one_broken_skill_of_many_is_left_out_with_its_reason(folder):
    (folder / "garage/skills/car-brakes/SKILL.md").write_text("nothing here")
    read = read_folder(folder)
    assert len(read.skills) == 3
    assert "left out" in read.warnings[0]
    assert "car-brakes" in read.warnings[0]


def test_a_copy_of_a_skill_is_read_once(folder):
    write_skill(folder / "mirror/pastry", SKILLS["kitchen/skills/pastry"][0])
    assert len(read_folder(folder).skills) == 4


def test_a_skill_that_only_points_to_others_is_no_target(folder):
    for name in ("jam", "cheese"):
        write_skill(folder / f"kitchen/skills/{name}", f"Make {name} from fruit or milk at home.")
    body = "## Order\n1. `cheese`\n2. `sourdough`\n3. `jam`\n4. `pastry`\n"
    write_skill(folder / "kitchen/skills/using-kitchen", "Routes to kitchen skills.", body)
    pack, warnings = pack_of_folder(folder, shared_encoder())
    assert "using-kitchen" not in pack.skills
    assert pack.precedence.before("cheese", "jam")
    assert any("no target" in warning for warning in warnings)


def test_no_skill_anywhere_says_what_to_name(tmp_path):
    assert not is_skill_folder(tmp_path)
    with pytest.raises(PackError, match=r"name the folder that holds your\s+skills"):
        read_folder(tmp_path)


def test_init_writes_what_loads_and_lets_nobody_lose_work(folder):
    pack, warnings = init_pack(folder, None, shared_encoder(), False, lambda _: None)
    assert warnings == []
    assert load_pack(folder) == pack
    assert pack.skills["pastry"].document == "kitchen/skills/pastry/SKILL.md"
    with pytest.raises(PackError, match="--force"):
        init_pack(folder, None, shared_encoder(), False, lambda _: None)
    again, _ = init_pack(folder, None, shared_encoder(), True, lambda _: None)
    assert again == pack


def test_init_elsewhere_copies_the_documents(folder, tmp_path):
    out = tmp_path / "out"
    pack, warnings = init_pack(folder, out, shared_encoder(), False, lambda _: None)
    assert load_pack(out) == pack
    for skill in pack.file.skills:
        text = (out / skill.document).read_text()
        assert text == (folder / skill.document.removeprefix("documents/")).read_text()
        assert pack.documents[skill.id] == text
    assert "outside" in warnings[-1]


def test_a_folder_never_seen_routes_queries_in_other_words(folder):
    pack, _ = pack_of_folder(folder, shared_encoder())
    router = Router(pack, shared_encoder(), fit_model(pack, shared_encoder()))
    wanted = {
        "my loaf stays flat and dense": "sourdough",
        "how much butter for an apple tart": "pastry",
        "it squeaks when I brake": "car-brakes",
        "I have a puncture on the motorway": "wheel-change",
    }
    skills = router.model.layout.skills
    best = router.evidence_and_result(list(wanted))[0].probabilities[:, skills].argmax(axis=1)
    assert [list(pack.skills)[i] for i in best] == list(wanted.values())
    assert isinstance(router.route("who was the first woman in space?"), NoRoute)
