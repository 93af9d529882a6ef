"""No mark before and after the sound that hides it.

A frame of the transform is longer than the ear forgives: what is changed in it is spread over all
of it, and is heard before an attack and after an end, most of all in silence. So the mark is held
to a share of the sound at the same moment (temporal masking: Zwicker and Fastl, Psychoacoustics,
§4.4).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

_MOST = 0.35  # of the sound's root mean square: -9 dB


class EchoLimit:
    """Holds the mark (N, channels) to a share of the sound, over two ``step`` samples at a time.

    How both are cut into blocks changes nothing as long as all but the last are whole steps.
    """

    def __init__(self, *, step: int, channels: int) -> None:
        self._step = step
        self._original = np.zeros((0, channels), np.float32)
        self._mark = np.zeros((0, channels), np.float32)
        self._before = np.zeros((2, 1))  # energies of the step before: of the sound, of the mark

    @property
    def held(self) -> int:
        """Samples that wait for the step after them."""
        return len(self._mark)

    def push(self, original: Samples, mark: Samples, *, last: bool) -> tuple[Samples, Samples]:
        """The sound and the limited mark that are ready once these came."""
        if not len(mark) and not last:
            return original, mark
        original = np.concatenate([self._original, original])
        mark = np.concatenate([self._mark, mark])
        steps = -(-len(mark) // self._step)
        energies = np.stack([self._energies(original, steps), self._energies(mark, steps)])
        ready = steps if last else max(steps - 1, 0)
        count = min(ready * self._step, len(mark))
        ends = np.zeros((2, 1 if last else 0))
        row = np.concatenate([self._before, energies, ends], axis=1)
        # At the borders of the steps, over the steps on either side.
        sound, changed = row[:, :-1] + row[:, 1:]
        gain = np.minimum(1.0, _MOST * np.sqrt(sound / np.maximum(changed, 1e-30)))
        way = (np.arange(self._step) + 0.5) / self._step
        between = gain[:ready, None] * (1 - way) + gain[1 : ready + 1, None] * way
        limited = mark[:count] * between.reshape(-1)[:count, None].astype(np.float32)
        if ready:
            self._before = energies[:, ready - 1 : ready]
        self._original, self._mark = original[count:], mark[count:]
        return original[:count], limited

    def _energies(self, samples: Samples, steps: int) -> NDArray[np.float64]:
        channels = samples.shape[1]
        padded = np.zeros((steps * self._step, channels), np.float32)
        padded[: len(samples)] = samples
        each = np.square(padded).reshape(steps, self._step * channels)
        return np.asarray(each.sum(1), np.float64)
