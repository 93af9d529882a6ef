"""Errors of writing to a disk, as what they mean for whoever asked for the file."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from provenance.errors import DISK_FULL, DiskFull, OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def disk_errors(output: Path) -> Iterator[None]:
    """What goes wrong while ``output`` is written is raised as DiskFull or OutputError."""
    try:
        yield
    except OSError as error:
        if error.errno in DISK_FULL:
            raise DiskFull(
                f"the disk is full: {output} was not written", hint="free some space and try again"
            ) from error
        raise OutputError(f"writing {output} failed: {error.strerror or error}") from error
