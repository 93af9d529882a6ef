"""Videos that a command wrote and that are not marked, and files that it did not finish."""

from __future__ import annotations

import glob
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generators.protection.roads import MARKED_SUFFIXES, is_video

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_MOST = 2_000_000  # entries of folders that are looked at: about 10 s on a local disk


def unmarked(places: Iterable[Path], since_ns: int) -> tuple[list[Path], bool]:
    """Videos among ``places`` and below folders of them that were changed since, and carry no
    credentials. ``since_ns``: the clock of the file system, see :func:`now_ns`.
    Whether all was looked at comes second.
    """
    from provenance.manifest import has_manifest

    out = set()
    whole = True
    for path in _videos(places):
        if path is None:
            whole = False
            break
        try:
            status = path.stat()
            if status.st_ctime_ns < since_ns or not status.st_size:
                continue
            signed = path.suffix.lower() in MARKED_SUFFIXES and has_manifest(path)
        except OSError:
            continue
        if not signed:
            out.add(path.resolve())
    return sorted(out), whole


def clear(events: Sequence[dict[str, Any]], since_ns: int) -> None:
    """Removes what processes that were killed left of files that they had begun."""
    begun = {(event["pid"], event["path"]) for event in events if event["event"] == "begun"}
    begun -= {(e["pid"], e["path"]) for e in events if e["event"] in ("written", "left")}
    for pid, name in begun:
        path = Path(name)
        if _lives(pid):
            continue
        for place in path.parent.glob(f".{glob.escape(path.stem)}-*{glob.escape(path.suffix)}"):
            ours = re.fullmatch("[0-9a-f]{12}", place.stem.removeprefix(f".{path.stem}-"))
            with suppress(OSError):
                if ours and place.stat().st_ctime_ns >= since_ns:
                    place.unlink()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def now_ns(folder: Path) -> int:
    """The time as files in ``folder`` are stamped with it, which may not be the clock's."""
    probe = folder / "clock"
    probe.touch()
    return probe.stat().st_ctime_ns


def _videos(places: Iterable[Path]) -> Iterator[Path | None]:
    """None at the end: there were more entries than are looked at."""
    left = _MOST
    for place in places:
        if not os.path.isdir(place):  # noqa: PTH112  is_dir raises for names that are too long
            if is_video(str(place)):
                yield place
            continue
        for folder, below, files in os.walk(place):
            below[:] = [name for name in below if not name.startswith(".")]
            left -= len(files) + len(below)
            if left < 0:
                yield None
                return
            for name in files:
                if is_video(name):
                    yield Path(folder, name)
