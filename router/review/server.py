"""The page of a review: on this machine alone, behind a random token, one answer at a time."""

import secrets
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from router.errors import RouterError
from router.review.drafts import Draft
from router.review.session import Review

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

HOST = "127.0.0.1"
_PAGE = Path(__file__).with_name("page.html")
_MAX_BODY_BYTES = 20_000
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class _Post(msgspec.Struct, forbid_unknown_fields=True):
    """What the page sends."""

    position: int = -1
    label: Any = None
    new_route: bool = False
    pair: str = ""
    draft: Draft | None = None


def new_token() -> str:
    """Make the secret part of the address."""
    return secrets.token_urlsafe(24)


def review_app(review: Review, token: str, port: int) -> "Starlette":
    """Make the application of a review.

    Only who knows the token is answered, and only on the host and port that the page is at: so
    neither another page of the browser, nor a name that somebody points here, gets in.

    :param review: The review.
    :param token: The first part of every path.
    :param port: The port that is listened on.
    :raises RouterError: Starlette is not installed.
    """
    try:
        from starlette.applications import Starlette
        from starlette.routing import Route
    except ImportError as error:
        raise RouterError(missing(error)) from error
    pages = _Pages(review, token, port)
    return Starlette(
        routes=[
            Route("/{token}/", pages.page),
            Route("/{token}/state", pages.state),
            Route("/{token}/{what}", pages.post, methods=["POST"]),
        ]
    )


class _Pages:
    """Answers the requests of the page, one at a time."""

    def __init__(self, review: Review, token: str, port: int) -> None:
        self.review, self.token = review, token
        self.hosts = {f"{name}:{port}" for name in (HOST, "localhost")}
        self.lock = threading.Lock()

    def check(self, request: "Request") -> None:
        """Refuse who does not know the token, and what another page sends."""
        from starlette.exceptions import HTTPException

        origin = request.headers.get("origin")
        if request.headers.get("host") not in self.hosts:
            raise HTTPException(403, "another host")
        if origin is not None and origin not in {f"http://{host}" for host in self.hosts}:
            raise HTTPException(403, "another origin")
        if request.headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            raise HTTPException(403, "another site")
        given = str(request.path_params["token"])
        if not secrets.compare_digest(given.encode(), self.token.encode()):
            raise HTTPException(404, "not found")

    async def page(self, request: "Request") -> "Response":
        """Give the page, which may run no script and no style but its own."""
        from starlette.responses import HTMLResponse

        self.check(request)
        nonce = secrets.token_urlsafe(16)
        policy = (
            f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}';"
            " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        headers = {"Content-Security-Policy": policy, **_HEADERS}
        return HTMLResponse(_PAGE.read_text(encoding="utf-8").replace("NONCE", nonce), 200, headers)

    async def state(self, request: "Request") -> "Response":
        """Give what the page shows at first."""
        from starlette.responses import JSONResponse

        self.check(request)
        with self.lock:
            content = _with_targets(self.review)
        return JSONResponse(content, headers=_HEADERS)

    async def post(self, request: "Request") -> "Response":
        """Take an answer; it is on the disk before the next query is given."""
        from starlette.responses import JSONResponse, PlainTextResponse

        self.check(request)
        if request.headers.get("content-type", "").split(";")[0] != "application/json":
            return PlainTextResponse("JSON is read here", 415)
        body = await request.body()
        try:
            if len(body) > _MAX_BODY_BYTES:
                raise RouterError(f"an answer has at most {_MAX_BODY_BYTES:,} bytes")
            sent = msgspec.json.decode(body, type=_Post)
            with self.lock:
                what = request.path_params["what"]
                _do(self.review, what, sent)
                content = (_with_targets if what == "draft" else state_of)(self.review)
                return JSONResponse(content, headers=_HEADERS)
        except (RouterError, msgspec.DecodeError) as error:
            return JSONResponse({"error": str(error)}, 400, headers=_HEADERS)


def state_of(review: Review) -> dict[str, Any]:
    """Give what the page shows now."""
    return {
        "card": msgspec.to_builtins(review.next_card()),
        "progress": review.progress(),
        "new_routes": review.new_routes,
        "draft": msgspec.to_builtins(review.draft()),
    }


def _with_targets(review: Review) -> dict[str, Any]:
    return state_of(review) | {"targets": msgspec.to_builtins(review.targets)}


def serve_review(review: Review, port: int, started: Callable[[str], None]) -> None:
    """Serve the page until the process is interrupted.

    :param port: The port; 0 takes a free one.
    :param started: Called with the address.
    :raises RouterError: Uvicorn is not installed, or the port is taken.
    """
    import socket

    try:
        import uvicorn
    except ImportError as error:
        raise RouterError(missing(error)) from error
    # Named as TCP, or asyncio lets each answer wait 40 ms for what might follow it.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError as error:
            raise RouterError(
                f"port {port} of {HOST} can't be listened on: {error.strerror}; cure: give another"
                " one with --port, 0 takes a free one"
            ) from error
        port, token = listener.getsockname()[1], new_token()
        app = review_app(review, token, port)
        config = uvicorn.Config(app, log_level="error", access_log=False, lifespan="off")
        server = uvicorn.Server(config)
        listener.listen()
        started(f"http://{HOST}:{port}/{token}/")
        server.run(sockets=[listener])


def missing(error: ImportError) -> str:
    """Say what to install."""
    return (
        f"the page of a review needs starlette and uvicorn, which can't be imported: {error}; cure:"
        " pip install 'ask-router[review]', or review in the terminal with --terminal"
    )


def _do(review: Review, what: str, sent: _Post) -> None:
    if what == "answer":
        review.answer(sent.position, sent.label, sent.new_route)
    elif what == "skip":
        review.skip(sent.position)
    elif what == "undo":
        review.undo()
    elif what == "draft":
        review.decide_draft(sent.pair, sent.draft)
    else:
        raise RouterError(f"there is no {what!r} here")
