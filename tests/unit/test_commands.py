"""The commands as a user meets them: their help, their names, and how they are started."""

import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

import router
from router.cli import app

COMMANDS = typer.main.get_command(app).commands
WIDTH = 80


def help_of(*words):
    result = CliRunner().invoke(app, [*words, "--help"], terminal_width=WIDTH)
    assert result.exit_code == 0
    return result.output


def test_no_summary_of_a_command_is_cut():
    listed = help_of().split("Commands:\n")[1]
    for name, command in COMMANDS.items():
        summary = command.help.splitlines()[0]
        assert f"  {name.ljust(9)}  {summary}\n" in listed


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_stand_below_their_heading_and_are_not_wrapped(name):
    lines = [line.strip() for line in help_of(name).splitlines()]
    heading = next(index for index, line in enumerate(lines) if line.startswith("Example"))
    assert lines[heading].endswith(":")
    assert lines[heading + 1] == ""
    assert "router" in lines[heading + 2]
    written = [line.strip() for line in COMMANDS[name].help.splitlines()]
    assert {line for line in written if line.startswith("router ")} <= set(lines)


def test_the_package_runs_as_a_module_and_knows_its_version():
    command = [sys.executable, "-m", "router", "--version"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == router.__version__


def test_a_tilde_behind_an_equals_sign_is_the_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "pack").mkdir()
    result = CliRunner().invoke(app, ["ask", "--pack=~/pack", "slow"])
    assert f"{tmp_path}/pack" in str(result.exception)
