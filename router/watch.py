"""Hot editing: on each saved change of a pack, refit it and say how a list of queries moves.

Thinking does no talking: `step` takes what was and what is saved now, and gives what is and what
to tell. `follow` brings the clock and the disk.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from router.decisions.decision import Clarify, Decision, NoRoute, Redirect, Route
from router.errors import PackError
from router.packs.document import documents_to_read
from router.packs.exemplar_file import read_exemplars
from router.packs.pack import Pack
from router.packs.pack_file import FILE, check_pack

Stamp: TypeAlias = frozenset[tuple[str, int, int]]
"""Name, size and time of each file that counts: it differs after a save, and is cheap to take."""

QUIET = 2
"""Looks in a row that must agree before a change is read: an editor may still be writing."""


@dataclass(frozen=True)
class Saved:
    """What is on disk: a pack, unless it has faults, and the queries."""

    pack: Pack | None
    faults: tuple[str, ...]
    queries: tuple[str, ...]


@dataclass(frozen=True)
class Watched:
    """What was last told: the last good pack's decisions, and the faults since, if any."""

    decisions: Mapping[str, Decision]
    pack: Pack | None = None
    faults: tuple[str, ...] = ()


@dataclass(frozen=True)
class Move:
    """A query and its outcome before and after a change."""

    query: str
    before: str
    after: str


@dataclass(frozen=True)
class Opened:
    """The first good look: where each query goes."""

    outcomes: Mapping[str, str]


@dataclass(frozen=True)
class Moved:
    """The pack or the queries changed. `fresh`: the outcomes of queries that were not there."""

    moves: tuple[Move, ...]
    fresh: Mapping[str, str]
    queries: int


@dataclass(frozen=True)
class Faulty:
    """What was saved does not hold; the last good pack stays in force."""

    faults: tuple[str, ...]


@dataclass(frozen=True)
class Same:
    """Nothing that matters has changed."""


Told: TypeAlias = Opened | Moved | Faulty | Same
Decide: TypeAlias = Callable[[Pack, Sequence[str]], Sequence[Decision]]


def step(watched: Watched | None, saved: Saved, decide: Decide) -> tuple[Watched | None, Told]:
    """Take one look.

    :param watched: What was last told; None before the first good pack.
    :param decide: Fits a pack and decides queries; called only if there is something new.
    :return: What is watched now, and what to tell.
    """
    if saved.pack is None or saved.faults:
        known = watched is not None and watched.faults == saved.faults
        after = None if watched is None else replace(watched, faults=saved.faults)
        return after, Same() if known else Faulty(saved.faults)
    if watched is None:
        now = _decided(saved.pack, saved.queries, decide)
        outcomes = {query: outcome(now.decisions[query]) for query in saved.queries}
        return now, Opened(outcomes)
    if watched.pack == saved.pack and set(watched.decisions) == set(saved.queries):
        mended = Moved((), {}, len(saved.queries)) if watched.faults else Same()
        return replace(watched, faults=()), mended
    now = _decided(saved.pack, saved.queries, decide)
    moves = tuple(moves_between(watched.decisions, now.decisions))
    fresh = {q: outcome(d) for q, d in now.decisions.items() if q not in watched.decisions}
    return now, Moved(moves, fresh, len(saved.queries))


def _decided(pack: Pack, queries: Sequence[str], decide: Decide) -> Watched:
    return Watched(dict(zip(queries, decide(pack, queries), strict=True)), pack)


def moves_between(before: Mapping[str, Decision], after: Mapping[str, Decision]) -> Iterator[Move]:
    """Give the queries whose outcome differs, in the order of `after`."""
    for query, decision in after.items():
        was, now = before.get(query), outcome(decision)
        if was is not None and outcome(was) != now:
            yield Move(query, outcome(was), now)


def outcome(decision: Decision) -> str:
    """Say in a few words where a query goes; how sure that is does not count as a change."""
    match decision:
        case Route(skills=skills, packs=packs):
            return ", then ".join(skills) + (f" (see {', '.join(packs)})" if packs else "")
        case Clarify(question=question):
            return f"asks {question.id}"
        case Redirect(packs=packs):
            return f"redirect to {', '.join(packs)}"
        case NoRoute():
            return "none"


def stamp_of(folder: Path, queries: Path, documents: Iterable[Path] = ()) -> Stamp:
    """Look at the pack's files, its documents and the queries, without reading them."""
    exemplars = sorted((folder / "exemplars").rglob("*.txt"))
    paths = [folder / FILE, queries, *exemplars, *documents]
    seen = []
    for path in paths:
        try:
            stat = path.stat()
        except FileNotFoundError:  # between two steps of an editor's save
            continue
        seen.append((str(path), stat.st_size, stat.st_mtime_ns))
    return frozenset(seen)


def read_saved(folder: Path, queries: Path) -> Saved:
    """Read the pack and the queries, one a line; every fault is named, none is raised."""
    try:
        lines = read_exemplars(queries)
    except FileNotFoundError:
        return Saved(None, (f"{queries}: no such file; one query a line, # for comments",), ())
    except PackError as error:
        return Saved(None, (str(error),), ())
    try:
        pack, faults = check_pack(folder)
    except OSError as error:  # a file went away while it was read
        return Saved(None, (str(error),), lines)
    return Saved(pack, tuple(map(str, faults)), lines)


def follow(
    folder: Path, queries: Path, decide: Decide, *, interval_s: float = 0.3
) -> Iterator[Told]:
    """Look again and again, for ever, and give whatever there is to tell."""
    watched: Watched | None = None
    told_of: Stamp | None = None
    last: list[Stamp] = []
    documents: list[Path] = []
    while True:
        last = [*last, stamp_of(folder, queries, documents)][-QUIET:]
        settled = len(set(last)) == 1 and (len(last) == QUIET or told_of is None)
        if settled and last[0] != told_of:
            told_of = last[0]
            saved = read_saved(folder, queries)
            if saved.pack is not None:  # what lies there from now on is looked at, too
                documents = [path for _, path in documents_to_read(folder, saved.pack.file.skills)]
            watched, told = step(watched, saved, decide)
            if not isinstance(told, Same):
                yield told
        time.sleep(interval_s)
