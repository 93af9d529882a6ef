"""``/v1/scans/{id}/report``: a result as a page for people."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Literal

import anyio.to_thread
from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse, Response

from detectors.report import to_html
from detectors.report.page import to_article
from detectors.report.parsing import from_record
from detectors.report.style import POLICY
from service.access import ServicesHere
from service.accounts import Caller
from service.problems import Problem
from service.routes.responses import problems
from service.routes.scans import MAY_READ, owned
from service.schemas import ScanId

router = APIRouter(prefix="/v1/scans/{scan}/report", tags=["scans"])


@router.get(
    "",
    response_class=HTMLResponse,
    responses=problems("request.invalid", "scan.not_found", "scan.unfinished"),
)
async def get_report(
    scan: ScanId,
    services: ServicesHere,
    caller: Annotated[Caller, Depends(MAY_READ)],
    part: Annotated[Literal["page", "article"], Query()] = "page",
) -> Response:
    """The result of a finished scan as a page that needs nothing else; `part=article` for another
    page to hold.
    """
    found = await anyio.to_thread.run_sync(owned, services, caller, scan)
    if found.state != "done":
        raise Problem("scan.unfinished")
    record = (found.answer or {}).get("result")
    if record is None:
        raise Problem("scan.no_report", "Nothing was read.")
    try:
        # It came out of the sandbox: it is held against its types before it becomes markup.
        result = from_record(record)
    except ValueError as error:
        raise Problem("scan.no_report", "It was written by another version.") from error
    if part == "article":
        # The page has the file, and knows its name; here it never had one. What a platform would
        # do about the file is no business of who asks what it is.
        shown = to_article(
            replace(result, file=replace(result.file, path=""), decision=None), level=1
        )
    else:
        now = datetime.fromtimestamp(found.finished or found.created, UTC)
        shown = to_html([result], now=now)
    return HTMLResponse(shown, headers={"Content-Security-Policy": f"{POLICY}; sandbox"})
