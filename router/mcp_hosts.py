"""The MCP configuration of agent hosts: what to write where, and how to take it back."""

import json
import os
import re
import sys
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from router.errors import RouterError
from router.files import write_whole
from router.packs.faults import did_you_mean

SERVER_NAME = "router"
"""The name of the server in the configuration of a host."""

_COPY_SUFFIX = ".before-router"


@dataclass(frozen=True)
class AgentHost:
    """An agent host that reads MCP servers from a file.

    :param path: The file; "~" is the user's home, anything else is below the current folder.
    :param key: The key that holds the servers.
    :param extra: What an entry needs beside command and arguments.
    """

    path: str
    key: str = "mcpServers"
    extra: Mapping[str, str] | None = None

    @property
    def is_toml(self) -> bool:
        """Whether the file is TOML; it is JSON otherwise."""
        return self.path.endswith(".toml")


_DESKTOP = {
    "darwin": "~/Library/Application Support/Claude",
    "win32": f"{os.environ.get('APPDATA', '~/AppData/Roaming')}/Claude",
}.get(sys.platform, "~/.config/Claude")

AGENT_HOSTS = {
    "claude-code": AgentHost(".mcp.json", extra={"type": "stdio"}),
    "claude-desktop": AgentHost(f"{_DESKTOP}/claude_desktop_config.json"),
    "codex": AgentHost(f"{os.environ.get('CODEX_HOME', '~/.codex')}/config.toml", "mcp_servers"),
    "copilot": AgentHost("~/.copilot/mcp-config.json", extra={"type": "local"}),
    "cursor": AgentHost("~/.cursor/mcp.json"),
    "cursor-project": AgentHost(".cursor/mcp.json"),
    "gemini-cli": AgentHost("~/.gemini/settings.json"),
    "gemini-cli-project": AgentHost(".gemini/settings.json"),
    "vscode": AgentHost(".vscode/mcp.json", "servers", {"type": "stdio"}),
    "windsurf": AgentHost("~/.codeium/windsurf/mcp_config.json"),
}
"""The known hosts: those with a path below the current folder are configured for a project."""


@dataclass(frozen=True)
class HostChange:
    """A change to the configuration of a host.

    :param before: The content of the file; None if there is no file.
    :param after: What it becomes; None if there is nothing to change.
    """

    path: Path
    before: str | None
    after: str | None

    @property
    def copy_path(self) -> Path:
        """Where the file is copied before it is written."""
        return self.path.with_name(self.path.name + _COPY_SUFFIX)

    def write(self) -> None:
        """Write the file as it shall be; a copy from before the first change is kept beside it."""
        if self.after is None:
            return
        if self.before is not None and not self.copy_path.exists():
            write_whole(self.copy_path, self.before)
        write_whole(self.path, self.after)


def install_change(host: str, command: str, arguments: list[str]) -> HostChange:
    """Tell how the configuration of a host must change to start the server of this package.

    :param command: The program that the host starts.
    :raises RouterError: The host is unknown, or its file can't be understood.
    """
    known = _host(host)
    entry = {**(known.extra or {}), "command": command, "args": arguments}
    return _change(known, entry)


def uninstall_change(host: str) -> HostChange:
    """Tell how the configuration of a host must change to be without the server again.

    :raises RouterError: The host is unknown, or its file can't be understood.
    """
    change = _change(_host(host), None)
    copy = change.copy_path
    if change.after is not None and copy.exists():
        original = copy.read_text(encoding="utf-8-sig")
        read = tomllib.loads if _host(host).is_toml else json.loads
        with suppress(ValueError):
            if read(original) == read(change.after):
                return replace(change, after=original)  # with its own spacing
    return change


def _host(name: str) -> AgentHost:
    if name not in AGENT_HOSTS:
        raise RouterError(f"there is no host {name!r}; {did_you_mean(name, AGENT_HOSTS)}")
    return AGENT_HOSTS[name]


def _change(host: AgentHost, entry: dict[str, Any] | None) -> HostChange:
    path = Path(host.path).expanduser()
    try:
        before = path.read_text(encoding="utf-8-sig") if path.exists() else None
    except (OSError, UnicodeDecodeError) as error:
        raise RouterError(f"{path}: can't be read: {error}; mend it first") from error
    after = (_toml_after if host.is_toml else _json_after)(path, before or "", host.key, entry)
    return HostChange(path, before, None if after == (before or "") else after)


def _json_after(path: Path, before: str, key: str, entry: dict[str, Any] | None) -> str:
    try:
        content = json.loads(before) if before.strip() else {}
    except ValueError as error:
        raise RouterError(
            f"{path}: not plain JSON: {error}; add the server by hand under {key!r}, or take the"
            " comments out"
        ) from error
    servers = content.get(key, {}) if isinstance(content, dict) else None
    if not isinstance(servers, dict):
        raise RouterError(f"{path}: {key!r} must hold an object of servers; mend it first")
    if servers.get(SERVER_NAME) == entry:
        return before
    others = {name: server for name, server in servers.items() if name != SERVER_NAME}
    content[key] = others if entry is None else {**servers, SERVER_NAME: entry}
    if entry is None and not others:
        del content[key]
    indent = re.search(r"^[ \t]+", before, re.MULTILINE)
    return json.dumps(content, indent=indent[0] if indent else 2, ensure_ascii=False) + "\n"


def _toml_after(path: Path, before: str, key: str, entry: dict[str, Any] | None) -> str:
    """Replace the table of the server as text, so that comments and all else stay as they are."""
    try:
        servers = tomllib.loads(before).get(key, {})
    except tomllib.TOMLDecodeError as error:
        raise RouterError(f"{path}: not TOML: {error}; mend it first") from error
    if servers.get(SERVER_NAME) == entry:
        return before
    header = rf"^\[{re.escape(key)}\.{SERVER_NAME}(?:\.[^\]\n]*)?\][^\n]*$"
    own_tables = rf"(?:\n*{header}(?:\n(?![\[#])[^\n]*)*)+"
    rest = re.sub(own_tables, "\n", before, flags=re.MULTILINE).strip("\n")
    rest = rest + "\n" if rest else ""
    if entry is not None:
        lines = [f"{name} = {json.dumps(value)}" for name, value in entry.items()]
        table = "\n".join([f"[{key}.{SERVER_NAME}]", *lines])
        rest = f"{rest}\n{table}\n" if rest else f"{table}\n"
    others = {name: value for name, value in servers.items() if name != SERVER_NAME}
    wanted = others if entry is None else {**others, SERVER_NAME: entry}
    with suppress(tomllib.TOMLDecodeError):
        if tomllib.loads(rest).get(key, {}) == wanted:
            return rest
    raise RouterError(
        f"{path}: the server {SERVER_NAME!r} is written in a way that can't be changed safely;"
        f" change {key}.{SERVER_NAME} by hand"
    )
