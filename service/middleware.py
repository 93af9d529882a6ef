"""Around every request, as plain ASGI: an id, headers that make browsers careful, a last resort,
and the method that a client of resumable uploads means.
"""

from __future__ import annotations

import json
import logging
import secrets
import time
from typing import TYPE_CHECKING

from starlette.datastructures import Headers

from provenance.problem_document import MEDIA_TYPE
from service.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOG = logging.getLogger("service.access")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OVERRIDES = frozenset({"HEAD", "PATCH", "DELETE"})
HEAD_BYTES = 32 * 1024
"""The largest head of a request: its address and all its fields."""
CAREFUL = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)


class RequestIds:
    """Gives each request an id, logs how it ended without addresses, names or queries, and turns
    what nobody foresaw into a problem document.
    """

    def __init__(self, app: ASGIApp, *, answered: Callable[[str, str, int, float], None]) -> None:
        """``answered`` is told of each request: method, route, status, seconds."""
        self._app = app
        self._answered = answered

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id, started, status = secrets.token_hex(8), time.perf_counter(), 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                given = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", request_id.encode()),
                    *(header for header in CAREFUL if header[0] not in given),
                ]
            await send(message)

        try:
            if _head_bytes(scope) > HEAD_BYTES:
                problem = Problem("request.head", headers={"Connection": "close"})
                await _send_problem(problem, send_with_headers)
            else:
                await self._app(scope, receive, send_with_headers)
        except Exception:
            LOG.exception("request %s failed", request_id)
            if status:
                raise  # half an answer is out: only the connection can tell that it is none
            await _send_problem(Problem("internal", request=request_id), send_with_headers)
        finally:
            route = getattr(scope.get("route"), "path", "")
            took_s = time.perf_counter() - started
            self._answered(_known(scope["method"]), route, status, took_s)
            LOG.info(
                "request",
                extra={
                    "request": request_id,
                    "method": _known(scope["method"]),
                    "route": route,
                    "status": status,
                    "ms": round(took_s * 1000, 1),
                },
            )


class MethodOverride:
    """Takes the method that ``X-HTTP-Method-Override`` names for that of the request, under
    ``prefix`` alone: tus 1.0 has it for clients whose way here lets no PATCH and no DELETE pass.
    """

    def __init__(self, app: ASGIApp, *, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] == "http"
            and scope["method"] == "POST"
            and scope["path"].startswith(self._prefix)
        ):
            named = Headers(scope=scope).get("x-http-method-override", "").strip().upper()
            if named in _OVERRIDES:
                scope["method"] = named
        await self._app(scope, receive, send)


def _head_bytes(scope: Scope) -> int:
    """Of the head as it came; h11 bounds only what it must wait for."""
    line = len(scope["raw_path"]) + len(scope["query_string"])
    return line + sum(len(name) + len(value) + 4 for name, value in scope["headers"])


def _known(method: str) -> str:
    """The method, unless a client made it up: labels and logs are for few, and known ones."""
    return method if method in METHODS else "other"


async def _send_problem(problem: Problem, send: Send) -> None:
    body = json.dumps(problem.document()).encode()
    given = {
        "content-type": MEDIA_TYPE,
        "content-length": str(len(body)),
        **problem.headers,
    }
    headers = [(name.lower().encode(), value.encode()) for name, value in given.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
