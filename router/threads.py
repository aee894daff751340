"""Threads for calls of numpy and onnxruntime, which release the GIL, and a lock for them."""

import os
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from weakref import WeakSet

_Part = TypeVar("_Part")
_Result = TypeVar("_Result")


class ProcessLock:
    """A lock of one process: it is free in a forked child, and is pickled as a new lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        _locks.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def __reduce__(self) -> tuple[type["ProcessLock"], tuple[()]]:
        return ProcessLock, ()

    def free(self) -> None:
        """Forget the threads of the parent process, which do not exist in a forked child."""
        self._lock = threading.Lock()


_locks: WeakSet[ProcessLock] = WeakSet()


def _free_locks() -> None:
    for lock in _locks:
        lock.free()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_free_locks)


def cores() -> int:
    """Count the cores that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_in_threads(work: Callable[[_Part], _Result], parts: Sequence[_Part]) -> list[_Result]:
    """Call `work` on each part, in one thread for each core; a single part needs no thread.

    :return: The results in the order of the parts.
    """
    if len(parts) < 2 or cores() < 2:
        return [work(part) for part in parts]
    with ThreadPoolExecutor(min(len(parts), cores())) as workers:
        return list(workers.map(work, parts))
