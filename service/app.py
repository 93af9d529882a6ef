"""The application: routes, errors as problem documents, and the parts it runs on."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from provenance import __version__
from provenance.errors import DiskFull, EveryframeError, OutputError, StoreError
from provenance.problem_document import MEDIA_TYPE
from service.accounts import QuotaExceeded
from service.generation.making import Maker
from service.generation.models import longest_wishes
from service.metrics import Metrics
from service.middleware import MethodOverride, RequestIds
from service.problems import Problem
from service.routes import (
    accounts,
    clips,
    events,
    feedback,
    generations,
    health,
    links,
    reports,
    scans,
    uploads,
)
from service.services import Services, open_services
from service.web import page_router
from service.web.generate import generate_router

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from service.settings import Settings

RESOLVER_PREFIX = "/c2pa"
LOG = logging.getLogger("service.app")
ROUTERS = (
    *(health.router, links.router, scans.router, reports.router, feedback.router),
    *(uploads.router, events.router, accounts.router, generations.router, clips.router),
)
_BY_STATUS = {404: "route.not_found", 405: "route.method", 401: "auth.missing"}


def create_app(
    settings: Settings,
    *,
    opened: Services | None = None,
    resolver: APIRouter | None = None,
    clock: Callable[[], float] | None = None,
) -> FastAPI:
    """The service as an ASGI application. ``opened``: parts that somebody else opens and closes;
    ``resolver``: of :func:`service.resolving.open_resolver`.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if opened is not None:
            try:
                yield
            finally:
                app.state.maker.close()
            return
        given: dict[str, Any] = {} if clock is None else {"clock": clock}
        with open_services(settings, **given) as services:
            app.state.services = services
            app.state.maker = Maker(services.clips, settings.generation)
            try:
                yield
            finally:
                app.state.maker.close()

    app = FastAPI(
        title="everyframe",
        version=__version__,
        description="Send a video, learn whether AI made it, and what to do about it.",
        lifespan=lifespan,
        openapi_url="/v1/openapi.json",
        # What clients that are made from the document call their methods.
        generate_unique_id_function=lambda route: route.name,
        # The pages of the usual viewers load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
    )
    app.state.metrics = Metrics()
    if opened is not None:
        app.state.services = opened
        app.state.maker = Maker(opened.clips, settings.generation)
    for router in ROUTERS:
        app.include_router(router)
    if resolver is not None:
        app.include_router(resolver, prefix=RESOLVER_PREFIX)
    if settings.public is not None:
        app.include_router(page_router(settings))
    if settings.generation.bundles:
        longest = longest_wishes(settings.generation)
        app.include_router(generate_router(longest, alone=settings.public is None))
    app.add_middleware(MethodOverride, prefix=f"{uploads.router.prefix}/")
    app.add_middleware(RequestIds, answered=app.state.metrics.answered)
    _answer_errors(app)
    return app


def _answer_errors(app: FastAPI) -> None:
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(ValidationError, _invalid)
    app.add_exception_handler(QuotaExceeded, _quota)
    app.add_exception_handler(EveryframeError, _ours)
    app.add_exception_handler(ClientDisconnect, _gone)


def _answer(request: Request, problem: Problem) -> JSONResponse:
    request.app.state.metrics.rejected(problem.code)
    return JSONResponse(
        problem.document(),
        status_code=problem.status,
        headers=getattr(request.state, "headers", {}) | problem.headers,
        media_type=MEDIA_TYPE,
    )


def _problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return _answer(request, error)


def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = _BY_STATUS.get(error.status_code, "request.malformed")
    return _answer(request, Problem(code, headers=error.headers))


def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError | ValidationError)
    # What was sent is not sent back: it may be anything, and logs keep it.
    errors = [
        {"at": ".".join(str(part) for part in found["loc"]), "is": found["msg"]}
        for found in error.errors()
    ]
    return _answer(request, Problem("request.invalid", errors=errors))


def _quota(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, QuotaExceeded)
    return _answer(request, Problem("limit.quota", retry_after_s=error.retry_after_s))


def _ours(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, EveryframeError)
    LOG.error("request failed: %s", error.diagnostics())
    if isinstance(error, DiskFull):
        return _answer(request, Problem("disk.full", retry_after_s=30))
    if isinstance(error, StoreError | OutputError):
        return _answer(request, Problem("service.unavailable", retry_after_s=5))
    return _answer(request, Problem("internal"))


def _gone(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ClientDisconnect)
    return _answer(request, Problem("request.malformed", "The body ended early."))
