"""What coders, converters, lines and mixers do to sound; its length stays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import signal

from attacks.audio.sound import as_block, decibels, on_sound, power_and_peak, rechunk
from attacks.base import within
from provenance.errors import OptionError
from provenance.video import SoundSettings, coded_sound, filtered_sound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from attacks.audio.sound import Block
    from attacks.base import Desk
    from attacks.clip import Clip
    from provenance.clip import AudioSpec

# Julius O. Smith, Spectral Audio Signal Processing, "Example: Synthesis of 1/F Noise": three poles
# and zeros that fall by 3 dB an octave.
PINK = (
    (0.049922035, -0.095993537, 0.050612699, -0.004408786),
    (1, -2.494956002, 2.017265875, -0.522189400),
)
FILTER_ORDER = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundCodec:
    """Encodes the sound and decodes it: ``codec`` "aac", "mp3", "opus", "ac3" or "amr", ``kbps`` of
    all channels together, in 1000 bits a second.
    """

    codec: str
    kbps: float

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        settings = SoundSettings(codec=self.codec, bitrate=round(self.kbps * 1000))  # type: ignore[arg-type]
        return on_sound(clip, lambda b, a: coded_sound(b, a, settings), what=self.codec)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resample:
    """To ``hertz`` samples a second and back, by FFmpeg's resampler."""

    hertz: int

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        rate = round(within("a sample rate", self.hertz, 1000, 768_000))

        def change(blocks: Iterator[Block], audio: AudioSpec) -> Iterator[Block]:
            return filtered_sound(
                blocks, audio, ("aresample", str(rate)), ("aresample", str(audio.sample_rate))
            )

        return on_sound(clip, change, what="resampling")


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundNoise:
    """Gaussian noise, ``snr_db`` below the mean power of the whole sound; "white" or "pink"."""

    snr_db: float
    colour: str
    seed: int

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        if self.colour not in {"white", "pink"}:
            raise OptionError(f"noise of colour {self.colour!r}", hint="white or pink")
        within("a signal-to-noise ratio", self.snr_db, -60, 120)

        def change(blocks: Iterator[Block], audio: AudioSpec) -> Iterator[Block]:
            power, _ = power_and_peak(clip)
            level = power**0.5 / decibels(self.snr_db)
            rng = np.random.default_rng(self.seed)
            noise = _Pink(audio.channels) if self.colour == "pink" else None
            for block in blocks:
                white = rng.standard_normal(block.shape)
                yield as_block(block + level * (white if noise is None else noise.filter(white)))

        return on_sound(clip, change, what="noise")


class _Pink:
    """White noise in, pink noise of the same power out, with the filter's state between blocks."""

    def __init__(self, channels: int) -> None:
        numerator, denominator = PINK
        impulse = np.zeros(1 << 16)
        impulse[0] = 1
        response = signal.lfilter(numerator, denominator, impulse)
        self._taps = np.asarray(numerator) / np.sqrt(np.square(response).sum())
        self._state = np.zeros((len(denominator) - 1, channels))

    def filter(self, white: NDArray[np.float64]) -> NDArray[np.float64]:
        pink, self._state = signal.lfilter(self._taps, PINK[1], white, axis=0, zi=self._state)
        return np.asarray(pink)


@dataclass(frozen=True, slots=True, kw_only=True)
class BandLimit:
    """Keeps ``low_hz`` … ``high_hz`` (either may be None): Butterworth filters of order 8, causal
    as in a telephone. An edge that the sample rate cannot hold is no edge.
    """

    low_hz: float | None = None
    high_hz: float | None = None

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        def change(blocks: Iterator[Block], audio: AudioSpec) -> Iterator[Block]:
            stages = [
                signal.butter(FILTER_ORDER, edge, kind, fs=audio.sample_rate, output="sos")
                for edge, kind in ((self.low_hz, "highpass"), (self.high_hz, "lowpass"))
                if edge is not None and 0 < edge < audio.sample_rate / 2
            ]
            states = [np.zeros((len(stage), 2, audio.channels)) for stage in stages]
            for block in blocks:
                samples = block.astype(np.float64)
                for index, stage in enumerate(stages):
                    samples, states[index] = signal.sosfilt(
                        stage, samples, axis=0, zi=states[index]
                    )
                yield as_block(samples)

        return on_sound(clip, change, what="a band limit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """Louder or, below 0, quieter by ``gain_db``; what is over full scale is cut off."""

    gain_db: float

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        factor = decibels(within("a gain", self.gain_db, -120, 60))
        return on_sound(clip, lambda b, _: (as_block(block * factor) for block in b), what="a gain")


@dataclass(frozen=True, slots=True, kw_only=True)
class Clipping:
    """Cuts off the upper ``cut_db`` of the sound's range, as an overdriven input does."""

    cut_db: float

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        within("clipping", self.cut_db, 0, 60)

        def change(blocks: Iterator[Block], _: AudioSpec) -> Iterator[Block]:
            top = power_and_peak(clip)[1] / decibels(self.cut_db)
            return (np.clip(block, -top, top) for block in blocks)

        return on_sound(clip, change, what="clipping")


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantiseSound:
    """Linear samples of ``bits``, without dither."""

    bits: int

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        steps = np.float32(2 ** (round(within("bits a sample", self.bits, 2, 24)) - 1))
        return on_sound(
            clip, lambda b, _: (as_block(np.rint(x * steps) / steps) for x in b), what="quantising"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Echo:
    """Adds the sound itself, ``delay_s`` later and times ``gain``."""

    delay_s: float
    gain: float

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        within("a delay in seconds", self.delay_s, 0, 2)
        within("the gain of an echo", self.gain, -1, 1)

        def change(blocks: Iterator[Block], audio: AudioSpec) -> Iterator[Block]:
            delay = max(1, round(self.delay_s * audio.sample_rate))
            before = np.zeros((delay, audio.channels), np.float32)
            for block in rechunk(blocks, delay):
                yield as_block(block + self.gain * before[: len(block)])
                before = block

        return on_sound(clip, change, what="an echo")


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrow:
    """Takes ``share`` of what differs between the channels away; 1 is mono, on all channels."""

    share: float

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        share = np.float32(within("a share", self.share, 0, 1))
        return on_sound(
            clip,
            lambda b, _: (x + share * (x.mean(axis=1, keepdims=True) - x) for x in b),
            what="mono",
        )
