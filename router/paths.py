"""Where the packs and skills that come with the library are, and where caches go."""

import os
from pathlib import Path

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
    return Path.home() / ".cache" / "router"
