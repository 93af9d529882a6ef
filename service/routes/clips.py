"""``/v2/generations/{id}/{part}.mp4``: the files of finished clips, for whoever has the address."""

from __future__ import annotations

import os
import re
from typing import Annotated, BinaryIO

import anyio.to_thread
from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response

from provenance.errors import InputMissing
from service.access import ServicesHere
from service.generation.parts import Part
from service.generation.schemas import GenerationId
from service.problems import Problem
from service.routes.live import MEDIA_TYPE, FileResponse
from service.routes.responses import problems
from service.services import Services

router = APIRouter(tags=["generation"])
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_FILE = {"content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}}


_ADDRESS = "/v2/generations/{generation}/{part}.mp4"
_REFUSED = ("request.invalid", "address.invalid", "generation.not_found", "range.invalid")


@router.head(
    _ADDRESS,
    name="head_clip",
    response_class=Response,
    responses={206: {"description": "The head of Range"}, **problems(*_REFUSED)},
)
@router.get(
    _ADDRESS,
    response_class=Response,
    responses={
        200: {"description": "The file", **_FILE},
        206: {"description": "The bytes of Range", **_FILE},
        **problems(*_REFUSED),
    },
)
async def get_clip(
    request: Request,
    generation: GenerationId,
    part: Part,
    services: ServicesHere,
    until: Annotated[int, Query(ge=0, lt=1 << 40)],
    signature: Annotated[str, Query(max_length=64)],
    byte_range: Annotated[str | None, Header(alias="Range", max_length=100)] = None,
) -> Response:
    """A file of a finished clip, by an address from its document; a key is not needed."""
    file = await anyio.to_thread.run_sync(
        lambda: _open(services, generation, part, until, signature)
    )
    size = os.fstat(file.fileno()).st_size
    headers = {
        "Accept-Ranges": "bytes",
        "ETag": f'"{generation}-{part}"',
        "Cache-Control": "private, max-age=3600",
        "Content-Disposition": f'inline; filename="{generation}-{part}.mp4"',
    }
    found = _RANGE.fullmatch(byte_range or "")
    if found is None or found[1] == found[2] == "" or "if-range" in request.headers:
        return FileResponse(file, headers=headers)
    if found[1] == "":
        start, end = max(0, size - int(found[2])), size
    else:
        start, end = int(found[1]), min(size, int(found[2] or size) + 1)
    if start >= end:
        file.close()
        raise Problem("range.invalid", headers={"Content-Range": f"bytes */{size}"})
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    return FileResponse(file, headers=headers, start=start, length=end - start, status_code=206)


def _open(services: Services, generation: str, part: Part, until: int, signature: str) -> BinaryIO:
    clips = services.clips
    if not clips.allows(generation, part, until=until, signature=signature):
        raise Problem("address.invalid")
    record = clips.records.get(generation)
    if record is None or part not in (record.made or {}).get("parts", []):
        raise Problem("generation.not_found")
    try:
        return clips.storage.open(clips.name(generation, part))
    except InputMissing:
        raise Problem("generation.not_found") from None
