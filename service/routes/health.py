"""Whether the process lives, whether it can take work, and how it goes."""

from __future__ import annotations

import os
import time
from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from fastapi.security import HTTPAuthorizationCredentials

from provenance.store import default_store_path, open_store
from service.access import BEARER, May, ServicesHere
from service.metrics import CONTENT_TYPE
from service.problems import Problem
from service.routes.responses import problems
from service.schemas import Health, Readiness
from service.services import Services

router = APIRouter(tags=["health"])
MAY_SEE = May("metrics:read")
_NOBODYS = "0" * 14
_HOLDS_S = 1.0


# By HEAD, too: some that stand before a server ask so.
@router.head("/healthz", name="healthz_head", responses=problems())
@router.get("/healthz", responses=problems())
async def healthz() -> Health:
    """The process answers; nothing else is looked at, so that a busy database restarts nobody."""
    return Health(status="ok")


@router.head("/readyz", name="readyz_head", responses=problems("service.draining"))
@router.get("/readyz", responses=problems("service.draining"))
async def readyz(request: Request, services: ServicesHere) -> Readiness:
    """Database, queue, storage and manifest store answer, and the process is not about to end."""
    if services.draining.is_set():
        raise Problem("service.draining", retry_after_s=5)
    state, now = request.app.state, time.monotonic()
    known: tuple[float, Readiness] | None = getattr(state, "ready", None)
    # Anybody may ask, and looking opens connections: a good answer holds for a moment.
    if known is None or now - known[0] > _HOLDS_S:
        waiting = await anyio.to_thread.run_sync(_waiting, services)
        known = state.ready = (now, Readiness(status="ok", waiting=waiting))
    return known[1]


def _waiting(services: Services) -> int:
    services.storage.check()
    chosen = services.settings.scan.store
    with open_store(chosen or default_store_path(os.environ), create=False) as store:
        store.contains(_NOBODYS)
    return services.queue.waiting()


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
        **problems("service.unavailable"),
    },
)
async def metrics(
    request: Request,
    services: ServicesHere,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)],
) -> Response:
    """For Prometheus. It needs a key with the scope metrics:read unless the operator opened it."""
    if not services.settings.open_metrics:
        await MAY_SEE(request, services, credentials)
    page = await anyio.to_thread.run_sync(request.app.state.metrics.page, services)
    return Response(page, headers={"Content-Type": CONTENT_TYPE})
