"""Sound played in a room and recorded by a phone.

The room is Polack's model ("La transmission de l'énergie sonore dans les salles", thesis,
Université du Maine 1988): the direct sound, then Gaussian noise that decays exponentially, 60 dB in
the reverberation time.
Ranges, written down before any mark was measured on them:

- reverberation time 0.2 … 1.3 s: the seven rooms of the ACE corpus have 0.33 to 1.25 s (Eaton,
  Gaubitch, Moore and Naylor 2016, doi:10.1109/TASLP.2016.2577502); furnished living rooms are at
  the lower end.
- direct-to-reverberant ratio −6 … +6 dB, from a phone held close to a loudspeaker to one across the
  room; first reflection after 1 … 6 ms (estimates).
- loudspeaker and microphone pass 150 … 400 Hz to 7 … 15 kHz (estimate, small loudspeakers).
- noise of room and microphone 15 … 35 dB below the sound (estimate), pink as room noise is.
- the clocks of player and recorder differ by up to 0.1 %: crystals stay within 0.01 %, software
  resampling and old devices do not (estimate, on the safe side).
- the recorder encodes AAC at 64 … 128 kbit/s (estimate).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import signal

from attacks.audio.filters import BandLimit, SoundCodec, SoundNoise
from attacks.audio.sound import on_sound, rechunk
from attacks.audio.time import SoundSpeed
from attacks.base import Chain, drawn_seed, within

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from attacks.audio.sound import Block
    from attacks.base import Desk, Transform
    from attacks.clip import Clip
    from provenance.clip import AudioSpec

DECAY = np.log(1000)  # 60 dB of amplitude
BLOCK_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Plays the sound, mixed to mono, in a room, and records it on all channels alike.

    ``reverberation_s``: the time in which the tail falls by 60 dB. ``direct_db``: energy of the
    direct sound over that of the tail. ``gap_s``: from the one to the other. ``seed``: of the tail.
    The direct sound stays where it was; energy stays; the tail after the end is lost.
    """

    reverberation_s: float
    direct_db: float
    gap_s: float
    seed: int

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        within("a reverberation time", self.reverberation_s, 0.01, 10)

        def change(blocks: Iterator[Block], audio: AudioSpec) -> Iterator[Block]:
            response = self.response(audio.sample_rate)
            tail = np.zeros(len(response) - 1)
            for block in rechunk(blocks, max(1, round(BLOCK_S * audio.sample_rate))):
                heard = signal.oaconvolve(block.mean(axis=1, dtype=np.float64), response)
                heard[: len(tail)] += tail
                tail = heard[len(block) :].copy()
                mono = np.clip(heard[: len(block)], -1, 1).astype(np.float32)
                yield np.repeat(mono[:, None], audio.channels, axis=1)

        return on_sound(clip, change, what="a room")

    def response(self, rate: int) -> NDArray[np.float64]:
        """The impulse response at ``rate`` samples a second, of energy 1."""
        rng = np.random.default_rng(self.seed)
        time = np.arange(max(2, round(self.reverberation_s * rate))) / rate
        tail = rng.standard_normal(len(time)) * np.exp(-DECAY * time / self.reverberation_s)
        tail *= np.sqrt(10 ** (-self.direct_db / 10) / np.square(tail).sum())
        gap = max(1, round(self.gap_s * rate))
        response = np.concatenate([[1.0], np.zeros(gap - 1), tail])
        return np.asarray(response / np.sqrt(np.square(response).sum()))


def rerecording(reverberation_s: float, rng: np.random.Generator) -> Transform:
    """A draw from the ranges above for a room of this reverberation time."""
    within("a reverberation time", reverberation_s, 0.05, 3)
    return Chain(
        steps=(
            Room(
                reverberation_s=reverberation_s,
                direct_db=round(float(rng.uniform(-6, 6)), 2),
                gap_s=round(float(rng.uniform(0.001, 0.006)), 5),
                seed=drawn_seed(rng),
            ),
            BandLimit(
                low_hz=round(float(rng.uniform(150, 400))),
                high_hz=round(float(rng.uniform(7000, 15_000))),
            ),
            SoundNoise(
                snr_db=round(float(rng.uniform(15, 35)), 2),
                colour="pink",
                seed=drawn_seed(rng),
            ),
            SoundSpeed(factor=round(1 + float(rng.uniform(-1e-3, 1e-3)), 6)),
            SoundCodec(codec="aac", kbps=round(float(rng.uniform(64, 128)))),
        )
    )
