"""Videos that a command wrote and that are not marked."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from generators.protection.roads import MARKED_SUFFIXES, is_video

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MOST = 20_000  # entries of folders that are looked at


def unmarked(places: Iterable[Path], since_ns: int) -> list[Path]:
    """Videos among ``places`` and below folders of them that were changed since, and carry no
    credentials. ``since_ns``: the clock of the file system, see :func:`now_ns`.
    """
    from provenance.manifest import has_manifest

    out = set()
    for path in _videos(places):
        try:
            status = path.stat()
            if status.st_ctime_ns < since_ns or not status.st_size:
                continue
            signed = path.suffix.lower() in MARKED_SUFFIXES and has_manifest(path)
        except OSError:
            continue
        if not signed:
            out.add(path.resolve())
    return sorted(out)


def now_ns(folder: Path) -> int:
    """The time as files in ``folder`` are stamped with it, which may not be the clock's."""
    probe = folder / "clock"
    probe.touch()
    return probe.stat().st_ctime_ns


def _videos(places: Iterable[Path]) -> Iterator[Path]:
    left = _MOST
    for place in places:
        if not place.is_dir():
            if is_video(str(place)):
                yield place
            continue
        for folder, below, files in os.walk(place):
            below[:] = [name for name in below if not name.startswith(".")]
            left -= len(files) + len(below)
            if left < 0:
                return
            for name in files:
                if is_video(name):
                    yield Path(folder, name)
