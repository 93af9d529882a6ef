"""A clip as attacks see it: facts, and two ways to read it, as often as one likes.

Nothing is held in memory: pictures and sound are made anew, one after the other, each time they are
asked for, so that a chain of attacks on an hour of video needs no more memory than on a second.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from provenance.errors import UnreadableMedia
from provenance.video import EncodeSettings, MediaWriter, Picture, SoundSettings, open_media
from provenance.video import picture_from_rgb as _picture
from provenance.video import rgb_from_picture as _rgb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from fractions import Fraction
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from provenance.clip import AudioSpec, VideoSpec

    Pictures = Callable[[], Iterator[Picture]]
    Sound = Callable[[], Iterator[NDArray[np.float32]]]
    # (H, W, 3) uint8 sRGB and seconds from the start, to the same of any size. What OpenCV returns
    # has no type that says so.
    OnFrame = Callable[[NDArray[np.uint8], float], NDArray[Any]]
    OnLuma = Callable[[NDArray[Any], float], NDArray[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A moving picture with its sound.

    ``pictures()`` starts a pass over the pictures, whose times begin at 0 and increase.
    ``sound()`` starts a pass over blocks of (N, channels) float32 in −1…1, the first sample
    belonging to time 0; none where ``audio`` is None. ``duration_s`` runs to the end of the last
    picture. ``file`` holds exactly these pictures and this sound, or is None: what an encoder has
    written needs no second one.
    """

    video: VideoSpec
    audio: AudioSpec | None
    duration_s: float
    pictures: Pictures
    sound: Sound
    file: Path | None = None

    def changed(self, **fields: Any) -> Clip:
        """The clip with other ``fields``; no file holds it then."""
        return replace(self, file=None, **fields)

    def watched(self, pictures: Pictures) -> Clip:
        """The clip with the same pictures by another way, which sees them pass."""
        return replace(self, pictures=pictures)

    def muted(self) -> Clip:
        """The clip without its sound."""
        return self if self.audio is None else self.changed(audio=None, sound=silence)

    @property
    def frames(self) -> int:
        """How many pictures there are at a constant rate."""
        return round(self.duration_s * self.video.rate)


def silence() -> Iterator[NDArray[np.float32]]:
    """No sound at all."""
    return iter(())


def open_clip(path: Path) -> Clip:
    """The clip in the file at ``path``, which stays where it is while the clip is in use.

    Raises :class:`~provenance.errors.InputError`, at once or, where the file is damaged further on,
    while it is read: half a clip would be measured as a whole one.
    """
    with open_media(path) as media:
        info = media.info
        duration_s = info.duration_s
        if info.frames and not info.variable_rate:
            duration_s = float(info.frames / info.video.rate)
        elif duration_s is None:
            *_, last = media.pictures()
            duration_s = float(last.time - info.start + 1 / info.video.rate)

    def pictures() -> Iterator[Picture]:
        with open_media(path) as media:
            first: Fraction | None = None
            for picture in media.pictures():
                first = picture.time if first is None else first
                yield at(picture, picture.time - first)
            _check_whole(path, media.damaged)

    def sound() -> Iterator[NDArray[np.float32]]:
        with open_media(path) as media:
            yield from media.sound()
            _check_whole(path, media.damaged)

    return Clip(
        video=info.video,
        audio=info.audio,
        duration_s=duration_s,
        pictures=pictures,
        sound=sound,
        file=path,
    )


def _check_whole(path: Path, damage: str | None) -> None:
    if damage is not None:
        raise UnreadableMedia(f"{path.name}: {damage}", hint="fetch or repair the file")


def at(picture: Picture, time: Fraction) -> Picture:
    """The same picture at another time, in seconds."""
    return Picture(picture.frame, time)


def on_frames(clip: Clip, change: OnFrame, *, size: tuple[int, int] | None = None) -> Clip:
    """``clip`` with ``change`` made to every frame, in sRGB.

    ``size``: (width, height) of what ``change`` returns, where that differs. ``change`` is a pure
    function of a frame and its time.
    """
    width, height = size or (clip.video.width, clip.video.height)
    video = replace(clip.video, width=width, height=height)

    def pictures() -> Iterator[Picture]:
        for picture in clip.pictures():
            frame = change(_rgb(picture), float(picture.time))
            yield _picture(frame, time=picture.time, spec=video)

    return clip.changed(video=video, pictures=pictures)


def on_luma(clip: Clip, change: OnLuma) -> Clip:
    """``clip`` with ``change`` made to every luma plane (H, W), which keeps its shape and type."""

    def pictures() -> Iterator[Picture]:
        for picture in clip.pictures():
            yield picture.with_luma(change(picture.luma, float(picture.time)))

    return clip.changed(pictures=pictures)


def frames_of(clip: Clip) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """(seconds, (H, W, 3) uint8 sRGB) of every picture."""
    for picture in clip.pictures():
        yield float(picture.time), _rgb(picture)


def encode(
    clip: Clip,
    path: Path,
    settings: EncodeSettings | None = None,
    sound: SoundSettings | None = None,
) -> Clip:
    """Encodes ``clip``, sound too, to ``path``, and opens what was written.

    Errors are those of :class:`~provenance.video.MediaWriter`; nothing is left behind then.
    """
    with MediaWriter(
        path, video=clip.video, settings=settings, audio=clip.audio, sound=sound
    ) as writer:
        blocks, written = clip.sound(), 0
        rate = clip.audio.sample_rate if clip.audio is not None else 1
        for picture in clip.pictures():
            writer.write(picture)
            # Side by side: neither pictures nor sound wait for the other in memory.
            while clip.audio is not None and written / rate <= picture.time:
                block = next(blocks, None)
                if block is None:
                    break
                writer.write_audio(block)
                written += len(block)
        for block in blocks:
            writer.write_audio(block)
    return open_clip(path)


def head(clip: Clip, *, seconds: float | None = None, frames: int | None = None) -> Clip:
    """The start of ``clip``: at most so many ``seconds`` and ``frames``, the sound cut with them.

    The clip itself where it is no longer than that.
    """
    most = [limit for limit in (seconds, frames and float(frames / clip.video.rate)) if limit]
    end_s = min([clip.duration_s, *most])
    # A picture belongs to the head that begins before its end, to within rounding of time stamps.
    near = float(1 / clip.video.rate) / 4
    if end_s >= clip.duration_s - near:
        return clip

    def pictures() -> Iterator[Picture]:
        for count, picture in enumerate(clip.pictures(), 1):
            if float(picture.time) >= end_s - near:
                return
            yield picture
            if count == frames:
                return

    def sound() -> Iterator[NDArray[np.float32]]:
        left = 0 if clip.audio is None else round(end_s * clip.audio.sample_rate)
        for block in clip.sound():
            yield block[:left]
            left -= len(block)
            if left <= 0:
                return

    return clip.changed(duration_s=end_s, pictures=pictures, sound=sound)
