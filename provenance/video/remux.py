"""The same pictures and sound in a fresh file: what the first upload does to every video."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any, Literal

import av
import av.error
from av.stream import Discard

from provenance.errors import DISK_FULL, DiskFull, OptionError, OutputError, OutputIsInput
from provenance.video.containers import CONTAINERS
from provenance.video.demux import open_container, reading, reason, video_stream
from provenance.video.limits import Limits
from provenance.video.source import SourceFile

if TYPE_CHECKING:
    from pathlib import Path


def remux(path: Path, target: Path, *, only: Literal["pictures", "sound"] | None = None) -> None:
    """Copy the coded pictures and the first sound track of ``path`` to ``target``, nothing else;
    or ``only`` one of the two.

    Titles, manifests and other metadata stay behind. ``target``'s suffix chooses the container.
    ``target`` is written in place, and removed when something fails. Raises
    :class:`~provenance.errors.InputError` for what cannot be read,
    :class:`~provenance.errors.OptionError` for a suffix that we do not write, and for sound where
    there is none,
    :class:`~provenance.errors.OutputIsInput`, :class:`~provenance.errors.DiskFull`, and
    :class:`~provenance.errors.OutputError` for codecs that the container does not hold.
    """
    limits = Limits()
    container = CONTAINERS.get(target.suffix.lower())
    if container is None:
        raise OptionError(
            f"{target} has no suffix of a container that we write",
            hint=f"use one of {', '.join(CONTAINERS)}",
        )
    with ExitStack() as opened:
        source = opened.enter_context(closing(SourceFile(path, limits)))
        if source.is_same_file(target):
            raise OutputIsInput(f"{target} is the input itself", hint="write to another file")
        with reading(source.name):
            old = opened.enter_context(closing(open_container(source, limits)))
            video = video_stream(old, source.name, limits)
            sound = next(iter(old.streams.audio), None)
        kept = _kept(video, sound, only)
        for stream in kept:
            stream.discard = Discard.default
        try:
            with av.open(
                f"file:{target}",
                "w",
                format=container.muxer,
                container_options=dict(container.options),
            ) as new:
                tracks = {stream.index: new.add_stream_from_template(stream) for stream in kept}
                packets = old.demux(*kept)
                while True:
                    with reading(source.name):
                        packet = next(packets, None)
                    if packet is None:
                        break
                    if packet.dts is None:  # the empty packets that end each track
                        continue
                    packet.stream = tracks[packet.stream.index]
                    new.mux(packet)
        except BaseException as error:
            target.unlink(missing_ok=True)
            if isinstance(error, (av.error.FFmpegError, OSError, ValueError)):
                message = f"{target} could not be written: {reason(error)}"
                if getattr(error, "errno", None) in DISK_FULL:
                    raise DiskFull(message, hint="make room on the disk") from error
                raise OutputError(message, hint="try .mp4 or .mkv") from error
            raise


def _kept(video: Any, sound: Any, only: Literal["pictures", "sound"] | None) -> list[Any]:
    kept = [
        stream
        for kind, stream in (("pictures", video), ("sound", sound))
        if stream is not None and only in (None, kind)
    ]
    if not kept:
        raise OptionError("there is no sound in it", hint="take its pictures")
    return kept
