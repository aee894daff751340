"""Where the packs and skills that come with the library are, and where caches go."""

import atexit
import logging
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

log = logging.getLogger(__name__)

_HERE = Path(__file__).parent
_ROOT = _HERE if (_HERE / "data").is_dir() else _HERE.parent  # installed, or in a checkout

DATA = _ROOT / "data"
SKILLS = _ROOT / "skills"
DEFAULT_PACK = DATA / "packs" / "ml-production"
SAMPLE_LOG = DATA / "logs" / "sample.jsonl"


def cache_folder() -> Path:
    """Find the folder for models and vectors: ROUTER_CACHE, or a folder of the user's cache."""
    if chosen := os.environ.get("ROUTER_CACHE"):
        return Path(chosen)
    if shared := os.environ.get("XDG_CACHE_HOME"):
        return Path(shared) / "router"
    try:
        return Path.home() / ".cache" / "router"
    except RuntimeError:  # neither HOME is set nor does the system know the user
        return _without_home()


@cache
def _without_home() -> Path:
    log.warning("there is no home folder; cure: set ROUTER_CACHE to a folder with 200 MB")
    return temporary_folder()


@cache
def temporary_folder() -> Path:
    """Make a folder for this process, which is removed when it ends."""
    folder = tempfile.mkdtemp(prefix="router-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
