"""Many channels as one, to be listened to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

_PIECE_S = 1.0
_OPPOSED = -0.5  # correlation with the loudest channel, from which on a channel is turned round


class Downmix:
    """The mean of all channels, where one that is another upside down is turned round.

    Else sound whose second channel was turned over, which is heard all the same, would cancel:
    nothing would be left to read or to recognise. Each second is looked at by itself; how the sound
    is cut into blocks changes nothing. ``rate`` in samples a second.
    """

    def __init__(self, rate: int) -> None:
        self._piece = max(1, round(_PIECE_S * rate))
        self._waiting: list[Samples] = []
        self._count = 0

    def push(self, samples: Samples) -> Samples:
        """The (M,) mixed samples of the seconds that are whole once ``samples`` (N, channels) came.

        One channel is given back as it came, at once.
        """
        if samples.shape[1] == 1:
            return samples[:, 0].astype(np.float32)
        self._waiting.append(samples)
        self._count += len(samples)
        ready = self._count // self._piece * self._piece
        if not ready:
            return np.zeros(0, np.float32)
        joint = np.concatenate(self._waiting)
        self._waiting, self._count = [joint[ready:].copy()], len(joint) - ready
        starts = range(0, ready, self._piece)
        return np.concatenate([_mixed(joint[at : at + self._piece]) for at in starts])

    def finish(self) -> Samples:
        """The (M,) mixed samples that are left, of less than a second."""
        left, self._waiting, self._count = self._waiting, [], 0
        return _mixed(np.concatenate(left)) if left else np.zeros(0, np.float32)


def _mixed(samples: Samples) -> Samples:
    # By the change from sample to sample: a constant or a hum is no sign of likeness.
    changes = np.diff(samples, axis=0).astype(np.float64)
    energy = np.square(changes).sum(0)
    loudest = int(energy.argmax())
    likeness = changes.T @ changes[:, loudest]
    signs = np.where(likeness < _OPPOSED * np.sqrt(energy * energy[loudest]), -1, 1)
    if (signs > 0).all():
        return np.asarray(samples.mean(1, dtype=np.float32))
    # The first one stays, so that seconds fit together whichever is the loudest.
    return np.asarray((samples * np.float32(signs * signs[0])).mean(1, dtype=np.float32))
