"""The pages agree with the code: keys, defaults, fields, rules, links; and the site builds."""

import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

import router
from router.decisions.decision import Decision
from router.packs import pack

ROOT = Path(__file__).parent.parent
PAGES = ROOT / "docs" / "pages"
SOURCE = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "router").rglob("*.py"))


def page(name):
    return (PAGES / name).read_text(encoding="utf-8")


def keys_of(table):
    """Give the first cell of each row of a Markdown table, without its quotes."""
    return re.findall(r"^\| `([^`]+)`", table, re.MULTILINE)


def section(text, heading):
    """Give what stands below a heading, up to the next one of its level or above."""
    level = len(heading) - len(heading.lstrip("#"))
    start = text.index(f"\n{heading}\n") + len(heading)
    end = re.search(rf"^#{{1,{level}}} ", text[start:], re.MULTILINE)
    return text[start:][: end.start()] if end else text[start:]


@pytest.mark.parametrize(
    ("heading", "struct"),
    [
        ("## pack.yaml", pack.PackFile),
        ("### categories", pack.Category),
        ("### skills", pack.Skill),
        ("### neighbours", pack.Neighbour),
        ("### policy", pack.Policy),
    ],
)
def test_every_key_of_a_pack_is_listed(heading, struct):
    below = section(page("reference/packs.md"), heading).split("\n###")[0]
    assert keys_of(below) == list(struct.__struct_fields__)


def test_every_key_of_a_question_is_listed():
    below = section(page("reference/packs.md"), "### questions")
    keys = [*pack.Question.__struct_fields__, *pack.Destination.__struct_fields__]
    assert sorted(keys_of(below)) == sorted(keys)


def test_the_defaults_of_the_policy_are_those_of_the_code():
    below = section(page("reference/packs.md"), "### policy")
    shown = dict(re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", below, re.MULTILINE))
    values = {name: getattr(pack.Policy(), name) for name in pack.Policy.__struct_fields__}
    assert values.pop("similarity_threshold") is None
    assert shown.pop("similarity_threshold") == "fitted"
    scaling = values.pop("confidence")
    assert shown.pop("confidence") == f"`{{slope: {scaling.slope}, offset: {scaling.offset}}}`"
    assert shown == {name: str(value) for name, value in values.items()}


def test_every_field_of_a_decision_is_listed():
    fields = {field for outcome in get_args(Decision) for field in outcome.__struct_fields__}
    listed = set(re.findall(r"\| `(\w+)` \|", page("reference/decisions.md")))
    assert fields <= listed


def test_every_lint_rule_is_listed():
    rules = set(re.findall(r'"((?:[a-z]+-)+[a-z]+|specification|unreadable|pack)"', SOURCE))
    listed = keys_of(page("reference/lint.md"))
    assert len(set(listed)) == len(listed)
    assert set(listed) <= rules


def test_every_environment_variable_is_listed():
    names = re.findall(r'environ(?:\.get\(|\[)"(\w+)"', SOURCE)
    assert names
    assert set(names) <= set(keys_of(page("reference/environment.md")))


def test_every_figure_is_listed():
    from router.evaluation.definitions import FIGURES

    below = section(page("reference/files.md"), "### metrics.json")
    assert {figure.name for figure in FIGURES} <= set(keys_of(below))


def test_every_public_name_is_in_the_reference():
    reference = "\n".join(path.read_text() for path in (PAGES / "reference" / "api").glob("*.md"))
    for name in router.__all__:
        assert f"::: router.{name}\n" in reference, name


def test_files_that_pages_and_code_name_exist():
    texts = [*PAGES.rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    texts += [*(ROOT / "router").rglob("*.py"), *(ROOT / "data").rglob("*.yaml")]
    named_file = re.compile(r"\b((?:docs|benchmarks|router|tests)/[\w./-]+\.(?:md|py|yml|svg))")
    for path in texts:
        for name in named_file.findall(path.read_text(encoding="utf-8")):
            assert (ROOT / name).exists(), f"{path} names {name}"


def test_links_of_the_readme_lead_somewhere():
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md"):
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
            assert target.startswith("http") or (ROOT / target).exists(), target


def test_the_site_builds_without_a_warning(tmp_path):
    pytest.importorskip("mkdocs")
    pytest.importorskip("mkdocstrings")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"]
    built = subprocess.run(
        [*command, "--config-file", ROOT / "docs" / "mkdocs.yml", "--site-dir", tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    assert "--fail-under" in (tmp_path / "reference" / "commands.html").read_text()
