"""Pictures that stand still: pauses, freezes, and black around a clip."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from attacks.base import Attack, within
from attacks.clip import at
from attacks.temporal.editing import check_length, on_grid, whole
from attacks.temporal.soundtrack import SoundReader, silent, spliced

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from attacks.base import Desk
    from attacks.clip import Clip
    from provenance.video import Picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """The picture stands still for ``seconds`` and the sound is silent; then both go on.

    ``place``: share of the clip before it, 0…1.
    """

    seconds: float
    place: float

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        rate = clip.video.rate
        count = max(1, round(self.seconds * rate))
        (_, end), extra = whole(clip), count / rate
        place = min(on_grid(clip, self.place * clip.duration_s), max(Fraction(0), end - 1 / rate))

        def pictures() -> Iterator[Picture]:
            moved = Fraction(0)
            for picture in clip.pictures():
                if not moved and picture.time >= place:
                    for number in range(count):
                        yield at(picture, picture.time + number / rate)
                    moved = extra
                yield at(picture, picture.time + moved)

        def sound() -> Iterator[NDArray[np.float32]]:
            if clip.audio is None:
                return
            reader = SoundReader(clip)
            yield from reader.blocks(round(place * clip.audio.sample_rate))
            yield from silent(clip.audio, extra)
            yield from reader.blocks(round(end * clip.audio.sample_rate) - reader.at)

        return clip.changed(
            pictures=pictures, sound=sound, duration_s=clip.duration_s + float(extra)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """The picture stands still for ``seconds`` while time and sound go on, as in a bad connection.

    ``start``: share of what is left over before it, 0…1.
    """

    seconds: float
    start: float

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        check_length(clip, self.seconds, "freeze")
        start = on_grid(clip, self.start * (clip.duration_s - self.seconds))
        stop = start + on_grid(clip, self.seconds)

        def pictures() -> Iterator[Picture]:
            still: Picture | None = None
            for picture in clip.pictures():
                if start <= picture.time < stop:
                    still = still or picture
                    yield at(still, picture.time)
                else:
                    yield picture

        return clip.changed(pictures=pictures)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlackEnds:
    """The clip between ``before_s`` and ``after_s`` seconds of black and silence."""

    before_s: float
    after_s: float

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        rate, span = clip.video.rate, whole(clip)
        before, after = on_grid(clip, self.before_s), on_grid(clip, self.after_s)

        def pictures() -> Iterator[Picture]:
            black: Picture | None = None
            for picture in clip.pictures():
                if black is None:
                    black = _black(picture)
                    for number in range(int(before * rate)):
                        yield at(black, number / rate)
                yield at(picture, picture.time + before)
            assert black is not None
            for number in range(int(after * rate)):
                yield at(black, before + span[1] + number / rate)

        def sound() -> Iterator[NDArray[np.float32]]:
            yield from silent(clip.audio, before)
            yield from spliced(clip, [span])
            yield from silent(clip.audio, after)

        duration_s = float(before + span[1] + after)
        return clip.changed(pictures=pictures, sound=sound, duration_s=duration_s)


def _black(like: Picture) -> Picture:
    unit = 1 << (like.bits - 8)
    levels = (0 if like.full_range else 16 * unit, 128 * unit, 128 * unit)
    planes: list[NDArray[Any]] = [
        np.full_like(plane, level) for plane, level in zip(like.planes, levels, strict=True)
    ]
    return like.with_planes(planes)


_still = partial(Attack, family="temporal")
ATTACKS: tuple[Attack, ...] = (
    _still(
        name="pause",
        summary="the picture stands still in between, in silence; all of the clip remains",
        unit="seconds inserted",
        ladder=(0.5, 1.0, 3.0),
        default=1.0,
        draw=lambda s, rng: Pause(
            seconds=within("pause", s, 0.02, 3600), place=rng.uniform(0.1, 0.9)
        ),
    ),
    _still(
        name="freeze",
        summary="the picture stands still while time and sound go on",
        unit="seconds lost",
        ladder=(0.25, 0.5, 1.0, 2.0),
        default=0.5,
        draw=lambda s, rng: Freeze(
            seconds=within("freeze", s, 0.02, 3600), start=rng.uniform(0, 1)
        ),
        least_s=0.25,
    ),
    _still(
        name="concat_black",
        summary="black and silence before and after the clip",
        unit="seconds at each end",
        ladder=(0.5, 1.0, 3.0),
        default=1.0,
        draw=lambda s, _rng: BlackEnds(before_s=within("black", s, 0.0, 3600), after_s=s),
    ),
)
KINDS: dict[str, type[Any]] = {kind.__name__: kind for kind in (Pause, Freeze, BlackEnds)}
