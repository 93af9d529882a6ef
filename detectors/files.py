"""Which files are meant by what was typed: files, folders, patterns, lists, addresses."""

from __future__ import annotations

import glob
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from provenance.errors import InputForbidden, InputMissing

if TYPE_CHECKING:
    from collections.abc import Iterable

SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mts", ".m2ts", ".3gp", ".3g2"}
    | {".wav", ".mp3", ".m4a", ".aac", ".flac", ".ogg", ".oga", ".opus"}
    | {".png", ".jpg", ".jpeg", ".webp"}
)
"""What is taken from a folder; a file that is named itself may be called anything."""


def expand(named: Iterable[str]) -> tuple[str, ...]:
    """The files meant by ``named``, in order, each once.

    A folder, or a prefix of an object store that ends with ``/``, stands for the videos, pictures
    and files of sound under it. A name that exists is never read as a pattern. What leads to
    nothing (a missing file, an empty folder, a pattern without matches, a link to nowhere) is kept
    as it is, so that it gets its own result and stops no other. Links to folders are not followed.

    Raises :class:`~provenance.errors.PackageMissing` for addresses of object stores without the
    package that reads them.
    """
    found: dict[str, None] = {}
    for name in named:
        found.update(dict.fromkeys(_one(name) or [name]))
    return tuple(found)


def listed(source: str) -> tuple[str, ...]:
    """The names in the file ``source``, or on the standard input (``-``).

    One a line, or ended by NUL as ``find -print0`` does; empty ones count for nothing.
    Raises :class:`~provenance.errors.InputError`.
    """
    try:
        data = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except FileNotFoundError as error:
        raise InputMissing(f"{source} does not exist", hint="check the path") from error
    except OSError as error:
        raise InputForbidden(
            f"cannot read the list {source}: {error.strerror}", hint="check the path and its rights"
        ) from error
    names = data.split(b"\0") if b"\0" in data else data.splitlines()
    return tuple(os.fsdecode(name) for name in names if name.strip())


def _one(name: str) -> list[str]:
    from detectors.objects import is_address, objects_at

    if not name:
        return []  # an unset variable of a shell: not the current folder
    if is_address(name):
        return objects_at(name, _is_called_media)
    path = Path(name)
    try:
        if path.is_dir():
            return sorted(str(file) for file in path.rglob("*") if _is_media(file))
        if path.exists() or not glob.has_magic(name):
            return [name]
    except OSError:
        return [name]  # too long for a name
    matches = sorted(_matches(name))
    return [
        file for match in matches for file in (_one(match) if Path(match).is_dir() else [match])
    ]


def _matches(pattern: str) -> list[str]:
    if "**" not in pattern:
        # Path.glob takes no pattern that starts at the root.
        return glob.glob(pattern)  # noqa: PTH207
    # glob.glob follows links to folders: one that leads to its own folder never ends.
    anchor = Path(pattern).anchor
    found = Path(anchor or ".").glob(pattern[len(anchor) :])
    hidden = any(part.startswith(".") for part in Path(pattern).parts if part != "..")
    return [
        str(path)
        for path in found
        if hidden or not any(part.startswith(".") for part in path.parts if part != "..")
    ]


def _is_media(path: Path) -> bool:
    if not _is_called_media(path.name):
        return False
    # A link to nowhere, or to itself, is answered as such. Pipes and devices would never end.
    return path.is_file() or (path.is_symlink() and not path.exists())


def _is_called_media(name: str) -> bool:
    return Path(name).suffix.lower() in SUFFIXES
