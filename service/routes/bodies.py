"""Bodies that are read whole: JSON, and small."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from service.problems import Problem

if TYPE_CHECKING:
    from fastapi import Request

    from service.settings import Bounds


async def json_body(request: Request, bounds: Bounds) -> Any:
    """The JSON value in the body; raises :class:`Problem` when it is none or too large."""
    body = bytearray()
    async for block in request.stream():
        body += block
        if len(body) > bounds.json_bytes:
            raise Problem("media.too_large", f"JSON may have {bounds.json_bytes} bytes.")
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Problem("request.malformed", "The body is not JSON.") from error


def stated_length(request: Request) -> int | None:
    """The length that the request states, if any."""
    text = request.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() else None
