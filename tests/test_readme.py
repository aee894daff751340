"""What README and docs show works: their Python runs, their command lines parse."""

import contextlib
import json
import re
import shlex
import shutil
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from conftest import TINY_EXEMPLARS, tiny_pack

from router import Clarify, Router, cli
from router.calibration.calibrate import calibrate_log
from router.paths import SAMPLE_LOG

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS = sorted((ROOT / "docs").glob("*.md"))


def blocks_of(page):
    """Give language and content of each fenced block."""
    return re.findall(r"^```(\w*)[^\n]*\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


BLOCKS = blocks_of(README)
SHELL = {"", "sh", "bash", "shell", "console", "text"}
APPS = [app for app in vars(cli).values() if isinstance(app, typer.Typer)]


def command_lines(blocks):
    """Give the arguments of each `router ...` in the shell blocks of a page."""
    found = []
    for language, block in blocks:
        if language not in SHELL:
            continue
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars=True)
            words.whitespace_split = True
            try:
                found += _commands(list(words))
            except ValueError:  # output that is shown, with a quote left open
                continue
    return found


def _commands(words):
    """Split one line at `&&`, `|`, `;` and redirections, and keep what calls the router."""
    parts = [[]]
    for word in words:
        if set(word) <= set("&|;"):
            parts.append([])
        else:
            parts[-1].append(word)
    for part in parts:
        ends = [i for i, word in enumerate(part) if set(word) <= set("<>")]
        part = part[: ends[0]] if ends else part
        while part and re.fullmatch(r"\w+=.*", part[0]):
            part = part[1:]
        if len(part) > 1 and Path(part[0]).name == "router":
            yield tuple(part[1:])


LINES = command_lines(BLOCKS)
PAGES = {path.name: blocks_of(path.read_text(encoding="utf-8")) for path in DOCS}
DOCS_LINES = [line for blocks in PAGES.values() for line in command_lines(blocks)]


def test_the_readme_shows_python_and_commands():
    assert [language for language, _ in BLOCKS if language == "python"]
    assert {line[0] for line in LINES} >= {"ask", "evaluate"}


@pytest.mark.parametrize("line", dict.fromkeys([*LINES, *DOCS_LINES]), ids=" ".join)
def test_each_command_line_parses(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("data", "skills"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    (tmp_path / "eval_queries.json").touch()
    command, arguments, name = typer.main.get_command(APPS[0]), list(line), "router"
    while hasattr(command, "commands") and not arguments[0].startswith("-"):
        name = arguments.pop(0)
        assert name in command.commands, f"no command {name!r}"
        command = command.commands[name]
    with pytest.raises(typer.Exit) as helped:
        command.make_context(name, ["--help"])
    assert helped.value.exit_code == 0
    with contextlib.suppress(typer.Exit):  # `--version` and `--help` end here
        command.make_context(name, arguments)


def run(page, blocks, text, names):
    """Run the Python of a page from top to bottom; an error names the page's own line."""
    for language, block in blocks:
        if language == "python":
            place = text[: text.index(block)].count("\n")
            exec(compile("\n" * place + block, page, "exec"), names)


def test_the_python_runs_from_top_to_bottom(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for folder in ("data", "skills"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    names = {"__name__": "readme"}
    run("README.md", BLOCKS, README, names)
    assert any(name in names for name in ("Router", "router"))


def sample_lines(count):
    """Every so many lines of the sample log, so many in all."""
    lines = SAMPLE_LOG.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines[:: len(lines) // count]][:count]


def given_to_evaluating(folder):
    pq.write_table(pa.Table.from_pylist(sample_lines(48)), folder / "queries.parquet")
    return {}


def given_to_recipes(folder):
    router = Router.load()
    return {"router": router, "request": "my model is slow", "ask": lambda question: "2"}


def given_to_calibration(folder):
    """A small pack in the place of the shipped one, which takes minutes to fit."""
    pack = tiny_pack(folder / "bike-shop")
    lines = [(name.split("/")[-1], text) for name, texts in SOLD.items() for text in texts]
    pairs = [(f"{text}{end}", label) for end in ("", ", please", " again") for label, text in lines]
    rows = [json.dumps({"text": text, "label": label}) for text, label in pairs]
    (folder / "log.jsonl").write_text("\n".join(rows))
    calibrate_log(Router.load(pack), folder / "log.jsonl").write(folder / "calibration.json")
    texts, labels = zip(*pairs, strict=True)
    small = SimpleNamespace(load=partial(load_or, pack))
    return {"Router": small, "texts": texts, "labels": labels}


def load_or(default, pack=None, **options):
    return Router.load(default if pack is None else pack, **options)


SOLD = {name: texts for name, texts in TINY_EXEMPLARS.items() if not name.startswith("options/")}
GIVEN = {
    "calibration.md": given_to_calibration,
    "evaluating.md": given_to_evaluating,
    "recipes.md": given_to_recipes,
}
"""What the Python of a page of docs takes for granted."""


def test_every_page_with_python_is_run():
    assert {name for name, blocks in PAGES.items() if "python" in dict(blocks)} == set(GIVEN)


@pytest.mark.parametrize("page", GIVEN)
def test_the_python_of_docs_runs(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = {"Router": Router, "Clarify": Clarify} | GIVEN[page](tmp_path)
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    run(page, PAGES[page], text, names)
