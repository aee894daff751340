"""Where the packs and skills that come with the library lie, installed or in a checkout."""

from pathlib import Path

_HERE = Path(__file__).parent
_ROOT = _HERE if (_HERE / "data").is_dir() else _HERE.parent

DATA = _ROOT / "data"
SKILLS = _ROOT / "skills"
DEFAULT_PACK = DATA / "packs" / "ml-production"
SAMPLE_LOG = DATA / "logs" / "sample.jsonl"
