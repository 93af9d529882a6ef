"""Sound through a real encoder and decoder in memory, or through FFmpeg's filters: block by block.

Elementary streams only: no container, no file. What comes out begins where what went in began: the
silence that encoders put in front is cut off by its time stamps.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

import av
import av.error
import av.filter
import numpy as np
from av.audio.codeccontext import AudioCodecContext

from provenance.errors import OptionError
from provenance.video.demux import reason
from provenance.video.sound import (
    BITS_A_SECOND_A_CHANNEL,
    LAYOUT_NAMES,
    Resampler,
    check_audio_spec,
    check_samples,
)
from provenance.video.sound_settings import SOUND_ENCODERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from av.audio.frame import AudioFrame
    from av.packet import Packet
    from numpy.typing import NDArray

    from provenance.clip import AudioSpec
    from provenance.video.sound_settings import SoundSettings

    Blocks = Iterable[NDArray[np.float32]]

DECODERS = {"mp3": "mp3float", "opus": "libopus", "pcm": "pcm_s16le", "amr": "amrnb"}
# These say with their packets how much silence comes first, and FFmpeg's decoders cut it off.
SKIPS_ITSELF = frozenset({"opus", "mp3"})


def coded_sound(
    blocks: Blocks, audio: AudioSpec, settings: SoundSettings
) -> Iterator[NDArray[np.float32]]:
    """Blocks of (N, channels) float32 in −1…1, and what a player makes of them after encoding.

    Rate and channels of the result are those of ``audio``, whatever the encoder works at. Its end
    may be up to one frame of the codec later. Raises :class:`~provenance.errors.OptionError` for
    sound that cannot be encoded, :class:`~provenance.errors.FrameError` for other blocks.
    """
    check_audio_spec(audio)
    if settings.codec is None:
        raise OptionError("no sound codec was named", hint="name one, such as aac")
    encoder = _encoder(audio, settings)
    # To the encoder's rate, arrangement and sample type; back to ours, from time 0 on.
    there = Resampler(encoder.sample_rate, encoder.layout.name, encoder.format.name, None)
    back = Resampler(audio.sample_rate, LAYOUT_NAMES[audio.channels], "flt", first_sample=0)
    packets = (p for frame in _chain(_frames(blocks, audio), there) for p in encoder.encode(frame))
    for heard in _decoded(packets, encoder, settings):
        yield from _blocks(back.push(heard), audio)
    yield from _blocks(back.push(None), audio)


def filtered_sound(
    blocks: Blocks, audio: AudioSpec, *filters: tuple[str, str]
) -> Iterator[NDArray[np.float32]]:
    """Blocks of (N, channels) float32 after FFmpeg's ``filters``, (name, arguments) each, in order.

    Rate and channels of the result are those of ``audio``; its length is what the filters make.
    Raises :class:`~provenance.errors.FrameError` for other blocks.
    """
    check_audio_spec(audio)
    graph = av.filter.Graph()
    layout = LAYOUT_NAMES[audio.channels]
    base = Fraction(1, audio.sample_rate)
    nodes = [
        graph.add_abuffer(
            sample_rate=audio.sample_rate, format="flt", layout=layout, time_base=base
        ),
        *(graph.add(name, arguments) for name, arguments in filters),
        graph.add(
            "aformat",
            f"sample_rates={audio.sample_rate}:channel_layouts={layout}:sample_fmts=flt",
        ),
        graph.add("abuffersink"),
    ]
    graph.link_nodes(*nodes).configure()
    for frame in _frames(blocks, audio):
        graph.push(frame)
        yield from _blocks(_pull(graph), audio)
    graph.push(None)
    yield from _blocks(_pull(graph), audio)


def _encoder(audio: AudioSpec, settings: SoundSettings) -> AudioCodecContext:
    assert settings.codec is not None
    codec = av.Codec(SOUND_ENCODERS[settings.codec], "w")
    wanted = settings.sample_rate or audio.sample_rate
    possible = codec.audio_rates
    # The nearest that the codec has, rather higher than lower: it must not be a band limit, too.
    rate = min(possible, key=lambda r: (r < wanted, abs(r - wanted))) if possible else wanted
    encoder = cast("AudioCodecContext", AudioCodecContext.create(codec, "w"))
    channels = settings.channels_of(audio.channels)
    if settings.codec == "amr":
        rate = 8000
    encoder.sample_rate = rate
    encoder.format = (codec.audio_formats or [av.AudioFormat("s16")])[-1].name
    encoder.layout = LAYOUT_NAMES[channels]
    encoder.bit_rate = settings.bitrate or BITS_A_SECOND_A_CHANNEL * channels
    encoder.time_base = Fraction(1, rate)
    try:
        encoder.open()
    except (av.error.FFmpegError, ValueError) as error:
        message = f"{settings.codec} takes no sound of {channels} channels at {rate} Hz and "
        message += f"{encoder.bit_rate} bits a second: {reason(error)}"
        raise OptionError(message, hint="choose another bit rate or codec") from error
    return encoder


def _decoded(
    packets: Iterable[Packet[Any]], encoder: AudioCodecContext, settings: SoundSettings
) -> Iterator[AudioFrame]:
    """The packets decoded, each frame at its time after the start of what was encoded."""
    decoder: AudioCodecContext | None = None
    count = 0
    for packet in packets:
        if decoder is None:
            # Only when the first packet is there have all encoders made their headers.
            name = DECODERS.get(str(settings.codec), str(settings.codec))
            decoder = cast("AudioCodecContext", AudioCodecContext.create(name, "r"))
            decoder.extradata = encoder.extradata
            decoder.sample_rate = encoder.sample_rate
            decoder.layout = encoder.layout.name
            count = 0 if settings.codec in SKIPS_ITSELF else packet.pts or 0
        for frame in decoder.decode(packet):
            frame.pts, frame.time_base = count, Fraction(1, frame.sample_rate)
            count += frame.samples
            yield frame
    for frame in decoder.decode(None) if decoder is not None else ():
        frame.pts, frame.time_base = count, Fraction(1, frame.sample_rate)
        count += frame.samples
        yield frame


def _frames(blocks: Blocks, audio: AudioSpec) -> Iterator[AudioFrame]:
    count = 0
    for block in blocks:
        check_samples(block, audio)
        if not len(block):
            continue
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(block).reshape(1, -1),
            format="flt",
            layout=LAYOUT_NAMES[audio.channels],
        )
        frame.sample_rate, frame.time_base = audio.sample_rate, Fraction(1, audio.sample_rate)
        frame.pts = count
        count += len(block)
        yield frame


def _chain(frames: Iterable[AudioFrame], resampler: Resampler) -> Iterator[AudioFrame | None]:
    """What the encoder is given; None at the end flushes it."""
    for frame in frames:
        yield from resampler.push(frame)
    yield from resampler.push(None)
    yield None


def _pull(graph: av.filter.Graph) -> Iterator[AudioFrame]:
    while True:
        try:
            yield cast("AudioFrame", graph.pull())
        except (av.error.BlockingIOError, av.error.EOFError):
            return


def _blocks(frames: Iterable[AudioFrame], audio: AudioSpec) -> Iterator[NDArray[np.float32]]:
    for frame in frames:
        flat: NDArray[np.float32] = np.frombuffer(memoryview(frame.planes[0]), np.float32)
        yield flat[: frame.samples * audio.channels].reshape(-1, audio.channels).copy()
