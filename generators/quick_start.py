"""What a command that somebody waits for leaves out of its start."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def without_collections() -> Iterator[None]:
    """For imports, and weights that are opened: all of it stays, and nothing looks through it for
    what could be freed, neither now nor later. That takes a fifth of PyTorch's import, whose
    objects are many.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was:
            gc.enable()
