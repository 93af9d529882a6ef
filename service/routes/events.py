"""``/v1/events``: what object stores tell of themselves."""

from __future__ import annotations

from typing import Annotated, Any

import anyio.to_thread
from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from service.access import May, ServicesHere
from service.accounts import Caller
from service.object_events import ObjectEvent, is_news, read_events
from service.problems import Problem
from service.routes.bodies import json_body
from service.routes.responses import problems
from service.routes.scans import check_object, check_room
from service.scans import NewScan
from service.schemas import EventsAccepted
from service.services import Services

router = APIRouter(prefix="/v1/events", tags=["events"])
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}


@router.post(
    "/s3",
    status_code=202,
    response_model=EventsAccepted,
    openapi_extra=_BODY,
    responses=problems("media.too_large", "request.invalid", "queue.full"),
)
async def s3_events(
    request: Request,
    services: ServicesHere,
    caller: Annotated[Caller, Depends(May("events:write"))],
) -> Response:
    """Scans each new object that an S3 notification names, once, whatever is told twice or late."""
    await anyio.to_thread.run_sync(check_room, services)
    document = await json_body(request, services.settings.bounds)
    try:
        events = list(read_events(document))
    except ValueError as error:
        raise Problem("request.invalid", f"This is no S3 notification: {error}.") from error
    allowed = [event for event in events if event is not None and _allowed(services, event)]
    accepted = await anyio.to_thread.run_sync(_accept, services, caller, allowed)
    answer = {"accepted": accepted, "ignored": len(events) - len(accepted)}
    return JSONResponse(answer, status_code=202)


def _allowed(services: Services, event: ObjectEvent) -> bool:
    try:
        check_object(event.address.partition("?")[0], services.settings)
    except Problem:
        return False
    return True


def _accept(services: Services, caller: Caller, events: list[ObjectEvent]) -> list[str]:
    accepted = []
    with services.database.writing() as transaction:
        for event in events:
            new = NewScan(
                id=services.scans.new_id(),
                tenant=caller.tenant.id,
                source="object",
                object=event.address,
                depth=services.settings.depth,
                bytes=event.size,
            )
            if is_news(transaction, caller.tenant.id, event, new.id):
                services.scans.submit_in(
                    transaction, new, actor=caller.key, quota=caller.tenant.quota
                )
                accepted.append(new.id)
    return accepted
