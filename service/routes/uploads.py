"""``/v1/uploads``: resumable uploads by tus 1.0: creation, termination, expiration, checksum.

When the last byte has arrived the upload becomes a scan, whose address is in ``Scan-Location``.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
from binascii import Error as NotBase64
from email.utils import formatdate
from typing import TYPE_CHECKING, Annotated, Any

import anyio
import anyio.to_thread
from fastapi import APIRouter, Depends, Header, Path, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute

from provenance.video.sniff import HEAD_BYTES
from service.access import May, ServicesHere
from service.accounts import Caller
from service.problems import Problem
from service.routes.responses import problems
from service.routes.scans import MEDIA, check_room
from service.scans import NewScan
from service.services import Services
from service.uploads.receiving import BLOCK, Pace, check_kind, taken_by_the_disk, too_large

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from service.settings import Bounds
    from service.uploads.resumable import Resumable

MAY_WRITE = May("scans:write")
VERSION, EXTENSIONS = "1.0.0", "creation,termination,expiration,checksum"
ALGORITHMS: dict[str, Callable[[], hashlib._Hash]] = {
    "sha256": hashlib.sha256,
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
}
# Another one is an upload that is not there, as for tus all of them are.
UploadId = Annotated[str, Path(examples=["upl_" + "0" * 32], max_length=200)]
Resumable10 = Annotated[str | None, Header(alias="Tus-Resumable")]
_CHUNK = "application/offset+octet-stream"


class _TusRoute(APIRoute):
    """Says which version of tus it speaks, in errors as well."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_and_say(request: Request) -> Response:
            request.state.headers = {"Tus-Resumable": VERSION}
            return await handle(request)

        return handle_and_say


router = APIRouter(prefix="/v1/uploads", tags=["uploads"], route_class=_TusRoute)


@router.options("", status_code=204, response_class=Response, responses=problems())
async def abilities(services: ServicesHere) -> Response:
    """What this server can."""
    more = {
        "Tus-Version": VERSION,
        "Tus-Extension": EXTENSIONS,
        "Tus-Max-Size": str(services.settings.bounds.upload_bytes),
        "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
    }
    return _answer(204, more)


@router.post(
    "",
    status_code=201,
    response_class=Response,
    responses=problems(
        "tus.version", "request.length_required", "request.invalid", "request.malformed",
        "media.too_large", "media.unsupported", "queue.full",
    ),
)  # fmt: skip
async def create_upload(
    services: ServicesHere,
    caller: Annotated[Caller, Depends(MAY_WRITE)],
    tus_resumable: Resumable10 = None,
    upload_length: Annotated[int | None, Header(ge=0)] = None,
    upload_defer_length: Annotated[str | None, Header(max_length=20)] = None,
    upload_metadata: Annotated[str | None, Header(max_length=4096)] = None,
) -> Response:
    """Begins an upload. Of `Upload-Metadata` only `filetype` is looked at; names are not kept."""
    _check_version(tus_resumable)
    if upload_defer_length not in (None, "1") or None not in (upload_defer_length, upload_length):
        raise Problem(
            "request.malformed", "Upload-Defer-Length is 1, and stands in place of Upload-Length."
        )
    if upload_length is None:
        raise Problem("request.length_required", "Upload-Length must be known from the start.")
    if upload_length == 0:
        raise Problem("media.empty")
    if upload_length > services.settings.bounds.upload_bytes:
        raise too_large(services.settings.bounds)
    media = _metadata(upload_metadata).get("filetype", "application/octet-stream").lower()
    if not MEDIA.fullmatch(media):
        raise Problem("media.unsupported", "The filetype must be video/* or audio/*.")
    await anyio.to_thread.run_sync(check_room, services)
    upload = await anyio.to_thread.run_sync(
        lambda: services.resumables.create(
            caller.tenant.id, upload_length, media_type=media, depth=services.settings.depth
        )
    )
    return _answer(201, {"Location": f"/v1/uploads/{upload.id}", **_expires(upload)})


@router.head(
    "/{upload}",
    response_class=Response,
    responses=problems("tus.version", "upload.not_found", "upload.expired", "request.invalid"),
)
async def upload_offset(
    upload: UploadId,
    services: ServicesHere,
    caller: Annotated[Caller, Depends(MAY_WRITE)],
    tus_resumable: Resumable10 = None,
) -> Response:
    """How much has arrived."""
    _check_version(tus_resumable)
    found = await _found(services, caller, upload)
    if found.received == found.length and found.scan is None:
        found = await anyio.to_thread.run_sync(_completed, services, caller, found)
    length = {"Upload-Length": str(found.length), "Upload-Offset": str(found.received)}
    return _answer(200, {**length, **_expires(found), **_scan(found)})


@router.patch(
    "/{upload}",
    status_code=204,
    response_class=Response,
    openapi_extra={
        "requestBody": {"content": {_CHUNK: {"schema": {"type": "string", "format": "binary"}}}}
    },
    responses=problems(
        "tus.version", "upload.not_found", "upload.expired", "upload.offset", "upload.checksum",
        "request.invalid", "request.malformed", "request.timeout", "media.too_large",
        "media.unsupported",
    ),
)  # fmt: skip
async def append(
    request: Request,
    upload: UploadId,
    services: ServicesHere,
    caller: Annotated[Caller, Depends(MAY_WRITE)],
    tus_resumable: Resumable10 = None,
    upload_offset: Annotated[int | None, Header(ge=0)] = None,
    upload_checksum: Annotated[str | None, Header(max_length=200)] = None,
) -> Response:
    """Adds bytes. What arrives before the connection breaks stays, unless a checksum was given."""
    _check_version(tus_resumable)
    if request.headers.get("content-type", "").partition(";")[0].strip() != _CHUNK:
        raise Problem("media.unsupported", f"Content-Type must be {_CHUNK}.")
    if upload_offset is None:
        raise Problem("request.malformed", "Upload-Offset is missing.")
    found = await _found(services, caller, upload)
    if upload_offset != found.received:
        raise Problem("upload.offset", f"The upload stands at {found.received}.")
    checksum = _checksum(upload_checksum)
    with services.places.one(), services.resumables.opened(found) as descriptor:
        received = await _append(request, services, found, descriptor, checksum)
        head = await anyio.to_thread.run_sync(os.pread, descriptor, HEAD_BYTES, 0)
    if received >= min(HEAD_BYTES, found.length):
        try:
            check_kind(head)
        except Problem:
            await anyio.to_thread.run_sync(services.resumables.remove, upload)
            raise
    found = await _found(services, caller, upload)
    if received == found.length and found.scan is None:
        found = await anyio.to_thread.run_sync(_completed, services, caller, found)
    return _answer(204, {"Upload-Offset": str(received), **_expires(found), **_scan(found)})


@router.delete(
    "/{upload}",
    status_code=204,
    response_class=Response,
    responses=problems("tus.version", "upload.not_found", "upload.expired", "request.invalid"),
)
async def terminate(
    upload: UploadId,
    services: ServicesHere,
    caller: Annotated[Caller, Depends(MAY_WRITE)],
    tus_resumable: Resumable10 = None,
) -> Response:
    """Gives the upload up."""
    _check_version(tus_resumable)
    found = await _found(services, caller, upload)
    await anyio.to_thread.run_sync(services.resumables.remove, found.id)
    return _answer(204)


async def _append(
    request: Request,
    services: Services,
    upload: Resumable,
    descriptor: int,
    checksum: tuple[hashlib._Hash, bytes] | None,
) -> int:
    """Writes the body; gives how many bytes of the upload are there now."""
    tail = _Tail(services, upload, descriptor, None if checksum is None else checksum[0])
    try:
        await _pour(request, tail, services.settings.bounds)
    except TimeoutError:
        raise Problem("request.timeout", headers={"Connection": "close"}) from None
    finally:
        if checksum is None:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(tail.settle)
    if checksum is not None:
        if tail.digest() != checksum[1]:
            raise Problem("upload.checksum")
        await anyio.to_thread.run_sync(tail.settle)
    return tail.at


async def _pour(request: Request, tail: _Tail, bounds: Bounds) -> None:
    blocks, pace, size = request.stream().__aiter__(), Pace(bounds), 0
    async with asyncio.timeout(bounds.upload_s):
        while True:
            async with asyncio.timeout(bounds.idle_s):
                block = await anext(blocks, None)
            if block is None:
                break
            tail.add(block)
            size += len(block)
            pace.check(size)
            if len(tail.pending) >= BLOCK:
                await anyio.to_thread.run_sync(tail.write)
        await anyio.to_thread.run_sync(tail.write)


class _Tail:
    """The end of an upload's part, where the bytes of a request are added."""

    def __init__(
        self,
        services: Services,
        upload: Resumable,
        descriptor: int,
        hashed: hashlib._Hash | None,
    ) -> None:
        self._services = services
        self._upload = upload
        self._descriptor = descriptor
        self._hashed = hashed
        self.at = upload.received
        self.pending = bytearray()

    def add(self, block: bytes) -> None:
        if self.at + len(self.pending) + len(block) > self._upload.length:
            raise Problem("media.too_large", "More bytes came than were announced.")
        self.pending += block

    def write(self) -> None:
        if self._hashed is not None:
            self._hashed.update(self.pending)
        with taken_by_the_disk(self._services.settings.incoming):
            while self.pending:
                count = os.write(self._descriptor, self.pending)
                self.at += count
                del self.pending[:count]

    def settle(self) -> None:
        """Puts on the disk what was written, and then says so."""
        self.write()
        with taken_by_the_disk(self._services.settings.incoming):
            os.fsync(self._descriptor)
        self._services.resumables.received(self._upload.id, self.at)

    def digest(self) -> bytes:
        return b"" if self._hashed is None else self._hashed.digest()


def _completed(services: Services, caller: Caller, upload: Resumable) -> Resumable:
    """Makes the scan of an upload whose bytes are all there; once, whoever asks."""
    scan = services.scans.new_id()
    part = services.resumables.part(upload.id)
    with services.resumables.opened(upload):
        found = services.resumables.get(upload.id, tenant=caller.tenant.id)
        if found.scan is not None:
            return found
        services.storage.keep(part, scan)
        new = NewScan(
            id=scan,
            tenant=caller.tenant.id,
            source="upload",
            depth=upload.depth,
            bytes=upload.length,
            media_type=upload.media_type,
        )
        try:
            with services.database.writing() as transaction:
                services.scans.submit_in(
                    transaction, new, actor=caller.key, quota=caller.tenant.quota
                )
                transaction.run("UPDATE resumable SET scan = ? WHERE id = ?", (scan, upload.id))
        except BaseException:
            # Without its bytes the upload cannot be finished: it has to be sent again.
            services.storage.remove(scan)
            services.resumables.remove(upload.id)
            raise
    return services.resumables.get(upload.id, tenant=caller.tenant.id)


async def _found(services: Services, caller: Caller, upload: str) -> Resumable:
    return await anyio.to_thread.run_sync(
        lambda: services.resumables.get(upload, tenant=caller.tenant.id)
    )


def _answer(status: int, more: dict[str, str] | None = None) -> Response:
    return Response(status_code=status, headers={"Tus-Resumable": VERSION, **(more or {})})


def _expires(upload: Resumable) -> dict[str, str]:
    return {"Upload-Expires": formatdate(upload.expires, usegmt=True)}


def _scan(upload: Resumable) -> dict[str, str]:
    return {} if upload.scan is None else {"Scan-Location": f"/v1/scans/{upload.scan}"}


def _check_version(stated: str | None) -> None:
    if stated != VERSION:
        raise Problem("tus.version", headers={"Tus-Version": VERSION})


def _metadata(text: str | None) -> dict[str, str]:
    found = {}
    for pair in (text or "").split(","):
        name, _, value = pair.strip().partition(" ")
        try:
            found[name] = base64.b64decode(value, validate=True).decode()
        except (NotBase64, UnicodeDecodeError) as error:
            raise Problem("request.malformed", "Upload-Metadata is not base64.") from error
    return found


def _checksum(text: str | None) -> tuple[hashlib._Hash, bytes] | None:
    if text is None:
        return None
    name, _, value = text.strip().partition(" ")
    try:
        return ALGORITHMS[name](), base64.b64decode(value, validate=True)
    except (KeyError, NotBase64, ValueError) as error:
        known = ", ".join(ALGORITHMS)
        raise Problem("request.malformed", f"Upload-Checksum: one of {known}, base64.") from error
