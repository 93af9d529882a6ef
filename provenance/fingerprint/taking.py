"""Fingerprints taken on the side, while a file is written or read for something else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provenance.fingerprint.prints import Prints
from provenance.fingerprint.sound import LOWEST_RATE, SoundFingerprinter
from provenance.fingerprint.video import VideoFingerprinter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from fractions import Fraction

    import numpy as np
    from numpy.typing import NDArray

    from provenance.clip import AudioSpec
    from provenance.video.carried_sound import ChangeSound, SoundChange


class PrintTaker:
    """Looks at pictures and listens to sound on their way. ``rate``: pictures a second, or None."""

    def __init__(self, rate: Fraction | float | None) -> None:
        self._video = None if rate is None else VideoFingerprinter(rate)
        self._sound: SoundFingerprinter | None = None

    @property
    def heard(self) -> bool:
        """Whether there was sound."""
        return self._sound is not None

    def see(self, luma: NDArray[Any], time_s: float, *, bits: int = 8) -> None:
        """A picture (H, W)."""
        if self._video is not None:
            self._video.add(luma, time_s, bits=bits)

    def hear(self, samples: NDArray[np.float32], rate: int) -> None:
        """The next (N, channels) of the sound, always of one track."""
        if rate >= LOWEST_RATE:
            if self._sound is None:
                self._sound = SoundFingerprinter(rate)
            self._sound.add(samples)

    def listening(
        self, blocks: Iterable[NDArray[np.float32]], rate: int
    ) -> Iterator[NDArray[np.float32]]:
        """``blocks`` as they are."""
        for block in blocks:
            self.hear(block, rate)
            yield block

    def over(self, change: ChangeSound) -> ChangeSound:
        """``change``, whose first changed track is listened to as it comes out."""

        def asked(spec: AudioSpec) -> Callable[[float], SoundChange] | None:
            begin = change(spec)
            if begin is None or self._sound is not None or spec.sample_rate < LOWEST_RATE:
                return begin
            heard = self._sound = SoundFingerprinter(spec.sample_rate)
            return lambda start_s: _Overheard(begin(start_s), heard)

        return asked

    def finish(self) -> Prints:
        """What was taken; tracks of which nothing came are left out."""
        video = None if self._video is None else self._video.finish()
        sound = None if self._sound is None else self._sound.finish()
        return Prints(
            video=video if video is not None and len(video.levels) else None,
            sound=sound if sound is not None and len(sound.loudness) else None,
            looks=None if self._video is None else self._video.looks,
        )


class _Overheard:
    """A change of sound, and somebody who listens to what it gives."""

    def __init__(self, change: SoundChange, heard: SoundFingerprinter) -> None:
        self._change = change
        self._heard = heard

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._told(self._change.push(samples))

    def finish(self) -> NDArray[np.float32]:
        return self._told(self._change.finish())

    def _told(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        if len(samples):
            self._heard.add(samples)
        return samples
