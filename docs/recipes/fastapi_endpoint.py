"""A web service: a query in, the decision as JSON out; the reply to a question goes to /answer.

Run it: pip install fastapi uvicorn; uvicorn --app-dir docs/recipes --factory fastapi_endpoint:app
"""

from typing import Any

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field

from router import Router, RouterError


class Query(BaseModel):
    """A request to route."""

    text: str = Field(min_length=1, max_length=4_000)


class Reply(BaseModel):
    """A reply, and the decision that asked. The client keeps it, so the server keeps nothing."""

    clarify: dict[str, Any]
    text: str = Field(min_length=1, max_length=4_000)


def app(router: Router | None = None) -> FastAPI:
    """Build the application around one router, which all requests share."""
    routing = router or Router.load()
    application = FastAPI(title="router")

    # FastAPI runs plain functions in threads, and threads can share a router.
    @application.post("/route")
    def route(query: Query) -> dict[str, Any]:
        return routing.route(query.text).to_dict()

    @application.post("/answer")
    def answer(reply: Reply) -> dict[str, Any]:
        try:
            return routing.answer(reply.clarify, reply.text).to_dict()
        except RouterError as error:
            raise HTTPException(422, str(error)) from error

    return application
