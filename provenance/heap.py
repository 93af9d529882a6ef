"""The C library's memory, for work on large arrays that are freed soon after they are made."""

from __future__ import annotations

import ctypes

LARGE_BYTES = 64 << 20
"""What is larger comes from the kernel, and goes back to it, on its own."""
KEPT_BYTES = 1 << 30
"""So much of what was freed is kept for what is asked for next."""
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # malloc.h


def keep_what_is_freed() -> None:
    """Lets this process keep freed memory, where the C library is glibc; elsewhere does nothing.

    By default each array of some megabytes is given back to the kernel and the next one comes from
    it page by page. For processes of ours that end with their work: what is kept is nobody else's.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(_MMAP_THRESHOLD, LARGE_BYTES)
        library.mallopt(_TRIM_THRESHOLD, KEPT_BYTES)


def give_back_what_is_freed() -> None:
    """Gives freed memory to the kernel, once, where the C library is glibc."""
    library = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)
