"""``/v1/scans``: send a file or name an object, ask for the result, list, forget, tell again."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import unquote

import anyio.to_thread
from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from service.access import May, ServicesHere, is_public
from service.accounts import Caller
from service.documents import scan_document
from service.guard import ForbiddenTarget, check_form
from service.idempotency import HeldKey, KeyLost, Taken
from service.problems import Problem
from service.routes.bodies import json_body, stated_length
from service.routes.responses import problems
from service.routes.waiting import scan_answer, wait_seconds
from service.scans import NewScan, Scan, fingerprint
from service.schemas import ObjectScan, Redelivery, ScanDocument, ScanId, ScanPage, Url
from service.services import Services
from service.uploads import receive

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from service.settings import Settings

router = APIRouter(prefix="/v1/scans", tags=["scans"])
MAY_WRITE, MAY_READ = May("scans:write"), May("scans:read")
Depth = Literal["early", "full"]
MEDIA = re.compile(r"(video|audio)/[\w.+-]+|application/(octet-stream|mp4|x-matroska|ogg)")
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "video/*": _BINARY,
            "audio/*": _BINARY,
            "application/octet-stream": _BINARY,
            "application/json": {"schema": ObjectScan.model_json_schema()},
        },
    }
}
_RETRY = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds"}}
_LOCATION = {"Location": {"schema": {"type": "string"}}, **_RETRY}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a client says beside the body."""

    depth: Depth
    callback: str | None
    key: str | None


@router.post(
    "",
    status_code=202,
    response_model=ScanDocument,
    openapi_extra=_BODY,
    responses={
        200: {"model": ScanDocument, "description": "Finished within Prefer: wait"},
        202: {"description": "Accepted: it will be scanned", "headers": _LOCATION},
        **problems(
            "request.timeout", "idempotency.in_flight", "media.too_large", "media.unsupported",
            "media.empty", "queue.full",
        ),
    },
)  # fmt: skip
async def create_scan(
    request: Request,
    services: ServicesHere,
    caller: Annotated[Caller, Depends(MAY_WRITE)],
    depth: Annotated[Depth | None, Query()] = None,
    callback: Annotated[Url | None, Query()] = None,
    idempotency_key: Annotated[str | None, Header(max_length=255, pattern=r"^[!-~]+$")] = None,
    prefer: Annotated[str | None, Header(max_length=255)] = None,
) -> Response:
    """Sends a file (the body, as it is), or names an object in JSON.

    With `Idempotency-Key` a repeated request gives the same scan. With `Prefer: wait=10` the answer
    comes with the result, if there is one within ten seconds.
    """
    await anyio.to_thread.run_sync(check_room, services)
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    wish = Wish(depth=depth or services.settings.depth, callback=callback, key=idempotency_key)
    named = None
    if media == "application/json":
        named = ObjectScan.model_validate(await json_body(request, services.settings.bounds))
        wish = Wish(
            depth=named.depth or wish.depth,
            callback=named.callback or wish.callback,
            key=wish.key,
        )
        check_object(named.object, services.settings)
    elif not MEDIA.fullmatch(media):
        raise Problem("media.unsupported", "Content-Type must be video/*, audio/* or JSON.")
    if is_public(caller) and (named is not None or wish.callback is not None):
        raise Problem("auth.forbidden", "Without a key neither objects nor callbacks can be named.")
    check_callback(wish.callback, services.settings)

    async def make(*, keep: bool) -> NewScan:
        if named is not None:
            return NewScan(
                id=services.scans.new_id(),
                tenant=caller.tenant.id,
                source="object",
                object=named.object,
                depth=wish.depth,
                callback=wish.callback,
            )
        return await _arrived(request, services, caller, wish, media=media, keep=keep)

    scan, replayed = await _once(services, caller, wish.key, make)
    headers = {"Idempotency-Replayed": "true"} if replayed else {}
    return await scan_answer(services, scan, wait_seconds(prefer, services), headers=headers)


@router.get(
    "",
    response_model=ScanPage,
    responses=problems("request.invalid"),
)
async def list_scans(
    services: ServicesHere,
    caller: Annotated[Caller, Depends(MAY_READ)],
    cursor: Annotated[ScanId | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Response:
    """The tenant's scans, the newest first."""
    if is_public(caller):
        raise Problem("auth.forbidden", "What others sent is not shown.")

    def page() -> dict[str, Any]:
        found = services.scans.page(caller.tenant.id, before=cursor, limit=limit + 1)
        more = len(found) > limit
        shown = found[:limit]
        return {
            "scans": [scan_document(scan) for scan in shown],
            "cursor": shown[-1].id if more else None,
        }

    return JSONResponse(await anyio.to_thread.run_sync(page))


@router.get(
    "/{scan}",
    response_model=ScanDocument,
    responses={
        200: {"description": "The scan; Retry-After while it is not done", "headers": _RETRY},
        **problems("request.invalid", "scan.not_found"),
    },
)
async def get_scan(
    scan: ScanId,
    services: ServicesHere,
    caller: Annotated[Caller, Depends(MAY_READ)],
    prefer: Annotated[str | None, Header(max_length=255)] = None,
) -> Response:
    """A scan and, once it is done, its result."""
    found = await anyio.to_thread.run_sync(owned, services, caller, scan)
    return await scan_answer(services, found, wait_seconds(prefer, services), created=False)


@router.get(
    "/{scan}/receipt",
    response_class=PlainTextResponse,
    responses=problems("request.invalid", "scan.not_found", "scan.unfinished"),
)
async def get_receipt(
    scan: ScanId, services: ServicesHere, caller: Annotated[Caller, Depends(MAY_READ)]
) -> Response:
    """The signed receipt of a finished scan, to be checked with `ltx-verify --receipt`."""
    found = await anyio.to_thread.run_sync(owned, services, caller, scan)
    if found.state != "done":
        raise Problem("scan.unfinished")
    receipt = (found.answer or {}).get("receipt")
    if receipt is None:
        raise Problem("scan.no_receipt", "Nothing was read, or the service has no identity.")
    return PlainTextResponse(f"{receipt}\n")


@router.delete(
    "/{scan}",
    status_code=204,
    response_class=Response,
    responses=problems("request.invalid", "scan.not_found"),
)
async def delete_scan(
    scan: ScanId, services: ServicesHere, caller: Annotated[Caller, Depends(MAY_WRITE)]
) -> Response:
    """Forgets the scan, its result, and its upload if that is still there."""

    def forget() -> None:
        if not services.scans.delete(scan, tenant=caller.tenant.id, actor=caller.key):
            raise Problem("scan.not_found")
        services.storage.remove(scan)

    await anyio.to_thread.run_sync(forget)
    return Response(status_code=204)


@router.post(
    "/{scan}/redeliver",
    status_code=202,
    response_model=Redelivery,
    responses=problems("request.invalid", "scan.not_found", "scan.unfinished"),
)
async def redeliver(
    scan: ScanId, services: ServicesHere, caller: Annotated[Caller, Depends(MAY_WRITE)]
) -> Response:
    """Sends the webhook of a finished scan again, with the same message id."""

    def send_again() -> str:
        found = owned(services, caller, scan)
        if found.state != "done":
            raise Problem("scan.unfinished")
        message = services.outbox.again(found)
        if message is None:
            raise Problem("scan.no_callback")
        return message

    return JSONResponse({"message": await anyio.to_thread.run_sync(send_again)}, status_code=202)


def owned(services: Services, caller: Caller, scan: str) -> Scan:
    """The caller's scan; raises :class:`Problem` for those of others as for those that are not."""
    found = services.scans.get(scan, tenant=caller.tenant.id)
    if found is None:
        raise Problem("scan.not_found")
    return found


def check_room(services: Services) -> None:
    """Raises :class:`Problem` when so many scans wait that another would only grow the queue, or
    when this server is about to end.
    """
    if services.draining.is_set():
        raise Problem("service.draining", retry_after_s=5)
    if services.queue.waiting() >= services.settings.bounds.waiting:
        raise Problem("queue.full", retry_after_s=30)


def check_object(address: str, settings: Settings) -> None:
    """Raises :class:`Problem` unless the operator allows the store and prefix."""
    plain = ".." not in unquote(address).split("/") and "?" not in address and "#" not in address
    # A bucket's name must end where that of the allowed one does: s3://b is not s3://b-2.
    allowed = (
        prefix if "/" in prefix.partition("://")[2] else f"{prefix}/"
        for prefix in settings.object_stores
    )
    if not plain or not address.startswith(tuple(allowed)):
        raise Problem("object.forbidden", "The operator allows other stores, or none.")


def check_callback(url: str | None, settings: Settings) -> None:
    """Raises :class:`Problem` for what can be told without DNS; the rest shows when it is sent."""
    if url is None:
        return
    try:
        check_form(url, private=settings.private_targets)
    except ForbiddenTarget as error:
        raise Problem("callback.forbidden", f"The address may not be called: {error}.") from error


async def _arrived(
    request: Request, services: Services, caller: Caller, wish: Wish, *, media: str, keep: bool
) -> NewScan:
    """The body in the storage; or, unless it is to be kept, what is known of it."""
    scan, settings = services.scans.new_id(), services.settings
    part = settings.incoming / f"{scan}.part" if keep else None
    with services.places.one():
        async with services.beginnings.one():
            received = await receive(
                request.stream(), part, settings.bounds, declared=stated_length(request)
            )
        if received.path is not None:
            await anyio.to_thread.run_sync(services.storage.keep, received.path, scan)
    return NewScan(
        id=scan,
        tenant=caller.tenant.id,
        source="upload",
        depth=wish.depth,
        callback=wish.callback,
        bytes=received.bytes,
        sha256=received.sha256,
        media_type=media,
    )


async def _once(
    services: Services, caller: Caller, key: str | None, make: Any
) -> tuple[Scan, bool]:
    """The scan that ``make`` describes, stored once for each idempotency key; and whether it was
    there already.
    """
    tenant = caller.tenant.id
    taken = Taken(state="fresh")
    if key is not None:
        taken = await anyio.to_thread.run_sync(services.keys.take, tenant, key)
    if taken.state == "in_flight":
        raise Problem("idempotency.in_flight", retry_after_s=1)
    if taken.state == "answered":
        known = None
        if fingerprint(await make(keep=False)) == taken.fingerprint:
            known = await anyio.to_thread.run_sync(services.scans.get, taken.scan)
            if known is None:
                raise Problem("scan.not_found", "The scan of this key was deleted.")
        if known is None:
            raise Problem("idempotency.mismatch")
        return known, True
    new = None
    try:
        async with _renewed(services, tenant, key, taken):
            new = await make(keep=True)
        held = None if key is None else HeldKey(key=key, owner=taken.owner)
        scan = await anyio.to_thread.run_sync(_stored, services, caller, held, new)
    except KeyLost:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(_undo, services, tenant, None, taken, new)
        raise Problem("idempotency.in_flight", retry_after_s=1) from None
    except BaseException:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(_undo, services, tenant, key, taken, new)
        raise
    return scan, False


@asynccontextmanager
async def _renewed(
    services: Services, tenant: str, key: str | None, taken: Taken
) -> AsyncIterator[None]:
    """Keeps the key while the body arrives: a server that was killed keeps it no longer."""

    async def renew(key: str) -> None:
        while True:
            await asyncio.sleep(services.keys.lease_s / 3)
            await anyio.to_thread.run_sync(services.keys.renew, tenant, key, taken.owner)

    task = None if key is None else asyncio.create_task(renew(key))
    try:
        yield
    finally:
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def _stored(services: Services, caller: Caller, key: HeldKey | None, new: NewScan) -> Scan:
    return services.scans.submit(new, actor=caller.key, quota=caller.tenant.quota, key=key)


def _undo(
    services: Services, tenant: str, key: str | None, taken: Taken, new: NewScan | None
) -> None:
    # If the scan was stored after all (and only the answer was lost), its upload must stay.
    if new is not None and new.source == "upload" and services.scans.get(new.id) is None:
        services.storage.remove(new.id)
    if key is not None:
        services.keys.release(tenant, key, taken.owner)
