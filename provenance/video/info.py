"""What a media file holds, found out by opening it and decoding one frame."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from provenance.clip import VideoSpec
from provenance.errors import MediaTooLarge, NoVideo
from provenance.video.demux import (
    check_pixels,
    decode,
    moving_tracks,
    open_container,
    reading,
    video_stream,
)
from provenance.video.layout import canonical
from provenance.video.orientation import orientation_of, turn
from provenance.video.picture import Picture
from provenance.video.sound import audible, tracks_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import av
    from av.container import InputContainer
    from av.video.stream import VideoStream

    from provenance.clip import AudioSpec
    from provenance.video.limits import Limits
    from provenance.video.orientation import Orientation
    from provenance.video.sound import SoundTrack
    from provenance.video.source import SourceFile

FALLBACK_RATE = Fraction(25)
MAX_GUESSED_RATE = 240
MICROSECONDS = 1_000_000
BT709, RGB_MATRIX, UNSPECIFIED = 1, 0, 2
# Guessed and average rate differ by rounding of time stamps (Matroska: milliseconds), not by more.
CONSTANT_RATE_TOLERANCE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaInfo:
    """What is in a file.

    ``container``: mp4, mov, webm, mkv, avi or mpegts. ``video``: as shown, after rotation.
    ``audio``: the first of the ``sound`` tracks, ``audio_tracks`` their number. ``frames``: as
    the file declares, or None. ``variable_rate``: the time stamps do not fit one rate
    (``video.rate`` is then the average). ``rotation``: degrees clockwise that the stored
    pictures are turned by, after a mirroring if ``flipped``. ``start``: time of the first
    picture in seconds. ``bytes``: size of the file. ``video_tracks``: their number, cover pictures
    apart; the first is read. ``left_out``: what a marked copy will not hold, in words.
    """

    container: str
    mime: str
    video: VideoSpec
    audio: AudioSpec | None
    duration_s: float | None
    frames: int | None
    variable_rate: bool
    rotation: int
    codec: str
    bytes: int
    flipped: bool = False
    audio_tracks: int = 0
    sound: tuple[SoundTrack, ...] = ()
    audio_codec: str | None = None
    start: Fraction = Fraction(0)
    video_tracks: int = 1
    left_out: tuple[str, ...] = ()


def probe(source: SourceFile, limits: Limits) -> MediaInfo:
    """Opens ``source`` far enough to know it.

    Raises :class:`~provenance.errors.UnreadableMedia`, :class:`~provenance.errors.NoVideo` or
    :class:`~provenance.errors.MediaTooLarge`.
    """
    with reading(source.name), closing(open_container(source, limits)) as container:
        if len(container.streams) > limits.max_streams:
            message = (
                f"{source.name} has {len(container.streams)} tracks, more than {limits.max_streams}"
            )
            raise MediaTooLarge(message, hint="keep one video track and its sound")
        stream = video_stream(container, source.name, limits)
        # One thread gives the first frame after the fewest packets.
        stream.thread_count = 1
        duration = _duration(container, stream)
        rate, variable = _rate(stream)
        _check(source.name, duration, stream.frames, rate, limits)
        with closing(decode(container, stream, source.name, limits)) as frames:
            first = next(frames, None)
        if first is None:
            raise NoVideo(
                f"{source.name} has a video track without a picture", hint="nothing to look at"
            )
        check_pixels(first.width, first.height, source.name, limits)
        orientation = orientation_of(first)
        shown = turn(canonical(first), orientation)
        start = time_of(first, stream) or Fraction(0)
        tracks = audible(container)
        sound = tracks_of(tracks)
        return MediaInfo(
            container=source.kind.container,
            mime=source.kind.mime,
            video=_video_spec(Picture(shown, start), stream, rate, orientation),
            audio=sound[0].audio if sound else None,
            audio_tracks=len(sound),
            sound=sound,
            audio_codec=tracks[0].codec_context.codec.canonical_name if tracks else None,
            duration_s=duration,
            frames=stream.frames or None,
            variable_rate=variable,
            rotation=orientation.degrees,
            flipped=orientation.flipped,
            codec=stream.codec_context.codec.canonical_name,
            bytes=source.size,
            start=start,
            video_tracks=len(moving_tracks(container)),
            left_out=tuple(_left_out(container, stream, first)),
        )


def _left_out(
    container: InputContainer, stream: VideoStream, first: av.VideoFrame
) -> Iterator[str]:
    more = len(moving_tracks(container)) - 1
    if more:
        yield "another video track" if more == 1 else f"{more} other video tracks"
    if container.streams.subtitles:
        yield "subtitles"
    # VP8 and VP9 have transparency as a video beside the video, which the decoder does not see.
    beside = stream.metadata.get("alpha_mode") == "1"
    if beside or any(component.is_alpha for component in first.format.components):
        yield "transparency"
    if first.interlaced_frame:
        yield "fields (the two of a picture are encoded as one)"


def time_of(frame: object, stream: VideoStream) -> Fraction | None:
    """Presentation time of a decoded frame in seconds; None where the file has no usable stamp."""
    # AVI has no presentation times: what the decoder took from the packet is right there.
    ticks = frame.pts if frame.pts is not None else frame.dts  # type: ignore[attr-defined]
    base = stream.time_base
    return None if ticks is None or base is None else Fraction(ticks) * Fraction(base)


def _duration(container: InputContainer, stream: VideoStream) -> float | None:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / MICROSECONDS if container.duration else None


def _rate(stream: VideoStream) -> tuple[Fraction, bool]:
    """Frames per second, and whether they vary."""
    average, guessed = stream.average_rate, stream.base_rate
    if not average or not guessed:
        # Without an average the guess is often the resolution of the clock.
        known = average or (guessed if guessed and guessed <= MAX_GUESSED_RATE else FALLBACK_RATE)
        return Fraction(known), False
    ratio = average / guessed
    if abs(ratio - 1) < CONSTANT_RATE_TOLERANCE:
        # The average suffers from a last frame of another length; the guess is a clean number.
        return Fraction(guessed), False
    # Fields of interlaced video are guessed as frames.
    return Fraction(average), abs(ratio - Fraction(1, 2)) > CONSTANT_RATE_TOLERANCE


def _check(name: str, duration: float | None, frames: int, rate: Fraction, limits: Limits) -> None:
    bounds = (
        (duration or 0, limits.max_duration_s, "seconds"),
        (frames, limits.max_frames, "frames"),
        (float(rate), limits.max_rate, "frames per second"),
    )
    for value, limit, unit in bounds:
        if value > limit:
            message = f"{name} has {value:g} {unit}, more than the limit of {limit:g}"
            raise MediaTooLarge(message, hint="cut the video into parts or raise the limit")


def _video_spec(
    picture: Picture, stream: VideoStream, rate: Fraction, orientation: Orientation
) -> VideoSpec:
    aspect = Fraction(stream.sample_aspect_ratio or 1) or Fraction(1)
    frame = picture.frame
    return VideoSpec(
        width=picture.width,
        height=picture.height,
        rate=rate,
        pixel_aspect=1 / aspect if orientation.swaps_sides else aspect,
        bits=picture.bits,
        full_range=picture.full_range,
        primaries=frame.color_primaries,
        transfer=frame.color_trc,
        # RGB was converted by the BT.709 matrix (see layout.canonical).
        matrix=BT709 if frame.colorspace == RGB_MATRIX else frame.colorspace,
    )
