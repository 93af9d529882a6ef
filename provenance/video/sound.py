"""Sound: read as samples, encoded from samples."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

import av
import av.error
import av.filter
import numpy as np
from av.stream import Discard

from provenance.clip import AudioSpec
from provenance.errors import FrameError, OptionError, UnreadableMedia

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer, OutputContainer
    from av.packet import Packet
    from numpy.typing import NDArray

    from provenance.video.sound_settings import SoundSettings

# FFmpeg's AAC encoder wants exactly these arrangements (ISO/IEC 14496-3, table 1.19).
LAYOUT_NAMES = {
    1: "mono",
    2: "stereo",
    3: "3.0",
    4: "4.0",
    5: "5.0",
    6: "5.1",
    7: "6.1",
    8: "7.1",
}
BITS_A_SECOND_A_CHANNEL = 96_000
OPUS_RATE = 48_000
OPUS_MOST_A_CHANNEL = 256_000
PREROLL_S = Fraction(1, 10)
MAX_GAP_S = 60
LOWEST_RATE, HIGHEST_RATE = 1000, 768_000
LOUDEST = 1e6
"""Of a sample, where the loudest that can be played is 1. Files of floats may hold anything."""


def kept_channels(channels: int) -> int:
    """How many channels we give out and encode: more than eight (ambisonics) become stereo."""
    return channels if channels in LAYOUT_NAMES else 2


class Resampler:
    """Decoded sound to one rate, arrangement and sample type, with gaps filled and overlaps cut.

    ``first_sample``: the number of the sample that the result starts with (missing ones are
    silence); None starts with the first decoded sample.
    """

    def __init__(self, rate: int, layout: str, sample_type: str, first_sample: int | None) -> None:
        self._target = (rate, layout, sample_type)
        self._first_sample = first_sample
        self._end = None if first_sample is None else Fraction(first_sample, rate)
        self._graph: av.filter.Graph | None = None
        self._source: tuple[object, ...] = ()

    def push(self, frame: AudioFrame | None) -> Iterator[AudioFrame]:
        """The frames that are ready after ``frame``; None flushes."""
        if frame is not None:
            self._check_gap(frame)
            source = (frame.sample_rate, frame.format.name, frame.layout.name, frame.time_base)
            if source != self._source:
                yield from self._drain()
                self._graph, self._source = self._build(frame), source
        if self._graph is None:
            return
        self._graph.push(frame)
        yield from self._pull(self._graph)

    def _check_gap(self, frame: AudioFrame) -> None:
        """A damaged time stamp must not become days of silence."""
        if frame.pts is None or not frame.time_base:
            return
        start = frame.pts * Fraction(frame.time_base)
        if self._end is not None and abs(start - self._end) > MAX_GAP_S:
            message = f"the sound jumps from {float(self._end):.1f} s to {float(start):.1f} s"
            raise UnreadableMedia(message, hint="the sound is damaged")
        self._end = start + Fraction(frame.samples, frame.sample_rate)

    def _drain(self) -> Iterator[AudioFrame]:
        if self._graph is not None:
            self._graph.push(None)
            yield from self._pull(self._graph)
            self._first_sample = None

    def _build(self, frame: AudioFrame) -> av.filter.Graph:
        rate, layout, sample_type = self._target
        graph = av.filter.Graph()
        start = "" if self._first_sample is None else f":first_pts={self._first_sample}"
        nodes = (
            graph.add_abuffer(
                sample_rate=frame.sample_rate,
                format=frame.format.name,
                layout=frame.layout.name,
                time_base=frame.time_base,
            ),
            # async=1 fills gaps with silence and cuts overlaps; it never stretches.
            graph.add("aresample", f"{rate}:async=1{start}"),
            graph.add(
                "aformat", f"sample_rates={rate}:channel_layouts={layout}:sample_fmts={sample_type}"
            ),
            graph.add("abuffersink"),
        )
        graph.link_nodes(*nodes).configure()
        return graph

    @staticmethod
    def _pull(graph: av.filter.Graph) -> Iterator[AudioFrame]:
        while True:
            try:
                frame = graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            yield cast("AudioFrame", frame)


def audible(container: InputContainer) -> list[AudioStream]:
    """The sound tracks that can be decoded, at rates that sound has: a second is held in memory."""
    return [
        one
        for one in container.streams.audio
        if one.codec_context is not None and 0 < one.sample_rate <= HIGHEST_RATE and one.channels
    ]


def sound_streams(container: InputContainer) -> list[AudioStream]:
    """The sound tracks that can be decoded; all others are told to be skipped."""
    streams = audible(container)
    for other in container.streams:
        if other not in streams:
            other.discard = Discard.all
    return streams


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundTrack:
    """One of a file's sound tracks. ``language`` as the file names it, such as ``deu``, or None."""

    audio: AudioSpec
    language: str | None = None


def tracks_of(streams: list[AudioStream]) -> tuple[SoundTrack, ...]:
    return tuple(
        SoundTrack(
            audio=AudioSpec(sample_rate=one.sample_rate, channels=kept_channels(one.channels)),
            language=one.language,
        )
        for one in streams
    )


def sound_blocks(
    container: InputContainer, spec: AudioSpec, start: Fraction, *, track: int = 0
) -> Iterator[NDArray[np.float32]]:
    """Blocks of (N, channels) float32 of one track; sample 0 is at ``start`` seconds."""
    stream = sound_streams(container)[track]
    resampler = Resampler(spec.sample_rate, LAYOUT_NAMES[spec.channels], "flt", first_sample=0)
    packets = container.demux(stream)
    for packet in packets:
        for frame in packet.decode():
            shift(frame, start)
            for ready in resampler.push(frame):
                yield samples_of(ready, spec.channels)
    for ready in resampler.push(None):
        yield samples_of(ready, spec.channels)


def samples_of(frame: AudioFrame, channels: int) -> NDArray[np.float32]:
    flat: NDArray[np.float32] = np.frombuffer(memoryview(frame.planes[0]), np.float32)
    return flat[: frame.samples * channels].reshape(-1, channels).copy()


def tamed(samples: NDArray[np.float32]) -> tuple[NDArray[np.float32], int]:
    """``samples`` with silence in place of what is no number, or too large for any sound; and how
    many of those there were. One of them alone spoils all that is computed around it.
    """
    if not samples.size or np.abs(samples).max() <= LOUDEST:  # never true with NaN in it
        return samples, 0
    wild = ~(np.abs(samples) <= LOUDEST)
    return np.where(wild, np.float32(0), samples), int(wild.sum())


def wild_samples(count: int) -> str:
    """The damage of a file in words."""
    return f"{count} samples of its sound are no numbers, or none of any sound"


def shift(item: Any, origin: Fraction) -> None:
    """Moves a frame or packet so that ``origin`` seconds becomes 0."""
    if item.time_base:
        ticks = round(origin / Fraction(item.time_base))
        item.pts = None if item.pts is None else item.pts - ticks
        item.dts = None if item.dts is None else item.dts - ticks


def new_sound_stream(
    output: OutputContainer, codec: str, rate: int, channels: int, bitrate: int | None = None
) -> AudioStream:
    """A track of ``output`` for sound to be encoded at ``bitrate`` (None: 96 kbit/s a channel).

    The encoder's rate is 48 kHz where ``codec`` cannot have ``rate``. Opus takes the most that it
    has where that is less.
    """
    possible = av.Codec(codec, "w").audio_rates
    encoded_rate = rate if not possible or rate in possible else OPUS_RATE
    stream = cast("AudioStream", output.add_stream(codec, rate=encoded_rate))
    stream.codec_context.layout = LAYOUT_NAMES[channels]
    bitrate = bitrate or BITS_A_SECOND_A_CHANNEL * channels
    if codec == "libopus":
        bitrate = min(bitrate, OPUS_MOST_A_CHANNEL * channels)
    stream.codec_context.bit_rate = bitrate
    stream.time_base = Fraction(1, encoded_rate)
    return stream


def sound_frame(samples: NDArray[np.float32], spec: AudioSpec, first: int) -> AudioFrame:
    """(N, channels) ``samples`` whose first has the number ``first``."""
    frame = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(samples).reshape(1, -1),
        format="flt",
        layout=LAYOUT_NAMES[spec.channels],
    )
    frame.sample_rate = spec.sample_rate
    frame.time_base = Fraction(1, spec.sample_rate)
    frame.pts = first
    return frame


class GeneratedSound:
    """Samples in, packets out; the first sample is at time 0."""

    def __init__(
        self,
        output: OutputContainer,
        codec: str,
        spec: AudioSpec,
        settings: SoundSettings,
        *,
        sample_type: str | None = None,
    ) -> None:
        self._spec = spec
        rate = settings.sample_rate or spec.sample_rate
        channels = settings.channels_of(spec.channels)
        self._stream = new_sound_stream(output, codec, rate, channels, settings.bitrate)
        if sample_type is not None:
            self._stream.codec_context.format = sample_type
        # Else the file's beginning, which pictures may bring while sound is encoded, opens it.
        self._stream.codec_context.open(strict=False)
        self._count = 0

    def encode(self, samples: NDArray[np.float32]) -> list[Packet[Any]]:
        frame = sound_frame(samples, self._spec, self._count)
        self._count += len(samples)
        return list(self._stream.encode(frame))

    def flush(self) -> list[Packet[Any]]:
        return list(self._stream.encode(None)) if self._count else []


def check_samples(samples: NDArray[np.float32], spec: AudioSpec) -> None:
    """Raises :class:`~provenance.errors.FrameError` unless finite (N, channels) float32."""
    wanted = f"(N, {spec.channels}) float32"
    if samples.ndim != 2 or samples.shape[1] != spec.channels or samples.dtype != np.float32:
        message = f"sound is {samples.shape} {samples.dtype}, not {wanted}"
        raise FrameError(message, hint="give samples as rows and channels as columns")
    if not np.isfinite(samples).all():
        raise FrameError("sound has samples that are not finite", hint="values are in -1…1")


def check_audio_spec(spec: AudioSpec) -> None:
    """Raises :class:`~provenance.errors.OptionError` for sound that cannot be encoded."""
    if spec.channels not in LAYOUT_NAMES:
        raise OptionError(f"{spec.channels} channels of sound", hint="1 to 8 are possible")
    if not LOWEST_RATE <= spec.sample_rate <= HIGHEST_RATE:
        raise OptionError(f"a sample rate of {spec.sample_rate} Hz", hint="common is 48000")
