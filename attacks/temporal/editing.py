"""Cuts and new orders: what happens to a clip on an editor's timeline, sound included.

Every place is rounded to whole pictures at the clip's rate, so that what is cut stays on the grid.
Where pictures come out of order they are put aside in files, not in memory.
"""

from __future__ import annotations

from bisect import bisect_left
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from attacks.base import Attack, drawn_seed, within
from attacks.clip import at
from attacks.temporal.soundtrack import BLOCK, spliced
from attacks.temporal.spill import PictureFile, SoundFile
from provenance.errors import MediaTooShort

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from attacks.base import Desk
    from attacks.clip import Clip
    from attacks.temporal.soundtrack import Span
    from provenance.video import Picture


def on_grid(clip: Clip, seconds: float) -> Fraction:
    """``seconds`` as a whole number of pictures at the clip's rate."""
    return round(seconds * clip.video.rate) / clip.video.rate


def check_length(clip: Clip, seconds: float, attack: str) -> None:
    """Raises :class:`~provenance.errors.MediaTooShort` for a clip shorter than ``seconds``."""
    if clip.duration_s + 1e-6 < seconds:
        raise MediaTooShort(
            f"{attack} takes a clip of {seconds:g} s, this one has {clip.duration_s:.2f} s",
            hint="use a longer clip, or a milder strength",
        )


def excerpts(clip: Clip, spans: Sequence[Span]) -> Clip:
    """The ``spans`` (seconds, increasing, on the grid) of ``clip``, one after the other."""

    def pictures() -> Iterator[Picture]:
        places = iter(spans)
        start, stop = next(places)
        passed, begun = Fraction(0), False
        with closing(clip.pictures()) as source:  # type: ignore[type-var]
            for picture in source:
                while picture.time >= stop:
                    passed += stop - start
                    following = next(places, None)
                    if following is None:
                        return
                    start, stop = following
                if picture.time >= start:
                    time = passed + picture.time - start
                    # Where times are not on the grid, a span may begin between two pictures.
                    yield at(picture, time if begun else Fraction(0))
                    begun = True

    return clip.changed(
        pictures=pictures,
        sound=lambda: spliced(clip, spans),
        duration_s=float(sum(stop - start for start, stop in spans)),
    )


def whole(clip: Clip) -> Span:
    return Fraction(0), on_grid(clip, clip.duration_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trim:
    """``seconds`` of the clip; ``start`` is a share of what is left over, 0…1."""

    seconds: float
    start: float

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        check_length(clip, self.seconds, "trim")
        length = max(on_grid(clip, self.seconds), 1 / clip.video.rate)
        start = on_grid(clip, self.start * max(0.0, clip.duration_s - float(length)))
        return excerpts(clip, [(start, start + length)])


@dataclass(frozen=True, slots=True, kw_only=True)
class JumpCut:
    """``share`` of the clip is cut away in pieces: ``kept_s`` seconds stay between two cuts.

    ``phase``, 0…1: where in its period the first cut lies.
    """

    kept_s: float
    share: float
    phase: float

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        kept = max(on_grid(clip, self.kept_s), 1 / clip.video.rate)
        cut = max(on_grid(clip, self.kept_s * self.share / (1 - self.share)), 1 / clip.video.rate)
        check_length(clip, float(kept + cut), "jump_cut")
        _, end = whole(clip)
        spans, stop = [], max(on_grid(clip, self.phase * float(kept)), 1 / clip.video.rate)
        start = Fraction(0)
        while start < end:
            spans.append((start, min(stop, end)))
            start = stop + cut
            stop = start + kept
        return excerpts(clip, spans)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reorder:
    """Blocks of ``block_s`` seconds in another order, with their sound; none stays in its place.

    What is left over at the end stays there.
    """

    block_s: float
    seed: int

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        block = max(on_grid(clip, self.block_s), 1 / clip.video.rate)
        check_length(clip, 2 * float(block), "reorder")
        order = _cycle(int(whole(clip)[1] / block), np.random.default_rng(self.seed))

        def pictures() -> Iterator[Picture]:
            with PictureFile(desk.folder) as store:
                for picture in clip.pictures():
                    store.add(picture)
                moves = [*order, len(order)]
                begun = False
                for place, number in enumerate(moves):
                    first = bisect_left(store.times, number * block)
                    last = bisect_left(store.times, (number + 1) * block)
                    for index in range(first, len(store.times) if number == len(order) else last):
                        time = store.times[index] + (place - number) * block
                        yield at(store.picture(index), time if begun else Fraction(0))
                        begun = True

        def sound() -> Iterator[NDArray[np.float32]]:
            if clip.audio is None:
                return
            with SoundFile(desk.folder, clip.audio) as store:
                for samples in spliced(clip, [whole(clip)]):
                    store.add(samples)
                edges = [round(n * block * clip.audio.sample_rate) for n in range(len(order) + 1)]
                for number in order:
                    yield from _parts(store, edges[number], edges[number + 1])
                yield from _parts(store, edges[-1], store.samples)

        return clip.changed(pictures=pictures, sound=sound)


def _cycle(count: int, rng: np.random.Generator) -> list[int]:
    """A random order in which nothing stays in its place (Sattolo 1986, one cycle)."""
    order = list(range(count))
    for last in range(count - 1, 0, -1):
        other = int(rng.integers(last))
        order[last], order[other] = order[other], order[last]
    return order


def _parts(store: SoundFile, start: int, stop: int) -> Iterator[NDArray[np.float32]]:
    for place in range(start, stop, BLOCK):
        yield store.block(place, min(place + BLOCK, stop))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reverse:
    """The clip backwards, ``sound`` too or as it was."""

    sound: bool = True

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        def pictures() -> Iterator[Picture]:
            with PictureFile(desk.folder) as store:
                for picture in clip.pictures():
                    store.add(picture)
                last = store.times[-1]
                for number in reversed(range(len(store.times))):
                    yield at(store.picture(number), last - store.times[number])

        def sound() -> Iterator[NDArray[np.float32]]:
            if clip.audio is None:
                return
            with SoundFile(desk.folder, clip.audio) as store:
                for samples in spliced(clip, [whole(clip)]):
                    store.add(samples)
                for stop in range(store.samples, 0, -BLOCK):
                    yield store.block(max(0, stop - BLOCK), stop)[::-1].copy()

        return clip.changed(pictures=pictures, sound=sound if self.sound else clip.sound)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """The clip ``times`` times."""

    times: int

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        span = whole(clip)

        def pictures() -> Iterator[Picture]:
            for number in range(self.times):
                for picture in clip.pictures():
                    yield at(picture, picture.time + number * span[1])

        def sound() -> Iterator[NDArray[np.float32]]:
            return chain.from_iterable(spliced(clip, [span]) for _ in range(self.times))

        duration_s = float(self.times * span[1])
        return clip.changed(pictures=pictures, sound=sound, duration_s=duration_s)


_edit = partial(Attack, family="temporal")
ATTACKS: tuple[Attack, ...] = (
    _edit(
        name="trim",
        summary="an excerpt from anywhere, sound too",
        unit="seconds kept",
        ladder=(10.0, 5.0, 3.0, 2.0, 1.0, 0.5),
        default=2.0,
        draw=lambda s, rng: Trim(seconds=within("trim", s, 0.02, 86400), start=rng.uniform(0, 1)),
        least_s=0.5,
    ),
    _edit(
        name="jump_cut",
        summary="pieces cut away every two seconds, sound too",
        unit="share cut away",
        ladder=(0.1, 0.25, 0.5, 0.75),
        default=0.25,
        draw=lambda s, rng: JumpCut(
            kept_s=2 * (1 - within("share", s, 0.01, 0.95)), share=s, phase=rng.uniform(0, 1)
        ),
        least_s=2.0,
    ),
    _edit(
        name="reorder",
        summary="blocks of the clip shuffled, sound with them",
        unit="seconds a block",
        ladder=(2.0, 1.0, 0.5, 0.25),
        default=1.0,
        draw=lambda s, rng: Reorder(block_s=within("block", s, 0.02, 3600), seed=drawn_seed(rng)),
        least_s=0.5,
    ),
    _edit(
        name="reverse",
        summary="played backwards, with sound",
        unit="on",
        ladder=(1.0,),
        default=1.0,
        draw=lambda _s, _rng: Reverse(),
    ),
    _edit(
        name="loop",
        summary="the clip again and again",
        unit="times",
        ladder=(2.0, 3.0),
        default=2.0,
        draw=lambda s, _rng: Loop(times=round(within("times", s, 1, 100))),
    ),
)
KINDS: dict[str, type[Any]] = {
    kind.__name__: kind for kind in (Trim, JumpCut, Reorder, Reverse, Loop)
}
