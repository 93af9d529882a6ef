"""What an operation may answer, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from provenance.problem_document import MEDIA_TYPE
from service.problems import KINDS
from service.schemas import ProblemDocument

ALWAYS = ("auth.missing", "auth.forbidden", "limit.rate", "request.malformed", "internal")
_RETRY = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds"}}


def problems(*codes: str) -> dict[int | str, dict[str, Any]]:
    """FastAPI's ``responses`` for the problems with these codes and those of every operation."""
    found: dict[int | str, dict[str, Any]] = {}
    for code in (*ALWAYS, "service.unavailable", *codes):
        status, title = KINDS[code]
        known = found.get(status)
        response: dict[str, Any] = {
            "description": title if known is None else f"{known['description']}; {title}",
            "content": {MEDIA_TYPE: {"schema": ProblemDocument.model_json_schema()}},
        }
        if status in {429, 503}:
            response["headers"] = _RETRY
        found[status] = response
    return found
