"""``/v2/generate``, ``/v1/stream``, ``/v2/generations``: clips on request, and while they are made.

The shapes of requests and answers are those of the models' own APIs, so that a client changes the
host alone.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import anyio
import anyio.to_thread
from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import JSONResponse, Response

from provenance.errors import InputMissing
from provenance.prompt import prompt_digest
from service.access import May, ServicesHere
from service.accounts import Caller
from service.generation.documents import generation_document
from service.generation.making import RETRY_AFTER_S, Claim, Job, Maker, new_id
from service.generation.schemas import ClipWish, GenerationDocument, GenerationId, StreamWish
from service.generation.sink import LiveSink, Reader, ReaderGone
from service.generation.wishes import wish_of
from service.problems import Problem
from service.routes.bodies import json_body
from service.routes.live import FileResponse, LiveResponse
from service.routes.responses import problems
from service.services import Services

if TYPE_CHECKING:
    from service.generation.records import Record
    from service.generation.wishes import Wish

router = APIRouter(tags=["generation"])
MAY_WRITE, MAY_READ = May("generations:write"), May("generations:read")
_ASYNC = re.compile(r"(?:^|[,;])\s*respond-async\s*(?:$|[,;])", re.IGNORECASE)
_LOOK_S = 0.05
_REFUSED = (
    *("media.too_large", "request.invalid", "model.unknown", "weights.missing", "device.full"),
    *("generation.queue_full", "generation.failed", "generation.timeout", "disk.full"),
    *("service.draining", "generation.cancelled"),
)
Prefer = Annotated[str | None, Header(max_length=255)]


def _body(wish: type[ClipWish | StreamWish]) -> dict[str, Any]:
    schema = wish.model_json_schema()
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


@router.post(
    "/v2/generate",
    response_model=GenerationDocument,
    openapi_extra=_body(ClipWish),
    responses={
        202: {"model": GenerationDocument, "description": "Prefer: respond-async: it is queued"},
        **problems(*_REFUSED),
    },
)
async def generate(
    request: Request,
    services: ServicesHere,
    caller: Annotated[Caller, Depends(MAY_WRITE)],
    prefer: Prefer = None,
) -> Response:
    """Makes a clip and answers when it is there; a client that goes cancels it.

    The same request gives the same clip again, while it is made or kept. With
    `Prefer: respond-async` the answer comes at once, and `Location` says where to look.
    """
    asked = ClipWish.model_validate(await json_body(request, services.settings.bounds))
    maker = maker_of(request)
    wish = await anyio.to_thread.run_sync(wish_of, asked, maker.sources, _settings(services))
    request_digest, prompt_hash = await anyio.to_thread.run_sync(_digests, services, wish)
    found = await anyio.to_thread.run_sync(
        services.clips.records.made_before, caller.tenant.id, request_digest
    )
    if found is not None:
        return await _answer(request, services, found, headers={"Generation-Cached": "true"})
    made = _job(services, caller, wish, request_digest, prompt_hash)
    claim = await anyio.to_thread.run_sync(maker.submit, made)
    job, headers = claim.job, {"Generation-Cached": "true"} if claim.joined else {}
    if _ASYNC.search(prefer or ""):
        record = await _record(services, caller, job.id)
        location = f"/v2/generations/{job.id}"
        headers |= {"Location": location, "Preference-Applied": "respond-async"}
        return await _answer(request, services, record, status=202, headers=headers)
    await _ended(request, maker, claim)
    if job.problem is not None:
        raise job.problem
    record = await _record(services, caller, job.id)
    return await _answer(request, services, record, job=job, headers=headers)


@router.post(
    "/v1/stream",
    response_class=Response,
    openapi_extra=_body(StreamWish),
    responses={
        200: {
            "description": "Fragmented MP4, while it is made; every frame is marked",
            "content": {"video/mp4": {"schema": {"type": "string", "format": "binary"}}},
        },
        **problems(*_REFUSED),
    },
)
async def stream(
    request: Request,
    services: ServicesHere,
    caller: Annotated[Caller, Depends(MAY_WRITE)],
) -> Response:
    """Sends a clip while it is made; when the last client that waits for it goes, it is cancelled.

    The header `Generation-Id` names it: once the stream is over, the signed file is at
    `/v2/generations/{id}`. A stream that breaks off is a transfer that breaks off.
    """
    asked = StreamWish.model_validate(await json_body(request, services.settings.bounds))
    maker = maker_of(request)
    wish = await anyio.to_thread.run_sync(wish_of, asked, maker.sources, _settings(services))
    request_digest, prompt_hash = await anyio.to_thread.run_sync(_digests, services, wish)
    found = await anyio.to_thread.run_sync(
        services.clips.records.made_before, caller.tenant.id, request_digest
    )
    if found is not None and "stream" in (found.made or {}).get("parts", []):
        headers = _stream_headers(found.id) | {"Generation-Cached": "true"}
        # Deleted just now, or in the folder of another machine: then it is made again.
        with suppress(InputMissing):
            file = await anyio.to_thread.run_sync(
                services.clips.storage.open, services.clips.name(found.id, "stream")
            )
            return FileResponse(file, headers=headers)
    made = _job(services, caller, wish, request_digest, prompt_hash)
    made.sink = LiveSink(services.clips.making / made.id / "stream.mp4")
    claim = await anyio.to_thread.run_sync(maker.submit, made)
    assert claim.reader is not None
    first = await _first(request, maker, claim, claim.reader)
    headers = _stream_headers(claim.job.id)
    if claim.joined:
        headers["Generation-Cached"] = "true"
    return LiveResponse(
        claim.reader,
        first,
        lambda: maker.leave(claim),  # it is made by now, and waits in no queue
        headers=headers,
        stall_s=services.settings.generation.stall_s,
    )


@router.get(
    "/v2/generations/{generation}",
    response_model=GenerationDocument,
    responses=problems("request.invalid", "generation.not_found"),
)
async def get_generation(
    request: Request,
    generation: GenerationId,
    services: ServicesHere,
    caller: Annotated[Caller, Depends(MAY_READ)],
) -> Response:
    """A clip: how far it is and, once it is made, its addresses."""
    record = await _record(services, caller, generation)
    headers = {} if record.finished else {"Retry-After": "2"}
    job = maker_of(request).job(generation)
    return await _answer(request, services, record, job=job, headers=headers)


@router.delete(
    "/v2/generations/{generation}",
    status_code=204,
    responses=problems("request.invalid", "generation.not_found"),
)
async def delete_generation(
    request: Request,
    generation: GenerationId,
    services: ServicesHere,
    caller: Annotated[Caller, Depends(MAY_WRITE)],
) -> Response:
    """Cancels a clip that is under way, or deletes one that is made."""
    record = await _record(services, caller, generation)
    job, clips = maker_of(request).job(generation), services.clips

    def end() -> None:
        ended = record.finished is not None or not clips.records.finish(
            generation, "cancelled", actor=caller.key, keep_s=clips.keep_s,
            error={"code": "generation.cancelled"},
        )  # fmt: skip
        if job is not None:
            maker_of(request).cancel(job)
        if ended:
            clips.remove(generation, actor=caller.key)

    await anyio.to_thread.run_sync(end)
    return Response(status_code=204)


def maker_of(request: Request) -> Maker:
    """The queue of clips of this server."""
    maker: Maker = request.app.state.maker
    return maker


def _settings(services: Services) -> Any:
    if services.draining.is_set():
        raise Problem("service.draining", retry_after_s=RETRY_AFTER_S)
    return services.settings.generation


def _digests(services: Services, wish: Wish) -> tuple[str, str]:
    key = services.clips.identity().prompt_key
    return wish.digest(key), str(prompt_digest(wish.request.text, key))


def _job(services: Services, caller: Caller, wish: Wish, request: str, prompt_hash: str) -> Job:
    _settings(services)
    return Job(
        id=new_id(),
        tenant=caller.tenant.id,
        wish=wish,
        request=request,
        actor=caller.key,
        prompt_hash=prompt_hash,
        sink=None,
    )


async def _first(request: Request, maker: Maker, claim: Claim, reader: Reader) -> bytes:
    """The first bytes: what fails before them is an answer like any other."""
    block: bytes | None = None
    left = False
    try:
        while block is None and not await request.is_disconnected():
            with anyio.move_on_after(0.2):
                block = await reader.next()
    except ReaderGone:
        left = True
        await _ended(request, maker, claim)
        raise claim.job.problem or Problem("generation.cancelled") from None
    finally:
        if block is None and not left:
            await _leave(maker, claim)
    if block is None:
        raise Problem("generation.cancelled")
    return block


async def _ended(request: Request, maker: Maker, claim: Claim) -> None:
    """Waits for the end of a clip; a client that goes meanwhile waits no longer."""
    try:
        while not claim.job.ended.is_set():
            await anyio.sleep(_LOOK_S)
            if await request.is_disconnected():
                raise Problem("generation.cancelled")
    finally:
        await _leave(maker, claim)


async def _leave(maker: Maker, claim: Claim) -> None:
    """However the request ended: what it waited for has a place in the queue."""
    with anyio.CancelScope(shield=True):
        await anyio.to_thread.run_sync(maker.leave, claim)


def _stream_headers(one: str) -> dict[str, str]:
    return {"Generation-Id": one, "Link": f'</v2/generations/{one}>; rel="describedby"'}


async def _record(services: Services, caller: Caller, one: str) -> Record:
    found = await anyio.to_thread.run_sync(
        lambda: services.clips.records.get(one, tenant=caller.tenant.id)
    )
    if found is None:
        raise Problem("generation.not_found")
    return found


async def _answer(
    request: Request,
    services: Services,
    record: Record,
    *,
    status: int = 200,
    job: Job | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    base = str(request.base_url).rstrip("/")
    document = await anyio.to_thread.run_sync(
        lambda: generation_document(record, services.clips, base=base, job=job)
    )
    return JSONResponse(document, status_code=status, headers=headers)
