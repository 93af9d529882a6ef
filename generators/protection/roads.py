"""Which files are videos, and which of those can be marked and signed."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Any

from generators.base import parse_rate
from provenance.errors import OptionError

MARKED_SUFFIXES = frozenset({".mp4", ".mov", ".mkv", ".webm"})
OTHER_SUFFIXES = frozenset(
    {".avi", ".flv", ".gif", ".h264", ".h265", ".hevc", ".ivf", ".m2ts", ".m3u8", ".m4v", ".mpd"}
    | {".mpeg", ".mpg", ".mts", ".mxf", ".nut", ".ogv", ".ts", ".wmv", ".y4m", ".yuv", ".3gp"}
)
"""Videos too, which this project cannot write."""

_FORMATS = frozenset(
    {
        "mp4",
        "mov",
        "matroska",
        "webm",
        "avi",
        "flv",
        "gif",
        "mpegts",
        "rtsp",
        "hls",
        "dash",
        "rawvideo",
    }
)


def is_video(path: str) -> bool:
    """Whether a file of this name is taken for a video."""
    return Path(path).suffix.lower() in MARKED_SUFFIXES | OTHER_SUFFIXES


def road(target: Any, form: str | None = None) -> Path | None:
    """Where a marked file is to be written for ``target``; None: that is no video in a file.

    Raises :class:`OptionError` for a video that cannot be marked.
    """
    if not isinstance(target, (str, bytes, os.PathLike)):
        name = getattr(target, "name", None)
        if not isinstance(name, str) or not is_video(name):
            return None  # in memory
        target = name  # the file that is open there has another put in its place
    text = os.fsdecode(target).removeprefix("file:")
    suffix = Path(text).suffix.lower()
    if "://" in text or (suffix not in MARKED_SUFFIXES and form in _FORMATS):
        raise OptionError(f"{text} cannot be marked on its way", hint="write a file, .mp4 for one")
    if suffix in OTHER_SUFFIXES:
        raise OptionError(
            f"{text}: video of the kind {suffix} cannot be marked and signed",
            hint=f"write one of {', '.join(sorted(MARKED_SUFFIXES))}",
        )
    return Path(text).absolute() if suffix in MARKED_SUFFIXES else None


def rate_of(fps: Any) -> Fraction:
    """Frames a second as programs give them: 24, 29.97, 30000/1001; raises :class:`OptionError`."""
    rate = fps if isinstance(fps, Fraction) else parse_rate(str(fps))
    if not 0 < rate <= 1000:
        raise OptionError(f"{float(rate):g} frames a second", hint="give more than 0, up to 1000")
    return Fraction(rate)
