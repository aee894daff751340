"""The commands as a user meets them: their help, their names, and how they are started."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import router
from router.cli import app
from router.commands.output import print_line, print_table, print_text

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


def test_output_that_is_not_utf8_replaces_characters(tmp_path):
    folder = tmp_path / "\u6280.d"
    environment = os.environ | {"PYTHONUTF8": "0", "PYTHONIOENCODING": "cp1252"}
    command = [sys.executable, "-m", "router", "check", str(folder)]
    done = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert done.returncode == 2
    assert b"?.d: a pack is a folder with pack.yaml" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_behind_standard_output_is_a_message():
    command = [sys.executable, "-m", "router", "check", "--schema"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    message = "router: standard output can't be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (2, message)


def test_no_output_of_a_command_controls_the_terminal(capsys):
    print_text("\x1b[2J\u202e", err=True)
    print_line("\x1b[2J [bold]\x9b[/bold]")
    print_table("\x1b", ["\x07"], [["\x1b[2J\x9b"]])
    output, errors = capsys.readouterr()
    assert not set("\x1b\x07\x9b\u202e") & set(output + errors)
