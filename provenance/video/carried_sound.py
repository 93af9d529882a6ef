"""The sound of a file on its way to another: as packets, encoded again, or changed."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

from provenance.clip import AudioSpec
from provenance.video.demux import reading
from provenance.video.sound import (
    LAYOUT_NAMES,
    PREROLL_S,
    Resampler,
    kept_channels,
    new_sound_stream,
    samples_of,
    shift,
    sound_frame,
    sound_streams,
    tamed,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    import numpy as np
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer, OutputContainer
    from av.packet import Packet
    from numpy.typing import NDArray

# Encoders that have the name of the codec, and take any sound that the codec can hold.
SAME_AGAIN = frozenset({"aac", "ac3", "flac", "alac", "pcm_s16le", "pcm_s24le", "pcm_f32le"})


class Track(Protocol):
    """One sound track on its way from a file to another."""

    def carry(self, packet: Packet[Any]) -> list[Packet[Any]]:
        """What to write for this packet; the empty packet at the end flushes."""
        ...


class CopiedTrack:
    """Packets as they are, with new times."""

    def __init__(self, output: OutputContainer, stream: AudioStream, origin: Fraction) -> None:
        self._stream = output.add_stream_from_template(stream)
        self._origin = origin
        self._last: int | None = None
        _describe(self._stream, stream)

    def carry(self, packet: Packet[Any]) -> list[Packet[Any]]:
        if packet.dts is None:
            return []
        shift(packet, self._origin)
        # Decoders need what an edit list hides just before the start; more was cut away on purpose.
        if packet.is_discard and packet.dts * Fraction(packet.time_base) < -PREROLL_S:
            return []
        # Broken recordings step back in time, which no container can hold.
        if self._last is not None and packet.dts <= self._last:
            packet.dts = self._last + 1
        if packet.pts is None or packet.pts < packet.dts:
            packet.pts = packet.dts
        self._last = packet.dts
        packet.stream = self._stream
        return [packet]


class EncodedTrack:
    """Sound that the target container cannot hold as it is: decoded and encoded again."""

    def __init__(
        self, output: OutputContainer, stream: AudioStream, origin: Fraction, codec: str
    ) -> None:
        self._stream = new_sound_stream(
            output, codec, stream.sample_rate, kept_channels(stream.channels)
        )
        self._origin = origin
        context = self._stream.codec_context
        self._resampler = Resampler(
            context.sample_rate, context.layout.name, context.format.name, None
        )
        _describe(self._stream, stream)

    def carry(self, packet: Packet[Any]) -> list[Packet[Any]]:
        with reading("the sound"):
            frames = cast("list[AudioFrame]", packet.decode())
        ready: list[AudioFrame] = []
        for frame in frames:
            shift(frame, self._origin)
            ready.extend(self._resampler.push(frame))
        encoded = [new for frame in ready for new in self._stream.encode(frame)]
        if packet.size == 0:
            rest = self._resampler.push(None)
            encoded += [new for frame in rest for new in self._stream.encode(frame)]
            encoded += self._stream.encode(None)
        return encoded


class SoundChange(Protocol):
    """Changes samples on their way; what comes out is as long as what came in."""

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """What is ready once (N, channels) ``samples`` came."""
        ...

    def finish(self) -> NDArray[np.float32]:
        """What is left."""
        ...


ChangeSound: TypeAlias = "Callable[[AudioSpec], Callable[[float], SoundChange] | None]"
"""Asked for each track what to do with it: None leaves it as it is, else see ChangedTrack."""


class ChangedTrack:
    """Sound that is changed on its way: decoded, changed, and encoded again.

    ``times``: in the file, of what becomes 0 and of the first picture. ``begin`` makes the change,
    told the time of the first sample in seconds from the first picture.
    """

    def __init__(
        self,
        output: OutputContainer,
        stream: AudioStream,
        times: tuple[Fraction, Fraction],
        codec: str,
        begin: Callable[[float], SoundChange],
    ) -> None:
        channels = kept_channels(stream.channels)
        self._spec = AudioSpec(sample_rate=stream.sample_rate, channels=channels)
        self._stream = new_sound_stream(output, codec, stream.sample_rate, channels)
        self._origin, first = times
        self._picture_s = float(first - self._origin)
        self._begin = begin
        self._change: SoundChange | None = None
        self.wild = 0  # samples that are no numbers
        self._count = 0
        context = self._stream.codec_context
        self._there = Resampler(stream.sample_rate, LAYOUT_NAMES[channels], "flt", None)
        self._back = Resampler(context.sample_rate, context.layout.name, context.format.name, None)
        _describe(self._stream, stream)

    def carry(self, packet: Packet[Any]) -> list[Packet[Any]]:
        last = packet.size == 0
        with reading("the sound"):
            frames = cast("list[AudioFrame]", packet.decode())
        ready: list[AudioFrame] = []
        for frame in frames:
            shift(frame, self._origin)
            ready.extend(self._there.push(frame))
        if last:
            ready.extend(self._there.push(None))
        encoded: list[Packet[Any]] = []
        for frame in ready:
            if self._change is None:
                self._count = frame.pts or 0
                self._change = self._begin(self._count / self._spec.sample_rate - self._picture_s)
            samples, wild = tamed(samples_of(frame, self._spec.channels))
            self.wild += wild
            encoded += self._encoded(self._change.push(samples))
        if last:
            if self._change is not None:
                encoded += self._encoded(self._change.finish())
            encoded += [new for f in self._back.push(None) for new in self._stream.encode(f)]
            encoded += self._stream.encode(None)
        return encoded

    def _encoded(self, samples: NDArray[np.float32]) -> list[Packet[Any]]:
        if not len(samples):
            return []
        frame = sound_frame(samples, self._spec, self._count)
        self._count += len(samples)
        return [new for ready in self._back.push(frame) for new in self._stream.encode(ready)]


def _describe(target: AudioStream, source: AudioStream) -> None:
    if source.language:
        target.metadata["language"] = source.language
    target.disposition = source.disposition


class CarriedSound:
    """All sound tracks of a file on their way to ``output``, read one packet at a time.

    ``copied``: names of codecs that ``output`` can hold; others become ``codec``. ``origin``: the
    time in the file, in seconds, that becomes 0. ``first``: that of the first picture. ``change``
    may take tracks to change their samples.
    """

    def __init__(
        self,
        container: InputContainer,
        output: OutputContainer,
        copied: Collection[str],
        codec: str,
        *,
        first: Fraction,
        change: ChangeSound | None,
    ) -> None:
        self._container = container
        self.origin = _origin(container)
        self._streams = sound_streams(container)
        self._tracks: dict[int, Track] = {}
        for stream in self._streams:
            name = stream.codec_context.codec.canonical_name
            spec = AudioSpec(
                sample_rate=stream.sample_rate, channels=kept_channels(stream.channels)
            )
            changed = None if change is None else change(spec)
            if changed is not None:
                encoder = name if name in copied and name in SAME_AGAIN else codec
                track: Track = ChangedTrack(output, stream, (self.origin, first), encoder, changed)
            elif name in copied:
                track = CopiedTrack(output, stream, self.origin)
            else:
                track = EncodedTrack(output, stream, self.origin, codec)
            self._tracks[stream.index] = track

    def packets(self, name: str) -> Iterator[tuple[Fraction, list[Packet[Any]]]]:
        """(seconds from ``origin``, packets to write), in the order of the file.

        Raises :class:`~provenance.errors.UnreadableMedia` where the file ``name`` breaks off.
        """
        if not self._streams:
            return
        source = self._container.demux(*self._streams)
        seconds = Fraction(0)
        while True:
            with reading(name):
                packet = next(source, None)
            if packet is None:
                return
            if packet.dts is not None:
                seconds = packet.dts * Fraction(packet.time_base) - self.origin
            yield seconds, self._tracks[packet.stream.index].carry(packet)

    @property
    def wild(self) -> int:
        """Samples, of those that were changed so far, that are no numbers: silence is in place of
        them.
        """
        return sum(one.wild for one in self._tracks.values() if isinstance(one, ChangedTrack))

    def close(self) -> None:
        self._container.close()


def _origin(container: InputContainer) -> Fraction:
    """The earliest time that is shown or heard, in seconds."""
    streams = (*container.streams.video, *container.streams.audio)
    starts = [
        s.start_time * Fraction(s.time_base)
        for s in streams
        if s.start_time is not None and s.time_base
    ]
    return min(starts, default=Fraction(0))
