"""Sound that follows a cut: read in spans, in step with the pictures, or faster and slower."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from fractions import Fraction

    from numpy.typing import NDArray

    from attacks.clip import Clip
    from provenance.clip import AudioSpec

    Span = tuple[Fraction, Fraction]

BLOCK = 4096
HALF_TAPS = 24


class SoundReader:
    """Reads the sound of a clip forwards, as many samples as asked for; silence after its end."""

    def __init__(self, clip: Clip) -> None:
        assert clip.audio is not None
        self._blocks = clip.sound()
        self._left = np.zeros((0, clip.audio.channels), np.float32)
        self.at = 0

    def take(self, count: int) -> NDArray[np.float32]:
        """The next ``count`` samples, (count, channels)."""
        parts, missing = [], count
        while missing > 0:
            if not len(self._left):
                block = next(self._blocks, None)
                if block is None:
                    parts.append(np.zeros((missing, self._left.shape[1]), np.float32))
                    break
                self._left = block
            parts.append(self._left[:missing])
            self._left = self._left[missing:]
            missing -= len(parts[-1])
        self.at += count
        return np.concatenate(parts) if parts else self._left[:0]

    def blocks(self, count: int) -> Iterator[NDArray[np.float32]]:
        """The next ``count`` samples, some at a time."""
        for start in range(0, count, BLOCK):
            yield self.take(min(BLOCK, count - start))

    def skip_to(self, sample: int) -> None:
        for _ in self.blocks(sample - self.at):
            pass


def spliced(clip: Clip, spans: Iterable[Span]) -> Iterator[NDArray[np.float32]]:
    """The sound of ``spans`` (seconds, increasing), one after the other.

    Lengths are rounded to samples where they end in the result, so that however many cuts there
    are, sound and pictures stay together.
    """
    if clip.audio is None:
        return
    rate = clip.audio.sample_rate
    reader = SoundReader(clip)
    passed: Fraction | int = 0
    for start, stop in spans:
        reader.skip_to(max(reader.at, round(start * rate)))
        count = round((passed + stop - start) * rate) - round(passed * rate)
        yield from reader.blocks(count)
        passed += stop - start


def silent(audio: AudioSpec | None, seconds: Fraction) -> Iterator[NDArray[np.float32]]:
    """``seconds`` of silence."""
    if audio is None:
        return
    count = round(seconds * audio.sample_rate)
    for start in range(0, count, BLOCK):
        yield np.zeros((min(BLOCK, count - start), audio.channels), np.float32)


def varispeed(clip: Clip, factor: float) -> Iterator[NDArray[np.float32]]:
    """The sound played ``factor`` times as fast, at the same sample rate: pitch moves along.

    Interpolated by a windowed sinc, whose band is that of the lower of the two rates (J. O. Smith,
    "Digital Audio Resampling").
    """
    if clip.audio is None:
        return
    rate, band = clip.audio.sample_rate, min(1.0, 1.0 / factor)
    half = int(np.ceil(HALF_TAPS / band))
    taps = np.arange(1 - half, half + 1)
    reader = SoundReader(clip)
    total = round(clip.duration_s / factor * rate)
    held = np.zeros((half, clip.audio.channels), np.float32)
    first = -half  # the number of the sample that ``held`` begins with
    for start in range(0, total, BLOCK):
        places = np.arange(start, min(start + BLOCK, total)) * factor
        below = np.floor(places).astype(np.int64)
        held = held[max(0, int(below[0]) + 1 - half - first) :]
        first = max(first, int(below[0]) + 1 - half)
        held = np.concatenate([held, reader.take(int(below[-1]) + half + 1 - reader.at)])
        away = (places - below)[:, None] - taps
        kernel = band * np.sinc(band * away) * np.cos(np.pi / 2 * away / (half + 1)) ** 2
        near = held[below[:, None] + taps - first]
        yield np.einsum("nt,ntc->nc", kernel, near, optimize=True).astype(np.float32)
