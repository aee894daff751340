import random
import re

import pytest
import yaml
from small import save_small_pack
from typer.testing import CliRunner

from router.errors import RouterError
from router.packs.pack import Exemplars, Pack
from router.packs.pack_file import load_pack
from router.paths import DEFAULT_PACK, SKILLS
from router.skill_folders.router_skill import (
    check_router_skill,
    router_skill,
    symptoms,
    write_router_skill,
)


@pytest.fixture(scope="module")
def pack():
    return load_pack(DEFAULT_PACK)


@pytest.fixture(scope="module")
def text(pack):
    return router_skill(pack)


def test_the_file_is_what_the_pack_says(pack):
    assert check_router_skill(pack, SKILLS) == SKILLS / "using-ml-production" / "SKILL.md"


def test_it_keeps_within_the_specification(text):
    front = yaml.safe_load(text.split("---\n")[1])
    assert front["name"] == "using-ml-production"
    assert set(front) <= {"name", "description", "license", "metadata"}
    assert 100 < len(front["description"]) <= 1_024
    assert len(text.splitlines()) < 500
    assert len(text) / 4 < 5_000


def test_everything_that_the_pack_decides_by_is_in_it(pack, text):
    for skill in pack.file.skills:
        assert f"[{skill.id}](../{skill.document}): {skill.summary}" in text.replace("**", "")
    for question in pack.file.questions:
        assert f"### {question.text}\n" in text
        assert all(f"\n| {option.label} | " in text for option in question.options)
    for neighbour in pack.file.neighbours:
        assert f"- `{neighbour.id}`: {neighbour.summary}" in text
    assert "`experiment-tracking-and-versioning` → `mlops-pipeline-automation`" in text


def test_every_link_leads_to_a_document(text):
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert len(links) == 10
    assert all((SKILLS / "using-ml-production" / link).resolve().is_file() for link in links)


def test_the_order_of_exemplars_does_not_change_it(pack, text):
    whole, shuffle = pack.exemplars, random.Random(7)

    def mixed(lines):
        return tuple(shuffle.sample(lines, len(lines)))

    def each(groups):
        return {one: mixed(lines) for one, lines in groups.items()}

    other = Exemplars(
        each(whole.skills), each(whole.neighbours), each(whole.questions), whole.options, whole.none
    )
    assert router_skill(Pack(pack.file, other)) == text


def test_a_pack_without_questions_and_neighbours_has_no_such_sections(tiny):
    text = router_skill(load_pack(tiny))
    assert "# Bike shop: which skill" in text
    assert "[fix-brakes](../brakes.md)" in text
    assert "`sell-bikes`" in text
    bare = load_pack(tiny)
    file = type(bare.file)(
        **{
            name: getattr(bare.file, name)
            for name in ("format", "id", "title", "summary", "categories", "skills")
        }
    )
    empty = Exemplars(bare.exemplars.skills, {}, {}, {}, ())
    text = router_skill(Pack(file, empty))
    assert "## Questions to ask" not in text
    assert "## When not to use" not in text
    assert "3. If no skill below serves the request" in text


def test_symptoms_are_the_words_of_their_own_group_and_not_twice_the_same():
    groups = {
        "brakes": ("my brakes squeal", "the brakes squeal", "brakes of my bike", "new brake pads"),
        "tyres": ("my tyre is flat", "tyre of my bike", "patch the tyre", "patch a tube"),
    }
    chosen = symptoms(groups, count=2)
    # "brakes" and "squeal" say most; of "the ..." and "my ..." the later in the alphabet is taken
    assert chosen["brakes"][0] == "the brakes squeal"
    assert "squeal" not in chosen["brakes"][1]
    assert all("tyre" in line or "patch" in line for line in chosen["tyres"])


def test_a_check_names_the_line_that_differs(pack, tmp_path):
    with pytest.raises(RouterError, match="no router skill here; write it with `router skill`"):
        check_router_skill(pack, tmp_path)
    path = write_router_skill(pack, tmp_path)
    assert check_router_skill(pack, tmp_path) == path
    path.write_text(path.read_text().replace("## Decide\n", "## Guess\n"))
    with pytest.raises(
        RouterError, match=r"SKILL.md:\d+: .* should be '## Decide', was '## Guess'"
    ):
        check_router_skill(pack, tmp_path)


def test_the_command_writes_and_checks(tmp_path):
    import typer

    from router.commands.skill import skill_command

    app = typer.Typer()
    app.command()(skill_command)
    folder = save_small_pack(tmp_path / "pack")
    told = CliRunner().invoke(app, ["--pack", str(folder)])
    path = folder / "skills" / "using-ml-production" / "SKILL.md"
    assert (told.exit_code, told.output.strip()) == (0, str(path))
    assert path.is_file()
    assert CliRunner().invoke(app, ["--pack", str(folder), "--check"]).exit_code == 0
    path.unlink()
    told = CliRunner().invoke(app, ["--pack", str(folder), "--check"])
    assert isinstance(told.exception, RouterError)
