"""``Prefer: wait=N`` (RFC 7240): an answer that holds back until there is a result."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import anyio.to_thread
from fastapi.responses import JSONResponse

from service.documents import scan_document
from service.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi.responses import Response

    from service.scans import Scan
    from service.services import Services

_WAIT = re.compile(r"(?:^|[,;])\s*wait\s*=\s*(\d{1,6})\s*(?:$|[,;])", re.IGNORECASE)
RETRY_AFTER_S = 2


def wait_seconds(prefer: str | None, services: Services) -> float:
    """How long the client would wait, at most as long as we let it."""
    found = _WAIT.search(prefer or "")
    return 0.0 if found is None else min(float(found[1]), services.settings.bounds.wait_s)


async def scan_answer(
    services: Services,
    scan: Scan,
    wait_s: float,
    *,
    created: bool = True,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The scan, when it is done or the time is up. ``created``: it answers a POST."""
    if wait_s and scan.state != "done":
        await services.watch.wait(scan.id, wait_s)
        found = await anyio.to_thread.run_sync(services.scans.get, scan.id)
        if found is None:
            raise Problem("scan.not_found", "It was deleted.")
        scan = found
    done = scan.state == "done"
    sent = dict(headers or {})
    if created:
        sent["Location"] = f"/v1/scans/{scan.id}"
    if not done:
        sent["Retry-After"] = str(RETRY_AFTER_S)
    if wait_s and done:
        sent["Preference-Applied"] = "wait"
    status = 202 if created and not (done and wait_s) else 200
    return JSONResponse(scan_document(scan), status_code=status, headers=sent)
