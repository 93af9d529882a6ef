"""Reading a media file picture by picture."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Self

from provenance.errors import EveryframeError, MediaTooLarge, NoVideo, UnreadableMedia
from provenance.video.demux import decode, open_container, reading, video_stream
from provenance.video.info import MediaInfo, probe, time_of
from provenance.video.layout import canonical
from provenance.video.limits import Limits
from provenance.video.orientation import Orientation, turn
from provenance.video.picture import Picture
from provenance.video.sniff import sniff, sniff_still
from provenance.video.sound import sound_blocks, tamed, wild_samples
from provenance.video.source import SourceFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from fractions import Fraction
    from pathlib import Path
    from types import TracebackType

    import numpy as np
    from av.container import InputContainer
    from numpy.typing import NDArray

    from provenance.video.sniff import Kind


def open_media(path: Path, *, limits: Limits | None = None) -> MediaReader:
    """Opens a video file; use it as a context manager.

    Raises :class:`~provenance.errors.InputError` of the kind that fits: missing, forbidden, empty,
    unsupported, unreadable, without video, too large.
    """
    return MediaReader(path, limits or Limits())


def open_still(path: Path, *, limits: Limits | None = None) -> MediaReader:
    """As :func:`open_media`, for a single picture: a PNG, JPEG or WebP file."""
    return MediaReader(path, limits or Limits(), sniffed=sniff_still)


class MediaReader:
    """An open video file: ``info`` says what it is, :meth:`pictures` gives its frames.

    ``damaged`` is None, or after a pass over the pictures says why it ended early: decoding stops
    at the first error that follows a good picture. A file of which nothing decodes raises instead.
    """

    def __init__(
        self, path: Path, limits: Limits, *, sniffed: Callable[[bytes, str], Kind] = sniff
    ) -> None:
        self._limits = limits
        self.source = SourceFile(path, limits, sniffed=sniffed)
        self.damaged: str | None = None
        try:
            self.info: MediaInfo = probe(self.source, limits)
        except BaseException:
            self.source.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self.source.close()

    def pictures(self) -> Iterator[Picture]:
        """All pictures from the start, one at a time; every call is a new pass.

        Times are strictly increasing: a stamp that is missing or runs backwards is replaced by the
        previous one plus a frame. Raises :class:`~provenance.errors.UnreadableMedia` when nothing
        decodes, and also when the size or the sample format changes on the way (a marked copy could
        not hold such a file); :class:`~provenance.errors.MediaTooLarge` when a limit is passed.
        """
        name, limits = self.source.name, self._limits
        self.damaged = None
        orientation = Orientation(self.info.rotation, self.info.flipped)
        with closing(self._open()) as container:
            with reading(name):
                stream = video_stream(container, name, limits)
            count, first, last = 0, None, None
            frames = decode(container, stream, name, limits)
            while True:
                try:
                    frame = next(frames, None)
                    if frame is None:
                        break
                    with reading(name):
                        shown = turn(canonical(frame), orientation)
                        time = self._next_time(time_of(frame, stream), last)
                except UnreadableMedia as error:
                    if first is None:
                        raise
                    self.damaged = f"ended after {count} pictures: {error.message}"
                    break
                picture = Picture(shown, time)
                first, last, count = first or picture, time, count + 1
                self._check(picture, first, count)
                yield picture
            missing = self.source.missing_bytes()
            if missing and self.damaged is None:
                self.damaged = f"the file lacks {missing} bytes at its end"
            if first is None:
                raise NoVideo(
                    f"{name} has a video track without a picture", hint="nothing to look at"
                )

    def sound(self, track: int = 0) -> Iterator[NDArray[np.float32]]:
        """A sound track from the first picture on, in blocks of (N, channels) float32, −1…1.

        Sample 0 belongs to the time of the first picture (``info.start``): earlier sound is
        dropped, missing sound is silence. ``info.sound`` says what the tracks are. Nothing for a
        silent file. A damaged end sets ``damaged`` and ends the blocks; samples that are no numbers
        set it, too, and are silence.
        """
        if not self.info.sound:
            return
        with closing(self._open()) as container:
            audio = self.info.sound[track].audio
            blocks, wild = sound_blocks(container, audio, self.info.start, track=track), 0
            while True:
                try:
                    with reading(self.source.name):
                        block = next(blocks, None)
                except EveryframeError as error:
                    self.damaged = f"sound ended early: {error.message}"
                    return
                if block is None:
                    return
                block, strange = tamed(block)
                if wild := wild + strange:
                    self.damaged = wild_samples(wild)
                yield block

    def _open(self) -> InputContainer:
        with reading(self.source.name):
            return open_container(self.source, self._limits)

    def _next_time(self, time: Fraction | None, last: Fraction | None) -> Fraction:
        if last is None:
            return self.info.start if time is None else time
        if time is None or time <= last:
            return last + 1 / self.info.video.rate
        return time

    def _check(self, picture: Picture, first: Picture, count: int) -> None:
        same = (picture.width, picture.height, picture.layout) == (
            first.width,
            first.height,
            first.layout,
        )
        if not same:
            message = f"{self.source.name} changes from {first!r} to {picture!r}"
            raise UnreadableMedia(message, hint="convert it to one size and one format first")
        limits, seconds = self._limits, picture.time - first.time
        if count > limits.max_frames or seconds > limits.max_duration_s:
            length = f"{count} frames, {float(seconds):.0f} s"
            message = f"{self.source.name} is longer than the limits: {length}"
            raise MediaTooLarge(message, hint="cut the video into parts or raise the limit")
