"""A scan as the document that clients and webhooks get."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from service.scans import Scan


def scan_document(scan: Scan) -> dict[str, Any]:
    """``scan`` as :class:`service.schemas.ScanDocument`; nothing about who sent it."""
    answer = scan.answer or {}
    return {
        "id": scan.id,
        "state": scan.state,
        "created": instant(scan.created),
        "finished": None if scan.finished is None else instant(scan.finished),
        "source": scan.source,
        "object": scan.object,
        "depth": scan.depth,
        "bytes": scan.bytes,
        "sha256": scan.sha256 or _sha256(answer),
        "progress": scan.progress,
        "verdict": scan.verdict,
        "action": scan.action,
        "signals": answer.get("signals"),
        "decision": answer.get("decision"),
        "error": answer.get("error"),
        "result": answer.get("result"),
    }


def instant(seconds: float) -> str:
    """RFC 3339, in UTC, to the millisecond."""
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _sha256(answer: dict[str, Any]) -> str | None:
    found = ((answer.get("result") or {}).get("file") or {}).get("sha256")
    return found if isinstance(found, str) else None
