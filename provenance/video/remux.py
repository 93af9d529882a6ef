"""The same pictures and sound in a fresh file: what the first upload does to every video."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import av
import av.error
from av.stream import Discard

from provenance.errors import OutputError
from provenance.video.containers import CONTAINERS
from provenance.video.demux import open_container, reading, reason, video_stream
from provenance.video.limits import Limits
from provenance.video.source import SourceFile

if TYPE_CHECKING:
    from pathlib import Path


def remux(path: Path, target: Path) -> None:
    """Copy the coded pictures and the first sound track of ``path`` to ``target``, nothing else.

    Titles, manifests and other metadata stay behind. The suffix of ``target`` chooses the container.
    Raises :class:`~provenance.errors.InputError` for what cannot be read, and
    :class:`~provenance.errors.OutputError` for codecs that the container does not hold.
    """
    limits = Limits()
    with (
        closing(SourceFile(path, limits)) as source,
        closing(open_container(source, limits)) as old,
    ):
        with reading(source.name):
            video = video_stream(old, source.name, limits)
            sound = next(iter(old.streams.audio), None)
        container = CONTAINERS[target.suffix.lower()]
        kept = [video] if sound is None else [video, sound]
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
                for packet in old.demux(*kept):
                    if packet.dts is None:  # the empty packets that end each track
                        continue
                    packet.stream = tracks[packet.stream.index]
                    new.mux(packet)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            target.unlink(missing_ok=True)
            raise OutputError(f"{target} could not be written: {reason(error)}") from error
