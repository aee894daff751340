"""Where hook and server of a pack meet: a socket in a folder that only this user can enter."""

import hashlib
import os
import tempfile
from pathlib import Path


def socket_path(pack: str) -> Path:
    """Name the socket of the server for a pack, in a folder that only this user can enter.

    :param pack: The absolute path of the pack; "" for the shipped one.
    :raises PermissionError: Others could enter the folder, or it belongs to somebody else.
    """
    root = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    folder = Path(root) / f"router-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077 or folder.is_symlink():
        raise PermissionError(f"{folder}: only you may enter the folder of sockets; remove it")
    here = Path(__file__)
    depends_on = (pack, str(here), here.stat().st_mtime_ns, os.environ.get("ROUTER_CACHE"))
    return folder / f"{hashlib.sha256(repr(depends_on).encode()).hexdigest()[:16]}.sock"
