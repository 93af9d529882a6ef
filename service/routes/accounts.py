"""``/v1/keys`` and ``/v1/audit``: what a tenant can do for itself."""

from __future__ import annotations

from typing import Annotated, Any

import anyio.to_thread
from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import JSONResponse, Response

from service.access import May, ServicesHere
from service.accounts import Caller
from service.audit import entries
from service.problems import Problem
from service.routes.responses import problems
from service.schemas import AuditPage, KeyDocument

router = APIRouter(prefix="/v1", tags=["account"])
MAY_CHANGE_KEYS = May("keys:write")
OVERLAP_S = 86_400.0


@router.post(
    "/keys/rotate",
    status_code=201,
    response_model=KeyDocument,
    responses=problems("request.invalid"),
)
async def rotate_key(
    services: ServicesHere,
    caller: Annotated[Caller, Depends(MAY_CHANGE_KEYS)],
    overlap_s: Annotated[float, Query(ge=0, le=7 * 86_400)] = OVERLAP_S,
) -> Response:
    """A new key with the scopes of the one in use, which ends after `overlap_s` seconds."""
    key = await anyio.to_thread.run_sync(
        lambda: services.accounts.rotate_key(caller, overlap_s=overlap_s)
    )
    return JSONResponse({"key": key, "ends_in_s": overlap_s}, status_code=201)


@router.delete(
    "/keys/{key}",
    status_code=204,
    response_class=Response,
    responses=problems("request.invalid", "key.not_found"),
)
async def revoke_key(
    key: Annotated[str, Path(pattern=r"^[0-9a-f]{12}$")],
    services: ServicesHere,
    caller: Annotated[Caller, Depends(MAY_CHANGE_KEYS)],
) -> Response:
    """Ends a key of the tenant at once. Its id is the part between `ltx_` and the next `_`."""

    def revoke() -> None:
        if not services.accounts.revoke_key(caller.tenant.id, key, actor=caller.key):
            raise Problem("key.not_found")

    await anyio.to_thread.run_sync(revoke)
    return Response(status_code=204)


@router.get("/audit", response_model=AuditPage, responses=problems("request.invalid"))
async def audit(
    services: ServicesHere,
    caller: Annotated[Caller, Depends(May("audit:read"))],
    cursor: Annotated[str | None, Query(pattern=r"^aud_[0-9a-f]{32}$")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> Response:
    """What was done with the tenant's scans and keys, the newest first."""

    def page() -> dict[str, Any]:
        found = entries(services.database, caller.tenant.id, before=cursor, limit=limit + 1)
        shown = found[:limit]
        more = len(found) > limit
        return {"entries": shown, "cursor": shown[-1]["id"] if more else None}

    return JSONResponse(await anyio.to_thread.run_sync(page))
