"""Whether the process lives, and whether it can take work."""

from __future__ import annotations

import anyio.to_thread
from fastapi import APIRouter

from service.access import ServicesHere
from service.routes.responses import problems
from service.schemas import Health, Readiness

router = APIRouter(tags=["health"])


@router.get("/healthz", responses=problems())
async def healthz() -> Health:
    """The process answers; nothing else is looked at, so that a busy database restarts nobody."""
    return Health(status="ok")


@router.get("/readyz", responses=problems())
async def readyz(services: ServicesHere) -> Readiness:
    """Database and storage answer."""
    return Readiness(status="ok", waiting=await anyio.to_thread.run_sync(services.queue.waiting))
