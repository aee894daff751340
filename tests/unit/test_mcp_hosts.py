"""The MCP configuration of agent hosts: what is written, and that it can be taken back."""

import json
import tomllib
from pathlib import Path

import pytest

from router.errors import RouterError
from router.mcp_hosts import AGENT_HOSTS, install_change, uninstall_change


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def test_every_host_gets_the_server_under_its_own_key():
    for name, host in AGENT_HOSTS.items():
        install_change(name, "python", ["-m", "router", "mcp"]).write()
        text = Path(host.path).expanduser().read_text()
        content = tomllib.loads(text) if host.is_toml else json.loads(text)
        entry = content[host.key]["router"]
        assert entry["command"] == "python"
        assert entry["args"] == ["-m", "router", "mcp"]


def test_vs_code_has_a_key_of_its_own_and_names_the_transport():
    install_change("vscode", "python", ["mcp"]).write()
    entry = {"type": "stdio", "command": "python", "args": ["mcp"]}
    assert json.loads(Path(".vscode/mcp.json").read_text()) == {"servers": {"router": entry}}


def test_nothing_is_written_before_it_is_asked_for():
    change = install_change("cursor", "python", [])
    assert change.before is None
    assert change.after is not None
    assert not change.path.exists()


def test_what_is_installed_twice_changes_once():
    install_change("cursor", "python", ["mcp"]).write()
    assert install_change("cursor", "python", ["mcp"]).after is None
    assert install_change("cursor", "python", ["mcp", "--pack", "x"]).after is not None


def test_json_comes_back_as_it_was_with_its_own_spacing():
    path = Path(".mcp.json")
    original = '{"mcpServers": {"other":   {"command": "x"}},\n\t"more": [1,2]}'
    path.write_text(original)
    install_change("claude-code", "python", []).write()
    assert json.loads(path.read_text())["mcpServers"]["other"] == {"command": "x"}
    assert Path(".mcp.json.before-router").read_text() == original
    uninstall_change("claude-code").write()
    assert path.read_text() == original


def test_what_was_changed_meanwhile_stays_when_the_server_goes():
    path = Path(".mcp.json")
    path.write_text('{"mcpServers": {"other": {"command": "x"}}}')
    install_change("claude-code", "python", []).write()
    content = json.loads(path.read_text())
    content["mcpServers"]["third"] = {"command": "z"}
    path.write_text(json.dumps(content))
    uninstall_change("claude-code").write()
    assert set(json.loads(path.read_text())["mcpServers"]) == {"other", "third"}


def test_toml_keeps_comments_and_all_other_tables(tmp_path):
    path = tmp_path / "home" / ".codex" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(
        '# mine\nmodel = "x"\n\n[mcp_servers.router]\ncommand = "old"\n'
        '[mcp_servers.router.env]\nA = "1"\n\n# the other one\n[mcp_servers.other]\ncommand = "y"\n'
    )
    install_change("codex", "python", ["mcp"]).write()
    assert path.read_text() == (
        '# mine\nmodel = "x"\n\n# the other one\n[mcp_servers.other]\ncommand = "y"\n\n'
        '[mcp_servers.router]\ncommand = "python"\nargs = ["mcp"]\n'
    )
    uninstall_change("codex").write()
    assert tomllib.loads(path.read_text())["mcp_servers"] == {"other": {"command": "y"}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{// mine\n}", r"not plain JSON.*by hand under 'mcpServers'"),
        ('{"mcpServers": []}', "must hold an object of servers"),
        ("[]", "must hold an object of servers"),
    ],
)
def test_a_file_that_is_not_understood_is_left_alone(text, message):
    Path(".mcp.json").write_text(text)
    with pytest.raises(RouterError, match=message):
        install_change("claude-code", "python", [])
    assert Path(".mcp.json").read_text() == text


def test_a_toml_server_written_inline_is_left_to_its_owner(tmp_path):
    path = tmp_path / "home" / ".codex" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text('mcp_servers = {router = {command = "old"}}\n')
    with pytest.raises(RouterError, match=r"codex/config.toml: .*(changed safely|not TOML)"):
        install_change("codex", "python", [])


def test_an_unknown_host_is_named_with_the_nearest_one():
    with pytest.raises(RouterError, match="no host 'codx'; did you mean 'codex'"):
        install_change("codx", "python", [])
