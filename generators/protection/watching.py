"""What a protected process does beside the writers that are replaced (audit hooks, PEP 578)."""

from __future__ import annotations

import os
import shlex
import sys
from typing import TYPE_CHECKING, Any

from generators.protection.roads import is_video
from provenance.errors import OptionError

if TYPE_CHECKING:
    from generators.protection.orders import Orders

_STARTS = frozenset({"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"})


def watch(orders: Orders) -> None:
    """Refuses FFmpeg programs that would write a video; notes videos that are opened to write."""

    def look(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = arguments
            if _writes(mode, flags) and isinstance(path, (str, bytes)):
                name = os.fsdecode(path)
                if is_video(name):
                    orders.tell("opened", path=os.path.abspath(name))  # noqa: PTH100
        elif event in _STARTS:
            written = ffmpeg_output(_words(event, arguments))
            if written is not None:
                raise orders.refuse(
                    OptionError(
                        f"the program starts ffmpeg to write {written}, which cannot be marked on "
                        "its way",
                        hint="have it write with PyAV, imageio or OpenCV, or mark the finished "
                        "file with ltx-stamp",
                    )
                )

    sys.addaudithook(look)


def ffmpeg_output(words: list[str]) -> str | None:
    """The first video that these words of a command would have ffmpeg write, or None."""
    names = [os.path.basename(word) for word in words]  # noqa: PTH119
    start = next((n for n, name in enumerate(names) if name.lower().startswith("ffmpeg")), None)
    if start is None:
        return None
    for before, word in zip(words[start:], words[start + 1 :], strict=False):
        if before != "-i" and not word.startswith("-") and (is_video(word) or "://" in word):
            return word
    return None


def _words(event: str, arguments: tuple[Any, ...]) -> list[str]:
    given = arguments[0] if event == "os.system" else arguments[1]
    listed = [given] if isinstance(given, (str, bytes, os.PathLike)) else list(given)
    words = [os.fsdecode(word) for word in listed]
    if event in ("subprocess.Popen", "os.exec", "os.posix_spawn") and arguments[0]:
        # The program may be named apart from what it is told.
        words = [os.fsdecode(arguments[0]), *words]
    out: list[str] = []
    for word in words:
        try:
            out += shlex.split(word) if " " in word else [word]
        except ValueError:
            out += word.split()
    return out


def _writes(mode: Any, flags: Any) -> bool:
    if isinstance(mode, str):
        return any(sign in mode for sign in "wax+")
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))
