"""How loud the mark may be: a signal-to-noise ratio, kept in every second.

What the mark's energy will be is only guessed before it is written: frames overlap, and echoes are
limited afterwards. So what came out is measured, and the guess corrected by it: sound then
has the ratio that was asked for, whatever it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_REMEMBERED = 1024  # frames more than are needed, so that forgetting is rare
_MEMORY = 0.95  # of what was measured, from one time to the next
_USUAL = 0.72  # of the energy guessed that comes out, until it is known
_DOUBT = 32  # frames for which that counts
_MOST_OWED = 1.1  # by which a second may be louder where those before it had to be softer


class Thrift:
    """Scales the mark of frames. ``allowed``: its power for that of the sound, over all of it.

    A second is twice ``around`` frames. Times are numbers of frames, from 0.
    """

    def __init__(self, *, allowed: float, around: int) -> None:
        self._allowed = allowed
        self._around = around
        self._powers = _RunningSum()  # of all frames
        self._wanted = _RunningSum()  # of the mark before it is scaled, in all frames marked
        self._guessed = np.zeros(2)  # energies of the sound and of the mark in the frames marked,
        self._measured = np.zeros(2)  # and in the samples that came out
        self._frames = 0.0

    @property
    def count(self) -> int:
        """How many frames of sound came."""
        return self._powers.count

    def add(self, power: NDArray[np.floating]) -> None:
        """The next frames of the sound, by their ``power``."""
        self._powers.add(power)

    def loudness(self, numbers: NDArray[np.intp]) -> NDArray[np.float64]:
        """Mean power around the frames with these ``numbers``."""
        first = np.maximum(numbers - self._around, 0)
        last = np.minimum(numbers + self._around + 1, self.count)
        mean = self._powers.between(first, last) / (last - first)
        return np.asarray(np.maximum(mean, 0.0), np.float64)

    def scale(self, energy: NDArray[np.floating], numbers: NDArray[np.intp]) -> NDArray[np.float64]:
        """(frames,) what the mark is scaled with. ``energy``: of it in these frames, the next."""
        self._wanted.add(energy)
        before = np.maximum(numbers + 1 - 2 * self._around, 0)
        wanted = self._wanted.between(before, numbers + 1)
        heard = np.maximum(self._powers.between(before, numbers + 1), self.loudness(numbers))
        power = self._powers.between(numbers, numbers + 1)
        for sums in (self._wanted, self._powers):
            sums.forget(int(before[0]))
        allowed = self._allowed * self._correction()
        scale = np.minimum(1.0, np.sqrt(allowed * heard / np.maximum(wanted, 1e-20)))
        self._guessed += power.sum(), (np.square(scale) * energy).sum()
        self._frames += np.count_nonzero(energy)
        return np.asarray(scale, np.float64)

    def measure(self, sound: NDArray[np.float32], mark: NDArray[np.float32]) -> None:
        """Samples of both as they came out."""
        self._measured += [np.square(part, dtype=np.float64).sum() for part in (sound, mark)]

    def _correction(self) -> float:
        """What the allowed power is multiplied with, so that what comes out is as allowed."""
        guessed, measured = self._guessed, self._measured
        share, owed = _USUAL, 1.0
        if min(*guessed, *measured) > 0:
            weight = self._frames / (self._frames + _DOUBT)
            found = float(measured[1] / measured[0] * guessed[0] / guessed[1])
            share += weight * (min(max(found, 0.1), 2.0) - share)
            owed = float(self._allowed * measured[0] / measured[1])
            owed = min(max(owed, 1 / _MOST_OWED), _MOST_OWED)
        self._guessed, self._measured = _MEMORY * guessed, _MEMORY * measured
        self._frames *= _MEMORY
        return owed / share


class _RunningSum:
    """Sums over stretches of a growing row of numbers, whose beginning may be forgotten."""

    def __init__(self) -> None:
        self._first = 0
        self._sums = np.zeros(1)

    @property
    def count(self) -> int:
        """How many numbers came, forgotten ones too."""
        return self._first + len(self._sums) - 1

    def add(self, numbers: NDArray[np.floating]) -> None:
        self._sums = np.concatenate([self._sums, self._sums[-1] + np.cumsum(numbers)])

    def between(self, first: NDArray[np.intp], last: NDArray[np.intp]) -> NDArray[np.float64]:
        """The sums of the numbers from each of ``first`` up to, not with, each of ``last``."""
        return np.asarray(self._sums[last - self._first] - self._sums[first - self._first])

    def forget(self, before: int) -> None:
        if before - self._first > _REMEMBERED:
            self._sums = self._sums[before - self._first :]
            self._first = before
