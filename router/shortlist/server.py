"""The server behind the hook: it holds one router and answers over a socket of the machine.

It ends by itself when nobody asks for half an hour or its socket is removed, and loads the pack
anew when a file of it has changed.
"""

import contextlib
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from router.paths import DEFAULT_PACK
from router.router import Router
from router.shortlist.entries import as_context, shortlist_of
from router.shortlist.sockets import socket_path

_IDLE_S = 1_800.0
_CHECK_S = 5.0
_LOOK_AGAIN_S = 5.0
_REQUEST_S = 2.0
_MAX_REQUEST = 1_000_000
_READ = (".md", ".txt", ".yaml", ".yml", ".json", ".jsonl")


class ShortlistServer:
    """Answers requests for one pack.

    :param pack: The path of the pack; "" for the shipped one.
    """

    def __init__(self, pack: str | Path) -> None:
        self._pack = Path(pack) if pack else DEFAULT_PACK
        self._router: Router | None = None
        self._error = ""
        self._stamp: object = None
        self._looked = -_LOOK_AGAIN_S

    def reply(self, request: dict[str, Any]) -> dict[str, str]:
        """Answer one request: {"prompt": ..., "k": ...}."""
        self._refresh()
        if self._router is None:
            return {"error": self._error}
        entries = shortlist_of(
            self._router, str(request["prompt"]), int(request.get("k", 5)), self._pack
        )
        return {"context": as_context(entries)}

    def _refresh(self) -> None:
        """Load the pack if that was not done yet, or if one of its files has changed."""
        if time.monotonic() - self._looked < _LOOK_AGAIN_S:
            return
        stamp = _stamp_of(self._pack)
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._router = Router.load(self._pack)
            except Exception as error:  # a pack that is being edited; the last one stays in use
                self._error = str(error) or type(error).__name__
        self._looked = time.monotonic()


def _stamp_of(pack: Path) -> object:
    """Tell by name, size and time of every file that is read whether a pack has changed."""
    if pack.is_file():
        return _stamps([pack])
    files = []
    for folder, below, names in os.walk(pack, followlinks=True):
        below[:] = sorted(name for name in below if name not in (".git", "node_modules"))
        files += [Path(folder) / name for name in sorted(names) if name.endswith(_READ)]
    return _stamps(files)


def _stamps(files: list[Path]) -> list[tuple[str, int, int]]:
    stamps = []
    for path in files:
        with contextlib.suppress(OSError):
            status = path.stat()
            stamps.append((str(path), status.st_size, status.st_mtime_ns))
    return stamps


def serve_shortlists(pack: str) -> None:
    """Serve until nobody asks for half an hour; end at once if another server does it already."""
    path = socket_path(pack)
    with _only_server(path), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        path.unlink(missing_ok=True)
        listener.bind(str(path))
        try:
            listener.listen(16)
            listener.settimeout(_CHECK_S)
            server = ShortlistServer(pack)
            server.reply({"prompt": "hello"})  # loads everything
            last = time.monotonic()
            while time.monotonic() - last < _IDLE_S and path.exists():
                try:
                    connection, _ = listener.accept()
                except TimeoutError:
                    continue
                last = time.monotonic()
                with connection, contextlib.suppress(OSError, ValueError, KeyError):
                    _serve(server, connection)
        finally:
            path.unlink(missing_ok=True)


def _serve(server: ShortlistServer, connection: socket.socket) -> None:
    connection.settimeout(_REQUEST_S)
    with connection.makefile("rb") as stream:
        request = json.loads(stream.readline(_MAX_REQUEST))
    connection.sendall(json.dumps(server.reply(request)).encode() + b"\n")


@contextlib.contextmanager
def _only_server(path: Path) -> Iterator[None]:
    """Hold the lock of a socket; the system frees it whenever the process ends."""
    import fcntl  # not on Windows, where there is no server

    held = path.with_suffix(".pid")
    held.touch(mode=0o600)
    with held.open("r+b") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            sys.exit(0)
        lock.truncate()
        lock.write(str(os.getpid()).encode())
        lock.flush()
        yield


if __name__ == "__main__":
    serve_shortlists(sys.argv[1])
