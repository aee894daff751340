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
class OutcomeChange:
    """A query with its outcome before and after an edit."""

    query: str
    before: str
    after: str


@dataclass(frozen=True)
class FirstLook:
    """The first valid pack was read."""

    outcomes: Mapping[str, str]


@dataclass(frozen=True)
class OutcomeChanges:
    """The pack or the queries were edited. `added` holds the outcomes of new queries."""

    changes: tuple[OutcomeChange, ...]
    added: Mapping[str, str]
    n_queries: int


@dataclass(frozen=True)
class PackFaults:
    """The files that were saved are invalid; the last valid pack stays in use."""

    faults: tuple[str, ...]


@dataclass(frozen=True)
class NoChange:
    """Nothing changed that matters."""


WatchEvent: TypeAlias = FirstLook | OutcomeChanges | PackFaults | NoChange


def next_event(
    state: WatchState | None, files: FilesRead, decide: DecideQueries
) -> tuple[WatchState | None, WatchEvent]:
    """Compare the files with what was last shown.

    :param state: None until a valid pack was read.
    :param decide: It is called only if the pack or the queries have changed.
    :return: The new state, and what to show.
    """
    if files.pack is None or files.faults:
        if state is None:
            return None, PackFaults(files.faults)
        known = state.faults == files.faults
        return replace(state, faults=files.faults), NoChange() if known else PackFaults(
            files.faults
        )
    if state is not None and state.pack == files.pack and set(state.outcomes) == set(files.queries):
        repaired = OutcomeChanges((), {}, len(files.queries))
        return replace(state, faults=()), repaired if state.faults else NoChange()
    outcomes = dict(zip(files.queries, decide(files.pack, files.queries), strict=True))
    now = WatchState(outcomes, files.pack)
    if state is None:
        return now, FirstLook(outcomes)
    changes = tuple(
        OutcomeChange(query, state.outcomes[query], outcome)
        for query, outcome in outcomes.items()
        if state.outcomes.get(query, outcome) != outcome
    )
    added = {query: text for query, text in outcomes.items() if query not in state.outcomes}
    return now, OutcomeChanges(changes, added, len(files.queries))
