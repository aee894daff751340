"""Run numpy and onnxruntime calls, which release the GIL, on several threads."""

import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_Part = TypeVar("_Part")


def cores() -> int:
    """Count the cores that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_threads(work: Callable[[_Part], None], parts: Sequence[_Part]) -> None:
    """Call `work` on each part, in one thread for each core; a single part needs no thread."""
    if len(parts) < 2 or cores() < 2:
        for part in parts:
            work(part)
        return
    with ThreadPoolExecutor(min(len(parts), cores())) as workers:
        for _ in workers.map(work, parts):  # raises the first error of a part
            pass
