"""What a folder of skills is: plugins, nested documents, placeholders, and who may invoke them."""

import pytest
from conftest import shared_encoder

from router.skill_folders.folder import pack_of, read_folder


def write_skill(folder, text):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "SKILL.md").write_text(text, encoding="utf-8")


def document(name, description="Mends a broken thing. Use when it squeals.", *, more="", body=""):
    return f"---\nname: {name}\ndescription: {description}\n{more}---\n{body}"


def made(folder):
    return pack_of(read_folder(folder), shared_encoder(), lambda _: None)


def test_a_nested_document_is_a_part_unless_it_is_a_skill_of_its_own(tmp_path):
    above = document("deploy", "Deploys apps. Use when one ships.", body="Read `models/SKILL.md`.")
    write_skill(tmp_path / "deploy", above)
    write_skill(tmp_path / "deploy/models", document("models", "Ships weights. Use when heavy."))
    write_skill(tmp_path / "deploy/notes", document("notes", "Lists what has changed."))
    write_skill(tmp_path / "deploy/wipe", document("wipe", "Erases disks. Use when one is sold."))
    write_skill(tmp_path / "deploy/skills/undo", document("undo", "Takes a release back."))
    read = read_folder(tmp_path)
    assert sorted(skill.id for skill in read.skills) == ["deploy", "undo", "wipe"]
    parts = next(skill for skill in read.skills if skill.id == "deploy").lines.parts
    assert {"models", "Ships weights", "notes", "Lists what has changed"} <= set(parts)


@pytest.mark.parametrize(
    "text",
    [
        document("template-skill", "Replace with description of the skill and when to use it."),
        document("mine", '"TODO: say what it does"'),
        document("mine", '"[TODO] what and when"'),
        document("your-skill-name", "Does a thing."),
    ],
)
def test_a_template_that_nobody_filled_in_is_left_out(tmp_path, text):
    write_skill(tmp_path / "real", document("real"))
    write_skill(tmp_path / "made", text)
    read = read_folder(tmp_path)
    assert [skill.id for skill in read.skills] == ["real"]
    assert "a template that nobody has filled in" in read.warnings[0]


def test_a_title_is_the_first_heading_or_the_name_and_never_a_later_heading(tmp_path):
    bodies = {"first": "# Brakes of cars\n## Steps\n", "later": "Text.\n\n# Pads\n", "none": "x\n"}
    bodies |= {"second": "## When to use\n- squeals\n", "generic": "# Overview\n"}
    for name, body in bodies.items():
        write_skill(tmp_path / name, document(name, f"Mends {name} things.", body=body))
    titles = {skill.id: skill.lines.title for skill in read_folder(tmp_path).skills}
    expected = {"first": "Brakes of cars", "later": "Later", "none": "None", "second": "Second"}
    assert titles == expected | {"generic": "Generic"}


def test_two_skills_of_one_name_are_told_apart_by_plugin(tmp_path):
    for plugin, purpose in {"garage": "Mends cars.", "office": "Mends files."}.items():
        write_skill(tmp_path / f"plugins/{plugin}/skills/mend", document("mend", purpose))
        marked = tmp_path / f"plugins/{plugin}/.claude-plugin"
        marked.mkdir()
        (marked / "plugin.json").write_text(f'{{"name": "{plugin}"}}')
    pack, _ = made(tmp_path)
    titles = {skill.id: skill.title for skill in pack.file.skills}
    assert titles == {"mend": "Mend (garage)", "office-mend": "Mend (office)"}
    assert [skill.category for skill in pack.file.skills] == ["garage", "office"]


def test_what_only_users_may_invoke_is_named_and_never_chosen(tmp_path):
    write_skill(tmp_path / "brakes", document("brakes", "Repairs squealing brakes of bicycles."))
    only = document("wipe", "Erases disks for good.", more="disable-model-invocation: true\n")
    write_skill(tmp_path / "wipe", only)
    pack, warnings = made(tmp_path)
    assert list(pack.skills) == ["brakes"]
    assert list(pack.neighbours) == ["wipe"]
    assert "only users may invoke it" in " ".join(warnings)
    assert pack.faults() == []


def test_line_ends_marks_tabs_and_dot_folders_change_nothing(tmp_path):
    text = document("mend", body="# Mend\n\n- pads\n")
    write_skill(tmp_path / "plain/mend", text)
    odd = tmp_path / "odd/.claude/skills/mend/SKILL.md"
    odd.parent.mkdir(parents=True)
    changed = text.replace("name: mend", "name:\tmend").replace("\n", "\r\n")
    odd.write_bytes(b"\xef\xbb\xbf" + changed.encode())
    write_skill(tmp_path / "odd/.git/skills/other", document("other", "Is no skill."))
    (plain,), (read,) = (read_folder(tmp_path / name).skills for name in ("plain", "odd"))
    assert read.id == plain.id
    assert read.lines == plain.lines
