"""Where uploads wait for their scan: a local folder, or an object store for many machines.

A name is a scan's id, and its bytes are there completely or not at all. Nothing stays: the worker
removes an upload as soon as its result is stored (zero retention).
"""

from __future__ import annotations

import os
import re
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from provenance.errors import (
    DISK_FULL,
    DiskFull,
    InputMissing,
    OptionError,
    OutputError,
    PackageMissing,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = re.compile(r"[a-z]+_[0-9a-f]{32}")
_BLOCK = 1 << 20


class Storage(Protocol):
    """All methods may be called from any thread; they raise
    :class:`~provenance.errors.OutputError` when the storage does not work.
    """

    def keep(self, part: Path, name: str) -> None:
        """Takes the file ``part`` (in the service's incoming folder) as ``name``, durably."""

    def open(self, name: str) -> BinaryIO:
        """The bytes of ``name`` for reading; raises :class:`~provenance.errors.InputMissing`."""

    def remove(self, name: str) -> None:
        """Removes ``name``; that it is gone already is no matter."""

    def names(self, *, older_than: float) -> list[str]:
        """What has been there since before ``older_than`` (seconds since 1970)."""

    def check(self) -> None:
        """Raises when nothing could be kept now."""


class FolderStorage:
    """A folder on a local disk, or on one that all machines share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def keep(self, part: Path, name: str) -> None:
        with _explained(self._folder):
            part.replace(self._path(name))
            _sync_folder(self._folder)

    def open(self, name: str) -> BinaryIO:
        try:
            descriptor = os.open(self._path(name), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise InputMissing(f"the upload {name} is gone", hint="send it again") from error
        return os.fdopen(descriptor, "rb")

    def remove(self, name: str) -> None:
        self._path(name).unlink(missing_ok=True)

    def names(self, *, older_than: float) -> list[str]:
        found = []
        for path in self._folder.iterdir():
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < older_than and _NAME.fullmatch(path.name):
                    found.append(path.name)
        return found

    def check(self) -> None:
        if not os.access(self._folder, os.W_OK | os.X_OK):
            raise OutputError(f"{self._folder} cannot be written to", hint="check the folder")

    def _path(self, name: str) -> Path:
        return self._folder / _checked(name)


class ObjectStorage:
    """A bucket: ``s3://bucket/prefix``, ``gs://…``, ``az://…`` (obstore, extra ``scale``).

    Credentials come from the environment, as for the cloud's own tools.
    """

    def __init__(self, url: str, *, scratch: Path, options: dict[str, Any] | None = None) -> None:
        try:
            from obstore.store import from_url
        except ImportError as error:
            raise PackageMissing(
                "an object store needs obstore", hint="pip install 'everyframe[scale]'"
            ) from error
        self._store: Any = from_url(url, **(options or {}))
        self._scratch = scratch

    def keep(self, part: Path, name: str) -> None:
        import obstore

        with _explained(part), part.open("rb") as file:
            obstore.put(self._store, _checked(name), file, mode="overwrite")
        part.unlink()

    def open(self, name: str) -> BinaryIO:
        import obstore

        try:
            found = obstore.get(self._store, _checked(name))
        except FileNotFoundError as error:
            raise InputMissing(f"the upload {name} is gone", hint="send it again") from error
        # A file without a name: gone with its last descriptor, whatever kills us.
        file: BinaryIO = tempfile.TemporaryFile(dir=self._scratch)  # noqa: SIM115 handed to the caller
        with _explained(self._scratch):
            file.writelines(found.stream(min_chunk_size=_BLOCK))
            file.flush()
        file.seek(0)
        return file

    def remove(self, name: str) -> None:
        import obstore

        with suppress(FileNotFoundError):
            obstore.delete(self._store, _checked(name))

    def names(self, *, older_than: float) -> list[str]:
        import obstore

        return [
            item["path"]
            for page in obstore.list(self._store)
            for item in page
            if item["last_modified"].timestamp() < older_than and _NAME.fullmatch(item["path"])
        ]

    def check(self) -> None:
        import obstore
        from obstore.exceptions import BaseError

        try:
            next(iter(obstore.list(self._store, chunk_size=1)), None)
        except (BaseError, OSError) as error:
            raise OutputError(
                f"the object store does not answer: {type(error).__name__}",
                hint="check its address and rights",
            ) from error


def open_storage(address: str, *, scratch: Path) -> Storage:
    """The storage at ``address``: a folder, or the URL of a bucket.

    Raises :class:`~provenance.errors.OptionError` for an address of neither kind.
    """
    scheme, separator, _ = address.partition("://")
    if not separator:
        return FolderStorage(Path(address))
    if scheme not in {"s3", "gs", "az", "memory", "file"}:
        raise OptionError(
            f"no storage of the kind {scheme}://", hint="a folder, s3://, gs:// or az://"
        )
    return ObjectStorage(address, scratch=scratch)


def _checked(name: str) -> str:
    """Names are ours; anything else would be a way out of the folder."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not the name of an upload")
    return name


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _explained(where: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise as_output_error(error, where) from error


def as_output_error(error: OSError, where: Path) -> OutputError:
    """What a failed write means: a full disk is told apart, because it passes."""
    if error.errno in DISK_FULL:
        return DiskFull(f"no room for an upload in {where}", hint="free some space on its disk")
    return OutputError(f"cannot keep an upload in {where}: {error}", hint="check the folder")
