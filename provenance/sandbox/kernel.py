"""The three system calls that Python does not wrap, through the C library."""

from __future__ import annotations

import ctypes
import os
from functools import cache

PR_SET_PDEATHSIG = 1
PR_SET_SECCOMP = 22
PR_SET_NO_NEW_PRIVS = 38


@cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def syscall(number: int, *arguments: object) -> int:
    """Makes a system call; raises ``OSError``."""
    result: int = _library().syscall(ctypes.c_long(number), *arguments)
    if result < 0:
        _raise()
    return result


def prctl(option: int, *arguments: object) -> None:
    """Changes this process; raises ``OSError``."""
    # The call takes unsigned longs, and ctypes would pass ints of 32 bits.
    given = [ctypes.c_ulong(one) if isinstance(one, int) else one for one in arguments]
    given += [ctypes.c_ulong(0)] * (4 - len(given))
    if _library().prctl(ctypes.c_int(option), *given) < 0:
        _raise()


def _raise() -> None:
    number = ctypes.get_errno()
    raise OSError(number, os.strerror(number))
