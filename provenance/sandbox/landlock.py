"""Landlock: this process, and its children, may read what is named here and reach nothing else.

Source: Documentation/userspace-api/landlock.rst of Linux. What it does not cover (UDP, changes of
owner, mode and times) is for :mod:`provenance.sandbox.seccomp`.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from typing import TYPE_CHECKING

from provenance.sandbox.kernel import PR_SET_NO_NEW_PRIVS, prctl, syscall

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # the same numbers on all architectures
_VERSION_FLAG = 1
_RULE_PATH_BENEATH = 1

_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
"""All rights on files, by the version of the interface that brought the last of them."""
_NETWORK_SINCE, _ALL_TCP = 4, 0b11  # bind and connect
_SCOPES_SINCE, _ALL_SCOPES = 6, 0b11  # abstract sockets and signals of others


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("files", ctypes.c_uint64),
        ("network", ctypes.c_uint64),
        ("scopes", ctypes.c_uint64),
    )


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("rights", ctypes.c_uint64), ("parent", ctypes.c_int32))


def landlock_version() -> int:
    """The version of the interface that the kernel has; 0: none, or switched off."""
    try:
        return syscall(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION_FLAG))
    except OSError:
        return 0


def restrict(version: int, *, folders: Iterable[Path], descriptors: Iterable[int]) -> None:
    """Leaves reading of what lies in ``folders`` and of the open ``descriptors``, nothing more.

    Only the calling thread is restricted, and those that it starts. Raises ``OSError``.
    """
    rights = _FILE_RIGHTS[max(known for known in _FILE_RIGHTS if known <= version)]
    rules = _Ruleset(
        rights,
        _ALL_TCP if version >= _NETWORK_SINCE else 0,
        _ALL_SCOPES if version >= _SCOPES_SINCE else 0,
    )
    size = 24 if version >= _SCOPES_SINCE else 16 if version >= _NETWORK_SINCE else 8
    ruleset = syscall(_CREATE, ctypes.byref(rules), ctypes.c_size_t(size), ctypes.c_uint32(0))
    try:
        for folder in folders:
            _allow_path(ruleset, folder)
        for descriptor in descriptors:
            _allow(ruleset, descriptor)
        prctl(PR_SET_NO_NEW_PRIVS, 1)
        syscall(_RESTRICT, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    finally:
        os.close(ruleset)


def _allow_path(ruleset: int, path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        _allow(ruleset, descriptor)
    finally:
        os.close(descriptor)


def _allow(ruleset: int, descriptor: int) -> None:
    is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
    rights = _READ_FILE | (_READ_DIR if is_folder else 0)
    rule = _PathBeneath(rights, descriptor)
    try:
        syscall(
            _ADD,
            ctypes.c_int(ruleset),
            ctypes.c_int(_RULE_PATH_BENEATH),
            ctypes.byref(rule),
            ctypes.c_uint32(0),
        )
    except OSError as error:
        # Files in no file system (memfd) cannot be named in a rule, and need none.
        if error.errno != errno.EBADFD:
            raise
