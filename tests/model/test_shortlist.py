"""The shortlist of a request, and the hook that gives it to an agent host."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from router.cli import app
from router.shortlist.entries import MAX_LINE_LENGTH, as_context, shortlist_of
from router.shortlist.hook import _options
from router.shortlist.server import ShortlistServer
from router.shortlist.sockets import socket_path

PROMPT = "the front brake does not grip"


@pytest.fixture
def runtime(tmp_path, monkeypatch):
    """A folder for sockets; a server whose socket is gone ends by itself."""
    folder = tmp_path / "run"
    folder.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    yield folder
    shutil.rmtree(folder)


def hook(event, *options):
    command = [sys.executable, "-m", "router", "shortlist", "--hook", *map(str, options)]
    text = event if isinstance(event, str) else json.dumps(event)
    return subprocess.run(
        command, input=text, capture_output=True, text=True, timeout=60, check=False
    )


def test_an_entry_has_a_name_a_line_and_a_path(tiny_router, tiny):
    first, *others = shortlist_of(tiny_router, PROMPT, 2, tiny)
    assert (first.id, first.name, first.line) == ("fix-brakes",) * 2 + ("Make a bike stop again.",)
    assert first.path == str(tiny / "skills" / "brakes.md")
    assert len(others) == 1
    context = as_context([first])
    assert context.endswith(f"- fix-brakes: Make a bike stop again. ({first.path})")


def test_what_is_routed_comes_first_in_its_order(tiny_router):
    text = "patch the flat tyre, and then bleed the hydraulic disc brakes"
    decision = tiny_router.route(text)
    ids = [entry.id for entry in shortlist_of(tiny_router, text, 4)]
    decided = decision.to_dict()["skills"]
    assert decided
    assert ids[: len(decided)] == decided
    assert len(ids) == len(set(ids)) == 4


def test_nothing_is_listed_where_nothing_fits(tiny_router):
    assert tiny_router.route("bake bread without yeast").to_dict()["action"] == "none"
    assert shortlist_of(tiny_router, "bake bread without yeast") == []
    assert as_context([]) == ""


def test_lines_are_short(tiny_router):
    from msgspec.structs import replace

    pack = tiny_router.pack
    long = [replace(skill, summary="word " * 200) for skill in pack.file.skills]
    router = tiny_router.__class__(
        replace(pack, file=replace(pack.file, skills=tuple(long))),
        tiny_router.encoder,
        tiny_router.model,
    )
    lines = [entry.line for entry in shortlist_of(router, PROMPT, 1)]
    assert all(len(line) <= MAX_LINE_LENGTH and line.endswith("word…") for line in lines)


def test_the_command_prints_lines_or_json(tiny):
    plain = CliRunner().invoke(app, ["shortlist", PROMPT, "--pack", str(tiny), "--k", "1"])
    assert plain.stdout.startswith("- fix-brakes: Make a bike stop again. (")
    printed = CliRunner().invoke(app, ["shortlist", PROMPT, "--pack", str(tiny), "--json"])
    entries = json.loads(printed.stdout)
    assert entries[0]["id"] == "fix-brakes"
    assert 0.0 <= entries[-1]["probability"] <= entries[0]["probability"] <= 1.0
    assert CliRunner().invoke(app, ["shortlist", "--pack", str(tiny)]).exit_code == 2


def test_the_hook_adds_context_and_stays_silent_where_nothing_fits(tiny, runtime):
    asked = hook({"prompt": PROMPT}, "--pack", tiny, "--k", 1, "--timeout", 50)
    output = json.loads(asked.stdout)["hookSpecificOutput"]
    assert output["hookEventName"] == "UserPromptSubmit"
    assert "- fix-brakes: Make a bike stop again." in output["additionalContext"]
    assert (asked.returncode, asked.stderr) == (0, "")
    silent = hook({"prompt": "bake bread without yeast"}, "--pack", tiny, "--timeout", 50)
    assert (silent.returncode, silent.stdout, silent.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("event", "options"),
    [
        ("no JSON", ()),
        ("[1]", ()),
        ({"prompt": ""}, ()),
        ({"hook_event_name": "Stop"}, ()),
        ({"prompt": PROMPT}, ("--timeout", "0.3")),
        ({"prompt": PROMPT}, ("--k", "many")),
    ],
)
def test_the_hook_never_fails(event, options, tiny, runtime):
    result = hook(event, "--pack", tiny, *options)
    assert (result.returncode, result.stdout) == (0, "")


def test_a_folder_of_sockets_that_others_enter_is_not_used(runtime):
    folder = socket_path("").parent
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o755)
    with pytest.raises(PermissionError, match="only you may enter"):
        socket_path("")


def test_a_server_says_why_it_has_no_router_and_loads_what_was_mended(tiny, monkeypatch):
    monkeypatch.setattr("router.shortlist.server._LOOK_AGAIN_S", 0.0)
    text = (tiny / "pack.yaml").read_text()
    (tiny / "pack.yaml").write_text("format: 1\n")
    server = ShortlistServer(tiny)
    assert "pack.yaml" in server.reply({"prompt": PROMPT})["error"]
    (tiny / "pack.yaml").write_text(text)
    assert "- fix-brakes:" in server.reply({"prompt": PROMPT})["context"]
    (tiny / "pack.yaml").write_text("format: 1\n# half saved")
    assert "- fix-brakes:" in server.reply({"prompt": PROMPT})["context"]


def test_the_settings_that_the_page_shows_run_the_hook():
    page = Path(__file__).parents[2] / "docs" / "pages" / "how-to" / "shortlist.md"
    block = page.read_text().split('```json title=".claude/settings.json"\n')[1].split("```")[0]
    hooks = json.loads(block)["hooks"]
    for event in ("UserPromptSubmit", "SessionStart"):
        command = hooks[event][0]["hooks"][0]["command"].split()
        assert command[:3] == ["router", "shortlist", "--hook"]
        assert _options(command[2:]).pack == "~/.claude/skills"


def test_the_start_of_a_session_starts_the_server_and_prints_nothing(tiny, runtime):
    started = hook({"hook_event_name": "SessionStart", "source": "startup"}, "--pack", tiny)
    assert (started.returncode, started.stdout, started.stderr) == (0, "", "")
    asked = hook({"prompt": PROMPT}, "--pack", tiny, "--timeout", 50)
    assert "fix-brakes" in asked.stdout
