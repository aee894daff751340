"""Route in a thread, so that the event loop of async code is not blocked.

Run it: python docs/recipes/async_use.py
"""

import asyncio
from collections.abc import Sequence

from router import Decision, Router


async def route(router: Router, text: str) -> Decision:
    """Route one query without blocking the event loop."""
    return await asyncio.to_thread(router.route, text)


async def route_together(router: Router, texts: Sequence[str]) -> list[Decision]:
    """Route queries that arrive together: one batch is cheaper than a thread for each."""
    return await asyncio.to_thread(router.route_many, texts)


async def main() -> None:
    """Route two queries at once."""
    router = await asyncio.to_thread(Router.load)
    texts = ["quantize bert to int8", "alert me when the features drift"]
    for text, decision in zip(texts, await route_together(router, texts), strict=True):
        print(text, "->", decision.reason)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main())
