"""Every document of skills/: the specification, the links, and the code in it."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import unicodedata
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml
from document_blocks import BLOCKS, FENCE, FILES, blocks_of

from router.packs.pack_file import load_pack
from router.paths import DEFAULT_PACK, SKILLS

FOLDERS = sorted(path.parent for path in SKILLS.glob("*/SKILL.md"))
FIELDS = {"name", "description", "license", "compatibility", "metadata", "allowed-tools"}
MOST_LINES = 500
MOST_TOKENS = 5_000
LONGEST_RUN_S = 150
LINK = re.compile(r"\[[^\]\n]*\]\(([^()\s]+)\)")


RUNNING = [block for block in BLOCKS if block.runs]


def named(paths):
    return pytest.mark.parametrize("file", paths, ids=[str(p.relative_to(SKILLS)) for p in paths])


def frontmatter(folder):
    text = (folder / "SKILL.md").read_text("utf-8")
    assert text.startswith("---\n"), "the first line is ---"
    return yaml.safe_load(text.split("\n---\n")[0])


def section(text, title):
    """The lines under a heading, up to the next of its level."""
    found = re.search(rf"^## {title}[^\n]*\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def test_the_pack_has_a_document_for_each_skill_and_one_that_routes():
    pack = load_pack(DEFAULT_PACK)
    assert {folder.name for folder in FOLDERS} == {*pack.skills, "using-ml-production"}


@named(FOLDERS)
def test_frontmatter_is_by_the_specification(file):
    front = frontmatter(file)
    assert set(front) <= FIELDS
    name = front["name"]
    assert name == file.name
    assert unicodedata.normalize("NFKC", name) == name == name.lower()
    assert re.fullmatch(r"[^\W_]+(-[^\W_]+)*", name)
    assert len(name) <= 64
    assert 100 < len(front["description"]) <= 1_024


@named(FOLDERS)
def test_the_reference_validator_has_no_complaint(file):
    skills_ref = pytest.importorskip(
        "skills_ref", reason="the reference validator: pip install skills-ref"
    )
    assert skills_ref.validate(file) == []


@named(FILES)
def test_a_document_is_short_enough_to_be_read_whole(file):
    text = file.read_text("utf-8")
    assert len(text.splitlines()) < MOST_LINES
    assert len(text) / 4 < MOST_TOKENS


@named(FILES)
def test_every_relative_link_resolves_below_the_skills(file):
    text = FENCE.sub("", file.read_text("utf-8"))
    for link in LINK.findall(text):
        if "://" in link or link.startswith(("#", "mailto:")):
            continue
        target = (file.parent / link.partition("#")[0]).resolve()
        assert target.is_file(), link
        assert target.is_relative_to(SKILLS.resolve()), link


@named([folder / "SKILL.md" for folder in FOLDERS])
def test_references_are_all_reached_from_the_document(file):
    text = file.read_text("utf-8")
    for reference in (file.parent / "references").glob("*"):
        assert f"(references/{reference.name}" in text, reference.name


@named([folder / "SKILL.md" for folder in FOLDERS if folder.name != "using-ml-production"])
def test_a_document_says_who_serves_instead_and_who_comes_next(file):
    pack = load_pack(DEFAULT_PACK)
    text = file.read_text("utf-8")
    others = [f"../{skill}/SKILL.md" for skill in pack.skills if skill != file.parent.name]
    instead = section(text, "When not to use")
    assert sum(other in instead for other in others) >= 3
    assert any(f"`{neighbour}`" in instead for neighbour in pack.neighbours)
    for entry in re.findall(r"^- .+$", instead, re.MULTILINE):
        known = [*pack.skills, *pack.neighbours]
        assert any(f"`{one}`" in entry for one in known), f"names nobody: {entry}"
    assert any(other in section(text, "Hand over") for other in others)
    for wanted in ("When to use", "First questions", "Decide", "Procedure", "Verify", "Roll back"):
        assert section(text, wanted), f"no section {wanted!r}"


def test_hand_overs_follow_the_execution_order():
    """Each skill hands over to a next one of its chain; the first step of a chain to the second."""
    pack = load_pack(DEFAULT_PACK)
    for chain in pack.file.order:
        for place, step in enumerate(chain[:-1]):
            later = [f"../{skill}/SKILL.md" for group in chain[place + 1 :] for skill in group]
            for skill in step:
                given = section((SKILLS / skill / "SKILL.md").read_text("utf-8"), "Hand over")
                assert any(one in given for one in later), f"{skill} hands over to nobody later"
            first = chain[place + 1]
            texts = [
                section((SKILLS / s / "SKILL.md").read_text("utf-8"), "Hand over") for s in step
            ]
            assert any(f"../{one}/SKILL.md" in text for one in first for text in texts), first


def test_code_fences_are_closed():
    for file in FILES:
        fences = re.findall(r"^ {0,3}`{3,}", file.read_text("utf-8"), re.MULTILINE)
        assert len(fences) == 2 * len(list(blocks_of(file))), file


@pytest.mark.parametrize("block", BLOCKS, ids=[block.name for block in BLOCKS])
def test_code_parses(block):
    if block.language == "python":
        ast.parse(block.code)
    elif block.language in ("yaml", "yml"):
        list(yaml.safe_load_all(block.code))
    elif block.language == "json":
        json.loads(block.code)
    elif block.language in ("bash", "sh"):
        if shutil.which("bash") is None:
            pytest.skip("no bash here to parse it with")
        told = subprocess.run(["bash", "-n"], input=block.code, text=True, capture_output=True)
        assert told.returncode == 0, told.stderr
    else:
        known = ("dockerfile", "javascript", "sql", "text")
        assert block.language in known, f"a fence names its language, one of {known} or parsed"


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Run every block that says it runs, two at a time; give exit code and output by name."""
    folder = tmp_path_factory.mktemp("blocks")
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    environment = {**os.environ, **dict.fromkeys(threads, "1"), "PYTHONWARNINGS": "ignore"}

    def run(numbered):
        number, block = numbered
        home = folder / str(number)
        home.mkdir()
        script = home / "block.py"
        script.write_text(block.code, "utf-8")
        try:
            told = subprocess.run(
                [sys.executable, str(script)],
                cwd=home,
                env=environment,
                capture_output=True,
                text=True,
                timeout=LONGEST_RUN_S,
            )
        except subprocess.TimeoutExpired:
            return block.name, (-1, f"took more than {LONGEST_RUN_S} s")
        return block.name, (told.returncode, told.stderr[-2_000:])

    with ThreadPoolExecutor(max(2, os.cpu_count() or 2)) as pool:
        return dict(pool.map(run, enumerate(RUNNING)))


def test_blocks_that_run_are_python_and_many():
    assert {block.language for block in RUNNING} == {"python"}
    for folder in FOLDERS:
        if folder.name != "using-ml-production":
            assert any(block.file == folder / "SKILL.md" for block in RUNNING), folder.name


@pytest.mark.parametrize("name", [block.name for block in RUNNING])
def test_code_that_says_it_runs_runs(ran, name):
    code, errors = ran[name]
    assert code == 0, errors
