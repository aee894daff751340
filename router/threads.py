"""Work on several cores, of libraries that let other threads run meanwhile."""

import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Part = TypeVar("Part")


def cores() -> int:
    """Count the cores that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_threads(work: Callable[[Part], None], parts: Sequence[Part]) -> None:
    """Work on each part, as many at a time as there are cores; one part alone needs no thread."""
    if len(parts) < 2 or cores() < 2:
        for part in parts:
            work(part)
        return
    with ThreadPoolExecutor(min(len(parts), cores())) as workers:
        for _ in workers.map(work, parts):  # raises what a part raised
            pass
