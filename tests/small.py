"""The shipped pack with fewer exemplars: the real thing, fitted in a second or two."""

from pathlib import Path

from router.packs.pack import Exemplars, Pack
from router.packs.pack_file import load_pack, save_pack
from router.paths import DEFAULT_PACK

EXEMPLARS = 24
REPLIES = 6


def save_small_pack(folder: Path) -> Path:
    shipped = load_pack(DEFAULT_PACK)
    whole = shipped.exemplars
    kept = Exemplars(
        skills=_first(whole.skills, EXEMPLARS),
        neighbours=_first(whole.neighbours, EXEMPLARS),
        questions=_first(whole.questions, EXEMPLARS),
        options={question: _first(replies, REPLIES) for question, replies in whole.options.items()},
        none=whole.none[:EXEMPLARS],
    )
    save_pack(Pack(shipped.file, kept), folder)
    return folder


def _first(groups, count):
    return {one: lines[:count] for one, lines in groups.items()}
