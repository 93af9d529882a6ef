"""``/v1/scans/{id}/feedback``: whether a result was right, by whoever knows better."""

from __future__ import annotations

from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from service.access import ServicesHere
from service.accounts import Caller
from service.problems import Problem
from service.routes.bodies import json_body
from service.routes.responses import problems
from service.routes.scans import MAY_WRITE, owned
from service.schemas import FeedbackWish, ScanId

router = APIRouter(prefix="/v1/scans/{scan}/feedback", tags=["scans"])


@router.put(
    "",
    status_code=204,
    response_class=Response,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": FeedbackWish.model_json_schema()}},
        }
    },
    responses=problems("request.invalid", "scan.not_found", "scan.unfinished", "media.too_large"),
)
async def give_feedback(
    request: Request,
    scan: ScanId,
    services: ServicesHere,
    caller: Annotated[Caller, Depends(MAY_WRITE)],
) -> Response:
    """Tells the operator what somebody thinks of a result. Nothing about the sender is kept, and
    what looks like an address or a number of a person is taken out.
    """
    wish = FeedbackWish.model_validate(await json_body(request, services.settings.bounds))

    def keep() -> None:
        found = owned(services, caller, scan)
        if found.state != "done":
            raise Problem("scan.unfinished")
        services.feedback.give(found, wish.kind, wish.comment)

    await anyio.to_thread.run_sync(keep)
    return Response(status_code=204)
