"""``/v1/links``: scan the file behind an address, where the operator allows that."""

from __future__ import annotations

from contextlib import aclosing
from typing import Annotated

import anyio
import anyio.to_thread
from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import Response

from service.access import ServicesHere
from service.accounts import Caller
from service.links import linked
from service.problems import Problem
from service.routes.bodies import json_body
from service.routes.responses import problems
from service.routes.scans import MAY_WRITE, check_room
from service.routes.waiting import scan_answer, wait_seconds
from service.scans import NewScan, Scan
from service.schemas import LinkScan, ScanDocument
from service.services import Services
from service.uploads import receive

router = APIRouter(prefix="/v1/links", tags=["scans"])


@router.post(
    "",
    status_code=202,
    response_model=ScanDocument,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": LinkScan.model_json_schema()}},
        }
    },
    responses={
        200: {"model": ScanDocument, "description": "Finished within Prefer: wait"},
        **problems(
            *("request.timeout", "media.too_large", "media.unsupported", "media.empty"),
            *("queue.full", "link.off", "link.forbidden", "link.unreadable"),
        ),
    },
)
async def scan_link(
    request: Request,
    services: ServicesHere,
    caller: Annotated[Caller, Depends(MAY_WRITE)],
    prefer: Annotated[str | None, Header(max_length=255)] = None,
) -> Response:
    """Fetches the file at a public https:// address, and scans it as if it had been sent.

    The address is not kept.
    """
    settings = services.settings
    if not settings.links:
        raise Problem("link.off", "Send the file itself.")
    await anyio.to_thread.run_sync(check_room, services)
    wish = LinkScan.model_validate(await json_body(request, settings.bounds))
    scan = await _fetched(services, caller, wish)
    return await scan_answer(services, scan, wait_seconds(prefer, services))


async def _fetched(services: Services, caller: Caller, wish: LinkScan) -> Scan:
    settings, scan = services.settings, services.scans.new_id()
    with services.places.one():
        async with aclosing(linked(wish.link, private=settings.private_targets)) as blocks:
            received = await receive(
                blocks, settings.incoming / f"{scan}.part", settings.bounds, declared=None
            )
        assert received.path is not None
        await anyio.to_thread.run_sync(services.storage.keep, received.path, scan)
    new = NewScan(
        id=scan,
        tenant=caller.tenant.id,
        source="upload",
        depth=wish.depth or settings.depth,
        bytes=received.bytes,
        sha256=received.sha256,
    )
    try:
        return await anyio.to_thread.run_sync(
            lambda: services.scans.submit(new, actor=caller.key, quota=caller.tenant.quota)
        )
    except BaseException:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(_undo, services, scan)
        raise


def _undo(services: Services, scan: str) -> None:
    # If the scan was stored after all (and only the answer was lost), its upload must stay.
    if services.scans.get(scan) is None:
        services.storage.remove(scan)
