"""What a save has changed, as values: `next_event` is a pure step that reads no file."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from router.packs.pack import Pack

DecideQueries: TypeAlias = Callable[[Pack, Sequence[str]], Sequence[str]]
"""Fits a pack and gives the outcome of each query in words."""


@dataclass(frozen=True)
class FilesRead:
    """The files as they are now: the queries, and a pack unless there are faults."""

    pack: Pack | None
    faults: tuple[str, ...]
    queries: tuple[str, ...]


@dataclass(frozen=True)
class WatchState:
    """The last valid pack, the outcome of each query, and the faults that came since, if any."""

    outcomes: Mapping[str, str]
    pack: Pack
    faults: tuple[str, ...] = ()


@dataclass(frozen=True)
class OutcomeChanges:
    """What a valid save led to.

    :param changes: The outcomes before and after, of each query whose outcome has changed.
    :param added: The outcomes of new queries. After the first valid save, all of them are new.
    """

    changes: Mapping[str, tuple[str, str]]
    added: Mapping[str, str]
    n_queries: int


@dataclass(frozen=True)
class PackFaults:
    """The files that were saved are invalid; the last valid pack stays in use."""

    faults: tuple[str, ...]


WatchEvent: TypeAlias = OutcomeChanges | PackFaults


def next_event(
    state: WatchState | None, files: FilesRead, decide: DecideQueries
) -> tuple[WatchState | None, WatchEvent | None]:
    """Compare the files with what was last shown.

    :param state: None until a valid pack was read.
    :param decide: It is called only if the pack or the queries have changed.
    :return: The new state, and what to show, if anything.
    """
    known = None if state is None else state.faults
    if files.pack is None or files.faults:
        event = None if known == files.faults else PackFaults(files.faults)
        return None if state is None else replace(state, faults=files.faults), event
    before = {} if state is None else state.outcomes
    if state is None or state.pack != files.pack or set(before) != set(files.queries):
        outcomes = dict(zip(files.queries, decide(files.pack, files.queries), strict=True))
    elif known:
        outcomes = dict(before)
    else:
        return state, None
    changes = {
        query: (before[query], outcome)
        for query, outcome in outcomes.items()
        if before.get(query, outcome) != outcome
    }
    added = {query: outcome for query, outcome in outcomes.items() if query not in before}
    return WatchState(outcomes, files.pack), OutcomeChanges(changes, added, len(outcomes))
