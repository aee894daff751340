"""Watch a pack while it is edited: after each save, show which of a list of queries changed."""

from router.watch.changes import (
    FirstLook,
    NoChange,
    OutcomeChange,
    OutcomeChanges,
    PackFaults,
    WatchEvent,
)
from router.watch.files import watch_pack
from router.watch.live_router import LiveRouter

__all__ = [
    "FirstLook",
    "LiveRouter",
    "NoChange",
    "OutcomeChange",
    "OutcomeChanges",
    "PackFaults",
    "WatchEvent",
    "watch_pack",
]
