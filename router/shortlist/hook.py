"""The hook of an agent host: its JSON on standard input, what to tell the agent on standard output.

It imports the standard library only, so that a prompt waits a tenth of a second: the router answers
from a server of its own (`router.shortlist.server`), which the first prompt starts. Whatever goes
wrong, the prompt goes on: nothing is printed, and the exit code is 0.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from router.shortlist.sockets import socket_path

DEFAULT_LIMIT_S = 5.0
"""Seconds that a prompt waits at most; only the first one, which starts the server, needs them."""

_EVENT = "UserPromptSubmit"
_POLL_S = 0.02
_MAX_BYTES = 1_000_000


def run_hook(arguments: Sequence[str]) -> None:
    """Answer one event of the host, then end the process with exit code 0."""
    options = _options(arguments)
    if options is not None:
        deadline = time.monotonic() + options.timeout
        threading.Timer(options.timeout, os._exit, (0,)).start()  # whatever blocks, even stdin
        try:
            _answer(options, deadline)
        except Exception as error:
            print(f"router: no shortlist: {error}", file=sys.stderr)  # noqa: T201
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _options(arguments: Sequence[str]) -> argparse.Namespace | None:
    parser = argparse.ArgumentParser("router shortlist", exit_on_error=False, add_help=False)
    parser.add_argument("--hook", action="store_true")
    parser.add_argument("--pack", "-p", default="")
    parser.add_argument("--k", "-k", type=int, default=5)
    parser.add_argument("--timeout", type=float, default=DEFAULT_LIMIT_S)
    try:
        return parser.parse_args(arguments)
    except (argparse.ArgumentError, SystemExit) as error:
        print(f"router: no shortlist: {error}", file=sys.stderr)  # noqa: T201
        return None


def _answer(options: argparse.Namespace, deadline: float) -> None:
    event = json.loads(sys.stdin.buffer.read())
    prompt = event.get("prompt") or event.get("user_prompt") or ""
    name = event.get("hook_event_name", _EVENT)
    pack = str(Path(options.pack).expanduser().resolve()) if options.pack else ""
    if name == "SessionStart":
        if hasattr(socket, "AF_UNIX") and _connected(pack) is None:
            _start_server(pack)
    elif isinstance(prompt, str) and prompt.strip():
        context = _ask_server(pack, {"prompt": prompt, "k": options.k}, deadline)
        if context:
            output = {"hookEventName": _EVENT, "additionalContext": context}
            print(json.dumps({"hookSpecificOutput": output}))  # noqa: T201


def _ask_server(pack: str, request: dict[str, Any], deadline: float) -> str:
    """Get the context for a prompt from the server, which is started if it does not run.

    :raises RuntimeError: The server can't load the pack; the message says why.
    """
    if not hasattr(socket, "AF_UNIX"):  # Windows: load the router here, within the time limit
        from router.shortlist.server import ShortlistServer

        return ShortlistServer(pack).reply(request).get("context", "")
    connection = _connected(pack)
    if connection is None:
        _start_server(pack)
    while connection is None:
        time.sleep(_POLL_S)
        if time.monotonic() > deadline:
            return ""
        connection = _connected(pack)
    with connection:
        connection.settimeout(max(deadline - time.monotonic(), _POLL_S))
        connection.sendall(json.dumps(request).encode() + b"\n")
        with connection.makefile("rb") as stream:
            reply = json.loads(stream.readline(_MAX_BYTES))
    if error := reply.get("error"):
        raise RuntimeError(error)
    return str(reply.get("context", ""))


def _connected(pack: str) -> socket.socket | None:
    path = socket_path(pack)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(1.0)
    try:
        connection.connect(str(path))
    except OSError:
        connection.close()
        return None
    return connection


def _start_server(pack: str) -> None:
    """Start the server in a session of its own, so that it outlives the hook."""
    command = [sys.executable, "-m", "router.shortlist.server", pack]
    subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
