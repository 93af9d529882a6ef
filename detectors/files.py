"""Which files are meant by what was typed: files, folders, patterns."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import TYPE_CHECKING

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

    A folder stands for the videos, pictures and files of sound under it. A name that exists is
    never read as a pattern. What leads to nothing (a missing file, an empty folder, a pattern
    without matches) is kept as it is, so that it gets its own result and stops no other.
    """
    found: dict[str, None] = {}
    for name in named:
        found.update(dict.fromkeys(_one(name) or [name]))
    return tuple(found)


def _one(name: str) -> list[str]:
    if not name:
        return []  # an unset variable of a shell: not the current folder
    path = Path(name)
    if path.is_dir():
        return sorted(str(file) for file in path.rglob("*") if _is_media(file))
    if path.exists() or not glob.has_magic(name):
        return [name]
    # Path.glob takes no pattern that starts at the root.
    matches = sorted(glob.glob(name, recursive=True))  # noqa: PTH207
    return [
        file for match in matches for file in (_one(match) if Path(match).is_dir() else [match])
    ]


def _is_media(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and path.is_file()
