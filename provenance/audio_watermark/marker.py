"""Writing the mark into sound: every cell of the tile is made a little louder or softer.

The sound is taken apart by a short-time Fourier transform and put together again after each bin has
been multiplied. What is changed is a share of what is there, so that silence stays silence and the
mark stays at the place, in time and frequency, of the sound that hides it. How large a share, says
the budget: the mark's power is spread evenly over the bins, at a fixed distance below the power of
the second around it, and never more than ± 8 dB; bins about 20 dB softer than the mean get up to
6 dB more, for the sake of noise. Loud bins are thus changed by a tenth of a decibel and quiet ones
by more: for a given signal-to-noise ratio that is nearly the most
that can be heard by a detector which the sound itself disturbs. Where that would be more
than the sound hides from the ear, the mark is held to it, quarter Bark by quarter Bark and channel
by channel (:mod:`provenance.audio_watermark.masking`).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy import fft

from provenance.audio_watermark.echo import EchoLimit
from provenance.audio_watermark.masking import Masking
from provenance.audio_watermark.thrift import Thrift
from provenance.audio_watermark.tile import (
    COLUMN_S,
    COLUMNS,
    ROWS,
    band_edges,
    lay_out,
)
from provenance.errors import FrameError, OptionError
from provenance.payload import pack

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from provenance.keys import CarrierKey
    from provenance.payload import Payload

LOWEST_RATE = 8000
FRAME_S = 0.04
_OVERLAP = 4  # frames over every sample
_STEPS = 4  # of a hop, each a quarter of a hundredth of a second, in which echoes are limited
_BUDGET_DB = 20.0  # below the sound, of a mark that is nowhere at its limit
_SNR_DB = 28.2  # of every second: where little is at its limit, the budget shrinks to this
_FAVOURED_DB, _FAVOURED_WIDTH_DB = -20.0, 6.0  # beside the mean bin; these get twice the amplitude
_MOST = 8.0 / 8.686  # nepers
_OVER_MASK_DB = 1.0  # at most, in any band of a frame: 1.5 would count as heard
_AROUND_S = 0.5  # on either side, over which the sound's power is averaged
_SOFTEST = 1e-6  # mean square, full scale 1, below which sound fades into silence: -60 dB
_CLEAR = 1.6  # steepness of the way from one cell to the next
_BATCH = 64  # frames


class SoundMarker:
    """Marks blocks of (N, channels) float32 sound with ``payload`` under ``key``.

    ``rate`` in samples a second, at least 8,000; any number of channels, which are all changed
    alike, so that the image between them stays. ``strength`` scales the mark's amplitude;
    ``start_s`` is the time of the first sample on the mark's clock: that of the pictures.
    :meth:`push` gives as many samples as are ready, :meth:`finish` the rest: together as many as
    came in, each at its place. How the sound is cut into blocks changes nothing.

    Raises :class:`~provenance.errors.OptionError` for a rate, strength, start or number of channels
    that cannot be.
    """

    def __init__(
        self,
        *,
        payload: Payload,
        key: CarrierKey,
        rate: int,
        channels: int,
        strength: float = 1.0,
        start_s: float = 0.0,
    ) -> None:
        if not rate >= LOWEST_RATE:
            raise OptionError(
                f"sound of {rate} samples a second is too narrow for a mark",
                hint=f"at least {LOWEST_RATE}, or leave the sound without a mark",
            )
        if not 0 < strength <= 4:
            raise OptionError(f"a strength of {strength:g}", hint="0 to 4, 1 is usual")
        if channels < 1:
            raise OptionError(f"sound of {channels} channels", hint="at least 1")
        if not math.isfinite(start_s):
            raise OptionError(f"sound that starts at {start_s:g} s", hint="a time in seconds")
        self._tile = lay_out(key)
        self._bits = pack(payload, key.secret)
        self._channels = channels
        step = round(rate * FRAME_S / _OVERLAP / _STEPS)
        self._hop = _STEPS * step
        self._echo = EchoLimit(step=step, channels=channels)
        self._frame = _OVERLAP * self._hop
        self._hop_s = self._hop / rate
        self._start_s = start_s
        steps = np.arange(self._frame) + 0.5
        self._window = np.sin(np.pi * steps / self._frame).astype(np.float32)[:, None]
        frequency = np.arange(self._frame // 2 + 1) * rate / self._frame
        edges = band_edges()
        self._bins = np.flatnonzero((frequency > edges[0]) & (frequency < edges[-1]))
        self._masking = Masking(
            frequency[self._bins],
            full_scale=self._frame**2 / 8,  # under half a period of a sine
            lowest_hz=edges[0],
            highest_hz=edges[-1],
        )
        shares = self._masking.shares
        self._shares = (shares / shares.sum(1, keepdims=True)).T
        self._over_mask = strength**2 * 10 ** (_OVER_MASK_DB / 10)
        place = np.interp(frequency[self._bins], edges, np.arange(ROWS + 1))
        self._rows = _between_cells(place, ROWS)
        self._budget = strength * 10 ** (-_BUDGET_DB / 20)
        self._most = _MOST * min(strength, 2.0)
        # A window of sin² over noise of power p gives bins of power p · frame / 2.
        self._floor = _SOFTEST * self._frame / 2
        # The first frame is centred on the first sample.
        self._input = np.zeros((self._frame // 2, channels), np.float32)
        self._sums = np.zeros((self._frame, channels), np.float32)
        self._spectra: list[NDArray[np.complex64]] = []
        self._original = np.zeros((0, channels), np.float32)
        self._around = max(1, round(_AROUND_S / self._hop_s))
        allowed = strength**2 * 10 ** (-_SNR_DB / 10)
        self._thrift = Thrift(allowed=allowed, around=self._around)
        self._next = 0  # the frame that is marked next
        self._lead = self._frame // 2  # samples before the first that are still to be dropped
        self._finished = False

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """The (M, channels) marked samples that are ready once ``samples`` (N, channels) came."""
        if samples.ndim != 2 or samples.shape[1] != self._channels:
            raise FrameError(
                f"sound of shape {samples.shape}", hint=f"give (N, {self._channels}) samples"
            )
        samples = samples.astype(np.float32, copy=False)
        self._original = np.concatenate([self._original, samples])
        return self._run(samples, last=False)

    def finish(self) -> NDArray[np.float32]:
        """The (M, channels) marked samples that are left; nothing can be pushed after it."""
        waiting = len(self._original) + self._echo.held
        silence = np.zeros((2 * self._frame, self._channels), np.float32)
        return self._run(silence, last=True)[:waiting]

    def _run(self, samples: NDArray[np.float32], *, last: bool) -> NDArray[np.float32]:
        self._input = np.concatenate([self._input, samples])
        self._analyse()
        total = self._thrift.count
        ready = total if last else total - self._around
        parts = [self._sums[:0]]
        while self._next < ready:
            # Always the same batches, however the sound was cut: sums come out the same.
            count = min(_BATCH, ready - self._next)
            if count < _BATCH and not last:
                break
            parts.append(self._laid(self._synthesise(count), last=self._next == total))
        return np.concatenate(parts)

    def _laid(self, mark: NDArray[np.float32], *, last: bool) -> NDArray[np.float32]:
        """The marked samples that are ready once this ``mark`` came."""
        dropped = min(self._lead, len(mark))
        self._lead -= dropped
        mark = mark[dropped:][: len(self._original)]
        original, self._original = self._original[: len(mark)], self._original[len(mark) :]
        original, mark = self._echo.push(original, mark, last=last)
        self._thrift.measure(original, mark)
        # No louder than full scale because of the mark.
        most = np.maximum(np.abs(original), 1.0)
        return np.asarray(np.clip(original + mark, -most, most), np.float32)

    def _analyse(self) -> None:
        count = (len(self._input) - self._frame) // self._hop + 1
        if count <= 0:
            return
        frames = np.lib.stride_tricks.sliding_window_view(self._input, self._frame, axis=0)
        frames = frames[:: self._hop][:count].transpose(0, 2, 1)  # count, frame, channels
        spectrum = fft.rfft(frames * self._window, axis=1)
        power = (np.abs(spectrum) ** 2).sum((1, 2), dtype=np.float64)
        self._spectra += list(spectrum[:, self._bins].astype(np.complex64))
        self._thrift.add(power)
        self._input = self._input[count * self._hop :]

    def _synthesise(self, count: int) -> NDArray[np.float32]:
        """The mark alone, of the next ``count`` frames: ``count`` hops of samples."""
        spectra = np.stack(self._spectra[:count])
        del self._spectra[:count]
        numbers = np.arange(self._next, self._next + count)
        self._next += count
        powers = np.square(np.abs(spectra))
        power = powers.sum(2)
        # Of the mean bin of the second.
        level = power * (len(self._bins) / (self._thrift.loudness(numbers)[:, None] + 1e-20)) + 1e-9
        share = self._budget * (1 + _favour(level)) / np.sqrt(level)
        share = np.minimum(self._most, share)
        share *= power / (power + self._floor)
        share *= self._masked(share, powers)
        share *= self._signs(numbers) @ self._rows.T
        share *= self._thrift.scale((np.square(share) * power).sum(1), numbers)[:, None]
        gain = np.exp(share) - 1
        full = np.zeros((count, self._frame // 2 + 1, self._channels), np.complex64)
        full[:, self._bins] = spectra * gain[:, :, None].astype(np.float32)
        # sin² windows a quarter of a frame apart add up to 2.
        pieces = fft.irfft(full, n=self._frame, axis=1).astype(np.float32) * (self._window / 2)
        pieces = pieces.reshape(count, _OVERLAP, self._hop, self._channels)
        sums = np.zeros((count + _OVERLAP, self._hop, self._channels), np.float32)
        sums[:_OVERLAP] = self._sums.reshape(_OVERLAP, self._hop, self._channels)
        for part in range(_OVERLAP):
            sums[part : part + count] += pieces[:, part]
        self._sums = sums[count:].reshape(-1, self._channels)
        return sums[:count].reshape(-1, self._channels)

    def _masked(
        self, share: NDArray[np.floating], powers: NDArray[np.floating]
    ) -> NDArray[np.floating]:
        """(frames, bins): what the mark is scaled with so that no channel fails to hide it.

        ``powers``: (frames, bins, channels).
        """
        each = np.ones(1)
        for power in np.moveaxis(powers, 2, 0):
            change = self._masking.bands(np.square(np.expm1(share)) * power)
            allowed = self._over_mask * self._masking.hidden(self._masking.excitation(power))
            each = np.minimum(each, np.sqrt(allowed / change))
        return np.asarray(each @ self._shares)

    def _signs(self, numbers: NDArray[np.intp]) -> NDArray[np.float32]:
        """(frames, 44): what the tile says at the middle of each frame, between −1 and 1."""
        place = (self._start_s + numbers * self._hop_s) / COLUMN_S
        first = math.floor(place[0]) - 1
        columns = math.floor(place[-1]) + 2 - first
        slots = range(first // COLUMNS, (first + columns - 1) // COLUMNS + 1)
        signs = np.concatenate([self._tile.pattern(self._bits, slot).T for slot in slots])
        before = first - slots[0] * COLUMNS
        weights = _between_cells(place - first, columns)
        return np.asarray(weights @ signs[before : before + columns], np.float32)


def _favour(level: NDArray[np.floating]) -> NDArray[np.floating]:
    """How much more of the mark bins of this power get, 0 to 1.

    In noise a change is heard best of bins about as loud as the noise: those above it change by
    little, those below are drowned.
    """
    away = (10 / math.log(10) * np.log(level) - _FAVOURED_DB) / _FAVOURED_WIDTH_DB
    return np.asarray(np.exp(-0.5 * np.square(away)))


def _between_cells(place: NDArray[np.float64], cells: int) -> NDArray[np.float32]:
    """(places, cells) weights that go smoothly from one cell's middle to the next one's.

    Cell n reaches from n to n + 1.
    """
    centred = place - 0.5
    before = np.floor(centred).astype(int)
    way = np.clip((centred - before - 0.5) * _CLEAR + 0.5, 0, 1)
    way = way * way * (3 - 2 * way)
    weights = np.zeros((len(place), cells), np.float32)
    for cell, weight in ((before, 1 - way), (before + 1, way)):
        inside = np.flatnonzero((cell >= 0) & (cell < cells))
        weights[inside, cell[inside]] += weight[inside].astype(np.float32)
    return weights
