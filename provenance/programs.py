"""Programs for developers, which train and measure: their errors in words, as of the commands."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from provenance.errors import DISK_FULL, DiskFull, EveryframeError, OutputForbidden

if TYPE_CHECKING:
    from collections.abc import Callable


def run_program(main: Callable[[], object]) -> None:
    """``main``; an error of ours is told with its hint and code, and ends it with its exit code."""
    try:
        main()
    except EveryframeError as error:
        sys.stderr.write(f"{Path(sys.argv[0]).stem}: {error.diagnostics()}\n")
        sys.exit(error.exit_code)


def ready_folder(folder: Path) -> None:
    """Makes ``folder`` where it is missing, and tries it: before hours of work for it, not after.

    Raises :class:`OutputForbidden` and :class:`DiskFull`.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"0")
    except OSError as error:
        if error.errno in DISK_FULL:
            raise DiskFull(f"{folder}: the disk is full", hint="make room") from error
        raise OutputForbidden(
            f"{folder} cannot be written: {error.strerror}", hint="choose another folder for --out"
        ) from error
