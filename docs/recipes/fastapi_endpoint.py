"""An HTTP endpoint: a query in, the decision as JSON out; a reply goes to /answer.

Run it: pip install fastapi uvicorn; uvicorn --app-dir docs/recipes --factory fastapi_endpoint:app
"""

from typing import Any

import msgspec
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field

from router import Clarify, Decision, Router, RouterError


class Query(BaseModel):
    """A request to route."""

    text: str = Field(min_length=1, max_length=4_000)


class Reply(BaseModel):
    """A reply, with the decision that asked; so the server keeps no dialogue."""

    clarify: dict[str, Any]
    text: str = Field(min_length=1, max_length=4_000)


def app(router: Router | None = None) -> FastAPI:
    """Build the application around one router, which all requests share."""
    routing = router or Router.load()
    built = FastAPI(title="router")

    # Plain `def`: FastAPI runs these in threads, and a router is safe to share between them.
    @built.post("/route")
    def route(query: Query) -> dict[str, Any]:
        return whole(routing.route(query.text))

    @built.post("/answer")
    def answer(reply: Reply) -> dict[str, Any]:
        try:
            clarify = msgspec.convert(reply.clarify, Clarify)
            return whole(routing.answer(clarify, reply.text))
        except (msgspec.ValidationError, RouterError) as error:
            raise HTTPException(422, str(error)) from error

    return built


def whole(decision: Decision) -> dict[str, Any]:
    """Give a decision with everything that a reply needs."""
    built: dict[str, Any] = msgspec.to_builtins(decision)
    return built
