"""The Soft Binding Resolution API as a FastAPI router, to be mounted wherever it fits.

::

    app = FastAPI()
    app.include_router(resolver_router(StorePool("postgresql://…"), keys=["…"]), prefix="/c2pa")

Reading is for everybody: who has a file has its mark. Writing needs one of the bearer ``keys``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from provenance.fetching import FetchLimits, fetch
from provenance.keys import DEFAULT_CARRIER_KEY
from provenance.resolver.content import ContentReading, read_content
from provenance.resolver.documents import (
    Binding,
    BindingQuery,
    KeptManifest,
    ManifestMatch,
    NamedAlgorithm,
    QueryResult,
    ReferenceQuery,
    SupportedAlgorithms,
)
from provenance.resolver.problems import Problem, ProblemRoute
from provenance.resolver.queries import FINGERPRINTS, WATERMARKS, Match, by_binding, by_content
from provenance.resolver.settings import ResolverLimits
from provenance.store.labels import active_only
from provenance.store.received import received
from provenance.store.rows import label_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pydantic import BaseModel

    from provenance.keys import CarrierKey
    from provenance.resolver.pool import StorePool

MANIFEST_TYPE = "application/c2pa"
_CONTENT_TYPES = ("video/", "audio/", "application/octet-stream", "application/mp4")
MaxResults = Annotated[int, Query(alias="maxResults", ge=1)]


def resolver_router(
    store: StorePool,
    keys: Sequence[str] = (),
    *,
    carriers: Sequence[CarrierKey] = (DEFAULT_CARRIER_KEY,),
    limits: ResolverLimits | None = None,
    read: Callable[[Path], ContentReading] | None = None,
) -> APIRouter:
    """The paths of the API over ``store``.

    ``keys``: bearer tokens that may write; without any, nobody may. ``carriers``: keys under which
    marks in uploads are read. ``read``: looks at an upload, by default in this very process: bring
    one that does it in a sandbox where strangers upload.
    """
    bounds = limits or ResolverLimits()
    look = read or partial(read_content, keys=tuple(carriers), most_s=bounds.content_s)
    desk = _Resolver(store, tuple(keys), bounds, look)
    router = APIRouter(route_class=ProblemRoute, tags=["c2pa soft binding resolution"])
    router.get("/matches/byBinding")(desk.query_by_binding)
    router.post("/matches/byBinding")(desk.query_by_large_binding)
    router.post("/matches/byContent")(desk.query_by_content)
    router.post("/matches/byReference", openapi_extra=_taking(ReferenceQuery))(
        desk.query_by_reference
    )
    router.get("/manifests/{manifest_id}", response_class=Response)(desk.get_manifest)
    router.get("/services/supportedAlgorithms")(supported_algorithms)
    router.post("/manifests", status_code=201)(desk.add_manifest)
    for add in (router.post, router.put):
        add("/bindings", status_code=204, openapi_extra=_taking(Binding))(desk.add_binding)
    return router


def supported_algorithms() -> SupportedAlgorithms:
    """The soft bindings that are understood here."""
    return SupportedAlgorithms(
        watermarks=[NamedAlgorithm(alg=name) for name in WATERMARKS],
        fingerprints=[NamedAlgorithm(alg=name) for name in FINGERPRINTS],
    )


class _Resolver:
    """What the paths do."""

    def __init__(
        self,
        store: StorePool,
        keys: tuple[str, ...],
        limits: ResolverLimits,
        look: Callable[[Path], ContentReading],
    ) -> None:
        self._store = store
        self._keys = keys
        self._limits = limits
        self._look = look

    def query_by_binding(self, alg: str, value: str, most: MaxResults = 10) -> QueryResult:
        """Manifests that a soft binding leads to."""
        if len(value) > self._limits.url_value:
            raise Problem(414, "binding.too_long", "send so long a value by POST")
        return self._find(alg, value, most)

    async def query_by_large_binding(self, request: Request, most: MaxResults = 10) -> QueryResult:
        """The same for values that are too long for an address."""
        query = BindingQuery.model_validate_json(await _body(request, self._limits.json_bytes))
        return await run_in_threadpool(self._find, query.alg, query.value, most)

    async def query_by_content(self, request: Request, most: MaxResults = 10) -> QueryResult:
        """Manifests of a video or sound that is uploaded: by its mark, else by its fingerprint."""
        kind = request.headers.get("content-type", "").lower()
        if not kind.startswith(_CONTENT_TYPES):
            raise Problem(415, "content.type", "send a video or sound, with its type")
        with tempfile.TemporaryDirectory(prefix="ltx-resolver-") as folder:
            path = Path(folder) / "content"
            with path.open("xb") as file:
                size = 0
                async for block in request.stream():
                    size += len(block)
                    self._check_size(size)
                    await run_in_threadpool(file.write, block)
            return await run_in_threadpool(self._find_content, path, most)

    async def query_by_reference(self, request: Request, most: MaxResults = 10) -> QueryResult:
        """The same for content at an address, if its host is allowed here."""
        if not self._limits.reference_hosts:
            raise Problem(403, "reference.disabled", "content is not fetched here: upload it")
        query = ReferenceQuery.model_validate_json(await _body(request, self._limits.json_bytes))
        self._check_size(query.assetLength)
        return await run_in_threadpool(self._find_reference, query, most)

    def get_manifest(
        self,
        manifest_id: str,
        active: Annotated[bool, Query(alias="returnActiveManifest")] = False,
    ) -> Response:
        """A manifest store, or only its active manifest."""
        with self._store.borrowed() as opened:
            record = opened.get_manifest(manifest_id)
        data = None if record is None else record.manifest
        if data is not None and active:
            data = active_only(data)
        if data is None:
            raise Problem(404, "manifest.unknown", "no such manifest is kept here")
        return Response(data, media_type=MANIFEST_TYPE)

    async def add_manifest(
        self,
        request: Request,
        authorization: Annotated[str, Header()] = "",
        if_match: Annotated[str, Header(max_length=80)] = "",
    ) -> KeptManifest:
        """Keeps a manifest store; its mark and fingerprints lead to it from then on.

        ``If-Match`` with the SHA-256 of what a stream announced before puts this in its place.
        """
        self._allow(authorization)
        manifest = await _body(request, self._limits.manifest_bytes)
        return await run_in_threadpool(self._keep, manifest, if_match.strip('"'))

    async def add_binding(
        self, request: Request, authorization: Annotated[str, Header()] = ""
    ) -> Response:
        """Lets another soft binding lead to a manifest that is kept here."""
        self._allow(authorization)
        binding = Binding.model_validate_json(await _body(request, self._limits.json_bytes))
        await run_in_threadpool(self._bind, binding)
        return Response(status_code=204)

    def _bind(self, binding: Binding) -> None:
        value = _decoded(binding.bindingValue)
        if binding.alg in (*WATERMARKS, *FINGERPRINTS):
            raise Problem(400, "binding.own", "those bindings follow from the manifest itself")
        with self._store.borrowed() as opened:
            if not opened.bind(binding.manifestId, binding.alg, value):
                raise Problem(404, "manifest.unknown", "no such manifest is kept here")

    def _find(self, algorithm: str, value: str, limit: int) -> QueryResult:
        data, most = _decoded(value), min(limit, self._limits.results)
        with self._store.borrowed() as opened:
            try:
                found = by_binding(opened, algorithm, data, limit=most)
            except ValueError as error:
                raise Problem(400, "binding.invalid", str(error)) from error
        return _result(found)

    def _find_reference(self, query: ReferenceQuery, limit: int) -> QueryResult:
        limits = FetchLimits(
            hosts=self._limits.reference_hosts,
            most_bytes=query.assetLength,
            seconds=self._limits.reference_s,
        )
        data = fetch(query.referenceUrl, limits)
        with tempfile.TemporaryDirectory(prefix="ltx-resolver-") as folder:
            path = Path(folder) / "content"
            path.write_bytes(data)
            return self._find_content(path, limit)

    def _find_content(self, path: Path, limit: int) -> QueryResult:
        reading = self._look(path)
        with self._store.borrowed() as opened:
            return _result(by_content(opened, reading, limit=min(limit, self._limits.results)))

    def _keep(self, manifest: bytes, replaced: str) -> KeptManifest:
        record = received(manifest)
        with self._store.borrowed() as opened:
            there = None if record.keeps_mark else opened.get(record.content_id)
            if there is None or there.keeps_mark or there.manifest == manifest:
                opened.put(record)
            elif hashlib.sha256(there.manifest).hexdigest() == replaced:
                opened.replace(record, announced=there.manifest)
            else:
                raise Problem(409, "manifest.taken", "that content id has another manifest")
        return KeptManifest(manifestId=label_of(manifest))

    def _check_size(self, size: int) -> None:
        if size > self._limits.content_bytes:
            raise Problem(413, "content.too_large", _most(self._limits.content_bytes))

    def _allow(self, authorization: str) -> None:
        scheme, _, token = authorization.partition(" ")
        good = [hmac.compare_digest(token.encode(), key.encode()) for key in self._keys]
        if scheme.lower() != "bearer" or not any(good):
            raise Problem(401, "key.missing", "a bearer key is needed", WWW_Authenticate="Bearer")


def _taking(model: type[BaseModel]) -> dict[str, Any]:
    """A body for the OpenAPI document: it is read here, so that its size is bounded."""
    content = {"application/json": {"schema": model.model_json_schema()}}
    return {"requestBody": {"required": True, "content": content}}


def _result(found: Sequence[Match]) -> QueryResult:
    return QueryResult(
        matches=[
            ManifestMatch(manifestId=hit.manifest_id, similarityScore=hit.score) for hit in found
        ]
    )


def _decoded(value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except ValueError as error:
        raise Problem(400, "binding.invalid", "the value is not base64") from error


async def _body(request: Request, most_bytes: int) -> bytes:
    body = bytearray()
    async for block in request.stream():
        body += block
        if len(body) > most_bytes:
            raise Problem(413, "body.too_large", _most(most_bytes))
    return bytes(body)


def _most(count: int) -> str:
    return f"at most {count} bytes are taken"
