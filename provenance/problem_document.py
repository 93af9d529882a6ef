"""What a client reads when a request fails: RFC 9457, in one form for all that answers HTTP here.

Two exceptions lead to it, since they know different things. The resolver's router is mounted in
applications of others: it names a status with each code, as the C2PA's specification has them. The
service has one closed table of codes, from which its API's documents are made.
"""

from __future__ import annotations

from typing import Any

MEDIA_TYPE = "application/problem+json"


def problem_document(
    *, status: int, code: str, title: str, detail: str = "", **more: Any
) -> dict[str, Any]:
    """``code`` never changes. ``type`` is a name and no address: nothing is to be fetched."""
    document = {
        "type": f"urn:everyframe:problem:{code}",
        "title": title,
        "status": status,
        "code": code,
    }
    if detail:
        document["detail"] = detail
    return {**document, **more}
