"""Changes of sound: block by block, as often as one listens, the pictures untouched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from provenance.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from attacks.clip import Clip
    from provenance.clip import AudioSpec

Block = NDArray[np.float32]


def on_sound(
    clip: Clip, change: Callable[[Iterator[Block], AudioSpec], Iterator[Block]], *, what: str
) -> Clip:
    """``clip`` with ``change`` made to its sound: blocks of (N, channels) float32 in, blocks out.

    Pictures, their times and the clip's duration stay; sound that becomes shorter ends before the
    last picture, sound that becomes longer runs on after it. Raises
    :class:`~provenance.errors.OptionError` where there is no sound to do ``what`` to.
    """
    audio = spec_of(clip, what)

    def sound() -> Iterator[Block]:
        return change(clip.sound(), audio)

    return clip.changed(sound=sound)


def spec_of(clip: Clip, what: str) -> AudioSpec:
    """Rate and channels of the sound. Raises OptionError where there is none."""
    if clip.audio is None:
        raise OptionError(
            f"{what} changes sound, and the clip has none", hint="give one with sound"
        )
    return clip.audio


def power_and_peak(clip: Clip) -> tuple[float, float]:
    """Mean square and largest magnitude of all samples: one pass. 0 where there is silence."""
    total, count, peak = 0.0, 0, 0.0
    for block in clip.sound():
        if block.size:
            total += float(np.square(block, dtype=np.float64).sum())
            peak = max(peak, float(np.abs(block).max()))
            count += block.size
    return total / max(count, 1), peak


def rechunk(blocks: Iterable[Block], size: int) -> Iterator[Block]:
    """The same samples in blocks of ``size``; the last may be shorter."""
    held: list[Block] = []
    count = 0
    for block in blocks:
        held.append(block)
        count += len(block)
        if count < size:
            continue
        joined = np.concatenate(held)
        whole = count - count % size
        for start in range(0, whole, size):
            yield joined[start : start + size]
        held, count = [joined[whole:]], count - whole
    if count:
        yield np.concatenate(held)


def as_block(samples: NDArray[np.floating]) -> Block:
    """Samples as sound, cut off at full scale as every converter does."""
    return np.asarray(np.clip(samples, -1, 1), np.float32)


def decibels(value: float) -> float:
    """The factor of amplitude."""
    return float(10 ** (value / 20))
