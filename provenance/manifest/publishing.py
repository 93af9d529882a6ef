"""Giving a signed file its name, and its sidecar beside it: never those of two different files."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from provenance.manifest.containers import container_of, sidecar_path

if TYPE_CHECKING:
    from collections.abc import Iterator


def publish(temporary: Path, final: Path, manifest: bytes) -> None:
    """Moves a signed file to its final name, and its sidecar beside it where it needs one.

    Both paths are in one directory. The sidecar comes first: a file without its manifest would
    look unsigned, a manifest without its file looks like nothing. Of two programs that publish
    under one name at once, one wins with both.
    """
    if container_of(temporary).embeds:
        temporary.replace(final)
        return
    handle, name = tempfile.mkstemp(dir=final.parent, prefix=".c2pa-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(manifest)
            file.flush()
            os.fsync(file.fileno())
        shutil.copymode(temporary, name)
        with _alone_in(final.parent):
            Path(name).replace(sidecar_path(final))
            temporary.replace(final)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Holds up others who publish in ``folder``, where its file system knows locks."""
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
