"""What the README shows works: its Python runs, its command lines parse."""

import contextlib
import re
import shlex
import shutil
from pathlib import Path

import pytest
import typer

from router import cli

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)[^\n]*\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
SHELL = {"", "sh", "bash", "shell", "console", "text"}
APPS = [app for app in vars(cli).values() if isinstance(app, typer.Typer)]


def command_lines():
    """Give the arguments of each `router ...` in the README's shell blocks."""
    found = []
    for language, block in BLOCKS:
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


LINES = command_lines()


def test_the_readme_shows_python_and_commands():
    assert [language for language, _ in BLOCKS if language == "python"]
    assert {line[0] for line in LINES} >= {"ask", "evaluate"}


@pytest.mark.parametrize("line", dict.fromkeys(LINES), ids=" ".join)
def test_each_command_line_parses(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("data", "skills"):
        (tmp_path / folder).symlink_to(ROOT / folder)
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


def test_the_python_runs_from_top_to_bottom(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for folder in ("data", "skills"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    names = {"__name__": "readme"}
    for language, block in BLOCKS:
        if language == "python":
            place = README[: README.index(block)].count("\n")
            exec(compile("\n" * place + block, "README.md", "exec"), names)
    assert any(name in names for name in ("Router", "router"))
