"""Programs for developers, which train and measure: their errors in words, as of the commands."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from provenance.errors import EveryframeError

if TYPE_CHECKING:
    from collections.abc import Callable


def run_program(main: Callable[[], object]) -> None:
    """``main``; an error of ours is told with its hint and code, and ends it with its exit code."""
    try:
        main()
    except EveryframeError as error:
        sys.stderr.write(f"{Path(sys.argv[0]).stem}: {error.diagnostics()}\n")
        sys.exit(error.exit_code)
