"""What README and the pages show works: Python runs, files and commands give what is shown."""

import contextlib
import json
import re
import shlex
import textwrap
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
import yaml
from conftest import TINY_EXEMPLARS, tiny_pack
from typer.testing import CliRunner

from router import Clarify, Router, cli
from router.calibration import calibrate_log
from router.paths import SAMPLE_LOG

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "pages"
SHELL = {"", "sh", "bash", "shell", "console", "text"}
NOT_RUN = "needs "
"""An example whose title begins with this is only compiled; the title says what it needs."""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page. `line` is the number of its first line, from 0."""

    language: str
    title: str
    content: str
    line: int

    @property
    def is_run(self):
        return not self.title.startswith(NOT_RUN) and "--8<--" not in self.content


def blocks_of(page):
    """Give the fenced blocks of a page, in order."""
    fence = r'^ *```(\w*)(?: title="([^"]*)")?[^\n]*\n(.*?)^ *```'
    blocks = []
    for match in re.finditer(fence, page, re.MULTILINE | re.DOTALL):
        language, title, content = match.groups(default="")
        line = page[: match.start(3)].count("\n")
        blocks.append(Block(language, title, textwrap.dedent(content), line))
    return blocks


def text_of(path):
    return path.read_text(encoding="utf-8")


PAGES = {
    "README.md": blocks_of(text_of(ROOT / "README.md")),
    "CONTRIBUTING.md": blocks_of(text_of(ROOT / "CONTRIBUTING.md")),
} | {
    str(path.relative_to(FOLDER)): blocks_of(text_of(path)) for path in sorted(FOLDER.rglob("*.md"))
}
WITH_PYTHON = [
    page
    for page, blocks in PAGES.items()
    if any(block.language == "python" and block.is_run for block in blocks)
]


def command_lines(blocks):
    """Give the arguments of each `router ...` in the shell blocks of a page."""
    lines = []
    for block in blocks:
        if block.language not in SHELL or block.title:
            continue
        for line in block.content.replace("\\\n", " ").splitlines():
            words = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars=True)
            words.whitespace_split = True
            with contextlib.suppress(ValueError):  # output that is shown, with a quote left open
                lines += _commands(list(words))
    return lines


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


LINES = dict.fromkeys(line for blocks in PAGES.values() for line in command_lines(blocks))
WORKFLOW = yaml.safe_load(text_of(ROOT / "docs" / "examples" / "github-actions.yml"))
SHELL_STEPS = [
    shlex.split(step["run"]) for step in WORKFLOW["jobs"]["evaluate"]["steps"] if "run" in step
]
LINES |= dict.fromkeys(line for words in SHELL_STEPS for line in _commands(words))


def test_the_readme_shows_python_and_commands():
    assert "README.md" in WITH_PYTHON
    assert {line[0] for line in command_lines(PAGES["README.md"])} >= {"ask", "evaluate"}


def test_the_workflow_runs_in_a_clone():
    install, check, evaluate = SHELL_STEPS
    assert install == ["pip", "install", "-c", "constraints.txt", "."]
    assert all((ROOT / path).exists() for path in ("constraints.txt", check[2], evaluate[2]))


@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_each_command_line_parses(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("data", "skills", "docs"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    (tmp_path / "eval_queries.json").touch()
    (tmp_path / "my-skills").mkdir()
    command, arguments, name = typer.main.get_command(cli.app), list(line), "router"
    while hasattr(command, "commands") and not arguments[0].startswith("-"):
        name = arguments.pop(0)
        assert name in command.commands, f"no command {name!r}"
        command = command.commands[name]
    with pytest.raises(typer.Exit) as helped:
        command.make_context(name, ["--help"])
    assert helped.value.exit_code == 0
    with contextlib.suppress(typer.Exit):  # `--version` and `--help` end here
        command.make_context(name, arguments)


def compiled(page, block):
    """Compile a Python block; an error names the page's own line."""
    return compile("\n" * block.line + block.content, page, "exec")


@pytest.mark.parametrize("page", PAGES)
def test_python_that_is_not_run_compiles(page):
    for block in PAGES[page]:
        if block.language == "python" and block.title.startswith(NOT_RUN):
            compiled(page, block)


def given_to_evaluating(folder):
    """Every tenth line of the sample log."""
    lines = SAMPLE_LOG.read_text(encoding="utf-8").splitlines()[::10]
    table = pa.Table.from_pylist([json.loads(line) for line in lines])
    pq.write_table(table, folder / "queries.parquet")
    return {}


def given_to_contributors(folder):
    """The clone that a contributor works in."""
    (folder / "tests").symlink_to(ROOT / "tests")
    return {}


def given_to_agents(folder):
    return {"request": "my model is slow", "ask_user": lambda question: "2"}


def given_to_calibration(folder):
    """A small pack in the place of the shipped one, which takes minutes to fit."""
    pack = tiny_pack(folder / "bike-shop")
    lines = [(name.split("/")[-1], text) for name, texts in SOLD.items() for text in texts]
    endings = (", please", " again", ", and soon")
    pairs = [(f"{text}{end}", label) for end in endings for label, text in lines]
    rows = [json.dumps({"text": text, "label": label}) for text, label in pairs]
    (folder / "log.jsonl").write_text("\n".join(rows))
    calibrate_log(Router.load(pack), folder / "log.jsonl").write(folder / "calibration.json")
    texts, labels = zip(*pairs, strict=True)
    small = SimpleNamespace(load=partial(load_or, pack))
    return {"Router": small, "texts": texts, "labels": labels}


def given_to_improvers(folder):
    return {"shop": ROOT / "docs" / "examples" / "shop"}


def load_or(default, pack=None, **options):
    return Router.load(default if pack is None else pack, **options)


SOLD = {name: texts for name, texts in TINY_EXEMPLARS.items() if not name.startswith("options/")}
GIVEN = {
    "CONTRIBUTING.md": given_to_contributors,
    "how-to/agents.md": given_to_agents,
    "how-to/calibrate.md": given_to_calibration,
    "how-to/evaluate.md": given_to_evaluating,
    "tutorial/improve-your-routes.md": given_to_improvers,
}
"""What the Python of a page takes for granted."""


@pytest.mark.parametrize("page", WITH_PYTHON)
def test_python_runs_from_top_to_bottom(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "page", "Router": Router, "Clarify": Clarify}
    names |= GIVEN[page](tmp_path) if page in GIVEN else {}
    for block in PAGES[page]:
        if block.title and block.language != "python":  # a file that the reader creates
            write(tmp_path / block.title, block.content)
        elif block.language == "python" and block.is_run:
            exec(compiled(page, block), names)


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


def run_command(line):
    """Run one command as a shell would; give what it prints on standard output."""
    ended = CliRunner().invoke(cli.app, shlex.split(line)[1:])
    assert ended.exit_code == 0, ended.output
    return ended.stdout


def as_pattern(shown):
    """Match the output that a page shows; a line `...` stands for any number of lines."""
    lines = [r"(?:.*\n)*?" if line == "..." else re.escape(line) + r"\n" for line in shown]
    return re.compile("".join(lines))


def shown_commands(block):
    """Give each command of a console block with the lines of output below it."""
    commands = []
    for line in block.content.splitlines():
        if line.startswith("$ "):
            commands.append((line.removeprefix("$ "), []))
        else:
            commands[-1][1].append(line)
    return commands


@pytest.mark.parametrize("page", ["README.md", "tutorial/first-steps.md"])
def test_commands_print_what_a_page_shows(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for block in PAGES[page]:
        if block.title:
            write(tmp_path / block.title, block.content)
        if block.language == "console":
            for line, shown in shown_commands(block):
                assert as_pattern(shown).fullmatch(run_command(line)), run_command(line)


def test_the_tutorial_ends_as_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    accepted = []
    for block in PAGES["tutorial/first-steps.md"]:
        if block.title:
            write(tmp_path / block.title, block.content)
        for line in block.content.splitlines() if block.language == "bash" else ():
            if line.startswith("router evaluate"):
                run_command(line)
                metrics = json.loads((Path(shlex.split(line)[-1]) / "metrics.json").read_bytes())
                accepted.append(metrics["figures"]["accepted"])
            elif line.startswith("router compare"):
                assert "1 of 9 decisions changed" in run_command(line)
    assert accepted == [0.8889, 1.0]
