"""A disk without room, for this process alone."""

from __future__ import annotations

import resource
from contextlib import contextmanager


@contextmanager
def full_disk(size: int):
    """Nobody can write files larger than ``size`` bytes: to a writer, a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
