"""What goes wrong with a request, as RFC 9457 problem documents with codes that never change."""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from provenance.problem_document import problem_document

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS: dict[str, tuple[int, str]] = {
    "request.invalid": (422, "The request does not fit the API"),
    "request.malformed": (400, "The request cannot be understood"),
    "request.head": (431, "The head of the request is too large"),
    "request.timeout": (408, "The body took too long to arrive"),
    "request.length_required": (411, "The length must be stated"),
    "auth.missing": (401, "An API key is needed"),
    "auth.invalid": (401, "The API key is not valid"),
    "auth.forbidden": (403, "The API key does not allow this"),
    "scan.not_found": (404, "There is no such scan"),
    "upload.not_found": (404, "There is no such upload"),
    "upload.offset": (409, "The offset is not where the upload stands"),
    "upload.checksum": (460, "The checksum does not fit the bytes"),
    "upload.expired": (410, "The upload has expired"),
    "tus.version": (412, "This version of tus is not spoken here"),
    "key.not_found": (404, "There is no such key"),
    "route.not_found": (404, "There is nothing at this address"),
    "route.method": (405, "This address does not take this method"),
    "idempotency.in_flight": (409, "A request with this key is being carried out"),
    "idempotency.mismatch": (422, "This key was used for another request"),
    "scan.unfinished": (409, "The scan is not finished"),
    "scan.no_receipt": (404, "The scan has no receipt"),
    "scan.no_report": (404, "The scan has no report"),
    "scan.no_callback": (409, "The scan has nobody to be told"),
    "media.empty": (422, "The body is empty"),
    "media.too_large": (413, "The file is too large"),
    "media.unsupported": (415, "This is not a video or sound file that can be scanned"),
    "object.forbidden": (422, "This store or object may not be read"),
    "link.off": (403, "Links are not fetched here"),
    "link.forbidden": (422, "This link may not be followed"),
    "link.unreadable": (422, "No file came from this link"),
    "callback.forbidden": (422, "This callback address may not be called"),
    "model.unknown": (422, "There is no such model"),
    "weights.missing": (503, "This model has no weights here"),
    "device.full": (503, "The clip does not fit the memory of this machine"),
    "generation.not_found": (404, "There is no such clip"),
    "generation.failed": (500, "The clip could not be made"),
    "generation.cancelled": (409, "The clip was cancelled"),
    "generation.interrupted": (503, "The server that made the clip has ended"),
    "generation.timeout": (503, "The clip took too long"),
    "generation.queue_full": (429, "Too many clips are waiting"),
    "address.invalid": (403, "This address is not valid, or no longer"),
    "range.invalid": (416, "The file has no such bytes"),
    "limit.rate": (429, "Too many requests"),
    "limit.uploads": (429, "Too many uploads at the same time"),
    "limit.quota": (429, "The quota is used up"),
    "queue.full": (503, "Too many scans are waiting"),
    "disk.full": (503, "There is no room for uploads"),
    "service.draining": (503, "The service is about to stop"),
    "service.unavailable": (503, "A part of the service does not work"),
    "internal": (500, "The service made a mistake"),
}
"""Code → HTTP status and title. 460 is tus' own."""


class Problem(Exception):
    """An answer that is not a success. ``retry_after_s`` is told in ``Retry-After``."""

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        retry_after_s: float | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.status, self.title = KINDS[code]
        self.detail = detail
        self.more = more
        self.headers = dict(headers or {})
        if retry_after_s is not None:
            self.headers["Retry-After"] = str(max(1, math.ceil(retry_after_s)))
        if self.status == HTTPStatus.UNAUTHORIZED:
            self.headers["WWW-Authenticate"] = "Bearer"

    def document(self) -> dict[str, Any]:
        return problem_document(
            status=self.status, code=self.code, title=self.title, detail=self.detail, **self.more
        )
