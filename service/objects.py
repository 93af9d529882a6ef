"""Objects that are scanned where they lie: fetched by the worker, into a file without a name."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import parse_qs, unquote, urlsplit

from detectors.objects import connect
from provenance.errors import InputForbidden, InputMissing, MediaTooLarge, PackageMissing

if TYPE_CHECKING:
    from pathlib import Path

_BLOCK = 1 << 20


def fetch(address: str, *, scratch: Path, most_bytes: int) -> BinaryIO:
    """The bytes of the object, in a file that is gone with its last descriptor.

    Raises :class:`~provenance.errors.InputMissing`, :class:`~provenance.errors.InputForbidden`,
    :class:`~provenance.errors.MediaTooLarge`, :class:`~provenance.errors.PackageMissing`; what the
    disk does, as ``OSError``.
    """
    try:
        import obstore
        from obstore.exceptions import BaseError
    except ImportError as error:
        raise PackageMissing(
            "scanning objects needs obstore", hint="pip install 'everyframe[scale]'"
        ) from error
    root, key, options = split(address)
    try:
        store: Any = connect(root)
        wanted: Any = options or None
        found = obstore.get(store, key, options=wanted)
        if found.meta["size"] > most_bytes:
            raise _too_large(most_bytes)
        blocks = found.stream(min_chunk_size=_BLOCK)
    except (FileNotFoundError, PermissionError) as error:
        kind = InputMissing if isinstance(error, FileNotFoundError) else InputForbidden
        raise kind(f"{address} cannot be read", hint="check its name and rights") from error
    except (BaseError, ValueError) as error:
        raise InputForbidden(
            f"{address} cannot be read: {type(error).__name__}", hint="check the store's settings"
        ) from error
    file: BinaryIO = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115 handed to the caller
    size = 0
    for block in blocks:
        size += len(block)
        if size > most_bytes:
            raise _too_large(most_bytes)
        file.write(block)
    file.flush()
    file.seek(0)
    return file


def split(address: str) -> tuple[str, str, dict[str, str]]:
    """``s3://bucket/key?versionId=v`` as root ``s3://bucket``, key and obstore's options."""
    parts = urlsplit(address)
    version = parse_qs(parts.query).get("versionId")
    return (
        f"{parts.scheme}://{parts.netloc}" + ("/" if parts.scheme == "file" else ""),
        unquote(parts.path).lstrip("/"),
        {"version": version[0]} if version else {},
    )


def _too_large(most_bytes: int) -> MediaTooLarge:
    return MediaTooLarge(
        f"the object has more than the {most_bytes} bytes allowed", hint="raise the limit"
    )
