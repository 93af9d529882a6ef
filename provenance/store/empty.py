"""A store that does not exist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from provenance.errors import StoreError

if TYPE_CHECKING:
    from provenance.store.records import Mark, StoredManifest


class EmptyStore:
    """Nothing is found in it, nothing can be kept."""

    def reserve(self, content_id: str) -> bool:  # noqa: ARG002
        raise _read_only()

    def release(self, content_id: str) -> None:
        pass

    def put(self, *records: StoredManifest) -> None:  # noqa: ARG002
        raise _read_only()

    def replace(self, record: StoredManifest, *, announced: bytes) -> None:  # noqa: ARG002
        raise _read_only()

    def get(self, content_id: str) -> StoredManifest | None:  # noqa: ARG002
        return None

    def get_manifest(self, manifest_id: str) -> StoredManifest | None:  # noqa: ARG002
        return None

    def manifest_id(self, content_id: str) -> str | None:  # noqa: ARG002
        return None

    def marks(self, *, limit: int) -> list[Mark]:  # noqa: ARG002
        return []

    def contains(self, content_id: str) -> bool:  # noqa: ARG002
        return False

    def bind(self, manifest_id: str, algorithm: str, value: bytes) -> bool:  # noqa: ARG002
        raise _read_only()

    def bound(self, algorithm: str, value: bytes, *, limit: int) -> list[str]:  # noqa: ARG002
        return []

    def close(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def _read_only() -> StoreError:
    return StoreError(
        "there is no manifest store that could be written", hint="open it with create=True"
    )
