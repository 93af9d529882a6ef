"""Other sound under the same pictures, which are copied and not encoded again."""

from __future__ import annotations

import os
from contextlib import closing
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av

from provenance.errors import OptionError
from provenance.video.carried_sound import CarriedSound
from provenance.video.containers import CONTAINERS
from provenance.video.demux import open_container, reading, video_stream
from provenance.video.limits import Limits
from provenance.video.output import create_file, remove_file, writing
from provenance.video.sound import shift

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from av.container import OutputContainer
    from av.packet import Packet

    from provenance.video.carried_sound import ChangeSound
    from provenance.video.containers import Container
    from provenance.video.reader import MediaReader


def exchange_sound(media: MediaReader, target: Path, change: ChangeSound) -> None:
    """Writes ``target``: the coded pictures of ``media``, and its sound as ``change`` says.

    What ``change`` leaves alone is copied too. ``target``'s suffix chooses the container. It is
    written in place, and removed when something fails. Raises
    :class:`~provenance.errors.UnreadableMedia` where ``media`` breaks off,
    :class:`~provenance.errors.OptionError` for a suffix that we do not write, and the errors of
    :func:`~provenance.video.output.writing`.
    """
    format_ = CONTAINERS.get(target.suffix.lower())
    if format_ is None:
        raise OptionError(
            f"{target} has no suffix of a container that we write",
            hint=f"use one of {', '.join(CONTAINERS)}",
        )
    identity = create_file(target)
    try:
        with (
            writing(target),
            av.open(
                "file:" + os.fspath(target),
                "w",
                format=format_.muxer,
                container_options=dict(format_.options),
            ) as output,
        ):
            _copy(media, output, format_, change)
    except BaseException:
        remove_file(target, identity)
        raise


def _copy(
    media: MediaReader, output: OutputContainer, format_: Container, change: ChangeSound
) -> None:
    name, limits = media.source.name, Limits()
    with reading(name):
        pictures = open_container(media.source, limits)
    with closing(pictures):
        shown = video_stream(pictures, name, limits)
        with reading(name):
            sound = open_container(media.source, limits)
        copied = output.add_stream_from_template(shown)
        carried = CarriedSound(
            sound,
            output,
            format_.sound,
            format_.sound_encoder,
            first=media.info.start,
            change=change,
        )
        with closing(carried):
            heard = carried.packets(name)
            waiting = next(heard, None)
            for packet in _packets(pictures.demux(shown), name):
                seconds = (packet.dts or 0) * Fraction(packet.time_base) - carried.origin
                while waiting is not None and waiting[0] <= seconds:
                    output.mux(waiting[1])
                    waiting = next(heard, None)
                shift(packet, carried.origin)
                packet.stream = copied
                output.mux(packet)
            while waiting is not None:
                output.mux(waiting[1])
                waiting = next(heard, None)


def _packets(packets: Iterator[Packet[Any]], name: str) -> Iterator[Packet[Any]]:
    while True:
        with reading(name):
            packet = next(packets, None)
        if packet is None:
            return
        if packet.dts is not None:  # not the empty packets that end each track
            yield packet
