"""The pages agree with the code: keys, defaults, fields, rules, links."""

import dataclasses
import inspect
import re
from pathlib import Path
from typing import get_args

import pytest

import router
import router.evaluation
from router.decisions.decision import Decision

ROOT = Path(__file__).parents[2]
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
        ("## pack.yaml", router.PackFile),
        ("### categories", router.Category),
        ("### skills", router.Skill),
        ("### neighbours", router.Neighbour),
        ("### policy", router.Policy),
    ],
)
def test_every_key_of_a_pack_is_listed(heading, struct):
    below = section(page("reference/packs.md"), heading).split("\n###")[0]
    assert keys_of(below) == list(struct.__struct_fields__)


def test_every_key_of_a_question_is_listed():
    below = section(page("reference/packs.md"), "### questions")
    keys = [*router.Question.__struct_fields__, *router.Destination.__struct_fields__]
    assert sorted(keys_of(below)) == sorted(keys)


def test_the_defaults_of_the_policy_are_those_of_the_code():
    below = section(page("reference/packs.md"), "### policy")
    shown = dict(re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", below, re.MULTILINE))
    values = {name: getattr(router.Policy(), name) for name in router.Policy.__struct_fields__}
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


def public_objects():
    """Give all that the two doors export, and the methods of classes, by their dotted names."""
    for module in (router, router.evaluation):
        for name in module.__all__:
            value = getattr(module, name)
            if not (inspect.isclass(value) or inspect.isfunction(value)):
                continue
            yield name, value
            members = vars(value).items() if inspect.isclass(value) else ()
            for method_name, method in members:
                function = getattr(method, "__func__", method)
                if inspect.isfunction(function) and not method_name.startswith("_"):
                    yield f"{name}.{method_name}", function


def parameters_of(value):
    """Give the fields of a class, or the parameters of a function, and where they are described."""
    if inspect.isclass(value):
        if dataclasses.is_dataclass(value):
            names = [field.name for field in dataclasses.fields(value)]
        else:
            names = getattr(value, "__struct_fields__", ())
        described = [base.__doc__ or "" for base in value.__mro__]
        return [name for name in names if not name.startswith("_")], "\n".join(described)
    names = [name for name in inspect.signature(value).parameters if name not in ("self", "cls")]
    return names, value.__doc__ or ""


DESCRIBED_BY_THE_PROTOCOL = {"OnnxEncoder", "SentenceTransformerEncoder"}
INTERNAL = {"Router.evidence_and_result", "Calibration.policy_for", "Calibration.interval"}


@pytest.mark.parametrize(("name", "value"), dict(public_objects()).items())
def test_every_public_field_and_parameter_is_described(name, value):
    owner = name.partition(".")[0]
    if name in INTERNAL or owner in DESCRIBED_BY_THE_PROTOCOL or "deprecated" in value.__doc__:
        return
    names, described = parameters_of(value)
    assert not [one for one in names if f":param {one}:" not in described]


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
