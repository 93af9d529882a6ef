"""Files in object stores: listed by address, fetched one at a time to be looked at.

An address is ``scheme://bucket/key`` with the key as it is, not percent-encoded. Credentials and
regions come from the environment, as obstore reads them (``AWS_*``, ``GOOGLE_*``, ``AZURE_*``).
"""

from __future__ import annotations

import glob
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from provenance.errors import InputForbidden, InputMissing, MediaTooLarge, PackageMissing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

SCHEMES = ("s3", "gs", "az", "file")
MOST_BYTES = 16 << 30
_BLOCK = 1 << 20
# The limit of a request covers its body: the default of 30 s would end large files.
_NETWORK = {
    "client_options": {"timeout": "1h", "connect_timeout": "10s"},
    "retry_config": {"max_retries": 3},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """An object on disk at ``path``, and what says which version of it this is."""

    path: Path
    digest: str


def is_address(name: str) -> bool:
    """Whether ``name`` is one of an object store."""
    scheme, found, _ = name.partition("://")
    return bool(found) and scheme in SCHEMES


def objects_at(address: str, wanted: Callable[[str], bool]) -> list[str]:
    """The addresses meant by ``address``, sorted: under a prefix that ends with ``/`` those of the
    names that are ``wanted``; for a pattern (``*``, ``?``, ``[…]``, ``**``) those that fit it; else
    itself. None where there are none, or where the store cannot be listed.

    Raises :class:`~provenance.errors.PackageMissing`.
    """
    obstore = _obstore()
    root, key = _split(address)
    magic = glob.has_magic(key)
    if not magic and key and not key.endswith("/"):
        return [address]
    fixed = key
    if magic:
        parts = key.split("/")
        first = next(number for number, part in enumerate(parts) if glob.has_magic(part))
        fixed = "/".join(parts[:first])
    keys = []
    try:
        # Batch by batch: a bucket has more names than one answer of its store.
        for batch in obstore.list(connect(root), prefix=fixed.rstrip("/") or None):
            keys += [str(one["path"]) for one in batch]
    except (OSError, ValueError, obstore.exceptions.BaseError):
        return []  # whoever fetches it is told why
    if magic:
        pattern = key.split("/")
        keys = [one for one in keys if _fits(one.split("/"), pattern)]
    else:
        keys = [one for one in keys if wanted(one)]
    return [f"{root}{one}" for one in sorted(keys)]


def object_digest(address: str) -> str:
    """What changes with the object's content: its entity tag. "" where it cannot be asked for."""
    obstore = _obstore()
    root, key = _split(address)
    try:
        return _tag(obstore.head(connect(root), key))
    except (OSError, ValueError, obstore.exceptions.BaseError):
        return ""


@contextmanager
def fetched(address: str, *, most_bytes: int = MOST_BYTES) -> Iterator[Fetched]:
    """The object in a file of its own name, which is gone after the ``with`` block.

    Raises :class:`~provenance.errors.InputMissing`, :class:`~provenance.errors.InputForbidden`,
    :class:`~provenance.errors.MediaTooLarge` and :class:`~provenance.errors.PackageMissing`; what
    the disk does, as ``OSError``.
    """
    obstore = _obstore()
    root, key = _split(address)
    with tempfile.TemporaryDirectory(prefix="everyframe-") as folder:
        file = Path(folder) / (PurePosixPath(key).name[-200:] or "object")
        try:
            found = obstore.get(connect(root), key)
            size = found.meta["size"]
            if size > most_bytes:
                raise MediaTooLarge(
                    f"{address} has {size} bytes, more than the {most_bytes} allowed",
                    hint="fetch it yourself, and verify the copy",
                )
            with file.open("wb") as copy:
                for block in found.stream(min_chunk_size=_BLOCK):
                    copy.write(block)
        except FileNotFoundError as error:
            raise InputMissing(f"{address} does not exist", hint="check its name") from error
        except (PermissionError, ValueError, obstore.exceptions.BaseError) as error:
            raise InputForbidden(
                f"{address} cannot be read: {type(error).__name__}",
                hint="check its name, your rights and the store's settings (AWS_REGION, …)",
            ) from error
        yield Fetched(path=file, digest=_tag(found.meta))


def _tag(meta: Any) -> str:
    tag, version = meta.get("e_tag"), meta.get("version")
    return f"etag:{tag}:{version or ''}" if tag or version else ""


def _split(address: str) -> tuple[str, str]:
    """``s3://bucket/a/key`` as ``s3://bucket/`` and ``a/key``; a file's root is ``file:///``."""
    scheme, _, rest = address.partition("://")
    bucket, _, key = rest.partition("/")
    return f"{scheme}://{bucket}/", key


def _fits(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_fits(parts[number:], pattern[1:]) for number in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _fits(parts[1:], pattern[1:])


def connect(root: str) -> Any:
    """The store at ``root``, ``s3://bucket/`` or ``file:///``; its limits let large files pass."""
    from obstore.store import from_url

    options: Any = {} if root.startswith("file:") else _NETWORK
    return from_url(root, **options)


def _obstore() -> Any:
    """The module, which may be missing."""
    try:
        import obstore
        import obstore.exceptions
    except ImportError as error:
        raise PackageMissing(
            "files in object stores need obstore", hint="pip install 'everyframe[scale]'"
        ) from error
    return obstore
