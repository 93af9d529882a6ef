"""A resolver somewhere else, as a store: asked for manifests, and given those that were signed.

Nobody is asked whom the user did not name. Answers are bounded in bytes and time, no redirect is
followed, and a match that points to yet another resolver is left alone. What comes back is judged
as any manifest from a store: by its signature, and by the fingerprint in it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, urlsplit

from provenance.errors import FetchRefused, ManifestError, OptionError, StoreError
from provenance.fetching import FetchLimits, fetch
from provenance.resolver.queries import MARK
from provenance.store.labels import active_label
from provenance.store.received import received

if TYPE_CHECKING:
    from provenance.store import Mark, StoredManifest

KEY_VARIABLE = "LTX_STORE_KEY"
_SECONDS = 10.0
_NOT_FOUND = 404


class ResolverStore:
    """The resolver at ``url``, as ``https://c2pa.example/v1``.

    ``key``: the bearer token for writing (default ``$LTX_STORE_KEY``). Ids cannot be reserved over
    this API: a free one is drawn and given by its first manifest.
    """

    def __init__(self, url: str, *, key: str | None = None, writable: bool = True) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query:
            raise OptionError(f"{url} is not the address of a resolver", hint="https://host/path")
        if parts.username is not None:
            raise OptionError(
                "the address of a resolver names no user", hint=f"put the key in {KEY_VARIABLE}"
            )
        self._url = url.rstrip("/")
        self._key = key if key is not None else os.environ.get(KEY_VARIABLE)
        self._writable = writable
        # Named by the user: also one in the own network, and plain http there.
        self._limits = FetchLimits(hosts=(parts.hostname,), seconds=_SECONDS, private=True)

    def reserve(self, content_id: str) -> bool:
        self._check_writable()
        return not self.contains(content_id)

    def release(self, content_id: str) -> None:
        pass

    def put(self, *records: StoredManifest) -> None:
        for record in records:
            self._post(record, {})

    def replace(self, record: StoredManifest, *, announced: bytes) -> None:
        self._post(record, {"If-Match": f'"{hashlib.sha256(announced).hexdigest()}"'})

    def get(self, content_id: str) -> StoredManifest | None:
        name = self.manifest_id(content_id)
        record = None if name is None else self.get_manifest(name)
        if record is not None and record.content_id != content_id:
            raise StoreError(
                f"{self._url} answered with a manifest of other content",
                hint="ask another resolver: this one is not to be relied on",
            )
        return record

    def get_manifest(self, manifest_id: str) -> StoredManifest | None:
        data = self._ask(f"/manifests/{quote(manifest_id, safe='')}", missing=True)
        if data is None:
            return None
        try:
            record = received(data)
        except ManifestError as error:
            raise StoreError(
                f"{self._url} answered with something that is no manifest: {error.message}",
                hint="check the address of the resolver",
            ) from error
        if active_label(data) != manifest_id:
            raise StoreError(
                f"{self._url} answered with another manifest than it was asked for",
                hint="ask another resolver: this one is not to be relied on",
            )
        return record

    def manifest_id(self, content_id: str) -> str | None:
        found = self.bound(MARK, bytes.fromhex(content_id), limit=1)
        return found[0] if found else None

    def contains(self, content_id: str) -> bool:
        return self.manifest_id(content_id) is not None

    def marks(self, *, limit: int) -> list[Mark]:  # noqa: ARG002
        return []  # the API has no list

    def bind(self, manifest_id: str, algorithm: str, value: bytes) -> bool:
        self._check_writable()
        binding = {
            "manifestId": manifest_id,
            "alg": algorithm,
            "bindingValue": base64.b64encode(value).decode(),
        }
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"}
        body = json.dumps(binding).encode()
        return self._ask("/bindings", body=body, headers=headers, missing=True) is not None

    def bound(self, algorithm: str, value: bytes, *, limit: int) -> list[str]:
        coded = quote(base64.b64encode(value).decode(), safe="")
        query = f"alg={quote(algorithm, safe='')}&value={coded}&maxResults={limit}"
        answer = self._json(f"/matches/byBinding?{query}")
        matches = answer.get("matches") if isinstance(answer, dict) else None
        if not isinstance(matches, list):
            raise self._strange()
        names = [one.get("manifestId") for one in matches[:limit] if isinstance(one, dict)]
        return [name for name in names if isinstance(name, str)]

    def close(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _json(self, target: str) -> Any:
        data = self._ask(target)
        try:
            return json.loads(data or b"")
        except ValueError as error:
            raise self._strange() from error

    def _ask(
        self,
        target: str,
        *,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        missing: bool = False,
    ) -> bytes | None:
        """What it answers; None for "not found", where something may be ``missing``."""
        try:
            return fetch(f"{self._url}{target}", self._limits, body=body, headers=headers)
        except FetchRefused as error:
            if missing and error.status == _NOT_FOUND:
                return None
            raise StoreError(
                f"the resolver {self._url} cannot be used: {error.message}",
                hint=error.hint or "check its address, and that it is up",
            ) from error

    def _post(self, record: StoredManifest, headers: dict[str, str]) -> None:
        self._check_writable()
        sent = {"Content-Type": "application/c2pa", "Authorization": f"Bearer {self._key}"}
        self._ask("/manifests", body=record.manifest, headers=sent | headers)

    def _check_writable(self) -> None:
        if not self._writable:
            raise StoreError("the resolver was opened for reading", hint="open it with create=True")
        if not self._key:
            raise StoreError(
                f"no key to write to {self._url}", hint=f"put its bearer key in {KEY_VARIABLE}"
            )

    def _strange(self) -> StoreError:
        return StoreError(
            f"{self._url} does not answer as a resolver", hint="check the address of the resolver"
        )
