"""FFmpeg on an open file: only the chosen demuxer, no other file, no network, bounded pictures."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import av
import av.error
from av.codec.context import ThreadType
from av.stream import Discard

from provenance.errors import EveryframeError, MediaTooLarge, NoVideo, UnreadableMedia

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from av.container import InputContainer
    from av.video.stream import VideoStream

    from provenance.video.limits import Limits
    from provenance.video.source import SourceFile

READ_BYTES = 1 << 18
DEMUXERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,wav,mp3,aac,flac,ogg"
    ",png_pipe,jpeg_pipe,webp_pipe"
)
DAMAGED = "the file is damaged, incomplete or uses an unknown codec: get it again from its source"


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turns whatever is raised inside into :class:`UnreadableMedia`; our own errors pass.

    Damaged files make PyAV raise nearly anything: its own errors, ValueError, IndexError,
    UnicodeDecodeError, MemoryError.
    """
    try:
        yield
    except EveryframeError:
        raise
    except Exception as error:
        raise UnreadableMedia(f"{name} cannot be read: {reason(error)}", hint=DAMAGED) from error


def reason(error: Exception) -> str:
    """What FFmpeg says, without its error number and without our descriptor's pseudo-name."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text)


def open_container(source: SourceFile, limits: Limits) -> InputContainer:
    """A demuxer over ``source``; the caller closes it. Call it inside :func:`reading`."""
    options = {
        "format_whitelist": DEMUXERS,
        "protocol_whitelist": "none",
        "max_pixels": str(limits.max_pixels),
    }
    return av.open(
        source.cursor(),
        "r",
        format=source.kind.demuxer,
        options=options,
        buffer_size=READ_BYTES,
        metadata_errors="replace",  # old files carry Latin-1 titles
    )


def moving_tracks(container: InputContainer) -> list[VideoStream]:
    """The video tracks that are no cover pictures."""
    tracks = container.streams.video
    return [track for track in tracks if not track.disposition & track.disposition.attached_pic]


def video_stream(container: InputContainer, name: str, limits: Limits) -> VideoStream:
    """The video track to read: the first that is not a cover picture, ready to decode.

    Other tracks are told to be skipped.
    """
    shown = moving_tracks(container)
    if not shown:
        message = f"{name} has no video track"
        raise NoVideo(message, hint="give a file with moving pictures, not sound alone")
    stream = shown[0]
    context = stream.codec_context
    if context is None:
        raise UnreadableMedia(f"{name} is coded in a way that cannot be decoded", hint=DAMAGED)
    check_pixels(context.width, context.height, name, limits)
    for other in container.streams:
        if other is not stream:
            other.discard = Discard.all
    context.options = {**context.options, "max_pixels": str(limits.max_pixels)}
    # A frame of AVI has only the stamp of the packet that brought it out, which tells its time as
    # long as the decoder does not work on several frames at once.
    stamped = container.format.name != "avi"
    stream.thread_type = ThreadType.AUTO if stamped else ThreadType.SLICE
    return stream


def check_pixels(width: int, height: int, name: str, limits: Limits) -> None:
    if width * height > limits.max_pixels:
        message = f"{name} has pictures of {width}x{height}, more than {limits.max_pixels} pixels"
        raise MediaTooLarge(message, hint="scale the video down first")


def decode(
    container: InputContainer, stream: VideoStream, name: str, limits: Limits
) -> Generator[av.VideoFrame, None, None]:
    """The stored frames in the order of showing.

    Packets before the first good frame may fail (a recording that starts in mid-stream); afterwards
    the first error ends the iteration with :class:`UnreadableMedia`, as it does when nothing
    decodes.
    """
    packets = container.demux(stream)
    started, without_frame, first_error = False, 0, ""
    while True:
        with reading(name):
            packet = next(packets, None)
        if packet is None:
            break
        frames: list[av.VideoFrame] = []
        try:
            with reading(name):
                frames = packet.decode()
        except UnreadableMedia as error:
            if isinstance(error.__cause__, av.error.EOFError):
                break
            if started:
                raise
            first_error = first_error or error.message
        without_frame = 0 if frames else without_frame + 1
        if without_frame > limits.max_packets_without_frame:
            message = f"{name}: {without_frame} packets in a row gave no picture"
            raise UnreadableMedia(message, hint=DAMAGED)
        started = started or bool(frames)
        yield from frames
    if first_error and not started:
        raise UnreadableMedia(first_error, hint=DAMAGED)
